package ops

import (
	"slices"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// reduceMean averages over some axes, all where none are named: an attribute
// before opset 18, an input since.
// https://onnx.ai/onnx/operators/onnx__ReduceMean.html; opsets 1, 11, 13, 18
type reduceMean struct {
	axes      func(in []*Value, rank int) ([]int, bool, error)
	keep      bool // reduced dimensions stay, as 1
	skipEmpty bool // no axes: nothing is reduced
	most      int  // inputs at most
	over      []int
	in, shape []int
}

func readReduceMean(a *Attrs) Form {
	f := &reduceMean{axes: readAxes(a, 18), most: inputsSince(a, 18, 2), keep: a.Int("keepdims", 1) != 0}
	if a.Opset >= 18 {
		f.skipEmpty = a.Bool("noop_with_empty_axes")
	}
	return f
}

func (f *reduceMean) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, f.most); err != nil {
		return nil, err
	}
	if err := wantFloat(in[0]); err != nil {
		return nil, err
	}
	f.in = in[0].Shape
	var err error
	if f.over, _, err = f.axes(in, len(f.in)); err != nil {
		return nil, err
	}
	if len(f.over) == 0 && !f.skipEmpty {
		for i := range f.in {
			f.over = append(f.over, i)
		}
	}
	for i, d := range f.in {
		switch reduced := slices.Contains(f.over, i); {
		case !reduced:
			f.shape = append(f.shape, d)
		case f.keep:
			f.shape = append(f.shape, 1)
		}
	}
	return []*Value{{Type: in[0].Type, Shape: f.shape}}, nil
}

// split returns the dimensions that stay and those that go, with their strides in x.
func (f *reduceMean) split() (stay, stayStride, gone, goneStride []int) {
	s := strides(f.in)
	for i, d := range f.in {
		if slices.Contains(f.over, i) {
			gone, goneStride = append(gone, d), append(goneStride, s[i])
		} else {
			stay, stayStride = append(stay, d), append(stayStride, s[i])
		}
	}
	return stay, stayStride, gone, goneStride
}

func (f *reduceMean) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	x := float64s(in[0])
	var y []float64
	stay, stayStride, gone, goneStride := f.split()
	walk(stay, stayStride, 0, func(at int) {
		var sum float64
		walk(gone, goneStride, at, func(i int) { sum += x[i] })
		y = append(y, sum/float64(numel(gone)))
	})
	return []*onnx.Tensor{tensor64(in[0].Type, f.shape, y)}, nil
}

// Lower brings the reduced dimensions to the end and averages rows.
func (f *reduceMean) Lower(b *Builder, in, _ []*Value) ([]*gorgonia.Node, error) {
	if f.trailing() && len(f.over) == len(f.in)-2 && b.IsBlocked(in[0]) {
		return []*gorgonia.Node{b.average("ReduceMean", in[0], f.shape)}, nil
	}
	stay, stayStride, gone, goneStride := f.split()
	rows, width := numel(stay), numel(gone)
	x := b.Node(in[0])
	if !f.trailing() {
		x = b.strided("ReduceMean.in", x, x.Shape(), slices.Concat(stay, gone), slices.Concat(stayStride, goneStride), 0)
	}
	from := x.Shape()
	return []*gorgonia.Node{b.Apply(Kernel{Name: "ReduceMean", Shape: denseShape(f.shape),
		Run: func(y []float32, x [][]float32) { kernel.GlobalAveragePool(b.Pool, y, x[0], rows, width) },
		Grad: func(_ []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.Apply(Kernel{Name: "ReduceMean.dx", Shape: from, Run: func(dx []float32, x [][]float32) {
				kernel.GlobalAveragePoolBackward(b.Pool, dx, x[0], rows, width)
			}}, dy)}
		}}, x)}, nil
}

// trailing says whether the reduced dimensions are the last ones.
func (f *reduceMean) trailing() bool {
	for i, a := range f.over {
		if a != len(f.in)-len(f.over)+i {
			return false
		}
	}
	return true
}
