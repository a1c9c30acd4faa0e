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
		for c := range g.C {
			sums[c] = g.Bias + g.Scale*sums[c]
		}
		if t.dy == nil {
			for c, v := range sums[:g.C] {
				x[g.Below+c] *= g.power(v)
			}
			t.scatter(t.y, x[g.Below:], i)
			continue
		}
		t.gather(dy, t.dy, i)
		// shares lies so that the mirrored window of channel c begins at c.
		clear(shares)
		for c, v := range sums[:g.C] {
			d := dy[c] * g.power(v)
			dy[c], shares[g.Above+c] = d, d*x[g.Below+c]/v
		}
		window(squares, shares, g.C, ends)
		for c := range g.C {
			dy[c] -= 2 * g.Scale * g.Beta * x[g.Below+c] * squares[c]
		}
		t.scatter(t.y, dy, i)
	}
}

// window computes y[c] = x[c] + … + x[c+ends].
func window(y, x []float32, channels, ends int) {
	copy(y[:channels], x[:channels])
	for k := 1; k <= ends; k++ {
		from := x[k:][:channels]
		for c := range from {
			y[c] += from[c]
		}
	}
}

// power is s^-Beta. The usual powers are roots, which cost a tenth of math.Pow.
func (g *LRN) power(s float32) float32 {
	switch g.Beta {
	case 0.75:
		root := float32(math.Sqrt(float64(s)))
		return 1 / (root * float32(math.Sqrt(float64(root))))
	case 0.5:
		return 1 / float32(math.Sqrt(float64(s)))
	case 1:
		return 1 / s
	}
	return float32(math.Pow(float64(s), -float64(g.Beta)))
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
