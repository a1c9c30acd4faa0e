package kernel

// ConvBackwardWeights computes the gradient of ConvForward for its weights,
//
//	dw = 0
//	for n, m, oh, ow, c, kh, kw:
//	  dw[m,c,kh,kw] += dy[n,m,oh,ow] * x[n, m/(M/Group)*(C/Group)+c, oh*StrideH-PadTop+kh*DilationH, ow*StrideW-PadLeft+kw*DilationW]
func ConvBackwardWeights(p *Pool, g *Conv, dw, x, dy []float32) {
	g.check(x, dw, dy)
	q := p.acquire()
	defer p.release(q)
	if g.depthwise() {
		q.launchDepthwise(depthwise{f: depthwiseWeights, g: *g, y: dw, x: x, w: dy}, g.M)
		return
	}
	t := correlation{
		x:  grid{images: g.N, rows: g.OutH, cols: g.OutW, height: g.H, width: g.W, stepH: g.StrideH, stepW: g.StrideW, image: g.C * g.H * g.W, taps: q.taps[:0]},
		dy: grid{images: g.N, rows: 1, cols: g.OutH * g.OutW, height: 1, width: g.OutH * g.OutW, stepH: 1, stepW: 1, image: g.M * g.OutH * g.OutW, taps: oneTap},
		dw: dw, in: x, grad: dy,
		m: g.M / g.Group, c: g.C / g.Group, inPlane: g.H * g.W, outPlane: g.OutH * g.OutW,
	}
	for kh := range g.KernelH {
		for kw := range g.KernelW {
			t.x.taps = append(t.x.taps, tap{kh*g.DilationH - g.PadTop, kw*g.DilationW - g.PadLeft})
		}
	}
	if g.pointwise() {
		t.x.rows, t.x.cols, t.x.height, t.x.width = 1, g.OutH*g.OutW, 1, g.H*g.W
	}
	q.taps = t.x.taps
	t.cSize, t.cBlocks = split(t.c, max(weightBlock/len(t.x.taps), 1), 1)
	t.mSize, t.mBlocks = split(t.m, gradientBlock, isa.vector)
	if others := g.Group * t.mBlocks; others > 0 && others*t.cBlocks < leastTasks {
		least := max(leastChannels/len(t.x.taps), 1)
		t.cSize, t.cBlocks = split(t.c, max(least, t.c*others/leastTasks), 1)
	}
	q.tasks.correlation = t
	q.launch(&q.tasks.correlation, g.Group*t.cBlocks*t.mBlocks, 1)
	q.tasks.correlation = correlation{}
}

// correlation computes dw as a matrix product, in each group
//
//	dw[m,c,t] = sum over q of x[c, pixel q seen from tap t] * dy[m,q]
//
// with the pixels of x gathered to rows and those of dy, far fewer, turned to
// columns. One task owns a block of channels and rows of dw and walks over all
// pixels, so no two tasks add to one sum.
type correlation struct {
	x, dy             grid
	dw, in, grad      []float32
	m, c              int // of one group
	inPlane, outPlane int
	cSize, cBlocks    int
	mSize, mBlocks    int
}

const (
	weightBlock   = 144 // (channel, tap) rows gathered
	leastChannels = 36  // of them at least, where blocks are made smaller to share the work
	gradientBlock = 144 // rows of dy turned
	chainBlock    = 240 // pixels gathered: 15 cache lines, odd
)

var oneTap = []tap{{0, 0}}

func (t *correlation) run(w *worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		t.block(w, i/t.mBlocks%t.cBlocks, i%t.mBlocks, i/t.mBlocks/t.cBlocks)
	}
}

func (t *correlation) block(w *worker, cBlock, mBlock, group int) {
	taps := len(t.x.taps)
	c0, m0 := cBlock*t.cSize, mBlock*t.mSize
	c1, m1 := min(c0+t.cSize, t.c), min(m0+t.mSize, t.m)
	ld := t.mSize // a multiple of the vector's length
	scratch := w.floats(t.cSize*taps*(ld+chainBlock) + chainBlock*(ld+strip))
	sums, scratch := scratch[:t.cSize*taps*ld], scratch[t.cSize*taps*ld:]
	rows, scratch := scratch[:t.cSize*taps*chainBlock], scratch[t.cSize*taps*chainBlock:]
	turned, columns := scratch[:strip*chainBlock], scratch[strip*chainBlock:]
	size, _ := split(t.x.pixels(), chainBlock, 8)
	for q0 := 0; q0 == 0 || q0 < t.x.pixels(); q0 += size {
		q1 := min(q0+size, t.x.pixels())
		w.segments = t.x.plan(w.segments, q0, q1, chainBlock)
		gather(rows, t.in[group*t.c*t.inPlane:], w.segments, c0, c1, t.inPlane, taps*chainBlock, t.x.stepW)
		w.segments = t.dy.plan(w.segments, q0, q1, chainBlock)
		for m := m0; m < m1; m += strip {
			end := min(m+strip, m1)
			gather(turned, t.grad[group*t.m*t.outPlane:], w.segments, m, end, t.outPlane, chainBlock, 1)
			isa.transpose(columns[m-m0:], ld, turned, chainBlock, end-m, q1-q0)
		}
		isa.multiply(sums, ld, nil, rows, chainBlock, columns, w.multiples(q1-q0, ld), (c1-c0)*taps, m1-m0, q0 > 0)
	}
	at := (group*t.m+m0)*t.c + c0
	isa.transpose(t.dw[at*taps:], t.c*taps, sums, ld, (c1-c0)*taps, m1-m0)
}

const strip = 8 // rows of dy turned at a time
