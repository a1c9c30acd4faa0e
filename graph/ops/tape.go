package ops

import (
	"fmt"

	"gorgonia.org/gorgonia"
)

// step is a node in the order that Allocate has planned, and where its operands are.
type step struct {
	node *gorgonia.Node
	in   []*gorgonia.Node
	args []gorgonia.Value
}

// record lists the steps of a run.
func (b *Builder) record(order gorgonia.Nodes) {
	b.tape = nil
	for _, n := range order {
		if in := b.operands(n); len(in) > 0 { // else an input, or the constant 1 that the gradient starts from
			b.tape = append(b.tape, step{n, in, make([]gorgonia.Value, len(in))})
		}
	}
}

// Run computes all nodes, on the caller's goroutine. Gorgonia's own machine hands each run to
// another thread, and to wake that takes as long as several layers of a small network.
func (b *Builder) Run() error {
	for _, s := range b.tape {
		for i, n := range s.in {
			s.args[i] = n.Value()
		}
		v, err := s.node.Op().Do(s.args...)
		if err != nil {
			return err
		}
		if v == s.node.Value() {
			continue // memory of the arena, bound in the first run
		}
		if err := gorgonia.UnsafeLet(s.node, v); err != nil {
			return fmt.Errorf("ops: %v: %w", s.node.Op(), err)
		}
	}
	return nil
}
