package graph_test

import "graft/onnx"

func functionCases() []opCase {
	var r []opCase
	for _, op := range []struct {
		name  string
		opset int64
	}{{"Abs", 7}, {"Ceil", 13}, {"Cos", 7}, {"Erf", 9}, {"Exp", 13}, {"Floor", 13}, {"Neg", 13}, {"Round", 11}, {"Sign", 13}, {"Sin", 22},
		{"Softplus", 7}, {"Softsign", 22}, {"Mish", 18}, {"Gelu", 20}, {"Swish", 24}, {"Celu", 12}, {"Elu", 7}, {"Asinh", 9}, {"Atan", 7}, {"Cosh", 9}, {"Sinh", 22}, {"Selu", 22}, {"LeakyRelu", 16},
		{"Shrink", 9}, {"ThresholdedRelu", 10}} {
		r = append(r, one(op.name, "default", op.opset, nil, floats{2, 3, 4}))
	}
	within := func(op string, x *onnx.Tensor) {
		c := net(op, "its domain", 9, map[string]any{"x": x}, node(op, "x", "y"))
		c.learn = []string{"x"}
		r = append(r, c)
	}
	for _, op := range []string{"Acos", "Asin", "Atanh"} {
		within(op, row(-0.9, -0.5, -0.1, 0, 0.3, 0.6, 0.8))
	}
	within("Acosh", row(1.1, 1.5, 2, 3, 5, 8))
	return append(r,
		one("Log", "rows", 13, nil, positive{3, 4}), one("Sqrt", "rows", 7, nil, positive{3, 4}), one("Reciprocal", "rows", 13, nil, apart{3, 4}),
		one("Tan", "rows", 7, nil, apart{3, 4}), one("Gelu", "tanh", 20, attrs("approximate", "tanh"), wide{4, 5}),
		one("Swish", "alpha", 24, attrs("alpha", 1.7), wide{3, 3}), one("Celu", "alpha", 12, attrs("alpha", 0.5), wide{3, 4}),
		one("Elu", "alpha", 22, attrs("alpha", 2.0), wide{3, 4}), one("Selu", "parameters", 7, attrs("alpha", 2.0, "gamma", 3.0), floats{7}),
		one("LeakyRelu", "alpha", 7, attrs("alpha", 0.3), wide{2, 5}), one("Shrink", "bias", 9, attrs("lambd", 1.5, "bias", 1.0), wide{4, 4}),
		one("ThresholdedRelu", "alpha", 22, attrs("alpha", -0.5), wide{4, 4}))
}

func pairCases() []opCase {
	var r []opCase
	for _, op := range []string{"Max", "Min"} {
		r = append(r, one(op, "three", 13, nil, floats{2, 3}, floats{3}, floats{2, 1}), one(op, "one", 8, nil, floats{2, 3}))
	}
	for _, op := range []string{"Sum", "Mean"} {
		r = append(r, one(op, "three", 13, nil, floats{2, 3}, floats{3}, floats{2, 1}), one(op, "one", 8, nil, floats{2, 3}))
	}
	return append(r,
		one("Mod", "fmod", 13, attrs("fmod", 1), floats{3, 4}, apart{3, 4}),
		one("Pow", "equal", 13, nil, positive{3, 4}, floats{3, 4}), one("Pow", "square", 15, nil, floats{3, 4}, scalar(2)),
		one("Pow", "row", 7, nil, positive{3, 4}, floats{4}),
		one("PRelu", "channels", 9, nil, floats{2, 3, 2, 2}, floats{3, 1, 1}), one("PRelu", "one", 16, nil, floats{2, 3}, floats{1}))
}

func reductionCases() []opCase {
	var r []opCase
	for _, op := range []string{"ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"} {
		opset := int64(18)
		r = append(r, one(op, "attribute", 11, attrs("axes", list(0, 2), "keepdims", 0), apart{2, 3, 2}), one(op, "input", opset, nil, apart{2, 3, 4}, ints(-1)),
			one(op, "all", opset, nil, apart{2, 3}))
	}
	return append(r, one("ReduceLogSum", "rows", 18, nil, positive{3, 4}, ints(1)), one("ReduceLogSum", "all", 13, attrs("keepdims", 0), positive{3, 4}))
}

func placeCases() []opCase {
	return []opCase{
		one("Expand", "rows", 13, nil, floats{3, 1}, ints(2, 1, 4)), one("Tile", "twice", 13, nil, floats{2, 3}, ints(2, 3)),
		one("ReverseSequence", "time first", 10, nil, floats{4, 3, 2}, ints(1, 4, 3)),
		one("ReverseSequence", "batch first", 10, attrs("time_axis", 1, "batch_axis", 0), floats{3, 4}, ints(0, 2, 4)),
		one("Trilu", "upper", 14, nil, floats{2, 3, 4}), one("Trilu", "lower", 14, attrs("upper", 0), floats{4, 3}, onnx.FromInts(nil, []int64{-1})),
		one("DepthToSpace", "DCR", 11, attrs("blocksize", 2), floats{1, 8, 2, 3}), one("DepthToSpace", "CRD", 13, attrs("blocksize", 2, "mode", "CRD"), floats{2, 8, 2, 3}),
		one("SpaceToDepth", "blocks", 13, attrs("blocksize", 2), floats{2, 2, 4, 6}),
	}
}

func indexCases() []opCase {
	holds := &onnx.Tensor{Type: onnx.TensorProto_BOOL, Shape: []int{2, 1, 3}, Data: []bool{true, false, true, false, false, true}}
	table := func(shape []int, v ...int64) *onnx.Tensor { return onnx.FromInts(shape, v) }
	return []opCase{
		one("Gather", "rows", 13, nil, floats{4, 3}, table([]int{2, 2}, 3, 0, -1, 3)),
		one("Gather", "columns", 7, attrs("axis", 1), floats{2, 3, 2}, onnx.FromInts(nil, []int64{1})),
		one("GatherElements", "axis 1", 13, attrs("axis", 1), floats{2, 3}, table([]int{2, 2}, 0, -1, 2, 2)),
		one("GatherND", "slices", 13, nil, floats{2, 3, 2}, table([]int{2, 2}, 0, 1, 1, -1)),
		one("GatherND", "batch", 12, attrs("batch_dims", 1), floats{2, 3, 2}, table([]int{2, 1}, 1, 2)),
		one("Where", "broadcast", 16, nil, holds, floats{2, 2, 3}, floats{3}),
		one("CastLike", "float", 15, nil, floats{2, 3}, scalar(1)),
	}
}

func rowCases() []opCase {
	return []opCase{
		one("GlobalMaxPool", "images", 7, nil, floats{2, 3, 4, 5}), one("GlobalMaxPool", "one dimension", 22, nil, floats{2, 3, 4}),
		one("LayerNormalization", "last", 17, nil, floats{3, 4}, floats{4}, floats{4}), one("LayerNormalization", "no bias", 17, attrs("axis", 1, "epsilon", 0.1), floats{2, 3, 4}, floats{3, 4}),
		one("RMSNormalization", "last", 23, nil, apart{2, 3, 4}, floats{4}), one("RMSNormalization", "axis", 23, attrs("axis", 1), apart{2, 3, 4}, floats{3, 4}),
		one("InstanceNormalization", "images", 22, nil, floats{2, 3, 3, 2}, floats{3}, floats{3}),
		one("GroupNormalization", "channels", 21, attrs("num_groups", 2), floats{2, 4, 3}, floats{4}, floats{4}),
		one("GroupNormalization", "groups", 18, attrs("num_groups", 2), floats{2, 4, 3}, floats{2}, floats{2}),
		one("LRN", "five channels", 13, attrs("size", 5, "alpha", 1.5, "beta", 0.6, "bias", 1.25), floats{2, 7, 3, 2}), one("LRN", "even", 7, attrs("size", 4, "alpha", 0.5), floats{1, 9, 4}),
		one("LogSoftmax", "last", 13, nil, floats{3, 4}), one("LogSoftmax", "axis 1", 13, attrs("axis", 1), floats{2, 3, 2}), one("LogSoftmax", "opset 7", 7, nil, floats{2, 3, 2}),
	}
}
