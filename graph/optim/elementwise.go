package optim

import (
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"graft/graph/ops"
)

// pointwise is a loss of single numbers, and its slope.
type pointwise struct{ loss, slope func(y, t float64) float64 }

var (
	mse = pointwise{
		func(y, t float64) float64 { return (y - t) * (y - t) },
		func(y, t float64) float64 { return 2 * (y - t) },
	}
	bce = pointwise{
		// max(y,0) - y t + log(1+exp(-|y|)) is the same without an overflow.
		func(y, t float64) float64 { return math.Max(y, 0) - y*t + math.Log1p(math.Exp(-math.Abs(y))) },
		func(y, t float64) float64 { return 1/(1+math.Exp(-y)) - t },
	}
)

// MSE is the loss mean over n and c of (y[n,c] - target[n,c])^2, of regression. The
// target is [N,C]. It is a graph.Loss.
func MSE(b *ops.Builder, y *gorgonia.Node) (target, loss *gorgonia.Node, err error) {
	return elementwise(b, y, "MSE", mse)
}

// BCE is the loss mean over n and c of -t log s - (1-t) log(1-s) with s = sigmoid(y[n,c])
// and t = target[n,c], of several labels an image: the target [N,C] holds a
// probability for each. It is a graph.Loss.
func BCE(b *ops.Builder, y *gorgonia.Node) (target, loss *gorgonia.Node, err error) {
	return elementwise(b, y, "BCE", bce)
}

// elementwise adds a loss that is the mean of f over all outputs.
func elementwise(b *ops.Builder, y *gorgonia.Node, name string, f pointwise) (target, loss *gorgonia.Node, err error) {
	n, c, err := rowsOf(y)
	if err != nil {
		return nil, nil, err
	}
	target = b.Input("target", tensor.New(tensor.WithShape(n, c), tensor.WithBacking(make([]float32, n*c))))
	loss = b.Apply(ops.Kernel{Name: name,
		Run: func(out []float32, x [][]float32) {
			sum := 0.0
			for i, v := range x[0] {
				sum += f.loss(float64(v), float64(x[1][i]))
			}
			out[0] = float32(sum / float64(n*c))
		},
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			dx := b.Apply(ops.Kernel{Name: name + ".dx", Shape: []int{n, c}, Run: func(dx []float32, x [][]float32) {
				scale := float64(x[2][0]) / float64(n*c)
				for i, v := range x[0] {
					dx[i] = float32(scale * f.slope(float64(v), float64(x[1][i])))
				}
			}}, in[0], in[1], dy)
			return []*gorgonia.Node{dx, nil}
		}}, y, target)
	return target, loss, nil
}
