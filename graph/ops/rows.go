package ops

import (
	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
)

// addRows is x [rows,width] and v [width] added, under x's shape.
func (b *Builder) addRows(name string, x, v *gorgonia.Node, rows, width int) *gorgonia.Node {
	return b.Apply(Kernel{Name: name, Shape: x.Shape(),
		Run: func(y []float32, x [][]float32) { kernel.AddRows(b.Pool, y, x[0], x[1], rows, width) },
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, need []bool) []*gorgonia.Node {
			g := []*gorgonia.Node{dy, nil}
			if need[1] {
				g[1] = b.Apply(Kernel{Name: "SumRows", Shape: in[1].Shape(),
					Run: func(dv []float32, x [][]float32) { kernel.SumRows(b.Pool, dv, x[0], nil, rows, width) }}, dy)
			}
			return g
		}}, x, v)
}

// mulRows is x [rows,width] times v [width], under x's shape.
func (b *Builder) mulRows(name string, x, v *gorgonia.Node, rows, width int) *gorgonia.Node {
	times := func(y []float32, x [][]float32) { kernel.MulRows(b.Pool, y, x[0], x[1], rows, width) }
	return b.Apply(Kernel{Name: name, Shape: x.Shape(), Run: times,
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, need []bool) []*gorgonia.Node {
			g := make([]*gorgonia.Node, 2)
			if need[0] {
				g[0] = b.Apply(Kernel{Name: name + ".dx", Shape: in[0].Shape(), Run: times}, dy, in[1])
			}
			if need[1] {
				g[1] = b.Apply(Kernel{Name: name + ".dv", Shape: in[1].Shape(),
					Run: func(dv []float32, x [][]float32) { kernel.SumRows(b.Pool, dv, x[0], x[1], rows, width) }}, dy, in[0])
			}
			return g
		}}, x, v)
}
