package ops

import (
	"fmt"

	"graft/onnx"
)

// eyeLike is a matrix of the input's shape with 1 on a diagonal.
// https://onnx.ai/onnx/operators/onnx__EyeLike.html; opsets 9, 22
type eyeLike struct {
	k     int
	typ   onnx.TensorProto_DataType
	shape []int
}

func readEyeLike(a *Attrs) Form {
	return &eyeLike{k: a.Int("k", 0), typ: onnx.TensorProto_DataType(a.Int("dtype", 0))}
}

func (f *eyeLike) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	if f.typ == onnx.TensorProto_UNDEFINED {
		f.typ = in[0].Type
	}
	if f.shape = in[0].Shape; len(f.shape) != 2 {
		return nil, fmt.Errorf("input of shape %v, want a matrix", f.shape)
	}
	if !anyFloat(f.typ) && !anyInteger(f.typ) && f.typ != onnx.TensorProto_BOOL {
		return nil, fmt.Errorf("dtype %v, want numbers", f.typ)
	}
	return []*Value{{Type: f.typ, Shape: f.shape}}, nil
}

func (f *eyeLike) Eval([]*onnx.Tensor) ([]*onnx.Tensor, error) {
	y := make([]int64, numel(f.shape))
	for i := range f.shape[0] {
		if j := i + f.k; j >= 0 && j < f.shape[1] {
			y[i*f.shape[1]+j] = 1
		}
	}
	return []*onnx.Tensor{integerTensor(f.typ, f.shape, y)}, nil
}
