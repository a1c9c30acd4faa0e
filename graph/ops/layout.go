package ops

import (
	"slices"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
)

// A value is computed by a node in ONNX's own layout, or by one in the blocked layout
// of the kernels, [N, C/lanes, …, lanes], which has a dimension more. Where an
// operator asks for the other one, a kernel between them brings it there, once.

// blockedShape is the shape of a value [N,C,…] in the blocked layout.
func blockedShape(shape []int) []int {
	s := append([]int{shape[0], kernel.Blocks(shape[1])}, shape[2:]...)
	return append(s, kernel.Lanes())
}

// Set says which node computes v, in one layout or the other.
func (b *Builder) Set(v *Value, n *gorgonia.Node) {
	if len(v.Shape) >= 2 && n.Shape().Dims() == len(v.Shape)+1 {
		b.blocked[v] = n
	} else {
		b.nodes[v] = n
	}
}

// Node returns the node of v in ONNX's layout; a constant becomes an input node when
// first asked for.
func (b *Builder) Node(v *Value) *gorgonia.Node {
	if n := b.nodes[v]; n != nil {
		return n
	}
	switch {
	case b.IsBlocked(v):
		b.nodes[v] = b.unblock(b.Blocked(v), v.Shape)
	case b.shuffled[v] != nil:
		s := v.Shape
		whole := append([]int{s[0], len(b.shuffled[v])}, s[len(s)-2:]...)
		b.nodes[v] = b.alias("Reshape", b.unblock(b.brought(v), whole), s)
	case v.Const != nil:
		b.nodes[v] = b.Input(v.Name, Dense(v.Const))
		b.constant[b.nodes[v]] = true
	default:
		panic("no node computes " + quote(v.Name))
	}
	return b.nodes[v]
}

// Blocked returns the node of v [N,C,…] in the blocked layout.
func (b *Builder) Blocked(v *Value) *gorgonia.Node {
	switch {
	case b.blocked[v] != nil:
	case b.IsBlocked(v): // once its channels are brought together
		b.blocked[v] = b.brought(v)
	default:
		b.blocked[v] = b.block(b.Node(v), v.Shape)
	}
	return b.blocked[v]
}

// IsBlocked says whether v is at hand in the blocked layout.
func (b *Builder) IsBlocked(v *Value) bool {
	return b.blocked[v] != nil || b.shuffled[v] != nil && len(v.Shape) == 4
}

// Either returns the node of v in the layout that is at hand, for operators that see
// elements alone. What the lanes without a channel hold does not count.
func (b *Builder) Either(v *Value) *gorgonia.Node {
	if b.IsBlocked(v) {
		return b.Blocked(v)
	}
	return b.Node(v)
}

// sizes are the n, c, hw of a value [N,C,…].
func sizes(shape []int) (n, c, hw int) { return shape[0], shape[1], numel(shape[2:]) }

func (b *Builder) block(x *gorgonia.Node, shape []int) *gorgonia.Node {
	n, c, hw := sizes(shape)
	if hw == 1 && c%kernel.Lanes() == 0 { // the same order
		return b.alias("Block", x, blockedShape(shape))
	}
	return b.Apply(Kernel{Name: "Block", Shape: blockedShape(shape),
		Run: func(y []float32, x [][]float32) { kernel.Block(b.Pool, y, x[0], n, c, hw) },
		Grad: func(_ []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.unblock(dy, shape)}
		}}, x)
}

func (b *Builder) unblock(x *gorgonia.Node, shape []int) *gorgonia.Node {
	n, c, hw := sizes(shape)
	if hw == 1 && c%kernel.Lanes() == 0 {
		return b.alias("Unblock", x, shape)
	}
	return b.Apply(Kernel{Name: "Unblock", Shape: slices.Clone(shape),
		Run: func(y []float32, x [][]float32) { kernel.Unblock(b.Pool, y, x[0], n, c, hw) },
		Grad: func(_ []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.block(dy, shape)}
		}}, x)
}
