package graph_test

import (
	"fmt"
	"math"

	"graft/onnx"
)

func normCases() []opCase {
	mean, variance := row(0.3, -1, 0.2), row(0.5, 1.5, 2)
	stored := one("BatchNormalization", "stored", 9, attrs("epsilon", 1e-3), floats{2, 3, 2, 2}, floats{3}, floats{3}, mean, variance)
	rows := one("BatchNormalization", "rows", 15, nil, floats{4, 3}, floats{3}, floats{3}, mean, variance)
	batch := one("BatchNormalization", "batch", 14, attrs("epsilon", 1e-2), floats{3, 3, 2, 2}, floats{3}, floats{3}, mean, variance)
	batch.batch, batch.reference = []string{"y"}, batchNormalized(3, 3, 4, float64(float32(1e-2)))
	line := one("BatchNormalization", "batch of rows", 14, nil, floats{5, 3}, floats{3}, floats{3}, mean, variance)
	line.batch, line.reference = []string{"y"}, batchNormalized(5, 3, 1, float64(float32(1e-5)))
	return []opCase{
		stored, rows, batch, line,
		one("Softmax", "last axis", 13, nil, floats{3, 4}),
		one("Softmax", "axis 1", 13, attrs("axis", 1), floats{2, 3, 4}),
		one("Softmax", "axis 0", 13, attrs("axis", 0), floats{3, 2, 2}),
		one("Softmax", "negative axis", 13, attrs("axis", -2), floats{2, 3, 2, 2}),
		one("Softmax", "opset 11", 11, nil, floats{2, 3, 2}),
		one("Softmax", "opset 7 axis 2", 7, attrs("axis", 2), floats{2, 3, 2, 2}),
		one("Softmax", "opset 11 axis 0", 11, attrs("axis", 0), floats{2, 3}),
		one("Softmax", "vector", 13, nil, floats{5}),
		one("ReduceMean", "attribute", 13, attrs("axes", list(2, 3)), floats{2, 3, 2, 4}),
		one("ReduceMean", "input", 18, attrs("keepdims", 0), floats{2, 3, 4}, ints(1)),
		one("ReduceMean", "all", 11, attrs("keepdims", 0), floats{2, 3}),
		one("ReduceMean", "all by default", 18, nil, floats{2, 3, 2}),
		one("ReduceMean", "scattered", 13, attrs("axes", list(-4, 2), "keepdims", 1), floats{2, 3, 2, 4}),
		one("ReduceMean", "nothing", 18, attrs("noop_with_empty_axes", 1), floats{2, 3}),
		one("ReduceMean", "first", 7, attrs("axes", list(0)), floats{3, 4}),
	}
}

// batchNormalized normalises a [n,c,hw] by its own mean and biased variance (Ioffe
// and Szegedy 2015, algorithm 1).
func batchNormalized(n, c, hw int, epsilon float64) func(map[string][]float64, []float32) []float64 {
	return func(in map[string][]float64, _ []float32) []float64 {
		x, y := in["a"], make([]float64, n*c*hw)
		for k := range c {
			var mean, variance float64
			for i := range n * hw {
				mean += x[(i/hw*c+k)*hw+i%hw] / float64(n*hw)
			}
			for i := range n * hw {
				d := x[(i/hw*c+k)*hw+i%hw] - mean
				variance += d * d / float64(n*hw)
			}
			for i := range n * hw {
				at := (i/hw*c+k)*hw + i%hw
				y[at] = (x[at]-mean)/math.Sqrt(variance+epsilon)*in["b"][k] + in["c"][k]
			}
		}
		return y
	}
}

// dropped repeats the mask that y shows: dropout draws it, and scales what it keeps.
func dropped(ratio float64) func(map[string][]float64, []float32) []float64 {
	return func(in map[string][]float64, y []float32) []float64 {
		r := make([]float64, len(y))
		for i, v := range y {
			if v != 0 {
				r[i] = in["a"][i] / (1 - ratio)
			}
		}
		return r
	}
}

func pointwiseCases() []opCase {
	attribute := one("Dropout", "attribute", 7, attrs("ratio", 0.25), apart{4, 9})
	attribute.reference = dropped(0.25)
	operand := one("Dropout", "operand", 13, nil, apart{3, 2, 5}, scalar(0.5))
	operand.reference = dropped(0.5)
	return []opCase{
		attribute, operand,
		one("Dropout", "nothing", 10, attrs("ratio", 0.0), floats{2, 3}),
		one("Relu", "rows", 7, nil, floats{5, 7}),
		one("Relu", "scalar", 14, nil, floats{}),
		one("Sigmoid", "images", 13, nil, floats{1, 2, 3, 3}),
		one("Tanh", "images", 13, nil, floats{1, 2, 3, 3}),
		one("HardSigmoid", "default", 7, nil, wide{4, 9}),
		one("HardSigmoid", "sixth", 14, attrs("alpha", 1./6, "beta", 0.5), wide{2, 3, 4, 2}),
		one("HardSigmoid", "falling", 13, attrs("alpha", -0.4, "beta", 0.75), wide{5, 5}),
		one("HardSwish", "images", 14, nil, wide{2, 3, 4, 4}),
		one("HardSwish", "scalar", 22, nil, wide{}),
		one("Clip", "attributes", 7, attrs("min", -0.5, "max", 0.75), floats{4, 5}),
		one("Clip", "operands", 13, nil, floats{4, 5}, scalar(-0.5), scalar(0.25)),
		one("Clip", "only max", 11, nil, floats{4, 5}, nil, scalar(0.25)),
		one("Clip", "only min", 12, nil, floats{4, 5}, scalar(0)),
		one("Clip", "nothing", 7, nil, floats{2, 2}),
		one("Cast", "to float", 13, attrs("to", int(onnx.TensorProto_FLOAT)), floats{2, 3}),
		one("Identity", "rows", 7, nil, floats{2, 3}),
	}
}

func movingCases() []opCase {
	return []opCase{
		one("Concat", "channels", 11, attrs("axis", 1), floats{2, 1, 3}, floats{2, 2, 3}, floats{2, 3, 3}),
		one("Concat", "last axis", 13, attrs("axis", -1), floats{2, 3}, floats{2, 1}),
		one("Concat", "rows", 7, attrs("axis", 0), floats{2, 3}, floats{1, 3}),
		one("Concat", "one", 13, attrs("axis", 0), floats{2, 3}),
		net("Concat", "itself", 13, map[string]any{"a": floats{2, 3}}, node("Concat", "a a a", "y", "axis", 1)),
		one("Flatten", "default", 7, nil, floats{2, 3, 2}),
		one("Flatten", "negative axis", 13, attrs("axis", -1), floats{2, 3, 2}),
		one("Flatten", "axis 0", 9, attrs("axis", 0), floats{2, 3}),
		one("Reshape", "rest", 13, nil, floats{2, 3, 4}, ints(0, -1)),
		one("Reshape", "more dimensions", 14, nil, floats{6}, ints(1, 2, 3)),
		one("Reshape", "no dimensions", 14, nil, floats{1}, ints()),
		one("Squeeze", "attribute", 11, attrs("axes", list(0, -1)), floats{1, 3, 1}),
		one("Squeeze", "operand", 13, nil, floats{1, 3, 1}, ints(2)),
		one("Squeeze", "all", 13, nil, floats{1, 3, 1}),
		one("Unsqueeze", "attribute", 11, attrs("axes", list(0, 2)), floats{2, 3}),
		one("Unsqueeze", "operand", 13, nil, floats{2, 3}, ints(-1, 0)),
		one("Transpose", "images", 13, attrs("perm", list(0, 2, 3, 1)), floats{2, 3, 2, 4}),
		one("Transpose", "reversed", 7, nil, floats{2, 3, 4}),
		one("Transpose", "matrix", 13, attrs("perm", list(1, 0)), floats{3, 4}),
		one("Slice", "attributes", 7, attrs("axes", list(1, 2), "starts", list(0, 1), "ends", list(2, 100)), floats{2, 3, 4}),
		one("Slice", "operands", 13, nil, floats{3, 5}, ints(1, -3), ints(3, 1<<62), ints(0, 1)),
		one("Slice", "steps", 10, nil, floats{2, 7, 5}, ints(1, 4), ints(7, 0), ints(1, 2), ints(3, -2)),
		one("Slice", "reversed", 11, nil, floats{4, 3}, ints(-1), ints(-100), ints(0), ints(-1)),
		one("Slice", "huge steps", 13, nil, floats{4, 3}, ints(1, 2), ints(4, math.MinInt64), ints(0, 1), ints(math.MaxInt64, math.MinInt64)),
		pieces("attribute", 11, attrs("axis", 1, "split", list(1, 3)), floats{2, 4, 3}, "y1", "y0"),
		pieces("equal", 7, attrs("axis", -1), floats{3, 4}, "y0", "y1"),
		pieces("operand", 13, nil, floats{5, 2}, ints(2, 1, 2), "y0", "y2", "y1", "y0"),
		pieces("uneven", 18, attrs("num_outputs", 3, "axis", 1), floats{2, 7}, "y2", "y0", "y1"),
		pieces("piece that nobody reads", 13, attrs("axis", 1), floats{2, 6, 2}, ints(1, 3, 2), "y1"),
		one("Pad", "attributes", 7, attrs("pads", list(0, 1, 2, 0), "value", 2.5), floats{2, 3}),
		one("Pad", "operands", 13, nil, floats{1, 2, 3, 3}, ints(0, 0, 1, 2, 0, 0, 0, 1), scalar(-1)),
		one("Pad", "negative", 11, nil, floats{4, 5}, ints(-1, 2, 1, -3)),
		one("Pad", "dropped whole", 11, nil, floats{2, 3}, ints(-3, 0, 4, 1)),
		one("Pad", "axes", 18, nil, floats{2, 3, 4}, ints(1, 2), nil, ints(-1)),
	}
}

// pieces is a case of Split, of as many outputs y0, y1, … as are joined again, or its
// operand says. What is joined has passed a Tanh and x a Sigmoid, so that pieces
// and input have other readers.
func pieces(name string, opset int64, a []*onnx.AttributeProto, x floats, rest ...any) opCase {
	operands, in := map[string]any{"x": x}, []string{"s"}
	if t, ok := rest[0].(*onnx.Tensor); ok {
		operands["k"], in, rest = t, append(in, "k"), rest[1:]
	}
	outs := map[string]bool{}
	joined := ""
	for _, v := range rest {
		outs[v.(string)] = true
		joined += " " + v.(string)
	}
	count := len(outs)
	if t, ok := operands["k"].(*onnx.Tensor); ok {
		count = t.Len()
	}
	var names []string
	for i := range count {
		names = append(names, fmt.Sprintf("y%d", i))
	}
	axis := 0
	for _, p := range a {
		if p.GetName() == "axis" {
			axis = int(p.GetI())
		}
	}
	return net("Split", name, opset, operands, node("Sigmoid", "x", "s"), onnx.NewNode("Split", "split", in, names, a...),
		node("Concat", joined[1:], "j", "axis", axis), node("Tanh", "j", "y"))
}

// sharedCases have values with several readers: their gradients are summed.
func sharedCases() []opCase {
	x := floats{2, 3, 4, 4}
	return []opCase{
		net("Add", "residual", 13, map[string]any{"x": x, "w": floats{3, 3, 3, 3}},
			node("Conv", "x w", "c", "pads", list(1, 1, 1, 1)), node("Tanh", "c", "t"), node("Add", "t x", "y")),
		net("Relu", "many readers", 13, map[string]any{"x": floats{2, 3}},
			node("Tanh", "x", "t"), node("Relu", "t", "r"), node("Sigmoid", "t", "s"), node("Mul", "r s", "m"),
			node("Add", "m t", "n"), node("Sub", "n x", "y")),
		net("Gemm", "parameter twice", 13, map[string]any{"x": floats{2, 3}, "w": floats{3, 3}},
			node("Gemm", "x w", "g"), node("Tanh", "g", "t"), node("Gemm", "t w", "y", "transB", 1)),
		net("MatMul", "parameter through others", 13, map[string]any{"x": floats{2, 3}, "w": floats{3, 3}},
			node("Transpose", "w", "wt"), node("Identity", "w", "wi"), node("MatMul", "x wt", "p"),
			node("MatMul", "p wi", "y")),
		net("Concat", "branches", 13, map[string]any{"x": x, "a": floats{2, 3, 1, 1}, "b": floats{1, 3, 3, 3}},
			node("Conv", "x a", "p"), node("Relu", "p", "pr"), node("Conv", "pr b", "q", "pads", list(1, 1, 1, 1), "group", 1, "kernel_shape", list(3, 3)),
			node("Concat", "pr q p", "y", "axis", 1)).with("b", floats{1, 2, 3, 3}),
		net("Reshape", "alias read again", 13, map[string]any{"x": floats{2, 6}, "s": ints(3, 4), "w": floats{4, 2}},
			node("Sigmoid", "x", "a"), node("Reshape", "a s", "b"), node("MatMul", "b w", "c"), node("ReduceMean", "b", "d"),
			node("Mul", "c d", "e"), node("ReduceMean", "a", "f"), node("Add", "e f", "y")),
	}
}

// with redraws an operand in another shape.
func (c opCase) with(name string, shape floats) opCase {
	for i, t := range c.model.Graph.Initializer {
		if t.GetName() == name {
			n := 1
			for _, d := range shape {
				n *= d
			}
			v := make([]float32, n)
			for k := range v {
				v[k] = float32(math.Sin(float64(k*k + 1)))
			}
			c.model.Graph.Initializer[i] = onnx.FromFloats(shape, v).Proto(name)
		}
	}
	return c
}
