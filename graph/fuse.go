package graph

import (
	"slices"

	"graft/graph/ops"
)

// fuse lets steps absorb the only readers of their outputs: a convolution the
// normalisation by stored statistics, the sum with a shortcut and the activation
// that follow it. keep are values that must go on being computed; batch names the
// normalisations by the batch's statistics, learns the values that learn. A Swish is seen
// as one, with one reader the less of what it is of, once it has been put together: so it
// goes on until nothing is left to do.
func (p *plan) fuse(keep map[*ops.Value]bool, batch map[string]bool, learns map[*ops.Value]bool) {
	for before := -1; before != len(p.steps); {
		before = len(p.steps)
		p.absorb(keep, batch, learns)
	}
}

func (p *plan) absorb(keep map[*ops.Value]bool, batch map[string]bool, learns map[*ops.Value]bool) {
	readers := map[*ops.Value][]*step{}
	for _, s := range p.steps {
		for _, v := range s.in {
			if v != nil && v.Const == nil {
				readers[v] = append(readers[v], s)
			}
		}
		if slices.ContainsFunc(s.in, func(v *ops.Value) bool { return learns[v] }) {
			for _, v := range s.out {
				learns[v] = true
			}
		}
	}
	for i, s := range p.steps {
		if s == nil || len(s.out) != 1 || keep[s.out[0]] || len(readers[s.out[0]]) != 1 {
			continue
		}
		a, ok := s.form.(ops.Absorber)
		next := readers[s.out[0]][0]
		if !ok || len(next.out) != 1 || !s.hasKernels() || !next.hasKernels() {
			continue
		}
		more, ok := a.Absorb(s.in, ops.Reader{Form: next.form, In: next.in, Slot: slices.Index(next.in, s.out[0]),
			Batch: batch[next.out[0].Name], Learn: func(v *ops.Value) bool { return learns[v] }})
		if !ok {
			continue
		}
		for _, v := range more {
			if k := slices.Index(readers[v], next); k >= 0 {
				readers[v][k] = s
			}
		}
		// It runs where its reader did, when all that it reads is there, and is met again there.
		s.in, s.out = append(slices.Clone(s.in), more...), next.out
		p.made[s.out[0]] = s
		p.steps[slices.Index(p.steps, next)], p.steps[i] = s, nil
	}
	p.steps = filter(p.steps, func(s *step) bool { return s != nil })
}

// compose makes one step of two wherever together has a form for a step and the only reader
// of its output.
func (p *plan) compose(keep map[*ops.Value]bool, together func(f ops.Form, own []*ops.Value, r ops.Reader) (ops.Form, []*ops.Value)) {
	readers := p.readers()
	for i, s := range p.steps {
		if len(s.out) != 1 || keep[s.out[0]] || readers[s.out[0]] != 1 || !s.hasKernels() {
			continue
		}
		j := i + 1 + slices.IndexFunc(p.steps[i+1:], func(r *step) bool { return slices.Contains(r.in, s.out[0]) })
		next := p.steps[j]
		form, in := together(s.form, s.in, ops.Reader{Form: next.form, In: next.in, Slot: slices.Index(next.in, s.out[0])})
		if form == nil || len(next.out) != 1 || !next.hasKernels() {
			continue
		}
		p.made[next.out[0]] = &step{node: next.node, index: next.index, form: form, in: in, out: next.out}
		p.steps[i], p.steps[j] = nil, p.made[next.out[0]]
	}
	p.steps = filter(p.steps, func(s *step) bool { return s != nil })
}
