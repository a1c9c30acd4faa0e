package ops

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// cumSum adds up the elements before each along an axis, itself too unless exclusive.
// https://onnx.ai/onnx/operators/onnx__CumSum.html; opsets 11, 14
type cumSum struct {
	exclusive, reverse bool
	axis               int
	shape              []int
}

func readCumSum(a *Attrs) Form {
	return &cumSum{exclusive: a.Bool("exclusive"), reverse: a.Bool("reverse")}
}

func (f *cumSum) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 2, 2); err != nil {
		return nil, err
	}
	if !anyFloat(in[0].Type) && !anyInteger(in[0].Type) {
		return nil, fmt.Errorf("input has type %v, want numbers", in[0].Type)
	}
	k, err := constInts(in[1], "axis")
	if err != nil {
		return nil, err
	}
	if len(k) != 1 {
		return nil, fmt.Errorf("%d axes, want 1", len(k))
	}
	f.shape = in[0].Shape
	f.axis, err = axis(k[0], len(f.shape))
	return []*Value{{Type: in[0].Type, Shape: f.shape}}, err
}

func (f *cumSum) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	if t := in[0]; anyInteger(t.Type) {
		x := wholes(t)
		cumulate(f, x)
		return []*onnx.Tensor{integerTensor(t.Type, f.shape, x)}, nil
	}
	x := append([]float64{}, float64s(in[0])...)
	cumulate(f, x)
	return []*onnx.Tensor{tensor64(in[0].Type, f.shape, x)}, nil
}

func cumulate[T int64 | float64](f *cumSum, x []T) {
	width, inner := f.shape[f.axis], numel(f.shape[f.axis+1:])
	for i := range numel(f.shape[:f.axis]) * inner {
		var sum T
		for j := range width {
			at := i/inner*width*inner + i%inner + j*inner
			if f.reverse {
				at += (width - 1 - 2*j) * inner
			}
			v := x[at]
			x[at] = sum
			sum += v
			if !f.exclusive {
				x[at] = sum
			}
		}
	}
}

func (f *cumSum) Lower(b *Builder, in, _ []*Value) ([]*gorgonia.Node, error) {
	if !IsFloat(in[0].Type) {
		return nil, nil
	}
	return []*gorgonia.Node{b.cumulated(f, b.Node(in[0]), f.reverse)}, nil
}

// cumulated adds up along an axis; its gradient does so from the other end.
func (b *Builder) cumulated(f *cumSum, x *gorgonia.Node, reverse bool) *gorgonia.Node {
	outer, width, inner := numel(f.shape[:f.axis]), f.shape[f.axis], numel(f.shape[f.axis+1:])
	return b.Apply(Kernel{Name: "CumSum", Shape: x.Shape(),
		Run: func(y []float32, x [][]float32) {
			kernel.CumSum(b.Pool, y, x[0], outer, width, inner, f.exclusive, reverse)
		},
		Grad: func(_ []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.cumulated(f, dy, !reverse)}
		}}, x)
}
