package ops

import (
	"slices"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
)

// strided is the node y[i] = x[offset + sum(i*stride)], for every index i of shape:
// a broadcast, transpose or slice of x, whose shape is from.
func (b *Builder) strided(name string, x *gorgonia.Node, from, shape, stride []int, offset int) *gorgonia.Node {
	dense := strides(shape)
	if len(stride) == 0 { // a value without dimensions is held as one of shape [1]
		stride = []int{1}
	}
	return b.Apply(Kernel{Name: name, Shape: shape,
		Run: func(y []float32, x [][]float32) {
			kernel.StridedCopy(b.Pool, y, x[0], shape, dense, stride, 0, offset)
		},
		Grad: func(_ []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.gathered(name+".dx", dy, from, shape, stride, offset)}
		},
	}, x)
}

// gathered is the node y of shape to with y[offset + sum(i*stride)] += x[i], for every
// index i of x, whose shape is from: the gradient of strided.
func (b *Builder) gathered(name string, x *gorgonia.Node, to, from, stride []int, offset int) *gorgonia.Node {
	dense := strides(from)
	apart, all := injective(from, stride), numel(from) == numel(to)
	return b.Apply(Kernel{Name: name, Shape: to,
		Run: func(y []float32, x [][]float32) {
			if !apart || !all {
				clear(y)
			}
			if apart {
				kernel.StridedCopy(b.Pool, y, x[0], from, stride, dense, offset, 0)
			} else {
				kernel.StridedAdd(y, x[0], from, stride, dense, offset, 0)
			}
		},
		Grad: func(_ []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.strided(name+".dx", dy, to, from, stride, offset)}
		}}, x)
}

// injective says whether no two indices of shape name one element by these strides: each is
// longer than all shorter ones reach.
func injective(shape, stride []int) bool {
	order := make([]int, len(shape))
	for i := range order {
		order[i] = i
	}
	length := func(i int) int { return max(stride[i], -stride[i]) }
	slices.SortFunc(order, func(i, j int) int { return length(i) - length(j) })
	reach := 0
	for _, i := range order {
		if shape[i] > 1 && length(i) <= reach {
			return false
		}
		reach += (shape[i] - 1) * length(i)
	}
	return len(shape) > 0
}

// alias is x under another shape of as many elements.
func (b *Builder) alias(name string, x *gorgonia.Node, shape []int) *gorgonia.Node {
	from := x.Shape()
	return b.Apply(Kernel{Name: name, Shape: denseShape(shape),
		Grad: func(_ []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.alias(name+".dx", dy, from)}
		},
	}, x)
}
