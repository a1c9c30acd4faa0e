package ops

import (
	"math"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// unary is an activation: y = f(x), element by element.
// https://onnx.ai/onnx/operators/onnx__Relu.html, Sigmoid, Tanh; opsets 6, 13, 14
type unary struct {
	name     string
	f        func(x float64) float64
	forward  func(p *kernel.Pool, y, x []float32)
	backward func(p *kernel.Pool, dx, y, dy []float32)
	ofInput  bool // backward takes x, which y does not tell
}

func readRelu(*Attrs) Form {
	return &unary{name: "Relu", f: func(x float64) float64 {
		if x < 0 { // NaN passes
			return 0
		}
		return x
	}, forward: kernel.Relu, backward: kernel.ReluBackward}
}

func readSigmoid(*Attrs) Form {
	return &unary{name: "Sigmoid", f: func(x float64) float64 { return 1 / (1 + math.Exp(-x)) },
		forward: kernel.Sigmoid, backward: kernel.SigmoidBackward}
}

func readTanh(*Attrs) Form {
	return &unary{name: "Tanh", f: math.Tanh, forward: kernel.Tanh, backward: kernel.TanhBackward}
}

// swish is x times its logistic function.
func swish() *unary {
	return &unary{name: "Swish", f: func(x float64) float64 { return x * logistic(x) },
		forward: kernel.Swish, backward: kernel.SwishBackward, ofInput: true}
}

// Absorb makes of a Sigmoid, and its product with what it is of, a Swish.
func (f *unary) Absorb(own []*Value, r Reader) ([]*Value, bool) {
	next, ok := r.Form.(*binary)
	if f.name != "Sigmoid" || !ok || next.name != "Mul" || next.spelt.stage > 0 || len(r.In) != 2 || r.In[1-r.Slot] != own[0] {
		return nil, false
	}
	*f = *swish()
	return nil, true
}

func (f *unary) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	return []*Value{{Type: in[0].Type, Shape: in[0].Shape}}, wantFloat(in[0])
}

func (f *unary) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	x := float64s(in[0])
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = f.f(v)
	}
	return []*onnx.Tensor{tensor64(in[0].Type, in[0].Shape, y)}, nil
}

func (f *unary) Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error) {
	x := b.Either(in[0])
	shape := x.Shape()
	return []*gorgonia.Node{b.Apply(Kernel{Name: f.name, Shape: shape, Cheap: true, Over: []int{0},
		Run: func(y []float32, x [][]float32) { f.forward(b.Pool, y, x[0]) },
		Grad: func(in []*gorgonia.Node, y, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			if f.ofInput {
				y = in[0]
			}
			return []*gorgonia.Node{b.Apply(Kernel{Name: f.name + ".dx", Shape: shape, Over: []int{1},
				Run: func(dx []float32, x [][]float32) { f.backward(b.Pool, dx, x[0], x[1]) }}, y, dy)}
		}}, x)}, nil
}
