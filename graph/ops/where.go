package ops

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"graft/onnx"
)

// where takes an element of x where the condition holds, else of y, with
// multidirectional broadcasting.
// https://onnx.ai/onnx/operators/onnx__Where.html; opsets 9, 16
type where struct{ shape []int }

func readWhere(*Attrs) Form { return &where{} }

func (f *where) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 3, 3); err != nil {
		return nil, err
	}
	if in[0].Type != onnx.TensorProto_BOOL || in[1].Type != in[2].Type {
		return nil, fmt.Errorf("inputs have types %v, %v and %v, want BOOL and one type", in[0].Type, in[1].Type, in[2].Type)
	}
	f.shape = in[0].Shape
	for _, v := range in[1:] {
		var err error
		if f.shape, err = broadcast(f.shape, v.Shape); err != nil {
			return nil, err
		}
	}
	return []*Value{{Type: in[1].Type, Shape: f.shape}}, nil
}

func (f *where) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	x, y := expandTo(in[1], f.shape), expandTo(in[2], f.shape)
	src := make([]int, numel(f.shape))
	for i, c := range expandTo(in[0], f.shape).Data.([]bool) {
		src[i] = i
		if !c {
			src[i] += len(src)
		}
	}
	return []*onnx.Tensor{pick(joined(x, y), f.shape, src)}, nil
}

// Lower needs a condition that is known.
func (f *where) Lower(b *Builder, in, _ []*Value) ([]*gorgonia.Node, error) {
	if in[0].Const == nil || !IsFloat(in[1].Type) {
		return nil, nil
	}
	places := [2][]int{stretched(in[1].Shape, f.shape), stretched(in[2].Shape, f.shape)}
	for i, c := range expandTo(in[0].Const, f.shape).Data.([]bool) {
		if c {
			places[1][i] = -1
		} else {
			places[0][i] = -1
		}
	}
	x, y := b.pick("Where.x", b.Node(in[1]), f.shape, places[0]), b.pick("Where.y", b.Node(in[2]), f.shape, places[1])
	return []*gorgonia.Node{b.add(x, y, f.shape, f.shape, f.shape)}, nil
}

// stretched lists the places of a tensor of shape from that one of shape to is read from.
func stretched(from, to []int) []int { return sources(to, stretch(from, to), 0) }
