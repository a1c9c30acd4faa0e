package ops

import (
	"slices"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
)

// term is one summand of a weighted sum along an axis.
type term struct {
	index  int
	weight float64
}

// resampled is x, of the given shape, with the axis replaced by sums of its elements: the
// reference of Builder.resample.
func resampled(x []float64, shape []int, axis int, taps [][]term) []float64 {
	in, inner := shape[axis], numel(shape[axis+1:])
	y := make([]float64, 0, len(x)/max(in, 1)*len(taps))
	for o := range numel(shape[:axis]) {
		for _, list := range taps {
			for j := range inner {
				var sum float64
				for _, t := range list {
					sum += t.weight * x[(o*in+t.index)*inner+j]
				}
				y = append(y, sum)
			}
		}
	}
	return y
}

// resample is x with an axis replaced by weighted sums of its elements.
func (b *Builder) resample(name string, x *gorgonia.Node, axis int, taps [][]term) *gorgonia.Node {
	t := &kernel.Taps{Start: make([]int32, 1, len(taps)+1), In: x.Shape()[axis]}
	for _, list := range taps {
		for _, p := range list {
			t.Index, t.Weight = append(t.Index, int32(p.index)), append(t.Weight, float32(p.weight))
		}
		t.Start = append(t.Start, int32(len(t.Index)))
	}
	return b.applyTaps(name, x, axis, t)
}

func (b *Builder) applyTaps(name string, x *gorgonia.Node, axis int, t *kernel.Taps) *gorgonia.Node {
	shape := slices.Clone([]int(x.Shape()))
	shape[axis] = t.Out()
	outer, inner := numel(shape[:axis]), numel(shape[axis+1:])
	return b.Apply(Kernel{Name: name, Shape: shape,
		Run: func(y []float32, x [][]float32) { kernel.Resample(b.Pool, y, x[0], t, outer, inner) },
		Grad: func(_ []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.applyTaps(name+".dx", dy, axis, t.Transposed())}
		}}, x)
}
