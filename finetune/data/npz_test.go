package data

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
)

// Files that numpy wrote (testdata/make.py) are read as numpy reads them.
func TestNpzFromNumpy(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"float", "npz [5 7 9] | x[0]=1 x[1]=0 x[2]=1 x[3]=2 x[4]=0 | |"},
		{"float_big_endian", "npz [5 7 9] | x[0]=1 x[1]=0 x[2]=1 x[3]=2 x[4]=0 | x_val[0]=2 |"},
		{"pixels", "npz [5 7 9] | x[0]=1 x[1]=0 x[2]=1 x[3]=2 x[4]=0 | |"},
		{"named", "npz [cat dog éléphant] | x_train[0]=0 x_train[1]=2 x_train[2]=1 x_train[3]=0 x_train[4]=2 | | x_test[0]=2 x_test[1]=2"},
	} {
		d, err := Open("testdata/arrays/" + c.file + ".npz")
		if err != nil {
			t.Fatal(err)
		}
		if got := summary(d); strings.TrimSpace(got) != c.want {
			t.Errorf("%s: %s\nwant %s", c.file, got, c.want)
		}
		x, shape, ok := d.Train.Tensor(1)
		if floats := strings.HasPrefix(c.file, "float"); ok != floats {
			t.Errorf("%s: tensor %v", c.file, ok)
		} else if floats && (shape != [3]int{2, 3, 4} || x[0] != 24 || x[23] != 47 || len(x) != 24) {
			t.Errorf("%s: shape %v, %v", c.file, shape, x)
		}
		im, err := d.Train.Image(1)
		switch c.file {
		case "pixels":
			if err != nil || fmt.Sprint(im) != "&{2 2 [12 13 14 15 16 17 18 19 20 21 22 23]}" {
				t.Errorf("pixels: %v, %v", im, err)
			}
		case "named":
			if err != nil || fmt.Sprint(im) != "&{2 2 [4 4 4 5 5 5 6 6 6 7 7 7]}" {
				t.Errorf("named: %v, %v", im, err)
			}
		default:
			if err == nil {
				t.Errorf("%s: a float32 array is taken for an image", c.file)
			}
		}
		d.Close()
	}
}

// npy is an array as numpy writes it, with any header.
func npy(header string, elements ...byte) []byte {
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	return append(append(b, header...), elements...)
}

func npyOf(descr, shape string, elements ...byte) []byte {
	return npy(fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", descr, shape), elements...)
}

func npzOf(t testing.TB, arrays map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range []string{"x", "y", "x_val", "y_val", "classes"} {
		if arrays[name] == nil {
			continue
		}
		w, err := z.Create(name + ".npy")
		if err == nil {
			_, err = w.Write(arrays[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestNpzRefuses(t *testing.T) {
	x, y := npyOf("|u1", "(2, 1, 1)", 5, 6), npyOf("|i1", "(2,)", 0, 1)
	floats := func(v ...float32) (b []byte) {
		for _, f := range v {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
		}
		return b
	}
	for _, c := range []struct {
		name    string
		x, y, c []byte
		want    string
	}{
		{"no y", x, nil, nil, "no array y, want x and y"},
		{"no x", nil, y, nil, "no array x, want x and y"},
		{"too few labels", x, npyOf("|i1", "(3,)", 0, 1, 1), nil, "x: 2 examples and 3 labels"},
		{"one class", x, npyOf("|i1", "(2,)", 1, 1), nil, "y: one class (1)"},
		{"no examples", npyOf("|u1", "(0, 1, 1)"), npyOf("|i1", "(0,)"), nil, "y: no labels"},
		{"labels of floats", x, npyOf("<f4", "(2,)", floats(0, 1)...), nil, "y: an array of shape [2] and kind 'f'"},
		{"one-hot labels", x, npyOf("|i1", "(2, 2)", 0, 1, 1, 0), nil, "y: an array of shape [2 2]"},
		{"float64 pixels", npyOf("<f8", "(2, 1, 1)", make([]byte, 16)...), y, nil, "x: elements f8, want float32 or uint8"},
		{"channels first in uint8", npyOf("|u1", "(2, 3, 1, 2)", make([]byte, 12)...), y, nil, "1, 3 or 4 channels in the last place"},
		{"rank 2", npyOf("<f4", "(2, 1)", floats(0, 1)...), y, nil, "x: an array of shape [2 1]"},
		{"not a number", npyOf("<f4", "(2, 1, 1)", floats(0, float32(math.NaN()))...), y, nil, "x: NaN in example 1"},
		{"infinite", npyOf("<f4", "(2, 1, 1)", floats(float32(math.Inf(-1)), 0)...), y, nil, "x: -Inf in example 0"},
		{"few bytes", npyOf("|u1", "(2, 1, 1)", 5), y, nil, "takes 2 bytes, the file has 1"},
		{"many bytes", npyOf("|u1", "(2, 1, 1)", 5, 6, 7), y, nil, "takes 2 bytes, the file has 3"},
		{"bomb", npyOf("<f4", "(1099511627776, 1099511627776, 2)"), y, nil, "too large"},
		{"large", npyOf("<f4", "(2, 30000, 30000)"), y, nil, "the file has 0"},
		{"negative", npyOf("<f4", "(-2, 3, 3)"), y, nil, "array of shape (-2, 3, 3)"},
		{"objects", npyOf("|O8", "(2, 1, 1)", make([]byte, 16)...), y, nil, "array of type |O8"},
		{"structure", npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }\n"), y, nil, "is not understood"},
		{"fortran order", npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 1, 1), }\n", 5, 6), y, nil, "Fortran order"},
		{"unknown key", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1, 1), 'more': 1}\n", 5, 6), y, nil, "is not understood"},
		{"key twice", npy("{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (2, 1, 1)}\n", 5, 6), y, nil, "is not understood"},
		{"no header", []byte("\x93NUMPY\x01\x00"), y, nil, "array header is cut short"},
		{"huge header", []byte("\x93NUMPY\x02\x00\xff\xff\xff\xff{"), y, nil, "array header of 4294967295 bytes"},
		{"pickle", []byte("\x80\x04K\x01."), y, nil, "not an .npy array"},
		{"version 9", []byte("\x93NUMPY\x09\x00\x10\x00"), y, nil, ".npy version 9"},
		{"label without a name", x, npyOf("|i1", "(2,)", 0, 2), npyOf("<U1", "(2,)", 'a', 0, 0, 0, 'b', 0, 0, 0), "y: label 2 at 1, there are 2 classes"},
		{"names twice", x, y, npyOf("|S1", "(2,)", 'a', 'a'), "classes: a name appears twice"},
		{"classes of numbers", x, y, y, "classes: an array of shape [2] and kind 'i', want strings"},
	} {
		path := saved(t, "set.npz", npzOf(t, map[string][]byte{"x": c.x, "y": c.y, "classes": c.c}))
		checkRefused(t, c.name, path, c.want)
		nested := content{"in/set.npz": string(npzOf(t, map[string][]byte{"x": c.x, "y": c.y, "classes": c.c}))}
		checkRefused(t, c.name+", in a zip", nested.zip(t), c.want)
	}
	val := saved(t, "set.npz", npzOf(t, map[string][]byte{"x": x, "y": y, "x_val": x, "y_val": npyOf("|i1", "(2,)", 0, 9)}))
	checkRefused(t, "label of val unknown", val, "y_val: label 9 at 1 is not among those of the training part")
}

func TestNpyHeader(t *testing.T) {
	for in, want := range map[string]string{
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }  \n": "f 4 [2 3] 6",
		"{\"shape\": (5,), \"fortran_order\": True, \"descr\": \">i8\"}":  "i 8 [5] 5",
		"{'shape':(),'fortran_order':False,'descr':'<U3'}":                "U 12 [] 1",
	} {
		h, err := parseNpyHeader(in)
		if got := fmt.Sprintf("%c %d %v %d", h.kind, h.width, h.shape, h.count); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", in, got, err, want)
		}
	}
}

func FuzzNpy(f *testing.F) {
	f.Add(npyOf("<f4", "(2, 1, 1)", make([]byte, 8)...))
	f.Add(npyOf("<U2", "(1,)", make([]byte, 8)...))
	f.Add(npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 1, 1), }\n", 5, 6))
	f.Add([]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff{"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, read, err := readNpyHeader(bytes.NewReader(b))
		if err != nil || h.bytes() != len(b)-read {
			return
		}
		n := 0
		if err := h.each(bytes.NewReader(b[read:]), func(i int, e []byte) {
			if i != n || len(e) != h.width {
				t.Fatalf("element %d of %d bytes at %d", i, len(e), n)
			}
			n++
			if h.kind == 'U' || h.kind == 'S' {
				h.text(e)
			} else if h.kind != 'f' {
				h.integer(e)
			}
		}); err != nil || n != h.count {
			t.Fatalf("%d of %d elements, %v", n, h.count, err)
		}
	})
}

// FuzzZip opens any bytes as an archive: a set, an .npz, or one line of error.
func FuzzZip(f *testing.F) {
	for _, c := range []content{
		{"a/1.png": "IMG", "b/1.png": "IMG"}, {"l.csv": "1.png,a\n1.png,b\n", "1.png": "IMG"},
		{"t10k-images-idx3-ubyte": idxBytes(8, []int{2, 1, 1}, 1, 2), "t10k-labels-idx1-ubyte": idxBytes(8, []int{2}, 7, 3)},
	} {
		b, err := os.ReadFile(c.zip(f))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, name := range []string{"float", "float_big_endian", "pixels", "named"} {
		b, err := os.ReadFile("testdata/arrays/" + name + ".npz")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := openZip(bytes.NewReader(b), int64(len(b)), nil)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Fatalf("more than a line: %q", err)
			}
			return
		}
		if d.Train.Len() == 0 || len(d.Train.Classes) < 2 {
			t.Fatalf("%d images, %d classes", d.Train.Len(), len(d.Train.Classes))
		}
		for i, it := range d.Train.Items {
			if it.Label < 0 || it.Label >= len(d.Train.Classes) {
				t.Fatalf("label %d of %d classes", it.Label, len(d.Train.Classes))
			}
			if _, _, ok := d.Train.Tensor(i); !ok && i < 4 {
				d.Train.Image(i)
			}
		}
	})
}

func FuzzIDX(f *testing.F) {
	f.Add([]byte(idxBytes(8, []int{2, 2, 2}, 1, 2, 3, 4, 5, 6, 7, 8)))
	f.Add([]byte(idxBytes(8, []int{2}, 1, 2)))
	f.Add([]byte(packed(idxBytes(8, []int{2, 1, 1}, 1, 2))))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, rank := range []int{1, 3} {
			shape, elements, err := parseIDX(b, rank)
			if err != nil {
				continue
			}
			n := 1
			for _, d := range shape {
				n *= d
			}
			if len(shape) != rank || n != len(elements) || n == 0 {
				t.Fatalf("shape %v with %d elements", shape, len(elements))
			}
		}
	})
}
