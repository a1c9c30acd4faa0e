package graph

import (
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"graft/graph/ops"
	"graft/onnx"
)

// DynamicBatch opens the batch of a model that is made for one image, or for any
// fixed number: the first dimension of its inputs and outputs becomes a symbol, and
// the shapes that count images within follow it. It then proves the result: two batches at once, and one image, must give what the model gave, within
// 1e-5 of the largest value. A model that is open already is returned as it is. The
// error names the node that fixes the batch.
func DynamicBatch(m *onnx.ModelProto, o Options) (*onnx.ModelProto, error) {
	m, err := inlined(m)
	if err != nil {
		return nil, err
	}
	inputs := trueInputs(m)
	if len(inputs) == 0 {
		return nil, failf("", "the model has no input")
	}
	fixed := 0
	for _, v := range inputs {
		d := v.GetType().GetTensorType().GetShape().GetDim()
		if len(d) == 0 {
			return nil, failf("", "input %s has no first dimension", quote(v.GetName()))
		}
		if _, ok := d[0].GetValue().(*onnx.TensorShapeProto_Dimension_DimValue); !ok {
			return m, nil
		}
		n := int(d[0].GetDimValue())
		if n < 1 || n > maxFixedBatch || fixed != 0 && n != fixed {
			return nil, failf("", "input %s is made for %d images, want 1 to %d, as many for every input", quote(v.GetName()), n, maxFixedBatch)
		}
		fixed = n
	}
	b := &batching{m: m, o: o, fixed: fixed, grafting: newGrafting(shallow(m), "batch")}
	b.openInputs()
	if err := b.openShapes(); err != nil {
		return nil, err
	}
	if err := b.openOutputs(); err != nil {
		return nil, err
	}
	if err := b.prove(); err != nil {
		return nil, err
	}
	return b.grafting.m, onnx.Check(b.grafting.m)
}

// maxFixedBatch bounds what the proof of an opened batch computes.
const maxFixedBatch = 64

// batching opens the batch of m in the copy that grafting holds.
type batching struct {
	*grafting
	m     *onnx.ModelProto
	o     Options
	fixed int            // images that m is made for
	made  int            // names given
	inner map[string]int // elements before each image within the axis that counts them
}

// plan fixes a model at a batch, up to the wanted values.
func (b *batching) plan(m *onnx.ModelProto, batch int, want []string) (*plan, error) {
	return newPlan(m, fixing{batch: batch, shapes: b.shapes(batch), want: want, memory: b.o.MaxMemory})
}

// shapes are the given input shapes at another batch.
func (b *batching) shapes(batch int) map[string][]int {
	r := map[string][]int{}
	for name, s := range b.o.Shapes {
		r[name] = slices.Clone(s)
		if len(s) > 0 {
			r[name][0] = batch
		}
	}
	return r
}

func (b *batching) openInputs() {
	g := b.grafting.m.Graph
	g.ValueInfo = nil
	for _, v := range trueInputs(b.m) {
		c := proto.Clone(v).(*onnx.ValueInfoProto)
		c.GetType().GetTensorType().GetShape().GetDim()[0].Value = &onnx.TensorShapeProto_Dimension_DimParam{DimParam: "N"}
		g.Input[slices.Index(g.Input, v)] = c
	}
}

// dropUnread removes the initializers that only rewritten nodes had read, and their
// inputs.
func (b *batching) dropUnread() {
	g := b.grafting.m.Graph
	read := names(&onnx.ModelProto{Graph: &onnx.GraphProto{Node: g.Node, Output: g.Output}})
	gone := map[string]bool{}
	before := names(&onnx.ModelProto{Graph: &onnx.GraphProto{Node: b.m.Graph.Node}})
	for _, t := range g.Initializer {
		gone[t.GetName()] = before[t.GetName()] && !read[t.GetName()]
	}
	g.Initializer = filter(g.Initializer, func(t *onnx.TensorProto) bool { return !gone[t.GetName()] })
	g.Input = filter(g.Input, func(v *onnx.ValueInfoProto) bool { return !gone[v.GetName()] })
}

// openOutputs declares the outputs anew, after checking that their first dimension
// is the batch at one, two and three images.
func (b *batching) openOutputs() error {
	c := b.grafting.m
	var plans [4]*plan
	for batch := 1; batch <= 3; batch++ {
		p, err := b.plan(c, batch, nil)
		if err != nil {
			return err
		}
		plans[batch] = p
		for i, v := range p.outputs {
			if v.Const != nil || len(v.Shape) == 0 || v.Shape[0] != batch || !slices.Equal(v.Shape[1:], plans[1].outputs[i].Shape[1:]) {
				return b.blame(plans[1], p, batch, v)
			}
		}
	}
	c.Graph.Output = nil
	for _, v := range plans[1].outputs {
		dims := []any{"N"}
		for _, d := range v.Shape[1:] {
			dims = append(dims, d)
		}
		c.Graph.Output = append(c.Graph.Output, onnx.TensorInfo(v.Name, v.Type, dims...))
	}
	return nil
}

// blame names the first node below output v that reads the batch and does not hand it
// on: what it reads grows with the images from one plan to the next, its result does not.
func (b *batching) blame(one, p *plan, batch int, v *ops.Value) error {
	grows := func(v *ops.Value) bool {
		w := one.values[v.Name]
		return w != nil && numel(v.Shape) != numel(w.Shape)
	}
	for _, st := range p.ancestorsOf(v) {
		x, y := st.in[0], st.out[0]
		if batch > 1 && x != nil && x.Const == nil && grows(x) && !grows(y) || batch == 1 && st.out[0] == v {
			return nodeError(st.index, st.node, fmt.Errorf("it fixes the batch: %v becomes %v for %d images", x.Shape, y.Shape, batch))
		}
	}
	return failf("", "output %s has shape %v for %d images", quote(v.Name), v.Shape, batch)
}

// prove runs the model on random images, by its own batch, by two and one by one.
func (b *batching) prove() error {
	var wanted []string
	for _, v := range b.m.GetGraph().GetOutput() {
		wanted = append(wanted, v.GetName())
	}
	differ, err := b.differing(wanted)
	if err != nil || differ < 0 {
		return err
	}
	// Look for the first value that differs, to name its node.
	p, err := b.plan(b.m, b.fixed, nil)
	if err != nil {
		return err
	}
	var steps []*step
	var all []string
	for _, st := range p.steps {
		if s := st.out[0].Shape; st.out[0].Name != "" && len(s) > 0 && s[0] == b.fixed && ops.IsFloat(st.out[0].Type) {
			steps, all = append(steps, st), append(all, st.out[0].Name)
		}
	}
	if at, err := b.differing(all); err == nil && at >= 0 {
		return nodeError(steps[at].index, steps[at].node, fmt.Errorf("it does not compute each image by itself"))
	}
	return failf("", "the output %s of two batches is not that of each", quote(wanted[differ]))
}

// differing is the index of the first tensor that the opened model gives other values
// than m, for two batches at once or for a single image; -1 where there is none.
func (b *batching) differing(tensors []string) (int, error) {
	var alone [2][]*onnx.Tensor
	for i := range alone {
		var err error
		if alone[i], err = b.run(b.m, tensors, b.fixed, i*b.fixed); err != nil {
			return 0, err
		}
	}
	both, err := b.run(b.grafting.m, tensors, 2*b.fixed, 0)
	if err != nil {
		return 0, err
	}
	one, err := b.run(b.grafting.m, tensors, 1, 0)
	if err != nil {
		return 0, err
	}
	for k, t := range both {
		y, ok := t.Floats()
		if !ok {
			return 0, failf("", "output %s is %v; only floats can be proved", quote(tensors[k]), t.Type)
		}
		first, _ := alone[0][k].Floats()
		second, _ := alone[1][k].Floats()
		single, _ := one[k].Floats()
		if len(y) != len(first)+len(second) || len(first) != b.fixed*len(single) ||
			!nearly(y[:len(first)], first) || !nearly(y[len(first):], second) || !nearly(single, first[:len(single)]) {
			return k, nil
		}
	}
	return -1, nil
}

// run computes tensors for a batch of random images, the first of them number first.
func (b *batching) run(m *onnx.ModelProto, tensors []string, batch, first int) ([]*onnx.Tensor, error) {
	p, err := Compile(m, Config{Options: Options{Batch: batch, Shapes: b.shapes(batch)}, Outputs: tensors})
	if err != nil {
		return nil, err
	}
	defer p.Close()
	for i, in := range p.Inputs() {
		if !ops.IsFloat(in.Type) {
			return nil, failf("", "input %s is %v; only floats can be proved", quote(in.Name), in.Type)
		}
		one := numel(in.Shape[1:])
		for k := range batch {
			copy(p.Input(i)[k*one:], drawNormal(uint64(first+k), in.Name, 1, one).Data.([]float32))
		}
	}
	if err := p.Run(); err != nil {
		return nil, err
	}
	r := make([]*onnx.Tensor, len(tensors))
	for i := range r {
		r[i] = p.Output(i).Clone()
	}
	return r, nil
}

// nearly compares within 1e-5 of the largest value.
func nearly(got, want []float32) bool {
	var largest, worst float64
	for i, x := range want {
		largest = math.Max(largest, math.Abs(float64(x)))
		if got[i] == x || got[i] != got[i] && x != x {
			continue
		}
		worst = math.Max(worst, math.Abs(float64(got[i]-x)))
	}
	return worst <= 1e-5*largest
}
