package optim

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"graft/graph/internal/kernel"
)

// Accumulator adds up the gradients of several batches for one step. Its zero value
// is empty.
type Accumulator struct{ sums []gorgonia.ValueGrad }

// accumulated is a parameter with a gradient of its own.
type accumulated struct {
	gorgonia.ValueGrad
	sum *tensor.Dense
}

func (a accumulated) Grad() (gorgonia.Value, error) { return a.sum, nil }

// Add adds share times each gradient. The list must hold the same parameters every time.
func (a *Accumulator) Add(params []gorgonia.ValueGrad, share float64) error {
	if a.sums != nil && len(a.sums) != len(params) {
		return fmt.Errorf("optim: %d parameters, the batches before had %d", len(params), len(a.sums))
	}
	fresh := a.sums == nil
	for i, p := range params {
		g, err := p.Grad()
		if err != nil {
			return fmt.Errorf("optim: parameter %d: %w", i, err)
		}
		dw := g.(*tensor.Dense).Float32s()
		if fresh {
			a.sums = append(a.sums, accumulated{p, tensor.New(tensor.WithShape(len(dw)), tensor.WithBacking(make([]float32, len(dw))))})
		}
		sum := a.sums[i].(accumulated).sum.Float32s()
		if len(sum) != len(dw) {
			return fmt.Errorf("optim: parameter %d has a gradient of %d elements, in the batches before of %d", i, len(dw), len(sum))
		}
		kernel.Axpy(nil, sum, dw, float32(share))
	}
	return nil
}

// Take gives the sums for a step; the next Add after it begins anew.
func (a *Accumulator) Take() []gorgonia.ValueGrad {
	s := a.sums
	a.sums = nil
	return s
}
