package kernel

// Map computes y[i] = f(x[i]), in double precision, for functions that have no
// kernel of their own; y may be x.
func Map(p *Pool, y, x []float32, f func(x float64) float64) {
	p.each(vector{f: mapped, y: y, a: x, of: f})
}

// MapBackward computes dx[i] = dy[i] * d(x[i]), with d the derivative of Map's
// function; dx may be dy. Where d is 0, dx is 0 even if dy is infinite.
func MapBackward(p *Pool, dx, x, dy []float32, d func(x float64) float64) {
	if len(dy) != len(dx) {
		panic("kernel: elementwise: lengths differ")
	}
	p.each(vector{f: mappedBackward, y: dx, a: x, b: dy, of: d})
}

func mapped(v *vector, y, x, _ []float32) {
	for i := range y {
		y[i] = float32(v.of(float64(x[i])))
	}
}

func mappedBackward(v *vector, dx, x, dy []float32) {
	for i := range dx {
		d := v.of(float64(x[i]))
		if d != 0 {
			d *= float64(dy[i])
		}
		dx[i] = float32(d)
	}
}

// Zip computes y[i] = f(a[i], b[i]), in double precision; y may be a or b.
func Zip(p *Pool, y, a, b []float32, f func(a, b float64) float64) {
	if len(b) != len(y) {
		panic("kernel: elementwise: lengths differ")
	}
	p.each(vector{f: zipped, y: y, a: a, b: b, pair: f})
}

func zipped(v *vector, y, a, b []float32) {
	for i := range y {
		y[i] = float32(v.pair(float64(a[i]), float64(b[i])))
	}
}
