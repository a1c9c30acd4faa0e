package kernel

import "math"

// LRN is local response normalisation across channels of x [N,C,HW]: each element is
// divided by a power of what lies Below channels before it to Above after it,
//
//	s[c] = Bias + Scale * sum of x[k]*x[k], c-Below <= k <= c+Above
//	y[c] = x[c] * s[c]^-Beta
//
// Krizhevsky et al. 2012, section 3.3.
type LRN struct {
	N, C, HW          int
	Below, Above      int
	Bias, Scale, Beta float32
}

// lrn is a pass over the pixels, one an item.
type lrn struct {
	g        LRN
	y, x, dy []float32 // backward: y is dx
}

// LRNForward computes y in the blocked layout; y may be x. Lanes without a channel
// become 0.
func LRNForward(p *Pool, g *LRN, y, x []float32) { p.lrn(lrn{g: *g, y: y, x: x}) }

// LRNBackward computes the gradient dx of LRNForward; dx may be dy:
//
//	dx[c] = dy[c] * s[c]^-Beta - 2*Scale*Beta*x[c] * sum of dy[k]*x[k]*s[k]^(-Beta-1),
//
// over the k in whose sum x[c] is, c-Above <= k <= c+Below.
func LRNBackward(p *Pool, g *LRN, dx, x, dy []float32) { p.lrn(lrn{g: *g, y: dx, x: x, dy: dy}) }

func (p *Pool) lrn(t lrn) {
	g := &t.g
	checkLanes(t.y, g.N, g.C, g.HW)
	checkLanes(t.x, g.N, g.C, g.HW)
	if t.dy != nil {
		checkLanes(t.dy, g.N, g.C, g.HW)
	}
	if min(g.Below, g.Above) < 0 {
		panic("kernel: negative size")
	}
	g.Below, g.Above = min(g.Below, g.C), min(g.Above, g.C) // no channel is further
	q := p.acquire()
	q.tasks.lrn = t
	q.launch(&q.tasks.lrn, g.N*g.HW, vectorGrain/8/max(g.C, 1))
	q.tasks.lrn = lrn{}
	p.release(q)
}

func (t *lrn) run(w *worker, lo, hi int) {
	g := &t.g
	ends := g.Below + g.Above
	size := Blocks(g.C)*isa.lanes + ends // a pixel's channels and zeros around them
	s := w.floats(5 * size)
	x, sums, squares, shares, dy := s[:size], s[size:2*size], s[2*size:3*size], s[3*size:4*size], s[4*size:]
	clear(s)
	for i := lo; i < hi; i++ {
		t.gather(x[g.Below:], t.x, i)
		for k, v := range x {
			squares[k] = v * v
		}
		window(sums, squares, g.C, ends)
		own, sum := x[g.Below:][:g.C], sums[:g.C]
		for c, v := range sum {
			sum[c] = g.Bias + g.Scale*v
		}
		if t.dy == nil {
			g.scales(own, sum)
			t.scatter(t.y, own, i)
			continue
		}
		t.gather(dy, t.dy, i)
		// Of shares the mirrored window of channel c begins at c.
		share, d := shares[g.Above:][:g.C], dy[:g.C]
		g.scales(d, sum)
		for c, v := range sum {
			share[c] = d[c] * own[c] / v
		}
		window(squares, shares, g.C, ends)
		factor := 2 * g.Scale * g.Beta
		for c, v := range squares[:g.C] {
			d[c] -= factor * own[c] * v
		}
		t.scatter(t.y, dy, i)
	}
}

// window computes y[c] = x[c] + … + x[c+ends].
func window(y, x []float32, channels, ends int) {
	if ends == 4 { // the usual one, in one pass; added in the same order
		y, a, b, c, d, e := y[:channels], x[:channels], x[1:][:channels], x[2:][:channels], x[3:][:channels], x[4:][:channels]
		for i := range y {
			y[i] = a[i] + b[i] + c[i] + d[i] + e[i]
		}
		return
	}
	copy(y[:channels], x[:channels])
	for k := 1; k <= ends; k++ {
		from := x[k:][:channels]
		for c := range from {
			y[c] += from[c]
		}
	}
}

// scales multiplies y[c] by s[c]^-Beta. The usual powers are roots, which cost a tenth of
// math.Pow.
func (g *LRN) scales(y, s []float32) {
	y = y[:len(s)]
	switch g.Beta {
	case 0.75:
		for c, v := range s {
			root := float32(math.Sqrt(float64(v)))
			y[c] /= root * float32(math.Sqrt(float64(root)))
		}
	case 0.5:
		for c, v := range s {
			y[c] /= float32(math.Sqrt(float64(v)))
		}
	case 1:
		for c, v := range s {
			y[c] /= v
		}
	default:
		for c, v := range s {
			y[c] *= float32(math.Pow(float64(v), -float64(g.Beta)))
		}
	}
}

// gather copies the channels of pixel i out of the blocked layout; scatter brings them
// back, and zeros to the lanes without a channel.
func (t *lrn) gather(to, x []float32, i int) {
	at := t.place(i)
	for c := 0; c < t.g.C; c += isa.lanes {
		n := min(isa.lanes, t.g.C-c)
		copy(to[c:c+n], x[at:at+n])
		at += t.g.HW * isa.lanes
	}
}

func (t *lrn) scatter(y, from []float32, i int) {
	at := t.place(i)
	for c := 0; c < t.g.C; c += isa.lanes {
		n := min(isa.lanes, t.g.C-c)
		clear(y[at+n : at+isa.lanes])
		copy(y[at:at+n], from[c:c+n])
		at += t.g.HW * isa.lanes
	}
}

// place is where the first block of pixel i lies.
func (t *lrn) place(i int) int {
	return (i/t.g.HW*Blocks(t.g.C)*t.g.HW + i%t.g.HW) * isa.lanes
}
