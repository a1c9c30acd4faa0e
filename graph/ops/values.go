package ops

import (
	"fmt"
	"slices"

	"graft/onnx"
)

// float64s is the content of a float tensor, widened.
func float64s(t *onnx.Tensor) []float64 {
	switch v := t.Data.(type) {
	case []float64:
		return v
	case []float32:
		w := make([]float64, len(v))
		for i, x := range v {
			w[i] = float64(x)
		}
		return w
	}
	panic(fmt.Sprintf("%v is not a float type", t.Type))
}

// tensor64 is a float tensor of type t, rounded from v.
func tensor64(t onnx.TensorProto_DataType, shape []int, v []float64) *onnx.Tensor {
	if t == onnx.TensorProto_DOUBLE {
		return &onnx.Tensor{Type: t, Shape: shape, Data: v}
	}
	w := make([]float32, len(v))
	for i, x := range v {
		w[i] = float32(x)
	}
	return &onnx.Tensor{Type: t, Shape: shape, Data: w}
}

// wholes is the content of an integer or boolean tensor; unsigned numbers above
// 2^63 wrap around.
func wholes(t *onnx.Tensor) []int64 {
	if v, ok := t.Data.([]uint64); ok {
		return castSlice[int64](v)
	}
	v, err := t.Ints()
	if err != nil {
		panic(err)
	}
	return slices.Clone(v)
}

// integerTensor is a tensor of integer type t with the lower bits of v.
func integerTensor(t onnx.TensorProto_DataType, shape []int, v []int64) *onnx.Tensor {
	return &onnx.Tensor{Type: t, Shape: shape, Data: castTo(v, t)}
}

// anyInteger says whether t is one of the standard's integer types.
func anyInteger(t onnx.TensorProto_DataType) bool {
	switch t {
	case onnx.TensorProto_INT8, onnx.TensorProto_INT16, onnx.TensorProto_INT32, onnx.TensorProto_INT64,
		onnx.TensorProto_UINT8, onnx.TensorProto_UINT16, onnx.TensorProto_UINT32, onnx.TensorProto_UINT64:
		return true
	}
	return false
}

// anyFloat says whether t is one of the standard's float types.
func anyFloat(t onnx.TensorProto_DataType) bool { return IsFloat(t) || t == onnx.TensorProto_DOUBLE }

// wantFloat refuses operands that are not floats of one type.
func wantFloat(in ...*Value) error {
	for _, v := range in {
		if v == nil {
			continue
		}
		if !anyFloat(v.Type) {
			return fmt.Errorf("input %s has type %v, want a float type", quote(v.Name), v.Type)
		}
		if v.Type != in[0].Type {
			return fmt.Errorf("inputs have types %v and %v, want one type", in[0].Type, v.Type)
		}
	}
	return nil
}

// wantInputs checks the number of inputs and that the first least of them are there.
func wantInputs(in []*Value, least, most int) error {
	if len(in) < least || len(in) > most {
		return fmt.Errorf("got %d inputs, want %d to %d", len(in), least, most)
	}
	for i := range least {
		if in[i] == nil {
			return fmt.Errorf("input %d is missing", i)
		}
	}
	return nil
}

// optional is input i, nil where it is absent.
func optional[T any](in []*T, i int) *T {
	if i < len(in) {
		return in[i]
	}
	return nil
}

// constInts is the content of a constant integer operand.
func constInts(v *Value, what string) ([]int, error) {
	if v.Const == nil {
		return nil, &UnsupportedError{fmt.Sprintf("%s %s is computed from the data; only a constant is supported", what, quote(v.Name))}
	}
	t, err := v.Const.Ints()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if len(v.Shape) > 1 {
		return nil, fmt.Errorf("%s %s has %d dimensions, want one", what, quote(v.Name), len(v.Shape))
	}
	r := make([]int, len(t))
	for i, x := range t {
		r[i] = int(x)
	}
	return r, nil
}

// axis resolves a possibly negative axis of a tensor with rank dimensions.
func axis(a, rank int) (int, error) {
	if a < -rank || a >= rank {
		return 0, fmt.Errorf("axis %d of a tensor with %d dimensions", a, rank)
	}
	if a < 0 {
		a += rank
	}
	return a, nil
}

// axesOf resolves a list of axes: no repeats, sorted.
func axesOf(list []int, rank int) ([]int, error) {
	var r []int
	for _, a := range list {
		a, err := axis(a, rank)
		if err != nil {
			return nil, err
		}
		if slices.Contains(r, a) {
			return nil, fmt.Errorf("axis %d is given twice", a)
		}
		r = append(r, a)
	}
	slices.Sort(r)
	return r, nil
}

// numel is the number of elements of a shape that Infer has accepted.
func numel(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// strides of a dense row-major tensor.
func strides(shape []int) []int {
	s := make([]int, len(shape))
	n := 1
	for i := len(shape) - 1; i >= 0; i-- {
		s[i] = n
		n *= shape[i]
	}
	return s
}

// walk calls f with offset + sum(index*stride) for every index of shape in row-major order.
func walk(shape, stride []int, offset int, f func(src int)) {
	if len(shape) == 0 {
		f(offset)
		return
	}
	for i := range shape[0] {
		walk(shape[1:], stride[1:], offset+i*stride[0], f)
	}
}

// view is the tensor of the given shape whose element at each index is t's at
// offset + sum(index*stride): transposes, slices and broadcasts of every type.
func view(t *onnx.Tensor, shape, stride []int, offset int) *onnx.Tensor {
	src := make([]int, 0, numel(shape))
	walk(shape, stride, offset, func(i int) { src = append(src, i) })
	return pick(t, shape, src)
}

// pick is the tensor whose elements are t's at src; an index of -1 gives zero.
func pick(t *onnx.Tensor, shape, src []int) *onnx.Tensor {
	r := &onnx.Tensor{Type: t.Type, Shape: shape}
	switch v := t.Data.(type) {
	case []float32:
		r.Data = pickOf(v, src)
	case []float64:
		r.Data = pickOf(v, src)
	case []int8:
		r.Data = pickOf(v, src)
	case []int16:
		r.Data = pickOf(v, src)
	case []int32:
		r.Data = pickOf(v, src)
	case []int64:
		r.Data = pickOf(v, src)
	case []uint8:
		r.Data = pickOf(v, src)
	case []uint16:
		r.Data = pickOf(v, src)
	case []uint32:
		r.Data = pickOf(v, src)
	case []uint64:
		r.Data = pickOf(v, src)
	case []bool:
		r.Data = pickOf(v, src)
	case []string:
		r.Data = pickOf(v, src)
	default:
		panic(fmt.Sprintf("tensor holds a %T", t.Data))
	}
	return r
}

func pickOf[T any](v []T, src []int) []T {
	r := make([]T, len(src))
	for i, s := range src {
		if s >= 0 {
			r[i] = v[s]
		}
	}
	return r
}

// broadcast is the shape that a and b are both stretched to (the standard's
// multidirectional broadcasting).
func broadcast(a, b []int) ([]int, error) {
	if len(a) < len(b) {
		a, b = b, a
	}
	r := slices.Clone(a)
	for i, d := range b {
		k := len(a) - len(b) + i
		switch {
		case r[k] == 1:
			r[k] = d
		case d != 1 && d != r[k]:
			return nil, fmt.Errorf("shapes %v and %v do not broadcast", a, b)
		}
	}
	return r, nil
}

// stretch is the strides with which a tensor of shape from is read as one of shape to.
func stretch(from, to []int) []int {
	s := make([]int, len(to))
	own := strides(from)
	for i, d := range from {
		if d != 1 {
			s[len(to)-len(from)+i] = own[i]
		}
	}
	return s
}

// expandTo is t broadcast to a shape.
func expandTo(t *onnx.Tensor, shape []int) *onnx.Tensor {
	if slices.Equal(t.Shape, shape) {
		return t
	}
	return view(t, shape, stretch(t.Shape, shape), 0)
}
