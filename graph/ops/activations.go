package ops

import (
	"math"

	"graft/graph/internal/kernel"
)

// The activations below are functions of one number, with parameters that are
// attributes.

// readCelu is max(0,x) + min(0, alpha*(exp(x/alpha)-1)).
// https://onnx.ai/onnx/operators/onnx__Celu.html; opset 12
func readCelu(a *Attrs) Form {
	alpha := float64(a.Float("alpha", 1))
	return &function{name: "Celu", f: func(x float64) float64 { return math.Max(0, x) + math.Min(0, alpha*math.Expm1(x/alpha)) },
		d: func(x float64) float64 {
			if x > 0 {
				return 1
			}
			return math.Exp(x / alpha)
		}}
}

// readElu is x, or alpha*(exp(x)-1) below 0.
// https://onnx.ai/onnx/operators/onnx__Elu.html; opsets 6, 22
func readElu(a *Attrs) Form { return elu("Elu", float64(a.Float("alpha", 1)), 1) }

// readSelu is gamma times Elu.
// https://onnx.ai/onnx/operators/onnx__Selu.html; opsets 6, 22
func readSelu(a *Attrs) Form {
	return elu("Selu", float64(a.Float("alpha", 1.67326319217681884765625)), float64(a.Float("gamma", 1.05070102214813232421875)))
}

func elu(name string, alpha, gamma float64) Form {
	return &function{name: name, f: func(x float64) float64 {
		if x < 0 {
			return gamma * alpha * math.Expm1(x)
		}
		return gamma * x
	}, d: func(x float64) float64 {
		if x < 0 {
			return gamma * alpha * math.Exp(x)
		}
		return gamma
	}}
}

// readGelu is x times the standard normal distribution function at x, or its
// approximation by tanh (Hendrycks and Gimpel 2016).
// https://onnx.ai/onnx/operators/onnx__Gelu.html; opset 20
func readGelu(a *Attrs) Form {
	switch v := a.String("approximate", "none"); v {
	case "none":
		cdf := func(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }
		return &function{name: "Gelu", f: func(x float64) float64 { return x * cdf(x) }, d: func(x float64) float64 {
			return cdf(x) + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
		}, forward: kernel.Gelu, backward: kernel.GeluBackward}
	case "tanh":
		inner := func(x float64) float64 { return math.Sqrt(2/math.Pi) * (x + 0.044715*x*x*x) }
		return &function{name: "Gelu.tanh", f: func(x float64) float64 { return x * (1 + math.Tanh(inner(x))) / 2 }, d: func(x float64) float64 {
			t := math.Tanh(inner(x))
			return (1+t)/2 + x*(1-t*t)/2*math.Sqrt(2/math.Pi)*(1+3*0.044715*x*x)
		}}
	default:
		a.fail("approximate %s, want none or tanh", quote(v))
		return nil
	}
}

// readLeakyRelu is x, or alpha*x below 0.
// https://onnx.ai/onnx/operators/onnx__LeakyRelu.html; opsets 6, 16
func readLeakyRelu(a *Attrs) Form {
	alpha := float64(a.Float("alpha", 0.01))
	d := func(x float64) float64 {
		if x < 0 {
			return alpha
		}
		return 1
	}
	return &function{name: "LeakyRelu", f: func(x float64) float64 { return x * d(x) }, d: d}
}

// readMish is x*tanh(softplus(x)).
// https://onnx.ai/onnx/operators/onnx__Mish.html; opsets 18, 22
func readMish(*Attrs) Form {
	return &function{name: "Mish", f: func(x float64) float64 { return x * math.Tanh(softplus(x)) }, d: func(x float64) float64 {
		t := math.Tanh(softplus(x))
		return t + x*(1-t*t)*logistic(x)
	}}
}

// readShrink is x-bias above lambd, x+bias below -lambd, and 0 between.
// https://onnx.ai/onnx/operators/onnx__Shrink.html; opset 9
func readShrink(a *Attrs) Form {
	bias, lambd := float64(a.Float("bias", 0)), float64(a.Float("lambd", 0.5))
	shrink := func(x float64) float64 {
		switch {
		case x < -lambd:
			return x + bias
		case x > lambd:
			return x - bias
		case x != x:
			return x
		}
		return 0
	}
	return &function{name: "Shrink", f: shrink, integers: func(x int64) int64 { return int64(shrink(float64(x))) }, d: func(x float64) float64 {
		if math.Abs(x) > lambd {
			return 1
		}
		return 0
	}}
}

// https://onnx.ai/onnx/operators/onnx__Softplus.html; opsets 1, 22
func readSoftplus(*Attrs) Form { return &function{name: "Softplus", f: softplus, d: logistic} }

// softplus is log(1 + exp(x)), without overflow.
func softplus(x float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// readSoftsign is x / (1 + |x|).
// https://onnx.ai/onnx/operators/onnx__Softsign.html; opsets 1, 22
func readSoftsign(*Attrs) Form {
	return &function{name: "Softsign", f: func(x float64) float64 { return x / (1 + math.Abs(x)) },
		d: func(x float64) float64 { return math.Pow(1+math.Abs(x), -2) }}
}

// readSwish is x times the logistic function at alpha*x.
// https://onnx.ai/onnx/operators/onnx__Swish.html; opset 24
func readSwish(a *Attrs) Form {
	alpha := float64(a.Float("alpha", 1))
	if alpha == 1 {
		return swish()
	}
	return &function{name: "Swish", f: func(x float64) float64 { return x * logistic(alpha*x) }, d: func(x float64) float64 {
		s := logistic(alpha * x)
		return s + alpha*x*s*(1-s)
	}}
}

// readThresholdedRelu is x above alpha, else 0.
// https://onnx.ai/onnx/operators/onnx__ThresholdedRelu.html; opsets 10, 22
func readThresholdedRelu(a *Attrs) Form {
	alpha := float64(a.Float("alpha", 1))
	above := func(x float64) float64 {
		if x > alpha {
			return 1
		}
		return 0
	}
	return &function{name: "ThresholdedRelu", f: func(x float64) float64 { return x * above(x) }, d: above}
}
