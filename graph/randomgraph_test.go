package graph_test

import (
	"fmt"
	"math"
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
	opset, ir := int64(17), int64(8)
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
	switch g.r.IntN(17) {
	case 0, 1, 2:
		g.conv(v)
	case 3, 4:
		op := []string{"Relu", "Sigmoid", "Tanh", "HardSigmoid", "Identity", "LeakyRelu", "HardSwish", "Softplus", "Erf", "Clip", "PRelu"}[g.r.IntN(11)]
		in := []string{v.name}
		switch op {
		case "Clip":
			in = append(in, g.constant(1e-9, []int{}...), g.scalar(1))
		case "PRelu":
			in = append(in, g.constant(1, [][]int{{1}, {c, 1, 1}, {h, w}}[g.r.IntN(3)]...))
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
		g.node([]string{"Add", "Mul", "Sub", "Max", "Min"}[g.r.IntN(5)], []string{v.name, other}, v.shape)
	case 9:
		g.node("Concat", []string{v.name, v.name}, []int{n, 2 * c, h, w}, onnx.IntAttr("axis", 1))
	case 10:
		g.node("Transpose", []string{v.name}, []int{n, c, w, h}, onnx.IntsAttr("perm", 0, 1, 3, 2))
	case 11:
		p := g.r.IntN(3)
		pads := onnx.FromInts([]int{8}, []int64{0, 0, int64(p), 0, 0, 0, 1, 2})
		g.node("Pad", []string{v.name, g.save(pads)}, []int{n, c, h + p + 1, w + 2})
	case 12:
		g.node([]string{"Softmax", "LogSoftmax"}[g.r.IntN(2)], []string{v.name}, v.shape, onnx.IntAttr("axis", int64(g.r.IntN(4)-2)))
	case 13:
		axes := [][]int64{{1}, {2, 3}, {3}, {1, -1}}[g.r.IntN(4)]
		shape := []int{n, c, h, w}
		for _, a := range axes {
			shape[(a+4)%4] = 1
		}
		g.node([]string{"ReduceMean", "ReduceMax", "ReduceL2"}[g.r.IntN(3)], []string{v.name}, shape, onnx.IntsAttr("axes", axes...))
	case 14:
		from, step := g.r.IntN(h), 1+g.r.IntN(2)
		in := []string{v.name}
		for _, x := range []int{from, h, 2, step} {
			in = append(in, g.save(onnx.FromInts([]int{1}, []int64{int64(x)})))
		}
		g.node("Slice", in, []int{n, c, (h - from + step - 1) / step, w})
	case 15:
		m := 1 + g.r.IntN(9)
		g.node("MatMul", []string{v.name, g.constant(0.5, w, m)}, []int{n, c, h, m})
	case 16:
		g.normalise(v)
	}
}

// normalise adds one of the normalisations of a single image.
func (g *graphMaker) normalise(v value) {
	c, w := v.shape[1], v.shape[3]
	if g.r.IntN(2) == 0 {
		g.node("InstanceNormalization", []string{v.name, g.constant(1, c), g.constant(1, c)}, v.shape, onnx.FloatAttr("epsilon", 0.1))
		return
	}
	g.node("LayerNormalization", []string{v.name, g.constant(1, w), g.constant(1, w)}, v.shape, onnx.FloatAttr("epsilon", 0.1))
}

func (g *graphMaker) conv(v value) {
	c, h, w := v.shape[1], v.shape[2], v.shape[3]
	group := 1
	if g.r.IntN(3) == 0 {
		group = c
	}
	m := group * (1 + g.r.IntN(3))
	if g.r.IntN(8) == 0 {
		m = group * (1 + g.r.IntN(40)) // around the blocks' edges
	}
	kh, kw := 1+g.r.IntN(min(4, h)), 1+g.r.IntN(min(4, w))
	y, x := g.side(h, kh), g.side(w, kw)
	in := []string{v.name, g.constant(1/math.Sqrt(float64(c/group*kh*kw)), m, c/group, kh, kw)}
	if g.r.IntN(2) == 0 {
		in = append(in, g.constant(1, m))
	}
	g.node("Conv", in, []int{v.shape[0], m, y.out(false), x.out(false)}, onnx.IntAttr("group", int64(group)), strides(y, x), pads(y, x), dilations(y, x))
}

// side is a window along one dimension.
type side struct{ size, kernel, stride, before, after, dilation int }

// side draws the rest of a window, which fits.
func (g *graphMaker) side(size, kernel int) side {
	s := side{size, kernel, 1 + g.r.IntN(3), g.r.IntN(kernel), g.r.IntN(kernel), 1}
	if g.r.IntN(3) == 0 && 2*(kernel-1)+1 <= size+s.before+s.after {
		s.dilation = 2
	}
	return s
}

// out is the output's extent; with ceil a window may reach beyond the end that begins before it.
func (s side) out(ceil bool) int {
	room := s.size + s.before + s.after - (s.kernel-1)*s.dilation - 1
	n := room/s.stride + 1
	if ceil && room%s.stride > 0 && n*s.stride < s.size+s.before {
		n++
	}
	return n
}

func strides(y, x side) *onnx.AttributeProto {
	return onnx.IntsAttr("strides", int64(y.stride), int64(x.stride))
}

func pads(y, x side) *onnx.AttributeProto {
	return onnx.IntsAttr("pads", int64(y.before), int64(x.before), int64(y.after), int64(x.after))
}

func dilations(y, x side) *onnx.AttributeProto {
	return onnx.IntsAttr("dilations", int64(y.dilation), int64(x.dilation))
}

func (g *graphMaker) pool(v value) {
	h, w := v.shape[2], v.shape[3]
	if g.r.IntN(4) == 0 {
		g.node([]string{"GlobalAveragePool", "GlobalMaxPool"}[g.r.IntN(2)], []string{v.name}, []int{v.shape[0], v.shape[1], 1, 1})
		return
	}
	kh, kw := 1+g.r.IntN(min(3, h)), 1+g.r.IntN(min(3, w))
	y, x, ceil := g.side(h, kh), g.side(w, kw), g.r.IntN(2)
	attrs := []*onnx.AttributeProto{onnx.IntsAttr("kernel_shape", int64(kh), int64(kw)), strides(y, x), pads(y, x), onnx.IntAttr("ceil_mode", int64(ceil))}
	op := "MaxPool"
	if g.r.IntN(2) == 0 {
		op, y.dilation, x.dilation = "AveragePool", 1, 1
		attrs = append(attrs, onnx.IntAttr("count_include_pad", int64(g.r.IntN(2))))
	} else {
		attrs = append(attrs, dilations(y, x))
	}
	g.node(op, []string{v.name}, []int{v.shape[0], v.shape[1], y.out(ceil == 1), x.out(ceil == 1)}, attrs...)
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
