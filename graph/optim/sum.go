package optim

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"graft/graph/ops"
)

// Losses are the names of those of a Part: cross-entropy, binary cross-entropy and mean
// squared error.
var Losses = []string{"ce", "bce", "mse"}

// Part is a run of a network's outputs that has a loss of its own.
type Part struct {
	Loss    string // one of Losses
	Columns int
}

// Of is the loss of one row of the part's outputs and targets.
func (p Part) Of(y, t []float32) float64 { return partLosses[p.Loss](y, t, 0, nil) }

// Sum is the sum of the losses of several parts of the output y [N,C], side by side, as
// CrossEntropy, BCE and MSE are each alone. The target is [N,C]. It makes a graph.Loss.
func Sum(parts ...Part) func(b *ops.Builder, y *gorgonia.Node) (target, loss *gorgonia.Node, err error) {
	return func(b *ops.Builder, y *gorgonia.Node) (target, loss *gorgonia.Node, err error) {
		n, c, err := rowsOf(y)
		if err != nil {
			return nil, nil, err
		}
		columns := 0
		for _, p := range parts {
			if partLosses[p.Loss] == nil {
				return nil, nil, fmt.Errorf("optim: loss %q is not known, only %v", p.Loss, Losses)
			}
			columns += p.Columns
		}
		if columns != c {
			return nil, nil, fmt.Errorf("optim: losses of %d outputs, the network has %d", columns, c)
		}
		target = b.Input("target", tensor.New(tensor.WithShape(n, c), tensor.WithBacking(make([]float32, n*c))))
		rows := func(x [][]float32, scale float64, dx []float32) (sum float64) {
			for i := range n {
				for at, k := i*c, 0; k < len(parts); at, k = at+parts[k].Columns, k+1 {
					to := at + parts[k].Columns
					var d []float32
					if dx != nil {
						d = dx[at:to]
					}
					sum += partLosses[parts[k].Loss](x[0][at:to], x[1][at:to], scale, d)
				}
			}
			return sum
		}
		loss = b.Apply(ops.Kernel{Name: fmt.Sprintf("Sum%v", parts),
			Run: func(out []float32, x [][]float32) { out[0] = float32(rows(x, 0, nil) / float64(n)) },
			Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
				dx := b.Apply(ops.Kernel{Name: fmt.Sprintf("Sum%v.dx", parts), Shape: []int{n, c}, Run: func(dx []float32, x [][]float32) {
					rows(x, float64(x[2][0])/float64(n), dx)
				}}, in[0], in[1], dy)
				return []*gorgonia.Node{dx, nil}
			}}, y, target)
		return target, loss, nil
	}
}

// partLosses give the loss of one row, and its slope times scale where dx is not nil.
var partLosses = map[string]func(y, t []float32, scale float64, dx []float32) float64{
	"ce":  rowCrossEntropy,
	"bce": rowMean(bce),
	"mse": rowMean(mse),
}

func rowCrossEntropy(y, t []float32, scale float64, dx []float32) float64 {
	largest := math.Inf(-1)
	for _, v := range y {
		largest = math.Max(largest, float64(v))
	}
	sum, mass, loss := 0.0, 0.0, 0.0
	for k, v := range y {
		sum += math.Exp(float64(v) - largest)
		mass += float64(t[k])
	}
	for k, v := range y {
		log := float64(v) - largest - math.Log(sum)
		loss -= float64(t[k]) * log
		if dx != nil {
			dx[k] = float32(scale * (mass*math.Exp(log) - float64(t[k])))
		}
	}
	return loss
}

// rowMean is the mean of an elementwise loss over a row.
func rowMean(f pointwise) func(y, t []float32, scale float64, dx []float32) float64 {
	return func(y, t []float32, scale float64, dx []float32) float64 {
		sum, width := 0.0, float64(len(y))
		for k, v := range y {
			sum += f.loss(float64(v), float64(t[k]))
			if dx != nil {
				dx[k] = float32(scale / width * f.slope(float64(v), float64(t[k])))
			}
		}
		return sum / width
	}
}
