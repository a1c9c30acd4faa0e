package ops

import "time"

// Timing is what the runs of one node have taken while Builder.Clock was set.
type Timing struct {
	Step         string // the output of the model's node that it belongs to, "" for the loss
	Kernel       string
	How          string // the algorithm, where there are several
	Shape        []int  // of what it computes
	MultiplyAdds int    // of the formula, whatever the algorithm does; 0: not counted
	Runs         int
	Fastest      time.Duration // of the runs
}

// Timings lists the nodes that have run while Clock was set, in the order in which they
// were added to the graph.
func (b *Builder) Timings() []Timing {
	var list []Timing
	for _, t := range b.timings {
		if t.Runs > 0 {
			list = append(list, *t)
		}
	}
	return list
}

// timing is where a node notes its time.
func (b *Builder) timing(name, how string, shape []int, multiplyAdds int) *Timing {
	t := &Timing{Step: b.Step, Kernel: name, How: how, Shape: shape, MultiplyAdds: multiplyAdds}
	b.timings = append(b.timings, t)
	return t
}

// measure runs f, on the clock if there is one.
func (t *Timing) measure(clock bool, f func()) {
	if !clock {
		f()
		return
	}
	start := time.Now()
	f()
	if spent := time.Since(start); t.Runs == 0 || spent < t.Fastest {
		t.Fastest = spent
	}
	t.Runs++
}
