package ops

import (
	"fmt"
	"slices"

	"graft/onnx"
)

// topK is the k largest or smallest elements along an axis, best first, and their
// indices; of equal ones the first comes first.
// https://onnx.ai/onnx/operators/onnx__TopK.html; opsets 1, 10, 11, 24
type topK struct {
	k, axis   int
	smallest  bool
	attribute bool // k is one
	in, shape []int
}

func readTopK(a *Attrs) Form {
	f := &topK{axis: a.Int("axis", -1)}
	if a.Opset < 10 {
		f.attribute, f.k = true, a.Int("k", -1)
	}
	if a.Opset >= 11 {
		f.smallest = a.Int("largest", 1) == 0
		a.Ignore("sorted") // sorted ones will do where any order is allowed
	}
	return f
}

func (f *topK) Infer(in []*Value) ([]*Value, error) {
	most := 2
	if f.attribute {
		most = 1
	}
	if err := wantInputs(in, most, most); err != nil {
		return nil, err
	}
	if !anyFloat(in[0].Type) && !anyInteger(in[0].Type) {
		return nil, fmt.Errorf("input has type %v, want numbers", in[0].Type)
	}
	f.in = in[0].Shape
	var err error
	if f.axis, err = axis(f.axis, len(f.in)); err != nil {
		return nil, err
	}
	if !f.attribute {
		k, err := constInts(in[1], "k")
		if err != nil {
			return nil, err
		}
		if len(k) != 1 {
			return nil, fmt.Errorf("%d numbers k, want 1", len(k))
		}
		f.k = k[0]
	}
	if f.k < 0 || f.k > f.in[f.axis] {
		return nil, fmt.Errorf("%d largest of %d elements", f.k, f.in[f.axis])
	}
	f.shape = slices.Clone(f.in)
	f.shape[f.axis] = f.k
	return []*Value{{Type: in[0].Type, Shape: f.shape}, {Type: onnx.TensorProto_INT64, Shape: f.shape}}, nil
}

func (f *topK) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	order, width, inner := comparer(in[0], in[0]), f.in[f.axis], numel(f.in[f.axis+1:])
	src, index := make([]int, numel(f.shape)), make([]int64, numel(f.shape))
	line := make([]int, width)
	for i := range numel(f.in[:f.axis]) * inner {
		at := i/inner*width*inner + i%inner
		for j := range line {
			line[j] = j
		}
		slices.SortStableFunc(line, func(a, b int) int {
			switch o := order(at+a*inner, at+b*inner); {
			case o == unordered:
				return 0
			case f.smallest:
				return o
			default:
				return -o
			}
		})
		for j, best := range line[:f.k] {
			to := i/inner*f.k*inner + j*inner + i%inner
			src[to], index[to] = at+best*inner, int64(best)
		}
	}
	return []*onnx.Tensor{pick(in[0], f.shape, src), onnx.FromInts(f.shape, index)}, nil
}
