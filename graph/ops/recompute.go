package ops

import "gorgonia.org/gorgonia"

// mostRecomputed is how many cheap kernels in a row gradients run once more to get at a value.
const mostRecomputed = 2

// recomputed is n as a gradient reads it: where n is cheap, its kernel once more, so that its
// memory is free from its last reader before the loss to its first one after.
func (b *Builder) recomputed(n *gorgonia.Node) *gorgonia.Node {
	own := b.source(n)
	if b.depth(own) == 0 {
		return n
	}
	if b.again[own] == nil {
		k := own.Op().(*kernelOp)
		run := k.Run
		// The gradient that asks for it, which it does not read, holds it back until then.
		b.again[own] = b.Apply(Kernel{Name: k.Name + ".again", Shape: k.Shape,
			Run: func(y []float32, x [][]float32) { run(y, x[:len(x)-1]) }}, append(b.operands(own), b.after)...)
	}
	return b.again[own]
}

// depth is how many kernels in a row compute n once more, from what is kept; 0 where n is kept.
func (b *Builder) depth(n *gorgonia.Node) int {
	k, ok := n.Op().(*kernelOp)
	if !ok || !b.Recompute || !k.Cheap {
		return 0
	}
	if d, ok := b.depths[n]; ok {
		return d
	}
	d := 1
	for _, in := range b.operands(n) {
		d = max(d, b.depth(b.source(in))+1)
	}
	if d > mostRecomputed {
		d = 0
	}
	b.depths[n] = d
	return d
}
