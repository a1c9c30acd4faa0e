package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Memory is what a compiled graph holds, in bytes.
type Memory struct {
	Arena int64 // the one block behind all computed nodes
	Sum   int64 // what they would take side by side
}

// MemoryError says that a graph would take more than Builder.MaxMemory.
type MemoryError struct{ Need int64 }

func (e *MemoryError) Error() string { return fmt.Sprintf("ops: %d bytes are needed", e.Need) }

// span is the life of one buffer on the tape: from the step that writes it to the
// last one that reads it.
type span struct {
	op         *kernelOp
	size       int // floats, a multiple of a cache line
	from, last int
	offset     int
	over       *span // whose memory this one takes over, nil with memory of its own
}

// root is the span whose memory s has.
func (s *span) root() *span {
	for s.over != nil {
		s = s.over
	}
	return s
}

// lineFloats is a cache line of 64 bytes.
const lineFloats = 16

// Allocate gives every kernel of the graph its place in one arena, so that buffers
// whose lives do not meet share memory. It runs once, after the gradients are in
// the graph. The nodes in keep live to the end of the run.
func (b *Builder) Allocate(keep ...*gorgonia.Node) (Memory, error) {
	order, err := gorgonia.Sort(b.Graph)
	if err != nil {
		return Memory{}, fmt.Errorf("ops: sort: %w", err)
	}
	slices.Reverse(order) // gorgonia.Sort starts at the results
	if err := uniqueHashes(order); err != nil {
		return Memory{}, err
	}
	spans, of := b.lives(order, keep)
	if b.Separate {
		for _, s := range spans {
			s.from, s.last = 0, len(order)
		}
	} else {
		b.takeOver(order, of)
	}
	m := place(spans)
	if need := m.Arena + b.reference; b.MaxMemory > 0 && need > b.MaxMemory {
		return m, &MemoryError{need}
	}
	block := make([]float32, m.Arena/4)
	for _, n := range order {
		op, ok := n.Op().(*kernelOp)
		if !ok {
			continue
		}
		if s := of[n]; s != nil {
			size := op.size()
			at := s.root().offset
			op.bind(block[at : at+size : at+size])
		} else if v := b.source(n).Value(); v != nil { // shares the memory of an input node
			op.bind(floatsOf(v))
		}
	}
	b.record(order)
	return m, nil
}

// size is the number of floats in y.
func (k *kernelOp) size() int {
	if k.Shape == nil {
		return 1
	}
	return tensor.Shape(k.Shape).TotalSize()
}

// source follows kernels that only rename their input down to the node that owns the memory.
func (b *Builder) source(n *gorgonia.Node) *gorgonia.Node {
	for {
		op, ok := n.Op().(*kernelOp)
		if !ok || op.Run != nil {
			return n
		}
		n = b.operands(n)[0]
	}
}

// operands are the nodes that n reads, in order of its op's inputs.
func (b *Builder) operands(n *gorgonia.Node) []*gorgonia.Node {
	var in []*gorgonia.Node
	for it := b.Graph.From(n.ID()); it.Next(); {
		in = append(in, it.Node().(*gorgonia.Node))
	}
	return in
}

// lives returns a span for each buffer, and for each node the span of its buffer,
// nil where that is an input's.
func (b *Builder) lives(order gorgonia.Nodes, keep []*gorgonia.Node) ([]*span, map[*gorgonia.Node]*span) {
	var spans []*span
	of := map[*gorgonia.Node]*span{}
	end := len(order)
	for i, n := range order {
		for _, in := range b.operands(n) {
			if s := of[in]; s != nil {
				s.last = max(s.last, i)
			}
		}
		op, ok := n.Op().(*kernelOp)
		if !ok {
			// A reference node's result is its own; what it may hand through unchanged
			// of its inputs stays to the end.
			if n.Op() != nil {
				for _, in := range b.operands(n) {
					if s := of[in]; s != nil {
						s.last = end
					}
				}
			}
			continue
		}
		if op.Run == nil {
			of[n] = of[b.source(n)]
		} else {
			s := &span{op: op, size: (op.size() + lineFloats - 1) / lineFloats * lineFloats, from: i, last: i}
			spans, of[n] = append(spans, s), s
		}
		if op.Keep && of[n] != nil {
			of[n].last = end
		}
	}
	for _, n := range keep {
		if s := of[n]; s != nil {
			s.last = end
		}
	}
	return spans, of
}

// takeOver lets kernels write over what they are the last to read, which saves memory and the
// way to it.
func (b *Builder) takeOver(order gorgonia.Nodes, of map[*gorgonia.Node]*span) {
	for i, n := range order {
		op, ok := n.Op().(*kernelOp)
		if !ok || op.Run == nil || of[n].over != nil {
			continue
		}
		in := b.operands(n)
		for _, k := range op.Over {
			s := of[in[k]]
			alone := func() bool {
				for j, m := range in {
					if j != k && of[m] != nil && of[m].root() == s.root() {
						return false
					}
				}
				return true
			}
			if s != nil && s.size == of[n].size && s.root().last == i && alone() {
				of[n].over, s.root().last = s, of[n].last
				break
			}
		}
	}
}

// place gives each span the lowest offset that is free during its whole life,
// larger spans first.
func place(spans []*span) Memory {
	var bySize []*span
	var m Memory
	for _, s := range spans {
		if m.Sum += 4 * int64(s.size); s.over == nil {
			bySize = append(bySize, s)
		}
	}
	slices.SortStableFunc(bySize, func(a, b *span) int { return b.size - a.size })
	var placed []*span // by offset
	for _, s := range bySize {
		s.offset = 0
		for _, q := range placed {
			if q.last < s.from || s.last < q.from {
				continue
			}
			if s.offset+s.size <= q.offset {
				break
			}
			s.offset = max(s.offset, q.offset+q.size)
		}
		at, _ := slices.BinarySearchFunc(placed, s, func(a, b *span) int { return a.offset - b.offset })
		placed = slices.Insert(placed, at, s)
		m.Arena = max(m.Arena, 4*int64(s.offset+s.size))
	}
	return m
}

// uniqueHashes guards against Gorgonia's merging of nodes whose 32-bit hashes meet.
func uniqueHashes(order gorgonia.Nodes) error {
	seen := map[uint32]*gorgonia.Node{}
	for _, n := range order {
		h := n.Hashcode()
		if o := seen[h]; o != nil && o != n {
			return fmt.Errorf("ops: nodes %v and %v have the same hash", o, n)
		}
		seen[h] = n
	}
	return nil
}
