package graph

import (
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"graft/graph/ops"
	"graft/onnx"
)

// Redraw keeps a model's architecture and the layers up to a tensor ("" keeps none)
// and gives the layers above it new random weights: the networks AnB of Yosinski et
// al. 2014. Convolutions and products are drawn by He et al. 2015, eq. 10 (normal, deviation
// sqrt(2/fan-in)), the last layer with sqrt(1/fan-in); biases are 0, and
// BatchNormalizations start as the identity. What the metadata InitKey say of a tensor
// comes before that. The last layer gets the given number of classes; 0 leaves it as it is.
func Redraw(m *onnx.ModelProto, above string, classes int, seed uint64, o Options) (*onnx.ModelProto, error) {
	m, err := inlined(m)
	if err != nil {
		return nil, err
	}
	s, err := Analyse(m, o)
	if err != nil {
		return nil, err
	}
	l, err := s.Learning(Freezing{Below: above, BatchStatistics: true})
	if err != nil {
		return nil, err
	}
	if m, err = SeparateStatistics(m, l); err != nil {
		return nil, err
	}
	if s, err = Analyse(m, o); err != nil {
		return nil, err
	}
	fixed, _, err := s.fixedBelow(above)
	if err != nil {
		return nil, err
	}
	if len(s.Layers) == 0 || fixed[s.plan.values[s.Layers[len(s.Layers)-1].Tensor]] {
		return nil, failf("choose a lower cut point", "no layer above %s is left to redraw", quote(above))
	}
	begin, err := initials(m)
	if err != nil {
		return nil, err
	}
	c := shallow(m)
	r := &redrawing{m: c, begin: begin, origin: newOrigins(m), seed: seed, shapes: o.Shapes, memory: o.MaxMemory, last: s.plan.made[s.plan.values[s.Layers[len(s.Layers)-1].Tensor]]}
	for _, t := range s.Trainable() {
		if slices.Contains(l.Params, t.Name) {
			r.draw(t, t.first)
		}
	}
	r.statistics(s, fixed)
	if r.err == nil && classes > 0 {
		r.resize(s, classes)
	}
	if r.err != nil {
		return nil, r.err
	}
	return c, onnx.Check(c)
}

// redrawing replaces tensors of a model one by one.
type redrawing struct {
	m      *onnx.ModelProto
	origin origins
	begin  map[string]initial
	seed   uint64
	last   *step
	shapes map[string][]int
	memory int64
	err    error
}

// draw gives a trainable tensor new values, in the shape that the file has it.
func (r *redrawing) draw(t Trainable, by *step) {
	v := r.tensor(t.Name)
	if v == nil {
		return
	}
	fresh := &onnx.Tensor{Type: v.Type, Shape: v.Shape, Data: make([]float32, v.Len())}
	begin, known := r.begin[t.Name]
	switch {
	case known && begin.Deviation > 0:
		fresh = drawNormal(r.seed, t.Name, begin.Deviation, v.Shape...)
		fresh.Type = v.Type
	case known:
		fresh.Data = slices.Repeat([]float32{float32(begin.Value)}, v.Len())
	case t.Slot == "weight":
		gain := 2.0
		if by == r.last {
			gain = 1
		}
		fresh = drawNormal(r.seed, t.Name, math.Sqrt(gain/float64(max(fanIn(by, t.Shape), 1))), v.Shape...)
		fresh.Type = v.Type
	case t.Slot == "scale":
		fresh.Data = slices.Repeat([]float32{1}, v.Len())
	case t.Slot == "operand":
		if by.node.GetOpType() == "Mul" { // a factor of 0 would let nothing pass
			fresh.Data = slices.Repeat([]float32{1}, v.Len())
		}
	}
	r.set(t.Name, fresh)
}

// fanIn is the number of inputs that one output of a layer sums over; of a ConvTranspose
// it is what PyTorch takes for it, as if it had stride 1 and the channels' other number.
func fanIn(s *step, w []int) int {
	switch s.node.GetOpType() {
	case "Conv", "ConvTranspose":
		return numel(s.in[1].Shape[1:]) // w may lie behind a Transpose
	}
	return numel(w) / max(s.out[0].Shape[len(s.out[0].Shape)-1], 1)
}

// statistics resets the BatchNormalizations above the kept part to mean 0, variance 1.
func (r *redrawing) statistics(s *Structure, fixed map[*ops.Value]bool) {
	for _, st := range s.plan.steps {
		if st.node.GetOpType() != "BatchNormalization" || fixed[st.out[0]] {
			continue
		}
		for i, value := range []float32{0, 1} {
			v := st.in[3+i]
			if name, ok := r.origin.of(v.Name); ok && v.Const != nil {
				r.set(name, &onnx.Tensor{Type: v.Type, Shape: v.Shape, Data: slices.Repeat([]float32{value}, numel(v.Shape))})
			}
		}
	}
}

// tensor finds a constant by name; nil after an error.
func (r *redrawing) tensor(name string) *onnx.Tensor {
	t, err := constantTensor(r.m, name)
	if err != nil {
		r.err = err
		return nil
	}
	return t
}

// set replaces a constant; the source model's own tensor stays as it is.
func (r *redrawing) set(name string, v *onnx.Tensor) {
	if err := replaceConstant(r.m, name, v); err != nil && r.err == nil {
		r.err = err
	}
}

// replaceConstant gives the initializer or Constant node called name new values,
// and dimensions where they differ, in a copy of its message.
func replaceConstant(m *onnx.ModelProto, name string, v *onnx.Tensor) error {
	fresh := func(old *onnx.TensorProto) (*onnx.TensorProto, error) {
		t := proto.Clone(old).(*onnx.TensorProto)
		if !slices.Equal(shapeOf(t), v.Shape) {
			return v.Proto(name), nil
		}
		return t, onnx.SetData(t, v)
	}
	for i, t := range m.Graph.Initializer {
		if t.GetName() == name {
			n, err := fresh(t)
			m.Graph.Initializer[i] = n
			return err
		}
	}
	for i, n := range m.Graph.Node {
		if n.GetOpType() != "Constant" || !slices.Contains(n.GetOutput(), name) {
			continue
		}
		c := proto.Clone(n).(*onnx.NodeProto)
		value := v.Proto("")
		for _, a := range c.GetAttribute() {
			if a.GetName() == "value" {
				var err error
				if value, err = fresh(a.GetT()); err != nil {
					return err
				}
			}
		}
		// A list of floats becomes a tensor, which every opset knows.
		c.Attribute = []*onnx.AttributeProto{{Name: proto.String("value"), Type: onnx.AttributeProto_TENSOR.Enum(), T: value}}
		m.Graph.Node[i] = c
		return nil
	}
	return fmt.Errorf("graph: the model has no constant tensor %s", quote(name))
}

func shapeOf(t *onnx.TensorProto) []int {
	s := make([]int, len(t.GetDims()))
	for i, d := range t.GetDims() {
		s[i] = int(d)
	}
	return s
}

// resize makes the last layer give the wanted number of classes: its weights, its
// bias, and operands added after it.
func (r *redrawing) resize(s *Structure, classes int) {
	out := s.plan.outputs[0]
	have := s.plan.values[r.last.out[0].Name].Shape
	channel := len(have) - 1
	if op := r.last.node.GetOpType(); op == "Conv" || op == "ConvTranspose" {
		channel = 1
	}
	m := have[channel]
	if m == classes {
		return
	}
	above := false
	for _, st := range s.plan.steps {
		above = above || st == r.last
		if !above {
			continue
		}
		for i, slot := range slots(st, 1) {
			v := st.in[i]
			name, ok := r.origin.of(v.Name)
			if !ok || r.err != nil {
				continue
			}
			r.resizeTensor(name, slot, st, i, m, classes)
			r.resizeReshapes(v.Name, m, classes)
		}
	}
	r.m.Graph.ValueInfo = nil
	for i, o := range r.m.Graph.Output {
		if o.GetName() == out.Name {
			dims := []any{batchName(r.m)}
			for _, d := range out.Shape[1:] {
				if d == m {
					d = classes
				}
				dims = append(dims, d)
			}
			r.m.Graph.Output[i] = onnx.TensorInfo(out.Name, out.Type, dims...)
		}
	}
	p, err := newPlan(r.m, fixing{batch: 1, shapes: r.shapes, want: []string{out.Name}, memory: r.memory})
	if r.err == nil && (err != nil || !slices.Contains(p.outputs[0].Shape, classes)) {
		r.err = failf("use --head linear", "the last layer %s cannot be resized from %d to %d classes", quote(r.last.node.GetName()), m, classes)
	}
}

// resizeTensor changes the extent m of a tensor to classes: along the filters of
// the last layer's weights, along the only dimension of m elsewhere.
func (r *redrawing) resizeTensor(name, slot string, st *step, input, m, classes int) {
	old := r.tensor(name)
	if old == nil {
		return
	}
	shape := slices.Clone(old.Shape)
	dim := slices.Index(shape, m)
	if slot == "weight" && st == r.last {
		dim = weightOutputs(st, input, shape, m)
	}
	if dim < 0 {
		return
	}
	shape[dim] = classes
	t := &onnx.Tensor{Type: old.Type, Shape: shape, Data: slices.Repeat([]float32{float32(r.begin[name].Value)}, numel(shape))}
	if slot == "weight" {
		deviation := r.begin[name].Deviation
		if deviation == 0 {
			deviation = math.Sqrt(1 / float64(max(numel(shape)/classes, 1)))
		}
		t = drawNormal(r.seed, name, deviation, shape...)
		t.Type = old.Type
	}
	r.set(name, t)
	for i, v := range r.m.Graph.Input { // IR versions before 4 repeat initializers as inputs
		if v.GetName() == name {
			dims := make([]any, len(shape))
			for k, d := range shape {
				dims[k] = d
			}
			r.m.Graph.Input[i] = onnx.TensorInfo(name, t.Type, dims...)
		}
	}
}

// resizeReshapes changes m to classes in the constant shapes of the Reshapes that a
// tensor called name comes through.
func (r *redrawing) resizeReshapes(name string, m, classes int) {
	for !r.origin.init[name] && slices.Contains(renames, r.origin.made[name].GetOpType()) {
		n := r.origin.made[name]
		if n.GetOpType() == "Reshape" {
			r.resizeShape(n.GetInput()[1], m, classes)
		}
		name = n.GetInput()[0]
	}
}

func (r *redrawing) resizeShape(name string, m, classes int) {
	old := r.tensor(name)
	if old == nil {
		return
	}
	readers := 0
	for _, n := range r.m.Graph.Node {
		for _, in := range n.GetInput() {
			if in == name {
				readers++
			}
		}
	}
	if readers > 1 {
		r.err = failf("use --head linear", "the shape %s cannot be changed: %d nodes read it", quote(name), readers)
		return
	}
	t := old.Clone()
	dims, ok := t.Data.([]int64)
	for i := len(dims) - 1; ok && i >= 0; i-- {
		if dims[i] == int64(m) {
			dims[i] = int64(classes)
			break
		}
	}
	r.set(name, t)
}

// weightOutputs is the dimension of a weight tensor that counts the outputs.
func weightOutputs(st *step, input int, shape []int, m int) int {
	switch st.node.GetOpType() {
	case "Conv":
		return 0
	case "ConvTranspose":
		return 1
	case "Gemm":
		for _, a := range st.node.GetAttribute() {
			if a.GetName() == "transB" && a.GetI() != 0 {
				return slices.Index(shape, m)
			}
		}
	}
	for d := len(shape) - 1; d >= 0; d-- {
		if shape[d] == m {
			return d
		}
	}
	return -1
}
