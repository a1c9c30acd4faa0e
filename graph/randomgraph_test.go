package graph_test

import (
	"fmt"
	"math/rand/v2"

	"graft/onnx"
)

// randomGraph is a valid network of n nodes over images [2,C,H,W], with weights drawn
// from r. Every value may be read again, so that branches and joins come about.
func randomGraph(r *rand.Rand, n int) *onnx.ModelProto {
	g := &graphMaker{r: r}
	g.values = []value{{"x", []int{2, 1 + r.IntN(4), 3 + r.IntN(8), 3 + r.IntN(8)}}}
	in := g.values[0]
	for range n {
		g.add()
	}
	last := g.values[len(g.values)-1]
	opset, ir := int64(13), int64(8)
	dims := func(v value) []any {
		d := make([]any, len(v.shape))
		for i, s := range v.shape {
			d[i] = s
		}
		return d
	}
	return &onnx.ModelProto{IrVersion: &ir, OpsetImport: []*onnx.OperatorSetIdProto{{Version: &opset}}, Graph: &onnx.GraphProto{
		Name: new("random"), Node: g.nodes, Initializer: g.constants,
		Input:  []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, dims(in)...)},
		Output: []*onnx.ValueInfoProto{onnx.TensorInfo(last.name, onnx.TensorProto_FLOAT, dims(last)...)}}}
}

type value struct {
	name  string
	shape []int
}

type graphMaker struct {
	r         *rand.Rand
	values    []value
	nodes     []*onnx.NodeProto
	constants []*onnx.TensorProto
}

// add appends a node that reads one of the values, more often a late one.
func (g *graphMaker) add() {
	v := g.values[max(g.r.IntN(len(g.values)), g.r.IntN(len(g.values)))]
	if len(v.shape) != 4 || v.shape[2] < 1 || v.shape[3] < 1 {
		v = g.values[0]
	}
	n, c, h, w := v.shape[0], v.shape[1], v.shape[2], v.shape[3]
	switch g.r.IntN(12) {
	case 0, 1, 2:
		g.conv(v)
	case 3, 4:
		op := []string{"Relu", "Sigmoid", "Tanh", "HardSigmoid", "Identity", "Clip"}[g.r.IntN(6)]
		in := []string{v.name}
		if op == "Clip" {
			in = append(in, g.constant(1e-9, []int{}...), g.scalar(1))
		}
		g.node(op, in, v.shape)
	case 5:
		scale, bias, mean := g.constant(1, c), g.constant(1, c), g.constant(1, c)
		g.node("BatchNormalization", []string{v.name, scale, bias, mean, g.positive(c)}, v.shape)
	case 6:
		g.pool(v)
	case 7, 8: // join two values of one shape, or one with a constant
		other := v.name
		for _, u := range g.values {
			if fmt.Sprint(u.shape) == fmt.Sprint(v.shape) && g.r.IntN(2) == 0 {
				other = u.name
			}
		}
		if g.r.IntN(3) == 0 {
			other = g.constant(1, [][]int{{}, {1}, {c, 1, 1}, {h, w}, {1, 1, w}}[g.r.IntN(5)]...)
		}
		g.node([]string{"Add", "Mul", "Sub"}[g.r.IntN(3)], []string{v.name, other}, v.shape)
	case 9:
		g.node("Concat", []string{v.name, v.name}, []int{n, 2 * c, h, w}, onnx.IntAttr("axis", 1))
	case 10:
		g.node("Transpose", []string{v.name}, []int{n, c, w, h}, onnx.IntsAttr("perm", 0, 1, 3, 2))
	case 11:
		p := g.r.IntN(3)
		pads := onnx.FromInts([]int{8}, []int64{0, 0, int64(p), 0, 0, 0, 1, 2})
		g.node("Pad", []string{v.name, g.save(pads)}, []int{n, c, h + p + 1, w + 2})
	}
}

func (g *graphMaker) conv(v value) {
	c, h, w := v.shape[1], v.shape[2], v.shape[3]
	group := 1
	if g.r.IntN(3) == 0 {
		group = c
	}
	m := group * (1 + g.r.IntN(3))
	kh, kw := 1+g.r.IntN(min(3, h)), 1+g.r.IntN(min(3, w))
	sh, sw, pt, pb := 1+g.r.IntN(2), 1+g.r.IntN(2), g.r.IntN(kh), g.r.IntN(kh)
	in := []string{v.name, g.constant(0.5, m, c/group, kh, kw)}
	if g.r.IntN(2) == 0 {
		in = append(in, g.constant(1, m))
	}
	g.node("Conv", in, []int{v.shape[0], m, (h+pt+pb-kh)/sh + 1, (w-kw)/sw + 1}, onnx.IntAttr("group", int64(group)),
		onnx.IntsAttr("strides", int64(sh), int64(sw)), onnx.IntsAttr("pads", int64(pt), 0, int64(pb), 0))
}

func (g *graphMaker) pool(v value) {
	h, w := v.shape[2], v.shape[3]
	if g.r.IntN(4) == 0 {
		g.node("GlobalAveragePool", []string{v.name}, []int{v.shape[0], v.shape[1], 1, 1})
		return
	}
	k, s := 1+g.r.IntN(min(3, h, w)), 1+g.r.IntN(3)
	g.node([]string{"MaxPool", "AveragePool"}[g.r.IntN(2)], []string{v.name}, []int{v.shape[0], v.shape[1], (h-k)/s + 1, (w-k)/s + 1},
		onnx.IntsAttr("kernel_shape", int64(k), int64(k)), onnx.IntsAttr("strides", int64(s), int64(s)))
}

func (g *graphMaker) node(op string, in []string, shape []int, attrs ...*onnx.AttributeProto) {
	name := fmt.Sprintf("v%d", len(g.nodes))
	g.nodes = append(g.nodes, onnx.NewNode(op, name, in, []string{name}, attrs...))
	g.values = append(g.values, value{name, shape})
}

func (g *graphMaker) save(t *onnx.Tensor) string {
	name := fmt.Sprintf("c%d", len(g.constants))
	g.constants = append(g.constants, t.Proto(name))
	return name
}

func (g *graphMaker) constant(deviation float64, shape ...int) string {
	n := 1
	for _, d := range shape {
		n *= d
	}
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(deviation * g.r.NormFloat64())
	}
	return g.save(onnx.FromFloats(shape, v))
}

func (g *graphMaker) scalar(v float32) string { return g.save(onnx.FromFloats([]int{}, []float32{v})) }

// positive is a constant of variances.
func (g *graphMaker) positive(n int) string {
	v := make([]float32, n)
	for i := range v {
		v[i] = 0.1 + g.r.Float32()
	}
	return g.save(onnx.FromFloats([]int{n}, v))
}
