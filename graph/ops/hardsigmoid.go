package ops

import (
	"graft/graph/internal/kernel"
)

// hard is a sigmoid made of three straight lines: alpha x + beta, kept within 0 and 1.
func hard(x, alpha, beta float64) float64 {
	y := alpha*x + beta
	if y < 0 { // NaN passes
		return 0
	}
	if y > 1 {
		return 1
	}
	return y
}

// https://onnx.ai/onnx/operators/onnx__HardSigmoid.html; opsets 6, 22
func readHardSigmoid(a *Attrs) Form {
	alpha, beta := a.Float("alpha", 0.2), a.Float("beta", 0.5)
	return &unary{name: "HardSigmoid", ofInput: true,
		f:       func(x float64) float64 { return hard(x, float64(alpha), float64(beta)) },
		forward: func(p *kernel.Pool, y, x []float32) { kernel.HardSigmoid(p, y, x, alpha, beta) },
		backward: func(p *kernel.Pool, dx, x, dy []float32) {
			kernel.HardSigmoidBackward(p, dx, x, dy, alpha, beta)
		}}
}

// x times its HardSigmoid of alpha 1/6 and beta 1/2.
// https://onnx.ai/onnx/operators/onnx__HardSwish.html; opsets 14, 22
func readHardSwish(*Attrs) Form {
	return &unary{name: "HardSwish", ofInput: true, f: func(x float64) float64 { return x * hard(x, 1./6, 0.5) },
		forward: kernel.HardSwish, backward: kernel.HardSwishBackward}
}
