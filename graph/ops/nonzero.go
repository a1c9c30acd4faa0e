package ops

import (
	"fmt"
	"slices"

	"graft/onnx"
)

// nonZero lists the indices of the elements that are not 0, one column each. How many
// there are must be known when the model is compiled.
// https://onnx.ai/onnx/operators/onnx__NonZero.html; opsets 9, 13
type nonZero struct{ out *onnx.Tensor }

func readNonZero(*Attrs) Form { return &nonZero{} }

func (f *nonZero) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	t := in[0].Const
	if t == nil {
		return nil, &UnsupportedError{fmt.Sprintf("the number of elements of %s that are not 0 is computed from the data; only a constant is supported", quote(in[0].Name))}
	}
	if in[0].Type == onnx.TensorProto_STRING {
		return nil, fmt.Errorf("input has type %v", in[0].Type)
	}
	zero, err := onnx.NewTensor(t.Type, 1)
	if err != nil {
		return nil, err
	}
	order, rows, i := comparer(t, zero), make([][]int64, len(t.Shape)), 0
	eachIndex(t.Shape, func(at []int) {
		if order(i, 0) != 0 {
			for k, j := range at {
				rows[k] = append(rows[k], int64(j))
			}
		}
		i++
	})
	n := 0
	if len(rows) > 0 {
		n = len(rows[0])
	}
	f.out = onnx.FromInts([]int{len(rows), n}, slices.Concat(rows...))
	return []*Value{{Type: f.out.Type, Shape: f.out.Shape}}, nil
}

func (f *nonZero) Eval([]*onnx.Tensor) ([]*onnx.Tensor, error) { return []*onnx.Tensor{f.out}, nil }
