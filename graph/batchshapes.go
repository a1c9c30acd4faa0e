package graph

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"graft/graph/ops"
	"graft/onnx"
)

// openShapes rewrites the nodes that hold the fixed batch in a constant: the shape of a
// Reshape or an Expand, the size of a Resize, what a Concat joins to the images, the indices of a view. It plans
// the model for two batches, and compares with the plan for one.
func (b *batching) openShapes() error {
	fixed, err := b.plan(b.m, b.fixed, nil)
	if err != nil {
		return err
	}
	b.inner = map[string]int{}
	rewritten := map[*onnx.NodeProto][]*onnx.NodeProto{}
	_, err = newPlan(b.grafting.m, fixing{batch: 2 * b.fixed, shapes: b.shapes(2 * b.fixed), rewrite: func(p *plan, n *onnx.NodeProto) ([]*onnx.NodeProto, error) {
		nodes, err := b.open(&opening{b, fixed, p, n, nil})
		rewritten[n] = nodes
		return nodes, err
	}})
	if err != nil {
		return err
	}
	g := b.grafting.m.Graph
	var nodes []*onnx.NodeProto
	for _, n := range g.Node {
		if r, ok := rewritten[n]; ok {
			nodes = append(nodes, r...)
		} else {
			nodes = append(nodes, n)
		}
	}
	g.Node = nodes
	b.dropUnread()
	return nil
}

// opening is a node on its way: what it sees for one batch and for two.
type opening struct {
	*batching
	one, two *plan
	node     *onnx.NodeProto
	before   []*onnx.NodeProto // that it needs now
}

// open gives the nodes in the place of one.
func (b *batching) open(o *opening) ([]*onnx.NodeProto, error) {
	for _, name := range o.node.GetInput() {
		o.follow(o.two.values[name])
	}
	var err error
	switch o.node.GetOpType() {
	case "Reshape":
		err = o.reshape()
	case "Expand":
		o.expand()
	case "Resize":
		o.resize()
	case "Concat":
		err = o.concat()
	case "Gather":
		o.gather()
	}
	return append(o.before, o.node), err
}

// counts is the axis of an operand that counts images, the elements that stand for each
// of them before it, and the operand's shape for one batch; false where none counts.
func (o *opening) counts(operand int) (axis, before int, shape []int, ok bool) {
	x, y := o.value(o.one, operand), o.value(o.two, operand)
	if x == nil || y == nil {
		return 0, 0, nil, false
	}
	axis = grown(x, y)
	if axis < 0 {
		return 0, 0, x.Shape, false
	}
	return axis, numel(x.Shape[:axis]) * max(o.inner[y.Name], 1), x.Shape, true
}

// grown is the axis in which a value differs between one batch and two, -1 for none.
func grown(one, two *ops.Value) int {
	if len(one.Shape) != len(two.Shape) {
		return -1
	}
	for i := range one.Shape {
		if one.Shape[i] != two.Shape[i] {
			return i
		}
	}
	return -1
}

// follow notes of a value whether the images are counted within an axis, as in the
// rows [tokens*N] of a product: its maker's operand tells, if it has the same rows.
func (o *opening) follow(y *ops.Value) {
	if y == nil || o.inner[y.Name] != 0 || o.two.made[y] == nil {
		return
	}
	for _, in := range o.two.made[y].in {
		if in == nil || o.inner[in.Name] == 0 || o.one.values[in.Name] == nil || o.one.values[y.Name] == nil {
			continue
		}
		a, b := grown(o.one.values[in.Name], in), grown(o.one.values[y.Name], y)
		if a >= 0 && a == b && in.Shape[a] == y.Shape[b] && o.two.made[y].node.GetOpType() != "Reshape" {
			o.inner[y.Name] = o.inner[in.Name]
		}
	}
}

func (o *opening) value(p *plan, operand int) *ops.Value {
	if operand >= len(o.node.GetInput()) {
		return nil
	}
	return p.values[o.node.GetInput()[operand]]
}

// constant is an operand of whole numbers that is the same for one batch and for two.
func (o *opening) constant(operand int) ([]int64, bool) {
	x, y := o.value(o.one, operand), o.value(o.two, operand)
	if x == nil || y == nil || x.Const == nil || y.Const == nil {
		return nil, false
	}
	was, err := x.Const.Ints()
	is, err2 := y.Const.Ints()
	return was, err == nil && err2 == nil && slices.Equal(was, is)
}

// replace gives the node another operand.
func (o *opening) replace(operand int, name string) {
	o.node = proto.Clone(o.node).(*onnx.NodeProto)
	o.node.Input[operand] = name
}

// tensor adds an initializer that the plan under way knows too.
func (o *opening) tensor(what string, t *onnx.Tensor) string {
	name := o.batching.tensor(o.fresh(what), t)
	o.two.values[name] = &ops.Value{Name: name, Type: t.Type, Shape: t.Shape, Const: t}
	return name
}

func (o *opening) fresh(what string) string {
	o.made++
	return fmt.Sprintf("%s%d", what, o.made)
}

// reshape opens the axis of the shape where the images are counted: 0 copies it where
// it stands alone, -1 takes what is left.
func (o *opening) reshape() error {
	axis, before, x, ok := o.counts(0)
	dims, known := o.constant(1)
	if !ok || !known {
		return nil
	}
	out := o.one.values[o.node.GetOutput()[0]].Shape
	to := 0
	for to < len(out) && numel(out[:to]) != before {
		to++
	}
	if to == len(out)-1 && to > 0 && out[to] != x[axis] {
		to-- // the last axis is features, whose number is fixed
		o.inner[o.node.GetOutput()[0]] = before / numel(out[:to])
	}
	if to == len(out) {
		return fmt.Errorf("its shape %v fixes the batch to %d", dims, o.fixed)
	}
	keepsZero := slices.ContainsFunc(o.node.GetAttribute(), func(a *onnx.AttributeProto) bool { return a.GetName() == "allowzero" && a.GetI() != 0 })
	if dims[to] == -1 || dims[to] == 0 && to == axis && !keepsZero {
		return nil
	}
	open := slices.Clone(dims)
	if to == axis && out[to] == x[axis] && !keepsZero {
		open[to] = 0
	} else {
		for i, d := range out {
			open[i] = int64(d)
		}
		open[to] = -1
	}
	o.replace(1, o.tensor("shape", onnx.FromInts([]int{len(open)}, open)))
	return nil
}

// expand leaves the images as they are: an extent of 1 does.
func (o *opening) expand() {
	axis, _, x, ok := o.counts(0)
	dims, known := o.constant(1)
	if !ok || !known {
		return
	}
	if axis += len(dims) - len(x); axis < 0 || dims[axis] == 1 {
		return
	}
	open := slices.Clone(dims)
	open[axis] = 1
	o.replace(1, o.tensor("shape", onnx.FromInts([]int{len(open)}, open)))
}

// resize takes the first of its sizes from the images it reads.
func (o *opening) resize() {
	const sizes = 3
	axis, _, _, ok := o.counts(0)
	dims, known := o.constant(sizes)
	if !ok || !known || axis != 0 || len(dims) < 2 || dims[0] != int64(o.fixed) ||
		slices.ContainsFunc(o.node.GetAttribute(), func(a *onnx.AttributeProto) bool { return a.GetName() == "axes" }) {
		return
	}
	o.replace(sizes, o.counted(o.node.GetInput()[0], dims[1:]))
}

// counted is the shape [N, rest...] with the N of tensor x.
func (o *opening) counted(x string, rest []int64) string {
	shape := o.add("Shape", "of", []string{x})
	n := o.add("Gather", "count", []string{shape, o.tensor("first", onnx.FromInts([]int{1}, []int64{0}))})
	return o.add("Concat", "shape", []string{n, o.tensor("rest", onnx.FromInts([]int{len(rest)}, rest))}, onnx.IntAttr("axis", 0))
}

// add puts a node before this one.
func (o *opening) add(op, what string, in []string, attrs ...*onnx.AttributeProto) string {
	name := o.prefix + "." + o.fresh(what)
	o.before = append(o.before, onnx.NewNode(op, name, in, []string{name}, attrs...))
	return name
}

// concat repeats what it joins to every image, such as a class token, where the exporter
// has done so for the fixed batch.
func (o *opening) concat() error {
	axis, along := 0, -1
	for i := range o.node.GetInput() {
		if a, _, _, ok := o.counts(i); ok {
			axis, along = a, i
		}
	}
	if along < 0 || axis != 0 {
		return nil
	}
	for i, name := range o.node.GetInput() {
		v := o.value(o.two, i)
		if v == nil || v.Const == nil || len(v.Shape) < 2 || v.Shape[0] != o.fixed {
			continue
		}
		one, ok := firstOf(v.Const)
		if !ok {
			return fmt.Errorf("its operand %s has other values for each image", quote(name))
		}
		if o.fixed > 1 {
			name = o.tensor("one", one)
		}
		rest := make([]int64, len(v.Shape)-1)
		for k, d := range v.Shape[1:] {
			rest[k] = int64(d)
		}
		o.replace(i, o.add("Expand", "each", []string{name, o.counted(o.node.GetInput()[along], rest)}))
	}
	return nil
}

// gather takes the same elements of every image, where the exporter has written the
// strides of a view as indices into all images.
func (o *opening) gather() {
	axis, before, x, ok := o.counts(0)
	index, known := o.constant(1)
	if !ok || !known || axis != 0 || before != 1 || len(x) != 1 || o.value(o.one, 1).Shape[0] != o.fixed {
		return
	}
	shape := slices.Clone(o.value(o.one, 1).Shape[1:])
	each := x[0] / o.fixed
	apart := o.add("Reshape", "images", []string{o.node.GetInput()[0], o.tensor("shape", onnx.FromInts([]int{2}, []int64{-1, int64(each)}))})
	o.node = onnx.NewNode("Gather", o.node.GetName(), []string{apart, o.tensor("index", onnx.FromInts(shape, index[:numel(shape)]))},
		o.node.GetOutput(), onnx.IntAttr("axis", 1))
}

// firstOf is the first of equal parts of a float tensor along its first axis; false
// where they differ.
func firstOf(t *onnx.Tensor) (*onnx.Tensor, bool) {
	v, ok := t.Floats()
	n := t.Len() / t.Shape[0]
	for i := 1; ok && i < t.Shape[0]; i++ {
		ok = slices.Equal(v[:n], v[i*n:(i+1)*n])
	}
	if !ok {
		return nil, false
	}
	return &onnx.Tensor{Type: t.Type, Shape: slices.Concat([]int{1}, t.Shape[1:]), Data: v[:n]}, true
}
