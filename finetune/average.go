package finetune

import "slices"

// average is the exponential moving average of what learns and of the statistics
// (Polyak and Juditsky 1992), which is validated and written in its place. Early on it
// forgets faster, so that the first weights do not stay in it.
type average struct {
	decay  float64
	steps  int
	values map[string][]float32
}

// newAverage starts at the state of a program; nil where there is no decay.
func newAverage(decay float64, state map[string][]float32) *average {
	if decay == 0 {
		return nil
	}
	return &average{decay: decay, values: cloned(state)}
}

func cloned(state map[string][]float32) map[string][]float32 {
	c := make(map[string][]float32, len(state))
	for name, v := range state {
		c[name] = slices.Clone(v)
	}
	return c
}

// follow moves the average towards the state after a step.
func (a *average) follow(state map[string][]float32) {
	if a == nil {
		return
	}
	a.steps++
	d := float32(min(a.decay, float64(1+a.steps)/float64(10+a.steps)))
	for name, v := range state {
		e := a.values[name]
		for i, x := range v {
			e[i] += (1 - d) * (x - e[i])
		}
	}
}

// exchange swaps the average and the state, so that a program computes with the
// average; a second call swaps them back.
func (a *average) exchange(state map[string][]float32) {
	if a == nil {
		return
	}
	for name, v := range state {
		for i, e := range a.values[name] {
			a.values[name][i], v[i] = v[i], e
		}
	}
}
