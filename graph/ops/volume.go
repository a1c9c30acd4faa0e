package ops

import (
	"slices"

	"gorgonia.org/gorgonia"
)

// Convolutions and poolings over three dimensions, x [N,C,D,H,W], are ones over two: the
// slices that a window's depth sees become channels of a convolution, and a pooling
// takes the planes first and the depth then.

// node is a value of the graph that no step of the model computes.
func (b *Builder) node(like *Value, n *gorgonia.Node, shape []int) *Value {
	v := &Value{Name: like.Name, Type: like.Type, Shape: shape}
	b.Set(v, n)
	return v
}

// padDepth adds zeros along dimension 2 of x [N,C,D,…], or drops what a negative number says.
func (b *Builder) padDepth(x *Value, before, after int) (*gorgonia.Node, int, error) {
	depth := x.Shape[2] + before + after
	if before == 0 && after == 0 {
		return b.Node(x), depth, nil
	}
	f := &pad{mode: "constant", in: x.Shape, shape: slices.Clone(x.Shape), before: make([]int, len(x.Shape)), after: make([]int, len(x.Shape))}
	f.shape[2], f.before[2], f.after[2] = depth, before, after
	n, err := f.Lower(b, []*Value{x}, nil)
	return n[0], depth, err
}

// lowerVolume convolves, for each slice of the output, the slices that it sees: they are
// channels [N*D',C*kD,H,W], which the weights [M,C/group,kD,kH,kW] have side by side.
func (f *conv) lowerVolume(b *Builder, in []*Value) ([]*gorgonia.Node, error) {
	if len(f.sides) != 3 {
		return nil, nil
	}
	d, w := f.sides[0], in[1]
	x, depth, err := b.padDepth(in[0], d.before, d.after)
	if err != nil {
		return nil, err
	}
	plane := numel(in[0].Shape[3:])
	x = b.strided("Conv.depth", x, x.Shape(), []int{f.n, d.out, f.c, d.kernel, plane},
		[]int{f.c * depth * plane, d.stride * plane, depth * plane, d.dilation * plane, 1}, 0)
	flat := &conv{window: window{sides: f.sides[1:]}, group: f.group, n: f.n * d.out, c: f.c * d.kernel, m: f.m, own: len(in)}
	flat.shape = slices.Concat([]int{flat.n, f.m}, f.shape[3:])
	args := slices.Clone(in)
	xs := slices.Concat([]int{flat.n, flat.c}, in[0].Shape[3:])
	args[0] = b.node(in[0], b.alias("Conv.x", x, xs), xs)
	ws := slices.Concat([]int{f.m, w.Shape[1] * d.kernel}, w.Shape[3:])
	args[1] = b.node(w, b.alias("Conv.w", b.Node(w), ws), ws)
	nodes, err := flat.Lower(b, args, nil)
	if err != nil {
		return nil, err
	}
	planes := numel(f.shape[3:])
	y := b.alias("Conv.planes", b.Node(b.node(in[0], nodes[0], flat.shape)), []int{f.n, d.out, f.m, planes})
	y = b.strided("Conv.volume", y, y.Shape(), []int{f.n, f.m, d.out, planes}, []int{d.out * f.m * planes, planes, f.m * planes, 1}, 0)
	return []*gorgonia.Node{b.alias("Conv", y, f.shape)}, nil
}

// lowerVolume is the reverse: each slice of the input gives the slices [N*D,M*kD,H',W']
// of the output that it is seen in, which are added up there.
func (f *convTranspose) lowerVolume(b *Builder, in []*Value) ([]*gorgonia.Node, error) {
	if len(f.sides) != 3 {
		return nil, nil
	}
	d, w := f.sides[0], in[1]
	plane, planes := numel(in[0].Shape[3:]), numel(f.shape[3:])
	x := b.strided("ConvTranspose.planes", b.Node(in[0]), in[0].Shape, []int{f.n, d.in, f.c, plane}, []int{f.c * d.in * plane, plane, d.in * plane, 1}, 0)
	flat := &convTranspose{window: window{sides: f.sides[1:]}, group: f.group, n: f.n * d.in, c: f.c, m: f.m * d.kernel}
	flat.shape = slices.Concat([]int{flat.n, flat.m}, f.shape[3:])
	xs := slices.Concat([]int{flat.n, f.c}, in[0].Shape[3:])
	ws := slices.Concat([]int{f.c, w.Shape[1] * d.kernel}, w.Shape[3:])
	nodes, err := flat.Lower(b, []*Value{b.node(in[0], b.alias("ConvTranspose.x", x, xs), xs), b.node(w, b.alias("ConvTranspose.w", b.Node(w), ws), ws)}, nil)
	if err != nil {
		return nil, err
	}
	y := b.alias("ConvTranspose.slices", b.Node(b.node(in[0], nodes[0], flat.shape)), []int{f.n, d.in, f.m, d.kernel, planes})
	depth := (d.in-1)*d.stride + d.reach()
	whole := []int{f.n, f.m, depth, planes}
	y = b.gathered("ConvTranspose.volume", y, whole, y.Shape(), []int{f.m * depth * planes, d.stride * planes, depth * planes, d.dilation * planes, 1}, 0)
	if y, _, err = b.padDepth(b.node(in[0], y, whole), -d.before, d.out+d.before-depth); err != nil {
		return nil, err
	}
	y = b.alias("ConvTranspose", y, f.shape)
	if v := optional(in, 2); v != nil {
		y = b.add(y, b.Node(v), f.shape, []int{f.m, 1, 1, 1}, f.shape)
	}
	return []*gorgonia.Node{y}, nil
}

// lowerVolume pools the planes of x, whose slices count as channels, and then the depth.
// The place that a window's maximum is found at does not change, nor does its average:
// its count of elements is the product of both.
func (f *pool) lowerVolume(b *Builder, in []*Value) ([]*gorgonia.Node, error) {
	if len(f.sides) != 3 {
		return nil, nil
	}
	d := f.sides[0]
	first := &pool{window: window{sides: f.sides[1:]}, name: f.name, max: f.max, countPad: f.countPad, n: f.n, c: f.c * d.in}
	first.shape = slices.Concat([]int{f.n, first.c}, f.shape[3:])
	xs := slices.Concat([]int{f.n, first.c}, in[0].Shape[3:])
	nodes, err := first.Lower(b, []*Value{b.node(in[0], b.alias(f.name+".x", b.Node(in[0]), xs), xs)}, nil)
	if err != nil {
		return nil, err
	}
	planes := numel(f.shape[3:])
	y := b.alias(f.name+".planes", b.Node(b.node(in[0], nodes[0], first.shape)), []int{f.n, f.c, d.in, planes})
	single := side{in: planes, kernel: 1, stride: 1, dilation: 1, out: planes}
	then := &pool{window: window{sides: []side{d, single}}, name: f.name, max: f.max, countPad: f.countPad, n: f.n, c: f.c, shape: []int{f.n, f.c, d.out, planes}}
	if nodes, err = then.Lower(b, []*Value{b.node(in[0], y, y.Shape())}, nil); err != nil {
		return nil, err
	}
	return []*gorgonia.Node{b.alias(f.name, b.Node(b.node(in[0], nodes[0], then.shape)), f.shape)}, nil
}
