package optim

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"graft/graph/ops"
)

// Score is sum_nc target[n,c] y[n,c]: what a network says of what target [N,C] picks, for
// the gradient by it. It is a graph.Loss, but nothing to minimise.
func Score(b *ops.Builder, y *gorgonia.Node) (target, loss *gorgonia.Node, err error) {
	n, c, err := rowsOf(y)
	if err != nil {
		return nil, nil, err
	}
	target = b.Input("target", tensor.New(tensor.WithShape(n, c), tensor.WithBacking(make([]float32, n*c))))
	loss = b.Apply(ops.Kernel{Name: "Score",
		Run: func(out []float32, x [][]float32) {
			sum := 0.0
			for i, v := range x[0] {
				sum += float64(v) * float64(x[1][i])
			}
			out[0] = float32(sum)
		},
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			dx := b.Apply(ops.Kernel{Name: "Score.dx", Shape: []int{n, c}, Run: func(dx []float32, x [][]float32) {
				for i, t := range x[0] {
					dx[i] = t * x[1][0]
				}
			}}, in[1], dy)
			return []*gorgonia.Node{dx, nil}
		}}, y, target)
	return target, loss, nil
}
