package check

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"graft/finetune"
	"graft/finetune/data"
	"graft/graph"
	"graft/onnx"
)

// ReadInput reads a file as the input name of a model: a .npy array, a TensorProto
// .pb, or a picture, which becomes a batch of one by what pre returns, or where that is
// nil by what the model stores.
func ReadInput(m *onnx.ModelProto, name, file string, pre func() (data.Preprocess, error)) (*onnx.Tensor, error) {
	if t, err := readTensor(file); t != nil || err != nil {
		return t, err
	}
	if pre == nil {
		pre = func() (data.Preprocess, error) { return finetune.StoredPreprocess(m) }
	}
	return readPicture(m, name, file, pre)
}

// readTensor reads a .npy or .pb file; nil for any other.
func readTensor(file string) (*onnx.Tensor, error) {
	switch filepath.Ext(file) {
	case ".npy":
		return data.ReadNpy(file)
	case ".pb":
		t, _, err := onnx.ReadTensorFile(file)
		return t, err
	}
	return nil, nil
}

func readPicture(m *onnx.ModelProto, name, file string, preprocess func() (data.Preprocess, error)) (*onnx.Tensor, error) {
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s: want a file, got a folder", quote(file))
	}
	set, err := data.OpenImages(file)
	if err != nil {
		return nil, err
	}
	pre, err := preprocess()
	if err != nil {
		return nil, err
	}
	v := inputOf(m, name)
	t := v.GetType().GetTensorType()
	kind := onnx.TensorProto_DataType(t.GetElemType())
	if kind != onnx.TensorProto_FLOAT && kind != onnx.TensorProto_FLOAT16 {
		return nil, fmt.Errorf("is of type %s, an image gives float", strings.ToLower(kind.String()))
	}
	if dims := t.GetShape().GetDim(); pre.Height == 0 && len(dims) == 4 {
		h, w := 2, 3
		if pre.Layout == "nhwc" {
			h, w = 1, 2
		}
		pre.Height, pre.Width = int(dims[h].GetDimValue()), int(dims[w].GetDimValue())
	}
	if pre.Height < 1 || pre.Width < 1 {
		return nil, openSizeError{}
	}
	im, err := set.Image(0)
	if err != nil {
		return nil, err
	}
	s := pre.Shape()
	x, err := onnx.NewTensor(kind, 1, s[0], s[1], s[2])
	if err != nil {
		return nil, err
	}
	if err := pre.Apply(x.Data.([]float32), im, data.View{}); err != nil {
		return nil, fmt.Errorf("%s: %w", quote(file), err)
	}
	x.Round()
	return x, nil
}

type openSizeError struct{}

func (openSizeError) Error() string { return "the model leaves its image size open" }
func (openSizeError) Hint() string  { return "give it with --size" }

// inputOf is the declaration of an input, nil where the model has none of that name.
func inputOf(m *onnx.ModelProto, name string) *onnx.ValueInfoProto {
	for _, v := range m.GetGraph().GetInput() {
		if v.GetName() == name {
			return v
		}
	}
	return nil
}

// A place is where a check file lies and how far from there its paths may lead.
type place struct {
	dir  string // the check file's folder
	root string // the folder that all it names must lie in; "": anywhere
}

// path resolves what a check file names: a regular file or a folder below the root,
// also by way of links.
func (p place) path(name string) (string, error) {
	if p.root == "" {
		return filepath.Join(p.dir, name), nil
	}
	if filepath.IsAbs(name) || strings.ContainsRune(name, 0) {
		return "", fmt.Errorf("%s: want a path relative to the check file", quote(name))
	}
	full := filepath.Join(p.dir, filepath.FromSlash(name))
	inside, err := relative(p.root, full)
	if err != nil {
		return "", err
	}
	if !filepath.IsLocal(inside) {
		return "", &outsideError{name, p.root}
	}
	root, err := os.OpenRoot(p.root)
	if err != nil {
		return "", fmt.Errorf("%s: %w", quote(p.root), errors.Unwrap(err))
	}
	defer root.Close()
	info, err := root.Stat(inside)
	var not *os.PathError
	switch {
	case errors.As(err, &not) && errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("%s: no such file", quote(name))
	case err != nil: // a link leads out, most likely
		return "", fmt.Errorf("%s: %w", quote(name), errors.Unwrap(err))
	case !info.Mode().IsRegular() && !info.IsDir():
		return "", fmt.Errorf("%s: not a regular file", quote(name))
	}
	return full, nil
}

// relative is filepath.Rel of two paths in any form.
func relative(base, target string) (string, error) {
	base, err := filepath.Abs(base)
	if err != nil {
		return "", err
	}
	if target, err = filepath.Abs(target); err != nil {
		return "", err
	}
	return filepath.Rel(base, target)
}

type outsideError struct{ name, root string }

func (e *outsideError) Error() string {
	return fmt.Sprintf("%s: leads out of the folder %s", quote(e.name), quote(e.root))
}

// Hint says how to allow it.
func (e *outsideError) Hint() string { return "say --root DIR to let check files name files below DIR" }

// input is the tensor that v gives the input name of m.
func (v Given) input(m *onnx.ModelProto, name string, at place, pre *data.Preprocess) (*onnx.Tensor, error) {
	if v.File != "" {
		file, err := at.path(v.File)
		if err != nil {
			return nil, err
		}
		if pre == nil {
			return ReadInput(m, name, file, nil)
		}
		return ReadInput(m, name, file, func() (data.Preprocess, error) { return *pre, nil })
	}
	t := inputOf(m, name).GetType().GetTensorType()
	kind := onnx.TensorProto_DataType(t.GetElemType())
	shape := v.Shape
	if shape == nil {
		var err error
		if shape, err = closedShape(m, name); err != nil {
			return nil, err
		}
	}
	if v.Seed != nil {
		low, high := v.bounds()
		return drawn(kind, shape, *v.Seed, name, low, high)
	}
	return v.written(kind, shape)
}

// closedShape is the declared shape of an input with its open first dimension set to
// 1, and the open sides of an image to 224.
func closedShape(m *onnx.ModelProto, name string) ([]int, error) {
	dims := inputOf(m, name).GetType().GetTensorType().GetShape().GetDim()
	shape := make([]int, len(dims))
	for i, d := range dims {
		n := d.GetDimValue()
		_, fixed := d.GetValue().(*onnx.TensorShapeProto_Dimension_DimValue)
		switch {
		case fixed && n >= 0 && n <= maxDrawn:
			shape[i] = int(n)
		case fixed:
			return nil, fmt.Errorf("dimension %d is %d", i, n)
		case i == 0:
			shape[i] = 1
		case len(dims) == 4 && i >= 2:
			shape[i] = 224
		default:
			return nil, fmt.Errorf("dimension %d is open: give a shape", i)
		}
	}
	if n, err := onnx.Numel(shape); err != nil || n > maxDrawn {
		return nil, fmt.Errorf("shape %v is too large", shape)
	}
	return shape, nil
}

// drawn is a tensor of uniform numbers in [low, high) that depend on the seed and the
// name alone; whole numbers for the integer types, 0 and 1 for bool.
func drawn(kind onnx.TensorProto_DataType, shape []int, seed uint64, name string, low, high float64) (*onnx.Tensor, error) {
	h := fnv.New64a()
	h.Write([]byte(name))
	r := rand.New(rand.NewPCG(seed, h.Sum64()))
	n, err := onnx.Numel(shape)
	if err != nil {
		return nil, err
	}
	v := make([]float64, n)
	for i := range v {
		v[i] = low + (high-low)*r.Float64()
		if kind == onnx.TensorProto_BOOL {
			v[i] = float64(r.IntN(2))
		}
	}
	return fill(kind, shape, v)
}

// written is the tensor of the values in the file.
func (v Given) written(kind onnx.TensorProto_DataType, shape []int) (*onnx.Tensor, error) {
	if n, err := onnx.Numel(shape); err != nil || n != len(v.Values) {
		return nil, fmt.Errorf("%d values for shape %v", len(v.Values), shape)
	}
	return fill(kind, shape, v.Values)
}

// fill makes a tensor of numbers, which integer types cut to whole ones.
func fill(kind onnx.TensorProto_DataType, shape []int, v []float64) (*onnx.Tensor, error) {
	t, err := onnx.NewTensor(kind, shape...)
	if err != nil {
		return nil, err
	}
	switch d := t.Data.(type) {
	case []float32:
		put(d, v)
		t.Round()
	case []float64:
		copy(d, v)
	case []int8:
		put(d, v)
	case []int16:
		put(d, v)
	case []int32:
		put(d, v)
	case []int64:
		put(d, v)
	case []uint8:
		put(d, v)
	case []uint16:
		put(d, v)
	case []uint32:
		put(d, v)
	case []uint64:
		put(d, v)
	case []bool:
		for i, x := range v {
			d[i] = x != 0
		}
	default:
		return nil, fmt.Errorf("type %v: numbers do not make one", kind)
	}
	return t, nil
}

func put[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32](to []T, from []float64) {
	for i, x := range from {
		to[i] = T(x)
	}
}

// inputs are all tensors that a case gives, in the order of the model's inputs.
func (c Script) inputs(m *onnx.ModelProto, at place, pre *data.Preprocess) ([]*onnx.Tensor, error) {
	names := graph.InputNames(m)
	for name := range sorted(c.Inputs) {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("the model has no input %s, it has %s", quote(name), list(names))
		}
	}
	var in []*onnx.Tensor
	for _, name := range names {
		v, ok := c.Inputs[name]
		if !ok {
			return nil, fmt.Errorf("input %s is not given", quote(name))
		}
		t, err := v.input(m, name, at, pre)
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", quote(name), err)
		}
		in = append(in, t)
	}
	return in, nil
}

// list prints names, the first ten of them.
func list(names []string) string {
	var q []string
	for _, n := range names[:min(len(names), 10)] {
		q = append(q, quote(n))
	}
	if len(names) > 10 {
		q = append(q, "…")
	}
	return strings.Join(q, ", ")
}
