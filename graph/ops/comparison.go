package ops

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"graft/onnx"
)

// comparison asks something of each pair of elements, with multidirectional
// broadcasting, and answers in booleans.
// https://onnx.ai/onnx/operators/onnx__Equal.html, Greater, GreaterOrEqual, Less, LessOrEqual;
// opsets 7, 9, 11, 12, 13, 16, 19
type comparison struct {
	holds   func(order int) bool
	strings bool // has an answer for booleans and strings
	shape   []int
}

// unordered is how NaN compares with anything.
const unordered = 2

func readEqual(*Attrs) Form {
	return &comparison{holds: func(o int) bool { return o == 0 }, strings: true}
}

func readGreater(*Attrs) Form { return &comparison{holds: func(o int) bool { return o == 1 }} }

func readGreaterOrEqual(*Attrs) Form {
	return &comparison{holds: func(o int) bool { return o == 0 || o == 1 }}
}

func readLess(*Attrs) Form { return &comparison{holds: func(o int) bool { return o == -1 }} }

func readLessOrEqual(*Attrs) Form { return &comparison{holds: func(o int) bool { return o <= 0 }} }

func (f *comparison) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 2, 2); err != nil {
		return nil, err
	}
	if in[0].Type != in[1].Type {
		return nil, fmt.Errorf("inputs have types %v and %v, want one type", in[0].Type, in[1].Type)
	}
	if t := in[0].Type; !anyFloat(t) && !anyInteger(t) && !(f.strings && (t == onnx.TensorProto_BOOL || t == onnx.TensorProto_STRING)) {
		return nil, fmt.Errorf("inputs have type %v", t)
	}
	var err error
	f.shape, err = broadcast(in[0].Shape, in[1].Shape)
	return []*Value{{Type: onnx.TensorProto_BOOL, Shape: f.shape}}, err
}

func (f *comparison) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	order := comparer(expandTo(in[0], f.shape), expandTo(in[1], f.shape))
	y := make([]bool, numel(f.shape))
	for i := range y {
		y[i] = f.holds(order(i, i))
	}
	return []*onnx.Tensor{{Type: onnx.TensorProto_BOOL, Shape: f.shape, Data: y}}, nil
}

// comparer orders element i of a and element j of b, two tensors of one type: -1
// where a's is less, 0, 1, or unordered.
func comparer(a, b *onnx.Tensor) func(i, j int) int {
	switch x := a.Data.(type) {
	case []float32:
		return orderOf(x, b.Data.([]float32))
	case []float64:
		return orderOf(x, b.Data.([]float64))
	case []int8:
		return orderOf(x, b.Data.([]int8))
	case []int16:
		return orderOf(x, b.Data.([]int16))
	case []int32:
		return orderOf(x, b.Data.([]int32))
	case []int64:
		return orderOf(x, b.Data.([]int64))
	case []uint8:
		return orderOf(x, b.Data.([]uint8))
	case []uint16:
		return orderOf(x, b.Data.([]uint16))
	case []uint32:
		return orderOf(x, b.Data.([]uint32))
	case []uint64:
		return orderOf(x, b.Data.([]uint64))
	case []string:
		return orderOf(x, b.Data.([]string))
	case []bool:
		y := b.Data.([]bool)
		return func(i, j int) int {
			switch {
			case x[i] == y[j]:
				return 0
			case x[i]:
				return 1
			}
			return -1
		}
	}
	panic(fmt.Sprintf("tensor holds a %T", a.Data))
}

func orderOf[T cmp.Ordered](a, b []T) func(i, j int) int {
	return func(i, j int) int {
		if a[i] != a[i] || b[j] != b[j] {
			return unordered
		}
		return cmp.Compare(a[i], b[j])
	}
}

// logical combines two booleans, with multidirectional broadcasting.
// https://onnx.ai/onnx/operators/onnx__And.html, Or, Xor; opset 7
type logical struct {
	f     func(a, b bool) bool
	shape []int
}

func readAnd(*Attrs) Form { return &logical{f: func(a, b bool) bool { return a && b }} }
func readOr(*Attrs) Form  { return &logical{f: func(a, b bool) bool { return a || b }} }
func readXor(*Attrs) Form { return &logical{f: func(a, b bool) bool { return a != b }} }

func (f *logical) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 2, 2); err != nil {
		return nil, err
	}
	if in[0].Type != onnx.TensorProto_BOOL || in[1].Type != onnx.TensorProto_BOOL {
		return nil, fmt.Errorf("inputs have types %v and %v, want BOOL", in[0].Type, in[1].Type)
	}
	var err error
	f.shape, err = broadcast(in[0].Shape, in[1].Shape)
	return []*Value{{Type: onnx.TensorProto_BOOL, Shape: f.shape}}, err
}

func (f *logical) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	a, b := expandTo(in[0], f.shape).Data.([]bool), expandTo(in[1], f.shape).Data.([]bool)
	y := make([]bool, len(a))
	for i := range y {
		y[i] = f.f(a[i], b[i])
	}
	return []*onnx.Tensor{{Type: onnx.TensorProto_BOOL, Shape: f.shape, Data: y}}, nil
}

// predicate asks something of each element: Not of booleans, IsNaN and IsInf of floats.
// https://onnx.ai/onnx/operators/onnx__Not.html, IsInf, IsNaN; opsets 1, 9, 10, 13, 20
type predicate struct {
	not   bool
	holds func(x float64) bool
}

func readNot(*Attrs) Form { return &predicate{not: true} }

func readIsNaN(*Attrs) Form { return &predicate{holds: math.IsNaN} }

func readIsInf(a *Attrs) Form {
	negative, positive := a.Int("detect_negative", 1) != 0, a.Int("detect_positive", 1) != 0
	return &predicate{holds: func(x float64) bool { return negative && math.IsInf(x, -1) || positive && math.IsInf(x, 1) }}
}

func (f *predicate) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	if f.not && in[0].Type != onnx.TensorProto_BOOL || !f.not && !anyFloat(in[0].Type) {
		return nil, fmt.Errorf("input has type %v", in[0].Type)
	}
	return []*Value{{Type: onnx.TensorProto_BOOL, Shape: in[0].Shape}}, nil
}

func (f *predicate) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	var y []bool
	if f.not {
		y = slices.Clone(in[0].Data.([]bool))
		for i := range y {
			y[i] = !y[i]
		}
	} else {
		for _, v := range float64s(in[0]) {
			y = append(y, f.holds(v))
		}
	}
	return []*onnx.Tensor{{Type: onnx.TensorProto_BOOL, Shape: in[0].Shape, Data: y}}, nil
}
