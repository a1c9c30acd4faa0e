package ops

import (
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/onnx"
)

// meanVarianceNormalization is (x - mean) / (deviation + 1e-9), both over some axes.
// https://onnx.ai/onnx/operators/onnx__MeanVarianceNormalization.html; opsets 9, 13
type meanVarianceNormalization struct {
	axes []int
	over reduce // finds what is reduced
}

func readMeanVarianceNormalization(a *Attrs) Form {
	f := &meanVarianceNormalization{axes: []int{0, 2, 3}}
	if a.Has("axes") {
		f.axes = a.Ints("axes")
	}
	return f
}

func (f *meanVarianceNormalization) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	if err := wantFloat(in[0]); err != nil {
		return nil, err
	}
	over, err := axesOf(f.axes, len(in[0].Shape))
	f.over = reduce{in: in[0].Shape, over: over}
	return []*Value{{Type: in[0].Type, Shape: in[0].Shape}}, err
}

func (f *meanVarianceNormalization) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	x, y := float64s(in[0]), make([]float64, in[0].Len())
	stay, stayStride, gone, goneStride := f.over.split()
	n := float64(numel(gone))
	walk(stay, stayStride, 0, func(at int) {
		var mean, variance float64
		walk(gone, goneStride, at, func(i int) { mean += x[i] / n })
		walk(gone, goneStride, at, func(i int) { variance += (x[i] - mean) * (x[i] - mean) / n })
		walk(gone, goneStride, at, func(i int) { y[i] = (x[i] - mean) / (math.Sqrt(variance) + 1e-9) })
	})
	return []*onnx.Tensor{tensor64(in[0].Type, in[0].Shape, y)}, nil
}

// Lower normalises rows of what is reduced; it adds 1e-18 to the variance, which is 1e-9
// to a deviation of 0 and next to nothing to others.
func (f *meanVarianceNormalization) Lower(b *Builder, in, _ []*Value) ([]*gorgonia.Node, error) {
	x, shape := b.Node(in[0]), denseShape(f.over.in)
	stay, stayStride, gone, goneStride := f.over.split()
	turned, stride := denseShape(slices.Concat(stay, gone)), slices.Concat(stayStride, goneStride)
	if !f.over.trailing() {
		x = b.strided("Normalization.in", x, shape, turned, stride, 0)
	}
	y := b.normalizeRows("MeanVarianceNormalization", x, turned, numel(stay), 1e-18, true)
	if !f.over.trailing() {
		y = b.gathered("Normalization.out", y, shape, turned, stride, 0)
	}
	return []*gorgonia.Node{y}, nil
}
