package graph_test

import (
	"math"
	"slices"

	"graft/onnx"
)

// What came with dense prediction and video: transposed convolutions, three dimensions,
// resizing.

func transposedCases() []opCase {
	f := func(name string, x, w floats, m int, a ...any) opCase {
		return one("ConvTranspose", name, 11, attrs(a...), x, w, floats{m})
	}
	return []opCase{
		f("3x3", floats{2, 3, 4, 5}, floats{3, 2, 3, 3}, 2),
		one("ConvTranspose", "no bias", 7, nil, floats{1, 2, 3, 3}, floats{2, 3, 2, 2}),
		f("strides", floats{1, 2, 3, 4}, floats{2, 3, 2, 3}, 3, "strides", list(2, 3)),
		f("pads", floats{1, 2, 4, 4}, floats{2, 2, 3, 3}, 2, "strides", list(2, 2), "pads", list(1, 0, 2, 1)),
		f("output padding", floats{1, 2, 3, 3}, floats{2, 1, 3, 3}, 1, "strides", list(3, 2), "output_padding", list(2, 1)),
		f("output shape", floats{1, 2, 3, 3}, floats{2, 1, 3, 3}, 1, "strides", list(3, 2), "output_shape", list(10, 6)),
		f("dilations", floats{1, 1, 3, 4}, floats{1, 2, 2, 2}, 2, "dilations", list(2, 3)),
		f("groups", floats{1, 4, 3, 3}, floats{4, 3, 2, 2}, 6, "group", 2, "strides", list(2, 2)),
		f("depthwise", floats{2, 3, 3, 3}, floats{3, 1, 4, 4}, 3, "group", 3, "strides", list(2, 2), "pads", list(1, 1, 1, 1)),
		f("same upper", floats{1, 1, 3, 3}, floats{1, 2, 3, 3}, 2, "auto_pad", "SAME_UPPER", "strides", list(2, 2)),
		f("same lower", floats{1, 1, 3, 3}, floats{1, 2, 4, 3}, 2, "auto_pad", "SAME_LOWER", "strides", list(1, 2)),
		f("valid", floats{1, 1, 3, 3}, floats{1, 2, 3, 3}, 2, "auto_pad", "VALID"),
		f("one dimension", floats{2, 2, 4}, floats{2, 3, 3}, 3, "strides", list(2), "pads", list(1, 0)),
		f("three dimensions", floats{1, 2, 3, 2, 3}, floats{2, 2, 2, 2, 3}, 2, "strides", list(2, 1, 2), "pads", list(1, 0, 0, 0, 1, 1), "output_padding", list(1, 0, 0)),
		f("three dimensions, groups", floats{2, 2, 2, 2, 2}, floats{2, 2, 3, 1, 2}, 4, "group", 2, "dilations", list(2, 1, 1)),
		f("many channels", floats{1, 17, 2, 2}, floats{17, 3, 2, 2}, 3),
		one("ConvTranspose", "by Winograd", 11, attrs("pads", list(1, 1, 1, 1)), onnx.FromFloats([]int{1, 33, 8, 8}, drawFloats("transposed x", 33*64)),
			onnx.FromFloats([]int{33, 34, 3, 3}, drawFloats("transposed w", 33*34*9)), floats{34}),
	}
}

func volumeCases() []opCase {
	conv := func(name string, x, w floats, a ...any) opCase {
		return one("Conv", name, 11, attrs(a...), x, w, floats{w[0]})
	}
	pool := func(op, name string, x floats, a ...any) opCase { return one(op, name, 19, attrs(a...), x) }
	return []opCase{
		conv("three dimensions", floats{2, 2, 4, 3, 5}, floats{3, 2, 3, 2, 3}, "strides", list(2, 1, 2), "pads", list(1, 0, 1, 0, 1, 0)),
		conv("three dimensions, groups", floats{1, 4, 3, 3, 3}, floats{4, 2, 2, 2, 2}, "group", 2, "dilations", list(2, 1, 1)),
		pool("MaxPool", "three dimensions", floats{1, 2, 5, 4, 4}, "kernel_shape", list(3, 2, 2), "strides", list(2, 1, 2), "pads", list(1, 0, 0, 0, 1, 0)),
		pool("AveragePool", "three dimensions", floats{1, 2, 5, 4, 4}, "kernel_shape", list(3, 2, 2), "strides", list(2, 1, 2), "pads", list(1, 0, 0, 1, 1, 0)),
		pool("AveragePool", "three dimensions, pads counted", floats{1, 2, 5, 3, 4}, "kernel_shape", list(2, 2, 2), "strides", list(2, 2, 1), "pads", list(1, 0, 0, 1, 1, 0), "count_include_pad", 1, "ceil_mode", 1),
		one("GlobalMaxPool", "three dimensions", 7, nil, floats{2, 3, 2, 3, 2}),
	}
}

func resizeCases() []opCase {
	scales := func(name string, x floats, s *onnx.Tensor, a ...any) opCase {
		return one("Resize", name, 19, attrs(a...), x, nil, s)
	}
	sizes := func(name string, x floats, s *onnx.Tensor, a ...any) opCase {
		return one("Resize", name, 19, attrs(a...), x, nil, nil, s)
	}
	after := func(name, mode string, c floats) opCase { // in the blocked layout
		return net("Resize", name, 13, map[string]any{"x": floats{1, 2, 4, 4}, "w": c, "s": row(1, 1, 2, 1.5)},
			node("Conv", "x w", "c", "pads", list(1, 1, 1, 1)), node("Resize", "c  s", "r", "mode", mode), node("Sigmoid", "r", "y"))
	}
	crop := one("Resize", "crop", 11, attrs("mode", "linear", "coordinate_transformation_mode", "tf_crop_and_resize", "extrapolation_value", 3.0),
		floats{1, 1, 4, 5}, row(0, 0, 0.2, -0.3, 1, 1, 0.9, 0.8), nil, ints(1, 1, 3, 6))
	return []opCase{
		crop, after("blocked", "nearest", floats{3, 2, 3, 3}), after("blocked linear", "linear", floats{17, 2, 3, 3}),
		scales("nearest", floats{1, 2, 3, 3}, row(1, 1, 2, 3)),
		scales("nearest down", floats{1, 1, 6, 7}, row(1, 1, 0.5, 0.6), "nearest_mode", "ceil", "coordinate_transformation_mode", "asymmetric"),
		scales("linear", floats{1, 2, 3, 4}, row(1, 1, 2, 2.5), "mode", "linear"),
		scales("linear aligned", floats{1, 1, 3, 4}, row(1, 1, 3, 2), "mode", "linear", "coordinate_transformation_mode", "align_corners"),
		scales("linear down", floats{1, 1, 6, 5}, row(1, 1, 0.5, 0.7), "mode", "linear", "coordinate_transformation_mode", "half_pixel_symmetric"),
		scales("cubic", floats{1, 1, 4, 4}, row(1, 1, 1.5, 0.8), "mode", "cubic"),
		scales("cubic inside", floats{1, 1, 4, 4}, row(1, 1, 1.5, 2), "mode", "cubic", "exclude_outside", 1, "cubic_coeff_a", -0.5),
		sizes("antialiased", floats{1, 1, 9, 7}, ints(1, 1, 4, 3), "mode", "linear", "antialias", 1),
		sizes("antialiased cubic", floats{1, 1, 9, 7}, ints(3, 9), "mode", "cubic", "antialias", 1, "axes", list(2, 3)),
		sizes("one number", floats{1, 1, 3, 3}, ints(1, 1, 1, 1), "mode", "linear", "coordinate_transformation_mode", "pytorch_half_pixel"),
		sizes("not larger", floats{1, 1, 2, 4}, ints(7, 8), "axes", list(2, 3), "keep_aspect_ratio_policy", "not_larger"),
		sizes("channels", floats{2, 3}, ints(3, 5), "mode", "linear"),
		scales("nothing", floats{1, 2, 2, 2}, row(1, 1, 1, 1)),
		one("Resize", "opset 10", 10, attrs("mode", "linear"), floats{1, 1, 3, 3}, row(1, 1, 2, 2)),
		one("Upsample", "attribute", 7, []*onnx.AttributeProto{{Name: new("scales"), Type: new(onnx.AttributeProto_FLOATS), Floats: []float32{1, 1, 2, 3}}}, floats{1, 2, 2, 3}),
		one("Upsample", "operand", 9, attrs("mode", "linear"), floats{1, 2, 2, 3}, row(1, 1, 2, 1.5)),
	}
}

func einsumCases() []opCase {
	f := func(name, equation string, in ...any) opCase {
		return one("Einsum", name, 12, attrs("equation", equation), in...)
	}
	return []opCase{
		f("product", "ij,jk->ik", floats{3, 4}, floats{4, 5}),
		f("implied", "ij, jk", floats{3, 4}, floats{4, 5}),
		f("attention", "bhid,bhjd->bhij", floats{2, 2, 3, 4}, floats{2, 2, 5, 4}),
		f("transposed", "bcd,bce->edb", floats{2, 3, 2}, floats{2, 3, 4}),
		f("broadcast", "bhwc,hc->bchw", floats{2, 2, 3, 4}, floats{2, 4}),
		f("ellipsis", "...ij,...jk->...ik", floats{2, 1, 3, 4}, floats{3, 4, 2}),
		f("implied ellipsis", "i...->...", floats{2, 3, 4}),
		f("diagonal", "bii->ib", floats{2, 3, 3}),
		f("trace", "ii", floats{3, 3}),
		f("three", "ab,bc,cd->da", floats{2, 3}, floats{3, 4}, floats{4, 2}),
		f("sum of one", "ijk,lj->l", floats{2, 3, 4}, floats{5, 3}),
		f("outer", "i,j->ij", floats{3}, floats{4}),
		f("scaled", ",ij->ji", floats{}, floats{2, 3}),
		f("stretched", "ij,jk->ik", floats{3, 1}, floats{4, 2}),
		net("Einsum", "itself", 12, map[string]any{"a": floats{2, 3}}, node("Einsum", "a a", "y", "equation", "ij,kj->ik")),
	}
}

func normingCases() []opCase {
	pool := func(name string, x apart, a ...any) opCase { return one("LpPool", name, 18, attrs(a...), x) }
	return []opCase{
		one("LpNormalization", "last", 7, nil, apart{3, 4}), one("LpNormalization", "axis 1", 22, attrs("axis", 1, "p", 1), apart{2, 3, 2}),
		one("MeanVarianceNormalization", "channels", 13, nil, floats{2, 3, 2, 3}), one("MeanVarianceNormalization", "last", 9, attrs("axes", list(1, 2)), floats{2, 3, 4}),
		pool("2x2", apart{1, 2, 4, 4}, "kernel_shape", list(2, 2), "strides", list(2, 2)),
		pool("third power", apart{1, 1, 5, 4}, "kernel_shape", list(3, 2), "strides", list(2, 1), "pads", list(1, 0, 1, 1), "p", 3, "ceil_mode", 1),
		pool("one dimension", apart{2, 2, 6}, "kernel_shape", list(2), "dilations", list(2), "p", 1),
		pool("three dimensions", apart{1, 1, 3, 3, 3}, "kernel_shape", list(2, 2, 2)),
		one("GlobalLpPool", "images", 7, nil, apart{2, 3, 3, 4}), one("GlobalLpPool", "p", 22, attrs("p", 3), apart{1, 2, 5}),
		net("LpPool", "blocked", 18, map[string]any{"x": floats{1, 2, 4, 4}, "w": floats{3, 2, 2, 2}}, node("Conv", "x w", "c"), node("LpPool", "c", "y", "kernel_shape", list(2, 2))),
	}
}

func scatterCases() []opCase {
	table := func(shape []int, v ...int64) *onnx.Tensor { return onnx.FromInts(shape, v) }
	root, unit, half := scalar(math.Sqrt2), scalar(1), scalar(0.5)
	spelt := func(name, op string, operands map[string]any, nodes ...*onnx.NodeProto) opCase {
		operands["r"], operands["one"], operands["half"] = root, unit, half
		return net(op, name, 13, operands, nodes...)
	}
	erf := []*onnx.NodeProto{node("Tanh", "a", "x"), node("Div", "x r", "d"), node("Erf", "d", "e"), node("Add", "one e", "s")}
	r := []opCase{
		spelt("gelu", "Div", map[string]any{"a": wide{3, 5}}, append(slices.Clone(erf), node("Mul", "x s", "p"), node("Mul", "p half", "y"))...),
		spelt("gelu but for the half", "Div", map[string]any{"a": wide{3, 5}}, append(slices.Clone(erf), node("Mul", "s x", "p"), node("Sin", "p", "y"))...),
		spelt("gelu of another", "Div", map[string]any{"a": wide{3, 5}}, append(slices.Clone(erf), node("Mul", "s a", "y"))...),
		spelt("error function", "Mul", map[string]any{"a": wide{3, 5}, "q": scalar(math.Sqrt2 / 2)}, node("Mul", "q a", "d"), node("Erf", "d", "e"), node("Sin", "e", "y")),
		net("Sigmoid", "swish", 13, map[string]any{"a": wide{3, 5}}, node("Tanh", "a", "x"), node("Sigmoid", "x", "s"), node("Mul", "s x", "y")),
		net("Sigmoid", "swish of another", 13, map[string]any{"a": wide{3, 5}}, node("Tanh", "a", "x"), node("Sigmoid", "x", "s"), node("Mul", "a s", "y")),
		net("Swish", "after a convolution", 24, map[string]any{"x": floats{2, 3, 5, 5}, "w": floats{4, 3, 3, 3}, "u": floats{3, 4, 1, 1}},
			node("Conv", "x w", "c"), node("Swish", "c", "a"), node("Conv", "a u", "y")),
		one("CumSum", "rows", 14, nil, floats{3, 4}, table(nil, 1)), one("CumSum", "exclusive, reverse", 11, attrs("exclusive", 1, "reverse", 1), floats{2, 3, 2}, table(nil, -2)),
		one("TopK", "attribute", 7, attrs("k", 2, "axis", 1), floats{2, 4, 3}), one("TopK", "smallest", 11, attrs("largest", 0), floats{3, 5}, ints(3)),
		one("Where", "known", 16, nil, &onnx.Tensor{Type: onnx.TensorProto_BOOL, Shape: []int{2, 1}, Data: []bool{true, false}}, floats{2, 3}, floats{}),
		net("Where", "computed", 16, map[string]any{"a": floats{3, 4}, "b": floats{4}}, node("Greater", "a b", "c"), node("Where", "c b a", "y")),
		one("Pad", "reflected", 13, attrs("mode", "reflect"), floats{2, 3, 4}, ints(0, 1, 2, 0, 2, 1)), one("Pad", "edge", 11, attrs("mode", "edge"), floats{2, 3}, ints(1, 0, 0, 2)),
		one("Scatter", "axis", 9, attrs("axis", 1), floats{2, 3}, table([]int{2, 2}, 0, 2, 1, 1), floats{2, 2}),
		one("ScatterElements", "twice", 13, attrs("axis", 1), floats{2, 3}, table([]int{2, 2}, 0, 2, 1, 1), floats{2, 2}),
		one("ScatterElements", "add", 16, attrs("reduction", "add"), floats{3, 2}, table([]int{2, 2}, 0, 2, 0, 1), floats{2, 2}),
	}
	for _, reduction := range []string{"none", "add", "mul", "max", "min"} {
		r = append(r, one("ScatterND", reduction, 18, attrs("reduction", reduction), floats{4, 3}, table([]int{2, 1}, 2, 0), floats{2, 3}))
	}
	return r
}
