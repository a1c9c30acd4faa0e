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

// erfTable has the cubic polynomials that meet erf and its derivative at both ends of each
// interval: within 5e-10 of it, h^4/384 times the largest fourth derivative.
var erfTable = func() (t [erfEnd*erfSteps + 1][4]float64) {
	const h = 1. / erfSteps
	slope := func(x float64) float64 { return 2 / math.Sqrt(math.Pi) * math.Exp(-x*x) * h }
	for i := range t {
		x := float64(i) * h
		y0, y1, d0, d1 := math.Erf(x), math.Erf(x+h), slope(x), slope(x+h)
		t[i] = [4]float64{y0, d0, 3*(y1-y0) - 2*d0 - d1, 2*(y0-y1) + d0 + d1}
	}
	return t
}()

// erfOf is the error function.
func erfOf(x float64) float64 {
	z := math.Abs(x)
	if !(z < erfEnd) {
		if z != z {
			return x
		}
		return math.Copysign(1, x)
	}
	z *= erfSteps
	i := int(z)
	c := &erfTable[i]
	z -= float64(i)
	return math.Copysign(c[0]+z*(c[1]+z*(c[2]+z*c[3])), x)
}

func erf(_ *vector, y, x, _ []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = float32(erfOf(float64(x[i])))
	}
}

func gelu(_ *vector, y, x, _ []float32) {
	x = x[:len(y)]
	for i := range y {
		v := float64(x[i])
		y[i] = float32(v * (0.5 + 0.5*erfOf(v*(1/math.Sqrt2))))
	}
}

func geluBackward(_ *vector, dx, x, dy []float32) {
	x, dy = x[:len(dx)], dy[:len(dx)]
	for i := range dx {
		v := float64(x[i])
		pdf := expOf(float32(-v*v/2), 0) * (1 / math.Sqrt(2*math.Pi))
		dx[i] = float32(float64(dy[i]) * (0.5 + 0.5*erfOf(v*(1/math.Sqrt2)) + v*pdf))
	}
}
