package finetune

import (
	"context"
	"math"
	"testing"
)

// TestFindRate: the rate found trains better than one a hundred times lower and than one
// thirty times higher where whole networks learn, and the test itself repeats.
func TestFindRate(t *testing.T) {
	tr, va := digits(t, 300, 300)
	for name, c := range map[string]Config{
		"head":  {Freeze: "all", Epochs: 3},
		"tuned": {Freeze: "0", Epochs: 3},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := FindRate(context.Background(), base(t), tr, c)
			if err != nil {
				t.Fatal(err)
			}
			again, err := FindRate(context.Background(), base(t), tr, c)
			if err != nil || again.Best != r.Best || len(r.LR) != len(r.Loss) {
				t.Fatalf("best rate %v, again %v, %v", r.Best, again.Best, err)
			}
			loss := func(lr float64) float64 {
				c.Optimizer.LR = lr
				got, err := Train(context.Background(), base(t), tr, va, c)
				if err != nil {
					return math.Inf(1)
				}
				return got.BestEpoch().ValLoss
			}
			at, low, high := loss(r.Best), loss(r.Best/100), loss(r.Best*30)
			if name == "head" {
				high = math.Inf(1) // a linear head bears any rate
			}
			if !(at < low) || !(at < high) {
				t.Errorf("rate %.3g: loss %.3f; a hundredth of it %.3f, thirty times as much %.3f", r.Best, at, low, high)
			}
		})
	}
}
