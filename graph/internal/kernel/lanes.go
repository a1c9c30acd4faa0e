package kernel

// The inner loops over vectors of the blocked layout. Coefficients are vectors, one
// number a lane, one after the other.

// normalisePlain computes y = x*scale + shift + residual, between lo and hi, from the
// coefficients scale, shift, lo, hi. A limit of NaN does not limit.
func normalisePlain(y, x, residual, c []float32) {
	n := len(c) / 4
	scale, shift, lo, hi := c[:n], c[n:2*n], c[2*n:3*n], c[3*n:4*n]
	for i, v := range x {
		l := i % n
		v = float32(float64(v)*float64(scale[l]) + float64(shift[l])) // rounded once
		if residual != nil {
			v += residual[i]
		}
		if v < lo[l] {
			v = lo[l]
		}
		if v > hi[l] {
			v = hi[l]
		}
		y[i] = v
	}
}

// momentsPlain adds x-origin and its square, rounded to float32, to two sums a lane in
// double precision.
func momentsPlain(sums []float64, x, origin []float32) {
	n := len(origin)
	first, second := sums[:n], sums[n:2*n]
	for i, v := range x {
		d := v - origin[i%n]
		first[i%n] += float64(d)
		second[i%n] += float64(d * d)
	}
}

// deviationsPlain adds g and g*(x-mean) to two sums a lane, where g is dy where
// lo < y < hi or either is NaN, else 0, from the coefficients mean, lo, hi.
func deviationsPlain(sums []float64, x, dy, y, c []float32) {
	n := len(c) / 3
	first, second := sums[:n], sums[n:2*n]
	mean, lo, hi := c[:n], c[n:2*n], c[2*n:3*n]
	for i, v := range x {
		l := i % n
		var g float64
		if !(y[i] <= lo[l] || y[i] >= hi[l]) {
			g = float64(dy[i])
		}
		first[l] += g
		second[l] += g * float64(v-mean[l])
	}
}

// normaliseBackwardPlain computes dx = (g - a - (x-mean)*b)*inverse*gamma, g as in
// deviationsPlain, from the coefficients mean, inverse, gamma, a, b, lo, hi.
func normaliseBackwardPlain(dx, x, dy, y, c []float32) {
	n := len(c) / 7
	mean, inverse, gamma, a, b, lo, hi := c[:n], c[n:2*n], c[2*n:3*n], c[3*n:4*n], c[4*n:5*n], c[5*n:6*n], c[6*n:7*n]
	for i, v := range x {
		l := i % n
		var g float32
		if !(y[i] <= lo[l] || y[i] >= hi[l]) {
			g = dy[i]
		}
		dx[i] = (g - a[l] - (v-mean[l])*b[l]) * inverse[l] * gamma[l]
	}
}

// gatePlain computes dx = scale*g, g as in deviationsPlain, from the coefficients
// scale, lo, hi.
func gatePlain(dx, y, dy, c []float32) {
	n := len(c) / 3
	scale, lo, hi := c[:n], c[n:2*n], c[2*n:3*n]
	for i, v := range dy {
		l := i % n
		if y[i] <= lo[l] || y[i] >= hi[l] {
			v = 0
		}
		dx[i] = scale[l] * v
	}
}

// maxPoolBackwardPlain adds dy of each pixel, lane by lane, to the first of the places
// x[p*step+at] that holds the maximum y, or NaN.
func maxPoolBackwardPlain(dx, x, y, dy []float32, at []int, step int) {
	const n = plainLanes
	for p := 0; p*n < len(y); p++ {
		for l := range n {
			for _, o := range at {
				o += p*step + l
				if v := x[o]; v == y[p*n+l] || v != v {
					dx[o] += dy[p*n+l]
					break
				}
			}
		}
	}
}

// laneSums is two sums over the pixels of each channel of x [n,c,hw] in the blocked
// layout, in double precision: of x-mean and its square, or, with dy, of g and
// g*(x-mean), g being dy gated by y. A nil mean is 0. An item is a share of the images
// of one block; shares are added in their order.
type laneSums struct {
	x, dy, y, mean []float32
	lo, hi         float32
	n, c, hw       int
	shares         int
	sums           []float64
}

// imageShares splits a sum over images: few channels would keep few threads busy.
const imageShares = 8

// sumLanes computes t's sums, which are valid until the next.
func (p *Pool) sumLanes(t laneSums) *laneSums {
	t.shares = max(1, min(t.n, imageShares))
	items := Blocks(t.c) * t.shares
	t.sums = p.partials(items * 2 * isa.lanes)
	clear(t.sums)
	p.tasks.laneSums = t
	if t.n*t.hw > 0 {
		p.launch(&p.tasks.laneSums, items, vectorGrain*t.shares/(t.n*t.hw*isa.lanes))
	}
	return &p.tasks.laneSums
}

func (t *laneSums) run(w *worker, lo, hi int) {
	blocks, size := Blocks(t.c), t.hw*isa.lanes
	for i := lo; i < hi; i++ {
		block, share := i/t.shares, i%t.shares
		sums := t.sums[i*2*isa.lanes : (i+1)*2*isa.lanes]
		c := w.coefficients[:3*isa.lanes]
		clear(c)
		if t.mean != nil {
			copy(c[:isa.lanes], t.mean[block*isa.lanes:min((block+1)*isa.lanes, t.c)])
		}
		fill(c[isa.lanes:2*isa.lanes], t.lo)
		fill(c[2*isa.lanes:], t.hi)
		for n := t.n * share / t.shares; n < t.n*(share+1)/t.shares; n++ {
			at := (n*blocks + block) * size
			if t.dy == nil {
				isa.moments(sums, t.x[at:at+size], c[:isa.lanes])
			} else {
				isa.deviations(sums, t.x[at:at+size], t.dy[at:at+size], t.y[at:at+size], c)
			}
		}
	}
}

// of returns the two sums of channel j.
func (t *laneSums) of(j int) (first, second float64) {
	for share := range t.shares {
		s := t.sums[(j/isa.lanes*t.shares+share)*2*isa.lanes:]
		first += s[j%isa.lanes]
		second += s[isa.lanes+j%isa.lanes]
	}
	return first, second
}
