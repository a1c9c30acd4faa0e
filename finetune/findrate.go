package finetune

import (
	"context"
	"errors"
	"math"

	"graft/finetune/data"
	"graft/onnx"
)

// RateCurve is the loss over a rising learning rate (Smith 2017): it falls where the rate
// is of use, and rises where it is too great.
type RateCurve struct {
	LR, Loss []float64 // a step each; the loss is smoothed
	Best     float64   // the rate to train with
}

// The rate of the test rises from the first to the last number in so many steps, unless
// the loss leaves all bounds before.
const (
	lowestRate  = 1e-6
	highestRate = 1.0
	rateSteps   = 100
)

// FindRate trains the last phase of a fine-tuning for a while with a rate that rises by
// the same factor each step, and changes nothing: what it learns is thrown away. Best is
// a tenth of the rate at which the smoothed loss is least, or that of its steepest fall
// if that is smaller: where the loss still falls, and well below where it turns.
func FindRate(ctx context.Context, m *onnx.ModelProto, train *data.Set, c Config) (*RateCurve, error) {
	p, err := Graft(m, train, c)
	if err != nil {
		return nil, err
	}
	t := newTraining(p, train, nil)
	t.Progress = c.Progress
	g, err := t.open(ctx, p.Last())
	if err != nil {
		return nil, err
	}
	defer g.close()
	r := &RateCurve{}
	if err := t.raise(ctx, g, r); err != nil {
		return nil, err
	}
	r.choose()
	if r.Best == 0 {
		return nil, failf("give a number to --lr", "the loss falls at no learning rate from %g to %g", lowestRate, highestRate)
	}
	return r, nil
}

// errEnough ends the test.
var errEnough = errors.New("enough")

// raise takes the steps of the test.
func (t *training) raise(ctx context.Context, g *stage, r *RateCurve) error {
	smooth, least := 0.0, math.Inf(1)
	for epoch := 0; len(r.LR) < rateSteps; epoch++ {
		err := g.train.each(ctx, t.order(g, epoch), epoch, t.Batch, func(b batch) error {
			if len(r.LR) == rateSteps {
				return errEnough
			}
			var open group
			if err := t.learn(g, b, &open, uint64(epoch)<<32+uint64(len(r.LR)), 1); err != nil {
				if errors.As(err, new(*LossError)) {
					return errEnough
				}
				return err
			}
			if open.learnt == 0 {
				return nil
			}
			k := len(r.LR)
			lr := lowestRate * math.Pow(highestRate/lowestRate, float64(k)/(rateSteps-1))
			const beta = 0.9
			smooth = beta*smooth + (1-beta)*open.loss/float64(open.learnt)
			loss := smooth / (1 - math.Pow(beta, float64(k+1)))
			least = min(least, loss)
			r.LR, r.Loss = append(r.LR, lr), append(r.Loss, loss)
			t.report("rate test", k+1, rateSteps)
			if k > 10 && loss > 2*least {
				return errEnough
			}
			g.solver.SetLR(lr)
			grads := open.program.ValueGrads()
			if t.Accumulate > 1 {
				grads = g.gathered.Take()
			}
			return g.solver.Step(grads)
		})
		if errors.Is(err, errEnough) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// choose finds the rate.
func (r *RateCurve) choose() {
	if len(r.Loss) < 10 {
		return
	}
	low := 0
	for i, l := range r.Loss {
		if l < r.Loss[low] {
			low = i
		}
	}
	steepest, slope := 0, 0.0
	const reach = 3 // steps to either side
	for i := reach; i <= low-reach; i++ {
		if s := r.Loss[i+reach] - r.Loss[i-reach]; s < slope {
			steepest, slope = i, s
		}
	}
	if slope < 0 {
		r.Best = min(r.LR[low]/10, r.LR[steepest])
	}
}
