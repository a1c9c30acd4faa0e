package ops

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// lrn divides x [N,C,…] by a power of the squares of size neighbouring channels:
// y = x / (bias + alpha/size * sum of squares)^beta.
// https://onnx.ai/onnx/operators/onnx__LRN.html; opsets 1, 13
type lrn struct {
	size              int
	alpha, beta, bias float32
	n, c, hw          int
}

func readLRN(a *Attrs) Form {
	return &lrn{size: a.Int("size", 0), alpha: a.Float("alpha", 1e-4), beta: a.Float("beta", 0.75), bias: a.Float("bias", 1)}
}

func (f *lrn) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	if err := wantFloat(in[0]); err != nil {
		return nil, err
	}
	if len(in[0].Shape) < 2 {
		return nil, fmt.Errorf("input has shape %v, want [N,C,…]", in[0].Shape)
	}
	if f.size < 1 || f.size > maxConstant {
		return nil, fmt.Errorf("attribute size is %d, want the number of channels that are summed", f.size)
	}
	f.n, f.c, f.hw = sizes(in[0].Shape)
	return []*Value{{Type: in[0].Type, Shape: in[0].Shape}}, nil
}

// below and above are how many channels before and after its own an element's sum has.
func (f *lrn) below() int { return (f.size - 1) / 2 }
func (f *lrn) above() int { return f.size / 2 }

func (f *lrn) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	x := float64s(in[0])
	y := make([]float64, len(x))
	for i := range f.n * f.hw {
		at := func(c int) int { return (i/f.hw*f.c+c)*f.hw + i%f.hw }
		for c := range f.c {
			sum := 0.0
			for k := max(c-f.below(), 0); k <= min(c+f.above(), f.c-1); k++ {
				sum += x[at(k)] * x[at(k)]
			}
			y[at(c)] = x[at(c)] * math.Pow(float64(f.bias)+float64(f.alpha)/float64(f.size)*sum, -float64(f.beta))
		}
	}
	return []*onnx.Tensor{tensor64(in[0].Type, in[0].Shape, y)}, nil
}

func (f *lrn) Lower(b *Builder, in, _ []*Value) ([]*gorgonia.Node, error) {
	g := &kernel.LRN{N: f.n, C: f.c, HW: f.hw, Below: f.below(), Above: f.above(), Bias: f.bias, Scale: f.alpha / float32(f.size), Beta: f.beta}
	shape := blockedShape(in[0].Shape)
	return []*gorgonia.Node{b.Apply(Kernel{Name: "LRN", Shape: shape,
		Run: func(y []float32, x [][]float32) { kernel.LRNForward(b.Pool, g, y, x[0]) },
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.Apply(Kernel{Name: "LRN.dx", Shape: shape, Over: []int{1},
				Run: func(dx []float32, x [][]float32) { kernel.LRNBackward(b.Pool, g, dx, x[0], x[1]) }}, in[0], dy)}
		}}, b.Blocked(in[0]))}, nil
}
