package data

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// maxArray is the largest array that is inflated, in bytes; what lies uncompressed in the file may be larger.
const maxArray = 2 << 30

// maxExamples bounds the labels of one array: a few bytes can inflate to many labels.
const maxExamples = 1 << 24

// npz reads an .npz that lies in a folder or an archive.
func (t *tree) npz(name string) (*Data, error) {
	b, err := t.read(name, maxArray)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", show(name), err)
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, fmt.Errorf("%s: damaged archive: %w", show(name), err)
	}
	return readNpz(z)
}

// readNpz reads x and y (or x_train and y_train), and x_val, y_val, x_test, y_test and classes where they are.
func readNpz(z *zip.Reader) (*Data, error) {
	arrays := npzFile{}
	for _, f := range z.File {
		name := strings.TrimSuffix(f.Name, ".npy")
		if arrays[name] != nil {
			return nil, fmt.Errorf("two arrays named %s", show(name))
		}
		arrays[name] = f
	}
	suffix := ""
	if arrays["x"] == nil && arrays["x_train"] != nil {
		suffix = "_train"
	}
	classes, err := arrays.classes()
	if err != nil {
		return nil, fmt.Errorf("classes: %w", err)
	}
	d := &Data{Kind: "npz"}
	if d.Train, err = arrays.set(suffix, classes, classes != nil); err != nil {
		return nil, err
	}
	for _, p := range []struct {
		suffix string
		set    **Set
	}{{"_val", &d.Val}, {"_test", &d.Test}} {
		if arrays["x"+p.suffix] == nil && arrays["y"+p.suffix] == nil {
			continue
		}
		if *p.set, err = arrays.set(p.suffix, d.Train.Classes, classes != nil); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// npzFile is the arrays of an .npz by name.
type npzFile map[string]*zip.File

// set reads x and y of one part. Labels are positions in classes where the file names these (named), else values
// that are class names themselves.
func (n npzFile) set(suffix string, classes []string, named bool) (*Set, error) {
	xName, yName := "x"+suffix, "y"+suffix
	for _, name := range []string{xName, yName} {
		if n[name] == nil {
			return nil, fmt.Errorf("no array %s, want x and y", name)
		}
	}
	y, err := n.integers(yName)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", yName, err)
	}
	classes, labels, err := number(y, classes, named)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", yName, err)
	}
	src, err := n.pixels(xName, len(y))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", xName, err)
	}
	s := &Set{Classes: classes, src: src, Items: make([]Item, len(y))}
	for i, label := range labels {
		s.Items[i] = Item{Name: xName + "[" + strconv.Itoa(i) + "]", Label: label}
	}
	return s, nil
}

// number turns label values into positions in classes, making the classes of the values where there are none yet.
func number(y []int64, classes []string, named bool) ([]string, []int, error) {
	if len(y) == 0 {
		return nil, nil, errors.New("no labels")
	}
	labels := make([]int, len(y))
	if named {
		for i, v := range y {
			if v < 0 || v >= int64(len(classes)) {
				return nil, nil, fmt.Errorf("label %d at %d, there are %d classes", v, i, len(classes))
			}
			labels[i] = int(v)
		}
		return classes, labels, nil
	}
	if classes == nil {
		values := slices.Clone(y)
		slices.Sort(values)
		for _, v := range slices.Compact(values) {
			classes = append(classes, strconv.FormatInt(v, 10))
		}
		if len(classes) < 2 {
			return nil, nil, fmt.Errorf("one class (%s), want two or more", classes[0])
		}
	}
	index := indexOf(classes)
	for i, v := range y {
		label, ok := index[strconv.FormatInt(v, 10)]
		if !ok {
			return nil, nil, fmt.Errorf("label %d at %d is not among those of the training part", v, i)
		}
		labels[i] = label
	}
	return classes, labels, nil
}

// open reads the header of an array and holds what it declares against what the file has.
func (n npzFile) open(name string) (h npyHeader, r io.ReadCloser, err error) {
	f := n[name]
	if err := checkEntry(&f.FileHeader); err != nil {
		return h, nil, err
	}
	if f.UncompressedSize64 > max(maxArray, f.CompressedSize64) {
		return h, nil, fmt.Errorf("%d bytes, at most %d are inflated", f.UncompressedSize64, maxArray)
	}
	if r, err = f.Open(); err != nil {
		return h, nil, err
	}
	h, head, err := readNpyHeader(r)
	if have := f.UncompressedSize64 - uint64(head); err == nil && uint64(h.bytes()) != have {
		err = fmt.Errorf("an array of shape %v takes %d bytes, the file has %d", h.shape, h.bytes(), have)
	}
	if err != nil {
		r.Close()
		return h, nil, err
	}
	return h, r, nil
}

func (n npzFile) integers(name string) ([]int64, error) {
	h, r, err := n.open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	column := len(h.shape) == 2 && h.shape[1] == 1
	if len(h.shape) != 1 && !column || !strings.ContainsRune("iub", rune(h.kind)) {
		return nil, fmt.Errorf("an array of shape %v and kind %q, want integers of shape [N]", h.shape, h.kind)
	}
	if h.count > maxExamples {
		return nil, fmt.Errorf("%d labels, at most %d are taken", h.count, maxExamples)
	}
	values, fits := make([]int64, h.count), true
	err = h.each(r, func(i int, b []byte) {
		v, ok := h.integer(b)
		values[i], fits = v, fits && ok
	})
	if err == nil && !fits {
		err = errors.New("a label above 2^63-1")
	}
	return values, err
}

// classes is the array of that name; nil where there is none.
func (n npzFile) classes() ([]string, error) {
	if n["classes"] == nil {
		return nil, nil
	}
	h, r, err := n.open("classes")
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if len(h.shape) != 1 || h.kind != 'U' && h.kind != 'S' {
		return nil, fmt.Errorf("an array of shape %v and kind %q, want strings of shape [classes]", h.shape, h.kind)
	}
	names := make([]string, h.count)
	if err := h.each(r, func(i int, b []byte) { names[i] = h.text(b) }); err != nil {
		return nil, err
	}
	if len(indexOf(names)) != len(names) {
		return nil, errors.New("a name appears twice")
	}
	if len(names) < 2 {
		return nil, fmt.Errorf("%d names, want two or more", len(names))
	}
	return names, nil
}

// pixels reads count examples: float32 [N,C,H,W] or [N,H,W], uint8 [N,H,W,C] or [N,H,W].
func (n npzFile) pixels(name string, count int) (source, error) {
	h, r, err := n.open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if len(h.shape) != 3 && len(h.shape) != 4 || h.count == 0 {
		return nil, fmt.Errorf("an array of shape %v, want [N,C,H,W] float32 or [N,H,W,C] uint8", h.shape)
	}
	if h.shape[0] != count {
		return nil, fmt.Errorf("%d examples and %d labels", h.shape[0], count)
	}
	switch {
	case h.kind == 'f' && h.width == 4:
		return h.floats(r)
	case h.kind == 'u' && h.width == 1:
		return h.raster(r)
	}
	return nil, fmt.Errorf("elements %c%d, want float32 or uint8", h.kind, h.width)
}

func (h npyHeader) floats(r io.Reader) (source, error) {
	src := floats{x: make([]float32, h.count), shape: [3]int{1, h.shape[1], h.shape[2]}}
	if len(h.shape) == 4 {
		src.shape = [3]int(h.shape[1:])
	}
	strange := -1
	err := h.each(r, func(i int, b []byte) {
		v := math.Float32frombits(h.order.Uint32(b))
		src.x[i] = v
		if v-v != 0 && strange < 0 { // NaN or infinite
			strange = i
		}
	})
	if err == nil && strange >= 0 {
		err = fmt.Errorf("%v in example %d", src.x[strange], strange/(h.count/h.shape[0]))
	}
	return src, err
}

func (h npyHeader) raster(r io.Reader) (source, error) {
	src := raster{h: h.shape[1], w: h.shape[2], c: 1}
	if len(h.shape) == 4 {
		src.c = h.shape[3]
	}
	if src.c != 1 && src.c != 3 && src.c != 4 {
		return nil, fmt.Errorf("uint8 pixels of shape %v, want 1, 3 or 4 channels in the last place", h.shape)
	}
	if src.w > MaxPixels/src.h {
		return nil, fmt.Errorf("pictures of %dx%d pixels, at most %d are taken", src.w, src.h, MaxPixels)
	}
	var err error
	src.pix, err = readExactly(r, int64(h.bytes()))
	return src, err
}
