package ops

import (
	"slices"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
)

// What joins, cuts and reorders the channels of images (Concat, Split, Slice, and the
// Reshape and Transpose of a channel shuffle) moves nothing by itself where they are at hand in
// the blocked layout: the Builder notes of which channels the result is, and brings these
// together, in one pass, where somebody reads it.

// channel is one of a value that a node computes.
type channel struct {
	of *Value
	at int
}

// channels lists those of v [N, …, H, W], whatever dimensions they are in; ok is false
// where they are not at hand.
func (b *Builder) channels(v *Value) (list []channel, ok bool) {
	if list, ok := b.shuffled[v]; ok {
		return list, true
	}
	if len(v.Shape) != 4 || numel(v.Shape) == 0 || b.blocked[v] == nil {
		return nil, false
	}
	for c := range v.Shape[1] {
		list = append(list, channel{v, c})
	}
	return list, true
}

// shuffle notes that v [N, …, H, W] is made of these channels; ok is false where the gradient of one would
// come from several of them.
func (b *Builder) shuffle(v *Value, list []channel) (ok bool) {
	seen := map[channel]bool{}
	for _, c := range list {
		if seen[c] {
			return false
		}
		seen[c] = true
	}
	b.shuffled[v] = list
	return len(list) > 0
}

// images says whether two shapes [N, …, H, W] have as many images, of one size.
func images(a, b []int) bool {
	return len(a) >= 4 && len(b) >= 4 && a[0] == b[0] && slices.Equal(a[len(a)-2:], b[len(b)-2:])
}

// brought is the node of v [N, …, H, W], made of channels of others, as [N, C, H, W] in the blocked layout.
func (b *Builder) brought(v *Value) *gorgonia.Node {
	detached, step := b.Detached, b.Step
	defer func() { b.Detached, b.Step = detached, step }()
	b.Detached, b.Step = b.Loss != nil && !b.Loss[v], v.Name
	var sources []*Value
	var from []kernel.Channel
	for _, c := range b.shuffled[v] {
		i := slices.Index(sources, c.of)
		if i < 0 {
			i, sources = len(sources), append(sources, c.of)
		}
		from = append(from, kernel.Channel{Source: i, Channel: c.at})
	}
	var nodes []*gorgonia.Node
	var sizes []int
	for _, s := range sources {
		nodes, sizes = append(nodes, b.Blocked(s)), append(sizes, s.Shape[1])
	}
	if len(sources) == 1 && len(from) == sizes[0] && slices.IsSortedFunc(from, func(a, b kernel.Channel) int { return a.Channel - b.Channel }) {
		return nodes[0] // in the old order
	}
	image := v.Shape[len(v.Shape)-2:]
	s := kernel.NewShuffle(v.Shape[0], numel(image), sizes, from)
	return b.Apply(Kernel{Name: "Shuffle", Shape: blockedShape(append([]int{v.Shape[0], len(from)}, image...)), Cheap: true,
		Run: func(y []float32, x [][]float32) { s.Run(b.Pool, y, x) },
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, need []bool) []*gorgonia.Node {
			g := make([]*gorgonia.Node, len(in))
			for i := range in {
				if need[i] {
					g[i] = b.unshuffled(in[i].Shape(), dy, i, sizes[i], from)
				}
			}
			return g
		}}, nodes...)
}

// unshuffled is the gradient by a source of some channels.
func (b *Builder) unshuffled(shape []int, dy *gorgonia.Node, source, size int, from []kernel.Channel) *gorgonia.Node {
	back := slices.Repeat([]kernel.Channel{kernel.None}, size)
	for c, f := range from {
		if f.Source == source {
			back[f.Channel] = kernel.Channel{Channel: c}
		}
	}
	s := kernel.NewShuffle(shape[0], numel(shape[2:4]), []int{len(from)}, back)
	return b.Apply(Kernel{Name: "Shuffle.dx", Shape: shape, Run: func(dx []float32, x [][]float32) { s.Run(b.Pool, dx, x) }}, dy)
}
