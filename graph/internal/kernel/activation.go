package kernel

import "math"

// The transcendental functions are computed in double precision and rounded
// once, so they are correct to within one unit in the last place.

// Sigmoid computes y[i] = 1 / (1 + exp(-x[i])); y may be x.
func Sigmoid(p *Pool, y, x []float32) { p.each(vector{f: sigmoid, y: y, a: x}) }

// SigmoidBackward computes dx[i] = dy[i] * y[i] * (1 - y[i]) from Sigmoid's
// output y; dx may be dy.
func SigmoidBackward(p *Pool, dx, y, dy []float32) { p.binary(dx, y, dy, sigmoidBackward) }

// Tanh computes y[i] = tanh(x[i]); y may be x.
func Tanh(p *Pool, y, x []float32) { p.each(vector{f: tanh, y: y, a: x}) }

// TanhBackward computes dx[i] = dy[i] * (1 - y[i]*y[i]) from Tanh's output y;
// dx may be dy.
func TanhBackward(p *Pool, dx, y, dy []float32) { p.binary(dx, y, dy, tanhBackward) }

// Exp computes y[i] = exp(x[i]); y may be x.
func Exp(p *Pool, y, x []float32) { p.each(vector{f: exp, y: y, a: x}) }

// HardSigmoid computes y[i] = max(0, min(1, alpha*x[i] + beta)); y may be x.
func HardSigmoid(p *Pool, y, x []float32, alpha, beta float32) {
	p.each(vector{f: hardSigmoid, y: y, a: x, s: alpha, t: beta})
}

// HardSigmoidBackward computes dx[i] = alpha * dy[i] where
// 0 < alpha*x[i]+beta < 1, else 0; dx may be dy.
func HardSigmoidBackward(p *Pool, dx, x, dy []float32, alpha, beta float32) {
	if len(dy) != len(dx) {
		panic("kernel: elementwise: lengths differ")
	}
	p.each(vector{f: hardSigmoidBackward, y: dx, a: x, b: dy, s: alpha, t: beta})
}

// HardSwish computes y[i] = x[i] * max(0, min(1, x[i]/6 + 1/2)); y may be x.
func HardSwish(p *Pool, y, x []float32) { p.each(vector{f: hardSwish, y: y, a: x}) }

// HardSwishBackward computes dx[i] = dy[i] * d, where d is 0 for x[i] <= -3,
// 1 for x[i] >= 3 and x[i]/3 + 1/2 between; dx may be dy.
func HardSwishBackward(p *Pool, dx, x, dy []float32) { p.binary(dx, x, dy, hardSwishBackward) }

// LeakyRelu computes y[i] = x[i] where x[i] >= 0, else alpha*x[i]; y may be x.
func LeakyRelu(p *Pool, y, x []float32, alpha float32) {
	p.each(vector{f: leakyRelu, y: y, a: x, s: alpha})
}

// LeakyReluBackward computes dx[i] = dy[i] where x[i] > 0, else alpha*dy[i];
// dx may be dy.
func LeakyReluBackward(p *Pool, dx, x, dy []float32, alpha float32) {
	if len(dy) != len(dx) {
		panic("kernel: elementwise: lengths differ")
	}
	p.each(vector{f: leakyReluBackward, y: dx, a: x, b: dy, s: alpha})
}

func sigmoid(_ *vector, y, x, _ []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = float32(1 / (1 + math.Exp(-float64(x[i]))))
	}
}

func sigmoidBackward(_ *vector, dx, y, dy []float32) {
	y, dy = y[:len(dx)], dy[:len(dx)]
	for i := range dx {
		dx[i] = dy[i] * y[i] * (1 - y[i])
	}
}

func tanh(_ *vector, y, x, _ []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = float32(math.Tanh(float64(x[i])))
	}
}

func tanhBackward(_ *vector, dx, y, dy []float32) {
	y, dy = y[:len(dx)], dy[:len(dx)]
	for i := range dx {
		dx[i] = dy[i] * (1 - y[i]*y[i])
	}
}

func exp(_ *vector, y, x, _ []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = float32(math.Exp(float64(x[i])))
	}
}

func hardSigmoid(v *vector, y, x, _ []float32) {
	alpha, beta := v.s, v.t
	x = x[:len(y)]
	for i := range y {
		y[i] = max(0, min(1, alpha*x[i]+beta))
	}
}

func hardSigmoidBackward(v *vector, dx, x, dy []float32) {
	alpha, beta := v.s, v.t
	x, dy = x[:len(dx)], dy[:len(dx)]
	for i := range dx {
		if z := alpha*x[i] + beta; z > 0 && z < 1 {
			dx[i] = alpha * dy[i]
		} else {
			dx[i] = 0
		}
	}
}

func hardSwish(_ *vector, y, x, _ []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = x[i] * max(0, min(1, x[i]*(1./6)+0.5))
	}
}

func hardSwishBackward(_ *vector, dx, x, dy []float32) {
	x, dy = x[:len(dx)], dy[:len(dx)]
	for i := range dx {
		switch v := x[i]; {
		case v <= -3:
			dx[i] = 0
		case v >= 3:
			dx[i] = dy[i]
		default:
			dx[i] = dy[i] * (v*(1./3) + 0.5)
		}
	}
}

func leakyRelu(v *vector, y, x, _ []float32) {
	alpha := v.s
	x = x[:len(y)]
	for i := range y {
		if u := x[i]; u < 0 {
			y[i] = alpha * u
		} else {
			y[i] = u
		}
	}
}

func leakyReluBackward(v *vector, dx, x, dy []float32) {
	alpha := v.s
	x, dy = x[:len(dx)], dy[:len(dx)]
	for i := range dx {
		if x[i] > 0 {
			dx[i] = dy[i]
		} else {
			dx[i] = alpha * dy[i]
		}
	}
}
