package kernel

import "math"

// The transcendental functions are computed in double precision and rounded
// once: they are within one unit in the last place. With vectors Sigmoid and Swish are
// computed in single precision, and within three.

// Sigmoid computes y[i] = 1 / (1 + exp(-x[i])); y may be x.
func Sigmoid(p *Pool, y, x []float32) { p.each(vector{f: isa.sigmoid, y: y, a: x}) }

// Swish computes y[i] = x[i] / (1 + exp(-x[i])); y may be x.
func Swish(p *Pool, y, x []float32) { p.each(vector{f: isa.swish, y: y, a: x}) }

// SwishBackward computes dx[i] = dy[i] * s * (1 + x[i]*(1-s)), where s is Sigmoid of
// Swish's input x[i]; dx may be dy.
func SwishBackward(p *Pool, dx, x, dy []float32) { p.binary(dx, x, dy, isa.swishBackward) }

// SigmoidBackward computes dx[i] = dy[i] * (1 - y[i]) * y[i] from Sigmoid's
// output y; dx may be dy.
func SigmoidBackward(p *Pool, dx, y, dy []float32) { p.binary(dx, y, dy, sigmoidBackward) }

// Tanh computes y[i] = tanh(x[i]); y may be x.
func Tanh(p *Pool, y, x []float32) { p.each(vector{f: tanh, y: y, a: x}) }

// TanhBackward computes dx[i] = dy[i] * (1 - y[i]) * (1 + y[i]) // 1 - y*y would cancel from Tanh's output y;
// dx may be dy.
func TanhBackward(p *Pool, dx, y, dy []float32) { p.binary(dx, y, dy, tanhBackward) }

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

func sigmoid(_ *vector, y, x, _ []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = 1 / float32(1+expOf(-x[i], 0)) // overflows where PyTorch's does
	}
}

func sigmoidBackward(_ *vector, dx, y, dy []float32) {
	y, dy = y[:len(dx)], dy[:len(dx)]
	for i := range dx {
		dx[i] = dy[i] * (1 - y[i]) * y[i]
	}
}

func swish(_ *vector, y, x, _ []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = x[i] / float32(1+expOf(-x[i], 0))
	}
}

func swishBackward(_ *vector, dx, x, dy []float32) {
	x, dy = x[:len(dx)], dy[:len(dx)]
	for i := range dx {
		s := 1 / float32(1+expOf(-x[i], 0))
		dx[i] = dy[i] * s * (1 + x[i]*(1-s))
	}
}

func tanh(_ *vector, y, x, _ []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = tanhOf(x[i])
	}
}

func tanhBackward(_ *vector, dx, y, dy []float32) {
	y, dy = y[:len(dx)], dy[:len(dx)]
	for i := range dx {
		dx[i] = dy[i] * (1 - y[i]) * (1 + y[i]) // 1 - y*y would cancel
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
		u, d, z := alpha*x[i]+beta, math.Float32bits(alpha*dy[i]), uint32(0)
		if u > 0 {
			z = d
		}
		if u >= 1 {
			z = 0
		}
		dx[i] = math.Float32frombits(z)
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
		u, d := x[i], dy[i]
		z, whole := math.Float32bits(d*(u*(1./3)+0.5)), math.Float32bits(d)
		if u <= -3 {
			z = 0
		}
		if u >= 3 {
			z = whole
		}
		dx[i] = math.Float32frombits(z)
	}
}

// expOf is exp(x-shift) for any x, with a relative error below 4e-10: 2^k
// times the Taylor polynomial of degree 8 at |r| <= ln(2)/2. It overflows to a
// value that float32 rounds to +Inf, underflows to one it rounds to 0, and
// keeps NaN. The conversion happens in here because a caller's would write
// half of the register that holds the last result, and wait for it: loops
// over math.Exp take three times as long.
func expOf(x float32, shift float64) float64 {
	const (
		round = 3 << 51 // adding it leaves the nearest integer in the low bits
		limit = 200     // beyond float32's range on both sides
	)
	z := min(max(float64(x)-shift, -limit), limit)
	shifted := z*math.Log2E + round
	k := shifted - round
	r := z - k*math.Ln2
	r2 := r * r
	r4 := r2 * r2
	low := (1 + r) + r2*(1./2+r*(1./6))
	high := (1./24 + r*(1./120)) + r2*(1./720+r*(1./5040)) + r4*(1./40320)
	scale := math.Float64frombits((math.Float64bits(shifted) + 1023) << 52)
	return (low + r4*high) * scale
}

// tanhOf is tanh(x) = (exp(2x)-1) / (exp(2x)+1).
func tanhOf(x float32) float32 {
	if x < 1e-3 && x > -1e-3 { // where that cancels; the next term is 2/15 z^5
		z := float64(x)
		return float32(z - z*z*z*(1./3))
	}
	e := expOf(2*x, 0)
	return float32((e - 1) / (e + 1))
}
