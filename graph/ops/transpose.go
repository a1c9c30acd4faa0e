package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/onnx"
)

// transpose permutes the dimensions; without perm it reverses them.
// https://onnx.ai/onnx/operators/onnx__Transpose.html; opsets 1, 13 and newer
type transpose struct{ perm, shape, stride []int }

func readTranspose(a *Attrs) Form { return &transpose{perm: a.Ints("perm")} }

func (f *transpose) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	x := in[0].Shape
	if f.perm == nil {
		for i := range x {
			f.perm = append(f.perm, len(x)-1-i)
		}
	}
	sorted, err := axesOf(f.perm, len(x))
	if err != nil || len(sorted) != len(x) || slices.Min(append([]int{0}, f.perm...)) < 0 {
		return nil, fmt.Errorf("perm %v of a tensor with %d dimensions", f.perm, len(x))
	}
	s := strides(x)
	for _, p := range f.perm {
		f.shape, f.stride = append(f.shape, x[p]), append(f.stride, s[p])
	}
	return []*Value{{Type: in[0].Type, Shape: f.shape}}, nil
}

func (f *transpose) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	return []*onnx.Tensor{view(in[0], f.shape, f.stride, 0)}, nil
}

func (f *transpose) Lower(b *Builder, in, _ []*Value) ([]*gorgonia.Node, error) {
	x := b.Node(in[0])
	return []*gorgonia.Node{b.strided("Transpose", x, x.Shape(), denseShape(f.shape), f.stride, 0)}, nil
}
