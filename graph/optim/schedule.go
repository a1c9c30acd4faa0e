package optim

import (
	"fmt"
	"math"
)

// Schedule gives the learning rate of each step as a share of the highest one.
type Schedule struct {
	// Name: "constant"; "step", a tenth after each third of the steps; "cosine", half
	// a cosine from 1 to 0 (Loshchilov and Hutter 2017, eq. 5); "onecycle", cosines
	// from 1/25 up to 1 within the first three tenths and down to 1/250000 (Smith and
	// Topin 2018, with the numbers of torch.optim.lr_scheduler.OneCycleLR). "" is constant.
	Name  string
	Steps int // of the whole training
	// Warmup is for how many steps the rate rises evenly at first; the schedule takes the rest.
	Warmup int
}

// Schedules are the names that Schedule knows.
var Schedules = []string{"constant", "step", "cosine", "onecycle"}

// Factor is the share of the rate in a step, counted from 0.
func (s Schedule) Factor(step int) (float64, error) {
	if step < s.Warmup && s.Name != "onecycle" {
		return float64(step+1) / float64(s.Warmup+1), nil
	}
	at, of := step-s.Warmup, max(s.Steps-s.Warmup, 1)
	switch s.Name {
	case "", "constant":
		return 1, nil
	case "step":
		return math.Pow(0.1, float64(at/((of+2)/3))), nil
	case "cosine":
		return (1 + math.Cos(math.Pi*float64(at)/float64(of))) / 2, nil
	case "onecycle":
		if s.Warmup > 0 {
			return 0, fmt.Errorf("optim: the schedule onecycle has a warm-up of its own, got one of %d steps", s.Warmup)
		}
		return oneCycle(at, of), nil
	}
	return 0, fmt.Errorf("optim: no schedule is called %q, only %v", s.Name, Schedules)
}

// oneCycle is the factor in step at of steps.
func oneCycle(at, steps int) float64 {
	const first, last = 1. / 25, 1. / 25e4
	between := func(from, to, share float64) float64 {
		return to + (from-to)/2*(1+math.Cos(math.Pi*min(max(share, 0), 1)))
	}
	top := 0.3*float64(steps) - 1
	if float64(at) <= top {
		return between(first, 1, float64(at)/top)
	}
	return between(1, last, (float64(at)-top)/(float64(steps-1)-top))
}
