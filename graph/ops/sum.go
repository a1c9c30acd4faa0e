package ops

import (
	"gorgonia.org/gorgonia"

	"graft/onnx"
)

// sum adds any number of operands, with broadcasting; mean divides by their number.
// https://onnx.ai/onnx/operators/onnx__Sum.html, Mean; opsets 6, 8, 13
type sum struct {
	mean  bool
	shape []int
}

func readSum(*Attrs) Form  { return &sum{} }
func readMean(*Attrs) Form { return &sum{mean: true} }

func (f *sum) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, len(in)); err != nil {
		return nil, err
	}
	if err := wantInputs(in, len(in), len(in)); err != nil {
		return nil, err
	}
	if err := wantFloat(in...); err != nil {
		return nil, err
	}
	f.shape = in[0].Shape
	for _, v := range in[1:] {
		var err error
		if f.shape, err = broadcast(f.shape, v.Shape); err != nil {
			return nil, err
		}
	}
	return []*Value{{Type: in[0].Type, Shape: f.shape}}, nil
}

func (f *sum) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	y := make([]float64, numel(f.shape))
	for _, t := range in {
		for i, v := range float64s(expandTo(t, f.shape)) {
			y[i] += v
		}
	}
	if f.mean {
		for i := range y {
			y[i] /= float64(len(in))
		}
	}
	return []*onnx.Tensor{tensor64(in[0].Type, f.shape, y)}, nil
}

func (f *sum) Lower(b *Builder, in, _ []*Value) ([]*gorgonia.Node, error) {
	y, shape := b.expand(b.Node(in[0]), in[0].Shape, f.shape), f.shape
	for _, v := range in[1:] {
		y = b.add(y, b.Node(v), shape, v.Shape, shape)
	}
	if f.mean {
		y = b.scale(y, 1/float32(len(in)))
	} else if len(in) == 1 {
		y = b.alias("Sum", y, shape)
	}
	return []*gorgonia.Node{y}, nil
}
