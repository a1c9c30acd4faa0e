package ops

import (
	"graft/onnx"
)

// size is the number of elements of the input.
// https://onnx.ai/onnx/operators/onnx__Size.html; opsets 1, 13, 19 and newer
type size struct{ n int64 }

func readSize(*Attrs) Form { return &size{} }

func (f *size) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	f.n = int64(numel(in[0].Shape))
	return []*Value{{Type: onnx.TensorProto_INT64, Shape: []int{}, Const: onnx.FromInts([]int{}, []int64{f.n})}}, nil
}

func (f *size) Eval([]*onnx.Tensor) ([]*onnx.Tensor, error) {
	return []*onnx.Tensor{onnx.FromInts([]int{}, []int64{f.n})}, nil
}
