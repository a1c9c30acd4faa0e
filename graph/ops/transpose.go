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

// shuffles says whether the result is channels of what is at hand in another order, and
// notes in which.
func (f *transpose) shuffles(b *Builder, in, out *Value) bool {
	list, ok := b.channels(in)
	last := len(f.perm) - 2
	if !ok || f.perm[0] != 0 || f.perm[last] != last || f.perm[last+1] != last+1 {
		return false
	}
	image := numel(in.Shape[last:])
	var reordered []channel
	for i := range len(list) {
		at := 0
		for k := last - 1; k > 0; k-- {
			at += i % f.shape[k] * (f.stride[k] / image)
			i /= f.shape[k]
		}
		reordered = append(reordered, list[at])
	}
	return b.shuffle(out, reordered)
}

func (f *transpose) Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error) {
	if f.shuffles(b, in[0], out[0]) {
		return []*gorgonia.Node{nil}, nil
	}
	x := b.Node(in[0])
	return []*gorgonia.Node{b.strided("Transpose", x, x.Shape(), denseShape(f.shape), f.stride, 0)}, nil
}
