package kernel

import "math"

// vectorGrain is the elements of a span: large against the cost of taking
// one, small against a cache.
const vectorGrain = 8192

// vector is an elementwise kernel: f(y, a, b) over equally long pieces, with
// the scalars s and t, or the functions of and pair. Unused operands are nil.
type vector struct {
	f       func(v *vector, y, a, b []float32)
	y, a, b []float32
	s, t    float32
	of      func(x float64) float64
	pair    func(a, b float64) float64

	coefficients [3 * maxLanes]float32 // of loops over lanes
}

func (v *vector) run(_ *worker, lo, hi int) {
	y, a, b := v.y[lo:hi], v.a[lo:hi], v.b
	if b != nil {
		b = b[lo:hi]
	}
	v.f(v, y, a, b)
}

// each runs v over all of y. b is nil for one operand.
func (p *Pool) each(v vector) {
	if len(v.a) != len(v.y) || v.b != nil && len(v.b) != len(v.y) {
		panic("kernel: elementwise: lengths differ")
	}
	if len(v.y) == 0 {
		return
	}
	q := p.acquire()
	q.tasks.vector = v
	q.launch(&q.tasks.vector, len(v.y), vectorGrain)
	q.tasks.vector = vector{}
	p.release(q)
}

// binary is each for kernels of two operands, where b may be empty but never missing.
func (p *Pool) binary(y, a, b []float32, f func(v *vector, y, a, b []float32)) {
	if len(b) != len(y) {
		panic("kernel: elementwise: lengths differ")
	}
	p.each(vector{f: f, y: y, a: a, b: b})
}

// Add computes y[i] = a[i] + b[i]; y may be a or b.
func Add(p *Pool, y, a, b []float32) { p.binary(y, a, b, isa.add) }

// Sub computes y[i] = a[i] - b[i]; y may be a or b.
func Sub(p *Pool, y, a, b []float32) { p.binary(y, a, b, sub) }

// Mul computes y[i] = a[i] * b[i]; y may be a or b.
func Mul(p *Pool, y, a, b []float32) { p.binary(y, a, b, mul) }

// Div computes y[i] = a[i] / b[i]; y may be a or b.
func Div(p *Pool, y, a, b []float32) { p.binary(y, a, b, div) }

// Scale computes y[i] = a * x[i]; y may be x.
func Scale(p *Pool, y, x []float32, a float32) { p.each(vector{f: scale, y: y, a: x, s: a}) }

// Axpy computes y[i] += a * x[i].
func Axpy(p *Pool, y, x []float32, a float32) { p.each(vector{f: axpy, y: y, a: x, s: a}) }

// Sum computes y[i] = xs[0][i] + xs[1][i] + …, added in that order; y may be
// xs[0]. Without operands it is zero.
func Sum(p *Pool, y []float32, xs ...[]float32) {
	switch len(xs) {
	case 0:
		clear(y)
	case 1:
		Scale(p, y, xs[0], 1)
	default:
		Add(p, y, xs[0], xs[1])
		for _, x := range xs[2:] {
			Add(p, y, y, x)
		}
	}
}

// Relu computes y[i] = max(x[i], 0), and NaN for NaN; y may be x.
func Relu(p *Pool, y, x []float32) { p.each(vector{f: isa.relu, y: y, a: x}) }

// ReluBackward computes dx[i] = dy[i] where y[i] > 0 or NaN, else 0, from
// Relu's output y (or its input, which has the same sign); dx may be dy.
func ReluBackward(p *Pool, dx, y, dy []float32) { p.binary(dx, y, dy, isa.reluBackward) }

// Clip computes y[i] = min(max(x[i], lo), hi), and NaN for NaN; y may be x.
func Clip(p *Pool, y, x []float32, lo, hi float32) {
	p.each(vector{f: clip, y: y, a: x, s: lo, t: hi})
}

// ClipBackward computes dx[i] = dy[i] where lo <= x[i] <= hi, else 0, as
// torch.clamp does; dx may be dy.
func ClipBackward(p *Pool, dx, x, dy []float32, lo, hi float32) {
	if len(dy) != len(dx) {
		panic("kernel: elementwise: lengths differ")
	}
	p.each(vector{f: clipBackward, y: dx, a: x, b: dy, s: lo, t: hi})
}

// Gate computes dx[i] = dy[i] where lo < y[i] < hi or y[i] is NaN, else 0: the gradient of
// a limit, from its output y. dx may be dy.
func Gate(p *Pool, dx, y, dy []float32, lo, hi float32) {
	if len(dy) != len(dx) {
		panic("kernel: elementwise: lengths differ")
	}
	v := vector{f: gate, y: dx, a: y, b: dy, s: lo, t: hi}
	for k, s := range [...]float32{1, lo, hi} {
		fill(v.coefficients[k*isa.lanes:(k+1)*isa.lanes], s)
	}
	p.each(v)
}

// gate runs isa.gate on whole vectors.
func gate(v *vector, dx, y, dy []float32) {
	n := len(dx) / isa.lanes * isa.lanes
	isa.gate(dx[:n], y[:n], dy[:n], v.coefficients[:3*isa.lanes])
	for i := n; i < len(dx); i++ {
		if dx[i] = dy[i]; y[i] <= v.s || y[i] >= v.t {
			dx[i] = 0
		}
	}
}

func add(_ *vector, y, a, b []float32) {
	a, b = a[:len(y)], b[:len(y)]
	for i := range y {
		y[i] = a[i] + b[i]
	}
}

func sub(_ *vector, y, a, b []float32) {
	a, b = a[:len(y)], b[:len(y)]
	for i := range y {
		y[i] = a[i] - b[i]
	}
}

func mul(_ *vector, y, a, b []float32) {
	a, b = a[:len(y)], b[:len(y)]
	for i := range y {
		y[i] = a[i] * b[i]
	}
}

func div(_ *vector, y, a, b []float32) {
	a, b = a[:len(y)], b[:len(y)]
	for i := range y {
		y[i] = a[i] / b[i]
	}
}

func scale(v *vector, y, a, _ []float32) {
	s := v.s
	if s == 1 {
		copy(y, a)
		return
	}
	a = a[:len(y)]
	for i := range y {
		y[i] = s * a[i]
	}
}

func axpy(v *vector, y, a, _ []float32) {
	s := v.s
	a = a[:len(y)]
	for i := range y {
		y[i] += s * a[i]
	}
}

// The selections below are single comparisons of values already computed,
// which compile to conditional moves: a branch on the sign of an activation
// is mispredicted half the time.

func relu(_ *vector, y, a, _ []float32) {
	a = a[:len(y)]
	for i := range y {
		y[i] = max(a[i], 0)
	}
}

func reluBackward(_ *vector, dx, y, dy []float32) {
	const negativeInf = 0xff800000
	y, dy = y[:len(dx)], dy[:len(dx)]
	for i := range dx {
		u, d := math.Float32bits(y[i]), math.Float32bits(dy[i])
		z := d
		if int32(u) <= 0 {
			z = 0
		}
		if u > negativeInf { // NaN with its sign set
			z = d
		}
		dx[i] = math.Float32frombits(z)
	}
}

func clip(v *vector, y, a, _ []float32) {
	lo, hi := v.s, v.t
	a = a[:len(y)]
	for i := range y {
		y[i] = min(max(a[i], lo), hi)
	}
}

func clipBackward(v *vector, dx, x, dy []float32) {
	lo, hi := v.s, v.t
	x, dy = x[:len(dx)], dy[:len(dx)]
	for i := range dx {
		v, d, z := x[i], math.Float32bits(dy[i]), uint32(0)
		if v >= lo {
			z = d
		}
		if v > hi {
			z = 0
		}
		dx[i] = math.Float32frombits(z)
	}
}

// SumSquares returns the sum of x[i]*x[i] in double precision, in one order
// whatever the number of threads.
func SumSquares(p *Pool, x []float32) float64 {
	q := p.acquire()
	sums := q.partials((len(x) + vectorGrain - 1) / vectorGrain)
	q.tasks.planes = planes{f: sumSquares, x: x, sums: sums}
	q.launch(&q.tasks.planes, len(sums), 1)
	q.tasks.planes = planes{}
	total := 0.0
	for _, s := range sums {
		total += s
	}
	p.release(q)
	return total
}

func sumSquares(t *planes, i int) {
	x := t.x[i*vectorGrain : min((i+1)*vectorGrain, len(t.x))]
	var s0, s1, s2, s3 float64
	for ; len(x) >= 4; x = x[4:] {
		a, b, c, d := float64(x[0]), float64(x[1]), float64(x[2]), float64(x[3])
		s0 += a * a
		s1 += b * b
		s2 += c * c
		s3 += d * d
	}
	for _, v := range x {
		s0 += float64(v) * float64(v)
	}
	t.sums[i] = (s0 + s1) + (s2 + s3)
}
