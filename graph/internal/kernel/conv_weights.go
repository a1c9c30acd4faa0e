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
	if others, wanted := g.Group*t.mBlocks, 2*len(q.workers); others > 0 && others*t.cBlocks < wanted {
		t.cSize, t.cBlocks = split(t.c, max(leastChannels, t.c*others/wanted), 1)
	}
	t.patch.phases, t.patch.at = q.phases, q.at
	if len(t.x.taps) > 1 && t.patch.fits(&t.x, t.m) {
		t.patch.index(&t.x)
		q.phases, q.at = t.patch.phases, t.patch.at
	} else {
		t.patch = patch{}
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
	patch             patch // without rows: pixels of x are gathered
}

const (
	weightBlock   = 288 // (channel, tap) rows of x that share the turned pixels of dy
	leastChannels = 8   // of them at least, where blocks are made smaller to share the work
	gradientBlock = 144 // rows of dy turned
	chainBlock    = 240 // pixels gathered: 15 cache lines, odd
)

var oneTap = []tap{{0, 0}}

// share is one task's part of dw, channels c0 to c1 by rows m0 to m1 of a
// group, and the scratch memory it is computed in.
type share struct {
	c0, c1, m0, m1 int
	in, grad       []float32 // of the group
	rows           []float32 // x: a patch, or gathered pixels
	turned         []float32 // dy [strip,chainBlock]
	columns        []float32 // dy [chainBlock,mSize]
	sums           []float32 // dw [c,taps,mSize]
}

func (t *correlation) run(w *worker, lo, hi int) {
	taps, area := len(t.x.taps), t.patch.area
	if area == 0 {
		area = taps * chainBlock
	}
	for i := lo; i < hi; i++ {
		group, c0, m0 := i/t.mBlocks/t.cBlocks, i/t.mBlocks%t.cBlocks*t.cSize, i%t.mBlocks*t.mSize
		s := share{c0: c0, c1: min(c0+t.cSize, t.c), m0: m0, m1: min(m0+t.mSize, t.m),
			in: t.in[group*t.c*t.inPlane:], grad: t.grad[group*t.m*t.outPlane:]}
		scratch := w.floats(t.cSize*(area+taps*t.mSize) + chainBlock*(strip+t.mSize))
		s.sums, scratch = scratch[:t.cSize*taps*t.mSize], scratch[t.cSize*taps*t.mSize:]
		s.columns, scratch = scratch[:chainBlock*t.mSize], scratch[chainBlock*t.mSize:]
		s.turned, s.rows = scratch[:chainBlock*strip], scratch[chainBlock*strip:]
		clear(s.sums)
		if t.patch.rows > 0 {
			t.patched(w, &s)
		} else {
			t.gathered(w, &s)
		}
		at := (group*t.m+s.m0)*t.c + s.c0
		isa.transpose(t.dw[at*taps:], t.c*taps, s.sums, t.mSize, (s.c1-s.c0)*taps, s.m1-s.m0)
	}
}

// gathered adds up the products of all pixels.
func (t *correlation) gathered(w *worker, s *share) {
	taps := len(t.x.taps)
	size, _ := split(t.x.pixels(), chainBlock, 8)
	for q0 := 0; q0 < t.x.pixels(); q0 += size {
		q1 := min(q0+size, t.x.pixels())
		w.segments = t.x.plan(w.segments, q0, q1, chainBlock)
		gather(s.rows, s.in, w.segments, s.c0, s.c1, t.inPlane, taps*chainBlock, t.x.stepW)
		w.segments = t.dy.plan(w.segments, q0, q1, chainBlock)
		t.turn(w, s, q1-q0)
		isa.multiply(s.sums, t.mSize, nil, s.rows, chainBlock, s.columns, w.multiples(q1-q0, t.mSize), (s.c1-s.c0)*taps, s.m1-s.m0, true)
	}
}

// patched adds up the products of all patches. Between the rows of a patch dy
// is zero.
func (t *correlation) patched(w *worker, s *share) {
	g := &t.patch
	taps := len(t.x.taps)
	for b := range t.x.images * g.down * g.right {
		n, i, j := b/g.right/g.down, b/g.right%g.down*g.rows, b%g.right*g.cols
		height, width := min(g.rows, t.x.rows-i), min(g.cols, t.x.cols-j)
		w.segments = g.plan(w.segments, &t.x, n, i, j)
		gather(s.rows, s.in, w.segments, s.c0, s.c1, t.inPlane, g.area, t.x.stepW)
		w.segments = w.segments[:0]
		for r := range height {
			if r > 0 {
				w.segments = append(w.segments, segment{(r-1)*g.width + width, -1, g.width - width})
			}
			w.segments = append(w.segments, segment{r * g.width, n*t.dy.image + (i+r)*t.x.cols + j, width})
		}
		count := (height-1)*g.width + width
		t.turn(w, s, count)
		for k, at := range g.at { // one tap of all channels
			isa.multiply(s.sums[k*t.mSize:], taps*t.mSize, nil, s.rows[at:], g.area, s.columns, w.multiples(count, t.mSize), s.c1-s.c0, s.m1-s.m0, true)
		}
	}
}

// turn copies the listed pixels of dy to columns, count rows of them.
func (t *correlation) turn(w *worker, s *share, count int) {
	for m := s.m0; m < s.m1; m += strip {
		end := min(m+strip, s.m1)
		gather(s.turned, s.grad, w.segments, m, end, t.outPlane, chainBlock, 1)
		isa.transpose(s.columns[m-s.m0:], t.mSize, s.turned, chainBlock, end-m, count)
	}
}

const strip = 8 // rows of dy turned at a time
