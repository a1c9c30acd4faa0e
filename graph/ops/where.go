package ops

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
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

func (f *where) Lower(b *Builder, in, _ []*Value) ([]*gorgonia.Node, error) {
	if !IsFloat(in[1].Type) {
		return nil, nil
	}
	shape := denseShape(f.shape)
	c := b.expand(b.floats("Where.condition", in[0]), in[0].Shape, f.shape)
	x, y := b.expand(b.Node(in[1]), in[1].Shape, f.shape), b.expand(b.Node(in[2]), in[2].Shape, f.shape)
	return []*gorgonia.Node{b.Apply(Kernel{Name: "Where", Shape: shape,
		Run: func(y []float32, x [][]float32) { kernel.Select(b.Pool, y, x[0], x[1], x[2]) },
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, need []bool) []*gorgonia.Node {
			r := make([]*gorgonia.Node, 3)
			if need[1] {
				r[1] = b.Apply(Kernel{Name: "Where.dx", Shape: shape,
					Run: func(dx []float32, x [][]float32) { kernel.Select(b.Pool, dx, x[0], x[1], nil) }}, in[0], dy)
			}
			if need[2] {
				r[2] = b.Apply(Kernel{Name: "Where.dy", Shape: shape,
					Run: func(dx []float32, x [][]float32) { kernel.Select(b.Pool, dx, x[0], nil, x[1]) }}, in[0], dy)
			}
			return r
		}}, c, x, y)}, nil
}

// floats is a value of another type as float32: a condition as 0 and 1.
func (b *Builder) floats(name string, v *Value) *gorgonia.Node {
	f, to := &cast{to: onnx.TensorProto_FLOAT}, &Value{Name: name, Type: onnx.TensorProto_FLOAT, Shape: v.Shape}
	if v.Const == nil {
		return b.Reference(name, f, []*Value{v}, []*Value{to})[0]
	}
	t, err := f.Eval([]*onnx.Tensor{v.Const})
	if err != nil { // of a type that has no numbers
		panic(err)
	}
	to.Const = t[0]
	return b.Node(to)
}

// stretched lists the places of a tensor of shape from that one of shape to is read from.
func stretched(from, to []int) []int { return sources(to, stretch(from, to), 0) }
