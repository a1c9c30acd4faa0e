package kernel

import "math"

// Gelu computes y[i] = x[i] times the standard normal distribution function at x[i]; y may
// be x.
func Gelu(p *Pool, y, x []float32) { p.each(vector{f: gelu, y: y, a: x}) }

// GeluBackward computes dx[i] = dy[i] * (cdf(x[i]) + x[i]*pdf(x[i])); dx may be dy.
func GeluBackward(p *Pool, dx, x, dy []float32) { p.binary(dx, x, dy, geluBackward) }

// Erf computes the error function of each element; y may be x.
func Erf(p *Pool, y, x []float32) { p.each(vector{f: erf, y: y, a: x}) }

const (
	erfSteps = 64 // an interval of the table is 1/64
	erfEnd   = 6  // erf is 1 within 2e-17 from there on
)

// erfTable has erf's Taylor polynomials of degree 3 at every step from -erfEnd to erfEnd, in
// steps: within 4e-10 of it, (h/2)^4/24 times the largest fourth derivative. Its length
// lets an index be masked.
var erfTable = func() (t [1024][4]float64) {
	const h = 1. / erfSteps
	for i := range 2*erfEnd*erfSteps + 1 {
		x := float64(i-erfEnd*erfSteps) * h
		slope := 2 / math.Sqrt(math.Pi) * math.Exp(-x*x)
		t[i] = [4]float64{math.Erf(x), h * slope, -h * h * x * slope, h * h * h * (2*x*x - 1) / 3 * slope}
	}
	return t
}()

// erfOf is the error function at scale*x. As in expOf, the conversion happens in here.
func erfOf(x float32, scale float64) float64 {
	const round = 3 << 51 // adding it leaves the nearest integer in the low bits
	z := min(max(float64(x)*scale*erfSteps, -erfEnd*erfSteps), erfEnd*erfSteps)
	shifted := z + round
	c := &erfTable[(math.Float64bits(shifted)+erfEnd*erfSteps)%1024]
	z -= shifted - round
	return c[0] + z*(c[1]+z*(c[2]+z*c[3]))
}

func erf(_ *vector, y, x, _ []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = float32(erfOf(x[i], 1))
	}
}

func gelu(_ *vector, y, x, _ []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = float32(0.5+0.5*erfOf(x[i], 1/math.Sqrt2)) * x[i]
	}
}

func geluBackward(_ *vector, dx, x, dy []float32) {
	x, dy = x[:len(dx)], dy[:len(dx)]
	for i := range dx {
		v := x[i]
		pdf := float32(expOf(-v*v/2, 0) * (1 / math.Sqrt(2*math.Pi)))
		dx[i] = dy[i] * (float32(0.5+0.5*erfOf(v, 1/math.Sqrt2)) + v*pdf)
	}
}
