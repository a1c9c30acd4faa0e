package ops

import (
	"fmt"
	"slices"

	"graft/onnx"
)

// gather picks slices of x along an axis by index.
// https://onnx.ai/onnx/operators/onnx__Gather.html; opsets 1, 11, 13
type gather struct {
	axis  int
	shape []int
}

func readGather(a *Attrs) Form { return &gather{axis: a.Int("axis", 0)} }

func (f *gather) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 2, 2); err != nil {
		return nil, err
	}
	if t := in[1].Type; t != onnx.TensorProto_INT32 && t != onnx.TensorProto_INT64 {
		return nil, fmt.Errorf("indices of type %v, want INT32 or INT64", t)
	}
	x := in[0].Shape
	var err error
	if f.axis, err = axis(f.axis, len(x)); err != nil {
		return nil, err
	}
	f.shape = slices.Concat(x[:f.axis], in[1].Shape, x[f.axis+1:])
	return []*Value{{Type: in[0].Type, Shape: f.shape}}, nil
}

func (f *gather) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	index, err := in[1].Ints()
	if err != nil {
		return nil, err
	}
	x := in[0].Shape
	d, inner := x[f.axis], numel(x[f.axis+1:])
	var src []int
	for o := range numel(x[:f.axis]) {
		for _, i := range index {
			if i < int64(-d) || i >= int64(d) {
				return nil, fmt.Errorf("index %d of axis %d, which has %d", i, f.axis, d)
			}
			k := int(i)
			if k < 0 {
				k += d
			}
			for j := range inner {
				src = append(src, (o*d+k)*inner+j)
			}
		}
	}
	return []*onnx.Tensor{pick(in[0], f.shape, src)}, nil
}
