package graph_test

func functionCases() []opCase {
	var r []opCase
	for _, op := range []struct {
		name  string
		opset int64
	}{{"Abs", 7}, {"Ceil", 13}, {"Cos", 7}, {"Erf", 9}, {"Exp", 13}, {"Floor", 13}, {"Neg", 13}, {"Round", 11}, {"Sign", 13}, {"Sin", 22},
		{"Softplus", 7}, {"Softsign", 22}, {"Mish", 18}, {"Gelu", 20}, {"Swish", 24}, {"Celu", 12}, {"Elu", 7}, {"Selu", 22}, {"LeakyRelu", 16},
		{"Shrink", 9}, {"ThresholdedRelu", 10}} {
		r = append(r, one(op.name, "default", op.opset, nil, floats{2, 3, 4}))
	}
	return append(r,
		one("Log", "rows", 13, nil, positive{3, 4}), one("Sqrt", "rows", 7, nil, positive{3, 4}), one("Reciprocal", "rows", 13, nil, apart{3, 4}),
		one("Tan", "rows", 7, nil, apart{3, 4}), one("Gelu", "tanh", 20, attrs("approximate", "tanh"), wide{4, 5}),
		one("Swish", "alpha", 24, attrs("alpha", 1.7), wide{3, 3}), one("Celu", "alpha", 12, attrs("alpha", 0.5), wide{3, 4}),
		one("Elu", "alpha", 22, attrs("alpha", 2.0), wide{3, 4}), one("Selu", "parameters", 7, attrs("alpha", 2.0, "gamma", 3.0), floats{7}),
		one("LeakyRelu", "alpha", 7, attrs("alpha", 0.3), wide{2, 5}), one("Shrink", "bias", 9, attrs("lambd", 1.5, "bias", 1.0), wide{4, 4}),
		one("ThresholdedRelu", "alpha", 22, attrs("alpha", -0.5), wide{4, 4}))
}
