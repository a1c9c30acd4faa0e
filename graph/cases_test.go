package graph_test

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"

	"graft/onnx"
)

// opCase is a small model that exercises one row of the operator table. Its float
// initializers in learn are what the gradient check differentiates by; the others
// and all integers are constants. Its only output is "y".
type opCase struct {
	op    string // the row
	name  string // of the variant
	model *onnx.ModelProto
	learn []string
	// batch names BatchNormalization outputs on batch statistics.
	batch []string
	// reference computes y in float64 where the operator's own evaluation is another
	// form than training's; y is what the program computed.
	reference func(in map[string][]float64, y []float32) []float64
	// kink says that the input sits on a kink, where central differences tell nothing.
	kink bool
}

func (c opCase) String() string { return c.op + "/" + c.name }

// The operands of a case, in order: floats, apart, wide and positive are tensors that learn, a
// *onnx.Tensor is a constant, nil an optional input left out.
type (
	floats   []int // values from a normal distribution
	apart    []int // values of magnitude 0.5 to 1.5, for denominators
	wide     []int // values from -5 to 5, past the ends of what saturates
	positive []int // values of 0.5 to 2.5, for roots and logarithms
)

// one is a case of a single node.
func one(op, name string, opset int64, attrs []*onnx.AttributeProto, in ...any) opCase {
	var names []string
	for i := range in {
		names = append(names, string(rune('a'+i)))
		if in[i] == nil {
			names[i] = ""
		}
	}
	operands := map[string]any{}
	for i, v := range in {
		if v != nil {
			operands[names[i]] = v
		}
	}
	return net(op, name, opset, operands, onnx.NewNode(op, "node", names, []string{"y"}, attrs...))
}

// net is a case of several nodes; the last one's output is "y".
func net(op, name string, opset int64, operands map[string]any, nodes ...*onnx.NodeProto) opCase {
	c := opCase{op: op, name: name}
	h := fnv.New64a()
	fmt.Fprint(h, c)
	random := rand.New(rand.NewPCG(1, h.Sum64()))
	g := &onnx.GraphProto{Name: new("case"), Node: nodes, Output: []*onnx.ValueInfoProto{{Name: new("y")}}}
	keys := make([]string, 0, len(operands))
	for k := range operands {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		var t *onnx.Tensor
		switch v := operands[k].(type) {
		case floats:
			t = draw(random, v, func() float32 { return float32(random.NormFloat64()) })
			c.learn = append(c.learn, k)
		case apart:
			t = draw(random, v, func() float32 {
				return (0.5 + random.Float32()) * float32(1-2*random.IntN(2))
			})
			c.learn = append(c.learn, k)
		case wide:
			t = draw(random, v, func() float32 { return 10*random.Float32() - 5 })
			c.learn = append(c.learn, k)
		case positive:
			t = draw(random, v, func() float32 { return 0.5 + 2*random.Float32() })
			c.learn = append(c.learn, k)
		case *onnx.Tensor:
			t = v
		}
		g.Initializer = append(g.Initializer, t.Proto(k))
	}
	ir := int64(8)
	c.model = &onnx.ModelProto{IrVersion: &ir, Graph: g, OpsetImport: []*onnx.OperatorSetIdProto{{Domain: new(""), Version: &opset}}}
	return c
}

func draw(_ *rand.Rand, shape []int, f func() float32) *onnx.Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	v := make([]float32, n)
	for i := range v {
		v[i] = f()
	}
	return onnx.FromFloats(shape, v)
}

func ints(v ...int64) *onnx.Tensor { return onnx.FromInts([]int{len(v)}, v) }

func scalar(v float32) *onnx.Tensor { return onnx.FromFloats(nil, []float32{v}) }

func row(v ...float32) *onnx.Tensor { return onnx.FromFloats([]int{len(v)}, v) }

// attrs builds an attribute list from names and values by turns.
func attrs(list ...any) []*onnx.AttributeProto {
	var r []*onnx.AttributeProto
	for i := 0; i < len(list); i += 2 {
		name := list[i].(string)
		switch v := list[i+1].(type) {
		case int:
			r = append(r, onnx.IntAttr(name, int64(v)))
		case []int64:
			r = append(r, onnx.IntsAttr(name, v...))
		case float64:
			r = append(r, onnx.FloatAttr(name, float32(v)))
		case string:
			r = append(r, onnx.StringAttr(name, v))
		default:
			panic("attrs: unknown kind")
		}
	}
	return r
}

// list is the value of an INTS attribute.
func list(v ...int64) []int64 { return v }

func node(op, in, out string, a ...any) *onnx.NodeProto {
	var names []string
	start := 0
	for i := 0; i <= len(in); i++ {
		if i == len(in) || in[i] == ' ' {
			names = append(names, in[start:i])
			start = i + 1
		}
	}
	return onnx.NewNode(op, out, names, []string{out}, attrs(a...)...)
}

// cases are the models behind the gradient check and the comparison of kernels with
// the reference evaluation.
func cases() []opCase {
	return slices.Concat(convCases(), productCases(), poolCases(), binaryCases(), normCases(), pointwiseCases(), functionCases(), pairCases(), reductionCases(), placeCases(), indexCases(), rowCases(), movingCases(), transposedCases(), volumeCases(), resizeCases(), einsumCases(), normingCases(), scatterCases(), sharedCases(), shuffleCases())
}

func convCases() []opCase {
	f := func(name string, x, w floats, a ...any) opCase {
		return one("Conv", name, 11, attrs(a...), x, w, floats{w[0]})
	}
	return []opCase{
		f("3x3", floats{2, 2, 5, 4}, floats{3, 2, 3, 3}),
		one("Conv", "no bias", 7, nil, floats{1, 2, 4, 4}, floats{3, 2, 2, 2}),
		f("1x1", floats{2, 3, 4, 3}, floats{5, 3, 1, 1}),
		f("1x1 strided", floats{1, 3, 5, 5}, floats{2, 3, 1, 1}, "strides", list(2, 2)),
		f("strides", floats{1, 2, 7, 6}, floats{3, 2, 3, 3}, "strides", list(2, 3), "pads", list(1, 1, 1, 1)),
		f("asymmetric pads", floats{1, 2, 5, 5}, floats{2, 2, 3, 3}, "pads", list(0, 1, 2, 0)),
		f("pads beyond the kernel", floats{1, 1, 3, 3}, floats{1, 1, 2, 2}, "pads", list(2, 3, 2, 1)),
		f("dilations", floats{1, 2, 7, 7}, floats{2, 2, 3, 2}, "dilations", list(2, 3), "pads", list(1, 0, 0, 1)),
		f("groups", floats{2, 4, 4, 4}, floats{6, 2, 3, 3}, "group", 2, "pads", list(1, 1, 1, 1)),
		f("depthwise", floats{2, 3, 5, 5}, floats{3, 1, 3, 3}, "group", 3, "pads", list(1, 1, 1, 1)),
		f("depthwise strided", floats{1, 3, 6, 7}, floats{3, 1, 3, 3}, "group", 3, "strides", list(2, 2), "pads", list(0, 1, 1, 0)),
		f("depthwise 5x5", floats{1, 2, 6, 6}, floats{2, 1, 5, 5}, "group", 2, "strides", list(2, 1), "pads", list(2, 2, 2, 2)),
		f("depthwise multiplied", floats{1, 2, 4, 4}, floats{6, 1, 3, 3}, "group", 2, "pads", list(1, 1, 1, 1)),
		f("depthwise dilated", floats{1, 2, 7, 6}, floats{2, 1, 3, 3}, "group", 2, "dilations", list(2, 2), "pads", list(2, 1, 0, 2)),
		f("same upper", floats{1, 2, 5, 6}, floats{2, 2, 3, 2}, "auto_pad", "SAME_UPPER", "strides", list(2, 2)),
		f("same lower", floats{1, 2, 5, 6}, floats{2, 2, 3, 2}, "auto_pad", "SAME_LOWER", "strides", list(2, 2)),
		f("valid", floats{1, 1, 4, 5}, floats{2, 1, 2, 3}, "auto_pad", "VALID"),
		f("one dimension", floats{2, 2, 7}, floats{3, 2, 3}, "strides", list(2), "pads", list(1, 0)),
		f("whole image", floats{2, 2, 3, 4}, floats{3, 2, 3, 4}),
		f("many channels", floats{1, 17, 3, 3}, floats{19, 17, 1, 1}),
	}
}

func productCases() []opCase {
	gemm := func(name string, a []any, in ...any) opCase { return one("Gemm", name, 13, attrs(a...), in...) }
	return []opCase{
		gemm("plain", nil, floats{3, 4}, floats{4, 5}, floats{5}),
		gemm("no bias", nil, floats{3, 4}, floats{4, 5}),
		gemm("transA", []any{"transA", 1}, floats{4, 3}, floats{4, 5}, floats{3, 5}),
		gemm("transB", []any{"transB", 1}, floats{3, 4}, floats{5, 4}, floats{1, 5}),
		gemm("transA transB", []any{"transA", 1, "transB", 1}, floats{4, 3}, floats{5, 4}, floats{3, 1}),
		gemm("alpha beta", []any{"alpha", 0.5, "beta", -2.0}, floats{2, 3}, floats{3, 4}, floats{}),
		gemm("alpha transposed", []any{"alpha", 1.5, "transA", 1, "transB", 1}, floats{3, 2}, floats{4, 3}, floats{1}),
		gemm("alpha transA", []any{"alpha", 1.5, "transA", 1}, floats{3, 2}, floats{3, 4}, floats{4}),
		one("Gemm", "opset 7", 7, attrs("transB", 1), floats{2, 3}, floats{4, 3}, floats{4}),
		gemm("one row", nil, floats{1, 33}, floats{33, 17}, floats{17}),
		one("MatMul", "matrices", 13, nil, floats{3, 4}, floats{4, 5}),
		one("MatMul", "stack by matrix", 13, nil, floats{2, 3, 4}, floats{4, 5}),
		one("MatMul", "stack by one", 9, nil, floats{2, 2, 3, 4}, floats{1, 1, 4, 2}),
		one("MatMul", "vector by matrix", 13, nil, floats{4}, floats{4, 3}),
		one("MatMul", "matrix by vector", 13, nil, floats{3, 4}, floats{4}),
		one("MatMul", "vectors", 13, nil, floats{4}, floats{4}),
		one("MatMul", "deep by vector", 13, nil, floats{2, 3, 4}, floats{4}),
		one("MatMul", "stacks", 13, nil, floats{2, 3, 5, 4}, floats{2, 3, 4, 6}),
		one("MatMul", "matrix by stack", 13, nil, floats{5, 4}, floats{2, 4, 3}),
		one("MatMul", "vector by stack", 9, nil, floats{4}, floats{2, 4, 3}),
		one("MatMul", "stacks, broadcast", 13, nil, floats{2, 1, 3, 4}, floats{3, 4, 2}),
	}
}

func poolCases() []opCase {
	ties := one("MaxPool", "ties", 12, attrs("kernel_shape", list(2, 2), "strides", list(1, 1)),
		onnx.FromFloats([]int{1, 1, 3, 3}, []float32{1, 1, 1, 1, 1, 1, 1, 1, 1}))
	ties.learn, ties.kink = []string{"a"}, true
	f := func(op, name string, x floats, a ...any) opCase { return one(op, name, 19, attrs(a...), x) }
	return []opCase{
		f("MaxPool", "2x2", floats{2, 2, 4, 6}, "kernel_shape", list(2, 2), "strides", list(2, 2)),
		f("MaxPool", "overlapping", floats{1, 2, 7, 6}, "kernel_shape", list(3, 3), "strides", list(2, 2)),
		f("MaxPool", "pads", floats{1, 2, 5, 5}, "kernel_shape", list(3, 3), "strides", list(2, 1), "pads", list(1, 0, 1, 2)),
		f("MaxPool", "ceil, a part of a window", floats{1, 2, 2, 5}, "kernel_shape", list(2, 1), "dilations", list(2, 1), "strides", list(2, 2), "ceil_mode", 1),
		f("MaxPool", "ceil", floats{1, 1, 6, 5}, "kernel_shape", list(3, 2), "strides", list(2, 2), "ceil_mode", 1),
		f("MaxPool", "dilations", floats{1, 1, 6, 6}, "kernel_shape", list(2, 2), "dilations", list(2, 3)),
		f("MaxPool", "same", floats{1, 1, 5, 5}, "kernel_shape", list(2, 2), "strides", list(2, 2), "auto_pad", "SAME_LOWER"),
		f("MaxPool", "one dimension", floats{1, 2, 7}, "kernel_shape", list(3), "strides", list(2)),
		ties,
		f("AveragePool", "2x2", floats{2, 2, 4, 6}, "kernel_shape", list(2, 2), "strides", list(2, 2)),
		f("AveragePool", "overlapping", floats{1, 2, 5, 6}, "kernel_shape", list(3, 3), "strides", list(1, 2)),
		f("AveragePool", "pads", floats{1, 1, 5, 5}, "kernel_shape", list(3, 3), "strides", list(2, 2), "pads", list(1, 0, 1, 1)),
		f("AveragePool", "pads counted", floats{1, 1, 5, 5}, "kernel_shape", list(3, 3), "strides", list(2, 2), "pads", list(1, 0, 1, 1), "count_include_pad", 1),
		f("AveragePool", "ceil", floats{1, 1, 6, 5}, "kernel_shape", list(3, 2), "strides", list(2, 2), "ceil_mode", 1),
		f("AveragePool", "ceil, pads counted", floats{1, 1, 6, 5}, "kernel_shape", list(3, 2), "strides", list(2, 2), "pads", list(0, 1, 1, 0), "ceil_mode", 1, "count_include_pad", 1),
		f("AveragePool", "dilations", floats{1, 1, 6, 6}, "kernel_shape", list(2, 2), "dilations", list(2, 2)),
		f("AveragePool", "same", floats{1, 1, 5, 4}, "kernel_shape", list(3, 2), "strides", list(2, 2), "auto_pad", "SAME_UPPER"),
		f("GlobalAveragePool", "images", floats{2, 3, 4, 5}),
		f("GlobalAveragePool", "one dimension", floats{2, 3, 4}),
		f("GlobalAveragePool", "volume", floats{1, 2, 2, 3, 2}),
	}
}

// broadcasts are pairs of operand shapes, each in both orders.
var broadcasts = []struct {
	name string
	a, b []int
}{
	{"equal", []int{2, 3, 2, 2}, []int{2, 3, 2, 2}},
	{"scalar", []int{2, 3}, []int{}},
	{"one", []int{2, 3, 2}, []int{1}},
	{"channel", []int{2, 3, 2, 2}, []int{3, 1, 1}},
	{"row", []int{2, 3, 4}, []int{4}},
	{"plane", []int{2, 3, 2, 2}, []int{1, 1, 2, 2}},
	{"image", []int{2, 3, 2, 2}, []int{2, 1, 1, 1}},
	{"scattered", []int{2, 3, 4}, []int{2, 1, 4}},
	{"both", []int{3, 1}, []int{1, 4}},
	{"longer", []int{2, 1, 3}, []int{4, 1}},
}

func binaryCases() []opCase {
	var r []opCase
	for _, op := range []string{"Add", "Sub", "Mul", "Div"} {
		for _, s := range broadcasts {
			if op == "Div" {
				r = append(r, one(op, s.name, 7, nil, floats(s.a), apart(s.b)), one(op, s.name+" reversed", 14, nil, floats(s.b), apart(s.a)))
				continue
			}
			r = append(r, one(op, s.name, 7, nil, floats(s.a), floats(s.b)), one(op, s.name+" reversed", 14, nil, floats(s.b), floats(s.a)))
		}
		r = append(r, net(op, "itself", 14, map[string]any{"a": apart{2, 3}}, node(op, "a a", "y")))
	}
	return r
}
