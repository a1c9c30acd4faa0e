package optim

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"graft/graph/internal/kernel"
	"graft/graph/ops"
)

// CrossEntropy is the loss -mean_n sum_c target[n,c] log softmax(y)[n,c]. The
// target [N,C] holds probabilities: 1 in the column of the label, or anything
// softer. It is a graph.Loss.
func CrossEntropy(b *ops.Builder, y *gorgonia.Node) (target, loss *gorgonia.Node, err error) {
	n, c, err := rowsOf(y)
	if err != nil {
		return nil, nil, err
	}
	shape := []int{n, c}
	target = b.Input("target", tensor.New(tensor.WithShape(n, c), tensor.WithBacking(make([]float32, n*c))))
	prob := b.Apply(ops.Kernel{Name: "CrossEntropy.softmax", Shape: shape, Run: func(p []float32, x [][]float32) {
		kernel.Softmax(b.Pool, p, x[0], n, c)
	}}, y)
	scratch := make([]float32, n*c)
	loss = b.Apply(ops.Kernel{Name: "CrossEntropy",
		Run: func(l []float32, x [][]float32) { kernel.CrossEntropy(b.Pool, l, scratch, x[0], x[1], n, c) },
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			dx := b.Apply(ops.Kernel{Name: "CrossEntropy.dx", Shape: shape, Run: func(dx []float32, x [][]float32) {
				kernel.CrossEntropyBackward(b.Pool, dx, x[0], x[1], x[2][0], n, c)
			}}, in[2], in[1], dy)
			return []*gorgonia.Node{dx, nil, nil}
		}}, y, target, prob)
	return target, loss, nil
}

// rowsOf is the shape of a network's output, which a loss takes as [N,C].
func rowsOf(y *gorgonia.Node) (n, c int, err error) {
	if y.Shape().Dims() != 2 {
		return 0, 0, fmt.Errorf("optim: an output of shape %v, want [N,C]", y.Shape())
	}
	return y.Shape()[0], y.Shape()[1], nil
}
