package graph

import (
	"fmt"

	"graft/graph/ops"
	"graft/onnx"
)

// maxGraph is the most steps and operands that become a Gorgonia graph: its compiler
// takes time in the square of them (a second at 8,000), and networks have hundreds.
const maxGraph = 12000

// edges counts steps and operands.
func (p *plan) edges() int {
	n := len(p.steps)
	for _, s := range p.steps {
		n += len(s.in)
	}
	return n
}

// An interpreter runs a plan step by step by the reference evaluations. It is slow a
// number, but takes time in proportion to the plan, which graphs need that no network
// has: a hundred thousand nodes, or operands.
type interpreter struct {
	plan    *plan
	readers map[*ops.Value]int
	peak    int64 // bytes, at most
}

func newInterpreter(p *plan) *interpreter {
	r := &interpreter{plan: p, readers: p.readers()}
	for _, v := range p.outputs {
		r.readers[v]++
	}
	left := map[*ops.Value]int{}
	var live int64
	for _, s := range p.steps {
		var within int64 // the evaluations widen what they read and compute to float64
		for _, v := range s.out {
			live += size(v)
			within += 2 * size(v)
		}
		for _, v := range s.in {
			if v != nil {
				within += 2 * size(v)
			}
		}
		r.peak = max(r.peak, live+within)
		for _, v := range s.in {
			if v == nil || v.Const != nil {
				continue
			}
			if left[v]++; left[v] == r.readers[v] && p.made[v] != nil {
				live -= size(v)
			}
		}
	}
	return r
}

// run computes the outputs from the inputs, in the order of the plan's.
func (r *interpreter) run(in []*onnx.Tensor) (out []*onnx.Tensor, err error) {
	values := map[*ops.Value]*onnx.Tensor{}
	for i, v := range r.plan.inputs {
		values[v] = in[i]
	}
	get := func(v *ops.Value) *onnx.Tensor {
		if v == nil || v.Const != nil {
			return constOf(v)
		}
		return values[v]
	}
	left := map[*ops.Value]int{}
	for _, s := range r.plan.steps {
		args := make([]*onnx.Tensor, len(s.in))
		for i, v := range s.in {
			args[i] = get(v)
		}
		result, err := evaluate(s.form, args)
		if err != nil {
			return nil, nodeError(s.index, s.node, err)
		}
		for i, t := range result {
			if r.readers[s.out[i]] > 0 {
				values[s.out[i]] = t
			}
		}
		for _, v := range s.in {
			if v != nil {
				if left[v]++; left[v] == r.readers[v] {
					delete(values, v)
				}
			}
		}
	}
	for _, v := range r.plan.outputs {
		out = append(out, get(v))
	}
	return out, nil
}

func constOf(v *ops.Value) *onnx.Tensor {
	if v == nil {
		return nil
	}
	return v.Const
}

// interpret makes the program one that runs its plan.
func (p *Program) interpret() error {
	if p.config.Training != nil {
		return failf("", "%w", &ops.UnsupportedError{What: fmt.Sprintf("a network of %d nodes can be run, but not trained", len(p.plan.steps))})
	}
	r := newInterpreter(p.plan)
	if room := p.room(); r.peak > room {
		return tooLarge(r.peak, room, "the program")
	}
	p.interpreter = r
	p.takes(ops.Memory{Arena: r.peak, Sum: r.peak})
	return nil
}

func (p *Program) runInterpreter() (err error) {
	in := make([]*onnx.Tensor, len(p.inputs))
	for i, n := range p.inputs {
		in[i] = ops.TensorOf(n.Value(), p.plan.inputs[i])
	}
	p.results, err = p.interpreter.run(in)
	return err
}
