package graph

import (
	"fmt"
	"math"
	"slices"

	"graft/graph/ops"
	"graft/onnx"
)

// Head is a classifier to be grafted onto a cut model: hidden Gemm layers with
// Relu, and a Gemm that gives the logits.
type Head struct {
	// Name begins the names of its nodes and tensors; "" is "head". The last one's output
	// is "NAME.logits".
	Name    string
	Classes int     // columns of its output
	Hidden  []int   // widths of the hidden layers; none makes a linear head
	Dropout float64 // before the last Gemm, in training
	Seed    uint64  // its weights are drawn from
}

// AddHead appends a head to a model's only output: after a global average where
// that is [N,C,H,W], after the mean over tokens where it is [N,T,C]. The nodes are
// of the model's own opset and float type; the new output is [N,Classes].
func AddHead(m *onnx.ModelProto, h Head, o Options) (*onnx.ModelProto, error) {
	return AddHeads(m, []Head{h}, o)
}

// AddHeads is AddHead for several heads on the same features: an output for each.
func AddHeads(m *onnx.ModelProto, heads []Head, o Options) (*onnx.ModelProto, error) {
	m, err := inlined(m)
	if err != nil {
		return nil, err
	}
	from, err := o.output(m)
	if err != nil {
		return nil, err
	}
	p, err := newPlan(m, fixing{batch: 1, shapes: o.Shapes, want: []string{from}, memory: o.MaxMemory})
	if err != nil {
		return nil, err
	}
	if len(heads) == 0 {
		return nil, failf("", "no head")
	}
	for _, h := range heads {
		if err := h.check(); err != nil {
			return nil, err
		}
	}
	c := shallow(m)
	kind := p.outputs[0].Type
	if !ops.IsFloat(kind) {
		return nil, failf("use --float32", "the model computes in %v; a head is of 32 or 16 bits", kind)
	}
	first := heads[0].Name
	if len(heads) > 1 {
		first = ""
	}
	b := newGrafting(c, first)
	x, width := from, 0
	switch s := p.outputs[0].Shape; len(s) {
	case 4, 5:
		x = b.node("GlobalAveragePool", "pool", x)
		x = b.node("Flatten", "features", x, onnx.IntAttr("axis", 1))
		width = s[1]
	case 3:
		x = b.reduceMean("features", x, 1)
		width = s[2]
	case 2:
		width = s[1]
	default:
		return nil, failf("cut at another layer", "a head on %s of shape %v", quote(from), s)
	}
	for _, h := range heads {
		if err := h.fits(width); err != nil {
			return nil, err
		}
	}
	c.Graph.Output = nil
	for i, h := range heads {
		if i > 0 || first != h.Name {
			b = newGrafting(c, h.Name)
		}
		y := b.head(h, x, width, kind)
		c.Graph.Output = append(c.Graph.Output, onnx.TensorInfo(y, kind, batchName(m), h.Classes))
	}
	return c, onnx.Check(c)
}

func (h Head) check() error {
	if h.Classes < 1 {
		return failf("", "a head for %d classes", h.Classes)
	}
	for _, n := range h.Hidden {
		if n < 1 {
			return failf("", "a hidden layer of %d", n)
		}
	}
	if !(h.Dropout >= 0 && h.Dropout < 1) {
		return failf("", "dropout %g, want 0 up to 1", h.Dropout)
	}
	return nil
}

// maxLayer is the most weights of a layer of a head, 1 GiB of them: a few bytes of a file can
// claim more features than there is memory for.
const maxLayer = 1 << 28

func (h Head) fits(width int) error {
	for _, n := range append(slices.Clone(h.Hidden), h.Classes) {
		if n > maxLayer/max(width, 1) {
			return failf("cut at another layer", "a layer of %d outputs on %d features: at most %d weights are drawn", n, width, maxLayer)
		}
		width = n
	}
	return nil
}

// head adds the layers of a head on features x [N,width].
func (b *grafting) head(h Head, x string, width int, kind onnx.TensorProto_DataType) string {
	for i, n := range h.Hidden {
		x = b.gemm(fmt.Sprintf("hidden%d", i+1), x, width, n, kind, h.Seed)
		x = b.node("Relu", fmt.Sprintf("relu%d", i+1), x)
		width = n
	}
	if h.Dropout > 0 {
		x = b.dropout("dropout", x, float32(h.Dropout))
	}
	return b.gemm("logits", x, width, h.Classes, kind, h.Seed)
}

// Join is a model with one output in place of several [N,C]: their columns side by side,
// in order. A model of one output is given back.
func Join(m *onnx.ModelProto) (*onnx.ModelProto, error) {
	if len(m.GetGraph().GetOutput()) < 2 {
		return m, nil
	}
	c := shallow(m)
	var names []string
	columns := 0
	kind := onnx.TensorProto_DataType(c.Graph.Output[0].GetType().GetTensorType().GetElemType())
	for _, o := range c.Graph.Output {
		d := o.GetType().GetTensorType().GetShape().GetDim()
		if len(d) != 2 || d[1].GetDimValue() < 1 {
			return nil, failf("", "the output %s cannot be joined to others: its shape is not [N,C]", quote(o.GetName()))
		}
		names, columns = append(names, o.GetName()), columns+int(d[1].GetDimValue())
	}
	y := newGrafting(c, "joined").nodeOf("Concat", "outputs", names, onnx.IntAttr("axis", 1))
	c.Graph.Output = []*onnx.ValueInfoProto{onnx.TensorInfo(y, kind, batchName(m), columns)}
	return c, nil
}

// grafting adds nodes and tensors whose names meet no other of the model.
type grafting struct {
	m      *onnx.ModelProto
	opset  int
	prefix string
	used   map[string]bool
}

func newGrafting(m *onnx.ModelProto, prefix string) *grafting {
	if prefix == "" {
		prefix = "head"
	}
	b := &grafting{m: m, opset: int(onnx.Opset(m, "")), prefix: prefix, used: names(m)}
	for i := 2; ; i++ {
		clash := false
		for u := range b.used {
			clash = clash || len(u) > len(b.prefix) && u[:len(b.prefix)+1] == b.prefix+"."
		}
		if !clash {
			return b
		}
		b.prefix = fmt.Sprintf("%s%d", prefix, i)
	}
}

// names collects every name of values and nodes in the model, subgraphs and
// functions included.
func names(m *onnx.ModelProto) map[string]bool {
	used := map[string]bool{}
	var nodes func(list []*onnx.NodeProto)
	var graph func(g *onnx.GraphProto)
	nodes = func(list []*onnx.NodeProto) {
		for _, n := range list {
			used[n.GetName()] = true
			for _, s := range append(append([]string{}, n.GetInput()...), n.GetOutput()...) {
				used[s] = true
			}
			for _, a := range n.GetAttribute() {
				if a.GetG() != nil {
					graph(a.GetG())
				}
				for _, g := range a.GetGraphs() {
					graph(g)
				}
			}
		}
	}
	graph = func(g *onnx.GraphProto) {
		nodes(g.GetNode())
		for _, t := range g.GetInitializer() {
			used[t.GetName()] = true
		}
		for _, v := range append(append([]*onnx.ValueInfoProto{}, g.GetInput()...), g.GetOutput()...) {
			used[v.GetName()] = true
		}
	}
	graph(m.GetGraph())
	for _, f := range m.GetFunctions() {
		nodes(f.GetNode())
	}
	return used
}

// node appends a node with one output, named as the node, and returns its name.
func (b *grafting) node(op, name, x string, attrs ...*onnx.AttributeProto) string {
	return b.nodeOf(op, name, []string{x}, attrs...)
}

func (b *grafting) nodeOf(op, name string, in []string, attrs ...*onnx.AttributeProto) string {
	name = b.prefix + "." + name
	b.m.Graph.Node = append(b.m.Graph.Node, onnx.NewNode(op, name, in, []string{name}, attrs...))
	return name
}

// tensor adds an initializer; before IR version 4 it must be an input too.
func (b *grafting) tensor(name string, t *onnx.Tensor) string {
	name = b.prefix + "." + name
	b.m.Graph.Initializer = append(b.m.Graph.Initializer, t.Proto(name))
	if b.m.GetIrVersion() < 4 {
		dims := make([]any, len(t.Shape))
		for i, d := range t.Shape {
			dims[i] = d
		}
		b.m.Graph.Input = append(b.m.Graph.Input, onnx.TensorInfo(name, t.Type, dims...))
	}
	return name
}

// gemm is y [N,m] = x [N,n] w^T + b with w [m,n] and b drawn as torch.nn.Linear
// does: uniformly within 1/sqrt(n) (He et al. 2015, eq. 14, for a = sqrt 5). They are of
// the model's own float type.
func (b *grafting) gemm(name, x string, n, m int, kind onnx.TensorProto_DataType, seed uint64) string {
	bound := 1 / math.Sqrt(float64(n))
	draw := func(what string, shape ...int) string {
		t := drawUniform(seed, b.prefix+"."+name+what, bound, shape...)
		t.Type = kind
		t.Round()
		return b.tensor(name+what, t)
	}
	w, bias := draw(".weight", m, n), draw(".bias", m)
	attrs := []*onnx.AttributeProto{onnx.IntAttr("transB", 1)}
	if b.opset < 7 {
		attrs = append(attrs, onnx.IntAttr("broadcast", 1))
	}
	return b.nodeOf("Gemm", name, []string{x, w, bias}, attrs...)
}

func (b *grafting) reduceMean(name, x string, axis int64) string {
	if b.opset < 18 {
		return b.node("ReduceMean", name, x, onnx.IntsAttr("axes", axis), onnx.IntAttr("keepdims", 0))
	}
	axes := b.tensor(name+".axes", onnx.FromInts([]int{1}, []int64{axis}))
	return b.nodeOf("ReduceMean", name, []string{x, axes}, onnx.IntAttr("keepdims", 0))
}

func (b *grafting) dropout(name, x string, ratio float32) string {
	if b.opset < 7 {
		return b.node("Dropout", name, x, onnx.FloatAttr("ratio", ratio), onnx.IntAttr("is_test", 1))
	}
	if b.opset < 12 {
		return b.node("Dropout", name, x, onnx.FloatAttr("ratio", ratio))
	}
	r := b.tensor(name+".ratio", onnx.FromFloats(nil, []float32{ratio}))
	return b.nodeOf("Dropout", name, []string{x, r})
}
