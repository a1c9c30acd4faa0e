package ops

import "graft/onnx"

// hardmax is 1 at the first maximum along softmax's axis, else 0.
// https://onnx.ai/onnx/operators/onnx__Hardmax.html; opsets 1, 11, 13
type hardmax struct{ along *softmax }

func readHardmax(a *Attrs) Form { return &hardmax{newSoftmax(a, "Hardmax")} }

func (f *hardmax) Infer(in []*Value) ([]*Value, error) { return f.along.Infer(in) }

func (f *hardmax) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	order, y := comparer(in[0], in[0]), make([]float64, in[0].Len())
	outer, width, inner := f.along.lines()
	for i := range outer * inner {
		at := i/inner*width*inner + i%inner
		best := at
		for j := range width {
			if order(at+j*inner, best) == 1 {
				best = at + j*inner
			}
		}
		if width > 0 {
			y[best] = 1
		}
	}
	return []*onnx.Tensor{tensor64(in[0].Type, in[0].Shape, y)}, nil
}
