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
	divide, subtract := g.respond, g.respondBackward
	if g.Below == 2 && g.Above == 2 && g.Beta == 0.75 { // the usual one
		divide, subtract = isa.respond, isa.respondBackward
	}
	lanes := Blocks(g.C) * isa.lanes
	size := lanes + g.Below + g.Above // a pixel's channels and zeros around them
	s := w.floats(2*size + lanes)
	clear(s)
	x, shares, y := s[:size], s[size:2*size], s[2*size:]
	for i := lo; i < hi; i++ {
		t.gather(x[g.Below:], t.x, i)
		if t.dy == nil {
			copy(y, x[g.Below:])
			divide(y, nil, x, g.Bias, g.Scale)
		} else {
			t.gather(y, t.dy, i)
			share := shares[g.Above:] // of shares the mirrored window of channel c begins at c
			divide(y, share, x, g.Bias, g.Scale)
			clear(share[g.C:])
			subtract(y, shares, x, 2*g.Scale*g.Beta)
		}
		t.scatter(t.y, y, i)
	}
}

// respond is respondPlain for any window and power.
func (g *LRN) respond(y, share, x []float32, bias, scale float32) {
	for c := range g.C {
		sum := float32(0)
		for _, v := range x[c:][:g.Below+1+g.Above] {
			sum += v * v
		}
		s := bias + scale*sum
		y[c] /= g.power(s)
		if share != nil {
			share[c] = y[c] * x[c+g.Below] / s
		}
	}
}

// respondBackward is respondBackwardPlain for any window.
func (g *LRN) respondBackward(dx, share, x []float32, factor float32) {
	for c := range g.C {
		sum := float32(0)
		for _, v := range share[c:][:g.Below+1+g.Above] {
			sum += v
		}
		dx[c] -= factor * x[c+g.Below] * sum
	}
}

// respondPlain divides y[c] by s^(3/4), s = bias + scale*(x[c]² + … + x[c+4]²), and shares
// y[c]*x[c+2]/s where share is not nil.
func respondPlain(y, share, x []float32, bias, scale float32) {
	for c := range y {
		w := x[c:][:5]
		s := bias + scale*(w[0]*w[0]+w[1]*w[1]+w[2]*w[2]+w[3]*w[3]+w[4]*w[4])
		y[c] /= threeQuarters(s)
		if share != nil {
			share[c] = y[c] * w[2] / s
		}
	}
}

// respondBackwardPlain computes dx[c] -= factor * x[c+2] * (share[c] + … + share[c+4]).
func respondBackwardPlain(dx, share, x []float32, factor float32) {
	for c := range dx {
		w := share[c:][:5]
		dx[c] -= factor * x[c+2] * (w[0] + w[1] + w[2] + w[3] + w[4])
	}
}

// threeQuarters is s^(3/4), each operation rounded.
func threeQuarters(s float32) float32 {
	root := float32(math.Sqrt(float64(s)))
	return root * float32(math.Sqrt(float64(root)))
}

// power is s^Beta. The usual powers are roots, which cost a tenth of math.Pow.
func (g *LRN) power(s float32) float32 {
	switch g.Beta {
	case 0.75:
		return threeQuarters(s)
	case 0.5:
		return float32(math.Sqrt(float64(s)))
	case 1:
		return s
	}
	return float32(math.Pow(float64(s), float64(g.Beta)))
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
