package data

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"graft/onnx"
)

// Files that numpy wrote (testdata/npy/make.py) give its values, and are written back as numpy writes them.
func TestNpyAsNumpy(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"float16", "FLOAT16 [2 3] []float32 [-2 -1 0 1 2 3]"},
		{"float32", "FLOAT [2 3] []float32 [-2 -1 0 1 2 3]"},
		{"float64", "DOUBLE [2 3] []float64 [-2 -1 0 1 2 3]"},
		{"int8", "INT8 [2 3] []int8 [-2 -1 0 1 2 3]"},
		{"int16", "INT16 [2 3] []int16 [-2 -1 0 1 2 3]"},
		{"int32", "INT32 [2 3] []int32 [-2 -1 0 1 2 3]"},
		{"int64", "INT64 [2 3] []int64 [-2 -1 0 1 2 3]"},
		{"uint8", "UINT8 [2 3] []uint8 [0 1 2 3 4 5]"},
		{"uint16", "UINT16 [2 3] []uint16 [0 1 2 3 4 5]"},
		{"uint32", "UINT32 [2 3] []uint32 [0 1 2 3 4 5]"},
		{"uint64", "UINT64 [2 3] []uint64 [0 1 2 3 4 5]"},
		{"bool1", "BOOL [2 3] []bool [false true false true false true]"},
		{"scalar", "FLOAT [] []float32 [7]"},
		{"empty", "FLOAT [0 3] []float32 []"},
		{"row", "INT64 [3] []int64 [0 1 2]"},
		{"version2", "FLOAT [3] []float32 [0 1 2]"},
		{"version3", "FLOAT [3] []float32 [0 1 2]"},
	} {
		path := "testdata/npy/" + c.file + ".npy"
		x, err := ReadNpy(path)
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		if got := fmt.Sprintf("%v %v %T %v", x.Type, x.Shape, x.Data, x.Data); got != c.want {
			t.Errorf("%s: %s, want %s", c.file, got, c.want)
		}
		if strings.HasPrefix(c.file, "version") {
			continue // written as version 1
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := WriteNpy(&b, x); err != nil || !bytes.Equal(b.Bytes(), want) {
			t.Errorf("%s: written as %q, %v, want %q", c.file, b.Bytes(), err, want)
		}
	}
}

func TestNpyRefused(t *testing.T) {
	whole, err := os.ReadFile("testdata/npy/float32.npy")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, b := range map[string][]byte{
		"short": whole[:len(whole)-1], "long": append(bytes.Clone(whole), 0), "header": whole[:20], "nothing": nil,
		"huge": npyOf("<f4", "(1099511627776,)", 0, 0, 0, 0), "maybe": npyOf("|b1", "(1,)", 2),
		"text": []byte("not an array"), "bomb": []byte("\x93NUMPY\x02\x00\xff\xff\xff\x7f{"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"testdata/npy/big_endian.npy": "big-endian",
		"testdata/npy/fortran.npy":    "Fortran order",
		"testdata/npy/complex.npy":    "array of type <c8",
		"testdata/npy/object.npy":     "array of type |O",
		dir + "/short":                "takes 24 bytes, the file has 23",
		dir + "/long":                 "takes 24 bytes, the file has 25",
		dir + "/header":               "cut short",
		dir + "/nothing":              "not an .npy array",
		dir + "/text":                 "not an .npy array",
		dir + "/huge":                 "takes 4398046511104 bytes, the file has 4",
		dir + "/bomb":                 "array header of 2147483647 bytes",
		dir + "/maybe":                "want 0 or 1 for BOOL",
		dir + "/absent":               "no such file or folder",
		dir:                           "not a regular file",
	} {
		x, err := ReadNpy(path)
		if err == nil {
			t.Errorf("%s: read as %v %v", path, x.Type, x.Shape)
		} else if msg := err.Error(); !strings.HasPrefix(msg, "data: "+path+": ") || !strings.Contains(msg, want) {
			t.Errorf("%s: %s, want …%s…", path, msg, want)
		}
	}
}

func TestWriteNpyTypes(t *testing.T) {
	var b bytes.Buffer
	half := &onnx.Tensor{Type: onnx.TensorProto_BFLOAT16, Shape: []int{1}, Data: []float32{1.5}}
	if err := WriteNpy(&b, half); err != nil || !strings.Contains(b.String(), "'descr': '<f4'") {
		t.Errorf("bfloat16: %q, %v", b.String(), err)
	}
	b.Reset()
	text := &onnx.Tensor{Type: onnx.TensorProto_STRING, Shape: []int{1}, Data: []string{"a"}}
	if err := WriteNpy(&b, text); err == nil || b.Len() > 0 {
		t.Errorf("strings: %d bytes, %v", b.Len(), err)
	}
}

// What is read comes back from what is written of it.
func FuzzReadNpy(f *testing.F) {
	files, err := filepath.Glob("testdata/npy/*.npy")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := decodeNpy(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		var first, second bytes.Buffer
		if err := WriteNpy(&first, x); err != nil {
			t.Fatal(err)
		}
		y, err := decodeNpy(bytes.NewReader(first.Bytes()), int64(first.Len()))
		if err != nil {
			t.Fatalf("written %q: %v", first.Bytes(), err)
		}
		if err := WriteNpy(&second, y); err != nil || !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatalf("%q, then %q, %v", first.Bytes(), second.Bytes(), err)
		}
	})
}
