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
	t.mSize, t.mBlocks = split(t.m, rowBlock, 2)
	if others := g.Group * t.cBlocks; others > 0 && others*t.mBlocks < leastTasks {
		t.mSize, t.mBlocks = split(t.m, max(leastRows, t.m*others/leastTasks), 2)
	}
	q.tasks.correlation = t
	q.launch(&q.tasks.correlation, g.Group*t.cBlocks*t.mBlocks, 1)
	q.tasks.correlation = correlation{}
}

// correlation computes dw as a matrix product, in each group
//
//	dw[m,c,t] = sum over q of dy[m,q] * x[c, pixel q seen from tap t]
//
// One task owns a block of rows and channels of dw and walks over all pixels,
// so no two tasks add to one sum.
type correlation struct {
	x, dy             grid
	dw, in, grad      []float32
	m, c              int // of one group
	inPlane, outPlane int
	cSize, cBlocks    int
	mSize, mBlocks    int
}

const (
	weightBlock = 96  // (channel, tap) rows gathered
	chainBlock  = 240 // pixels gathered: 15 cache lines, odd
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
	ks := (c1 - c0) * taps
	scratch := w.floats((t.cSize*taps + t.mSize) * chainBlock)
	columns, rows := scratch[:ks*chainBlock], scratch[ks*chainBlock:]
	for m := m0; m < m1; m++ {
		clear(t.row(group, m, c0, c1))
	}
	size, _ := split(t.x.pixels(), chainBlock, 1)
	for q0 := 0; q0 < t.x.pixels(); q0 += size {
		q1 := min(q0+size, t.x.pixels())
		w.segments = t.x.plan(w.segments, q0, q1, chainBlock)
		gather(columns, t.in[group*t.c*t.inPlane:], w.segments, c0, c1, t.inPlane, taps*chainBlock, t.x.stepW)
		w.segments = t.dy.plan(w.segments, q0, q1, chainBlock)
		gather(rows, t.grad[group*t.m*t.outPlane:], w.segments, m0, m1, t.outPlane, chainBlock, 1)
		for k := 0; k < ks; k += 3 {
			b0 := columns[k*chainBlock:][:q1-q0]
			b1 := columns[min(k+1, ks-1)*chainBlock:][:q1-q0]
			b2 := columns[min(k+2, ks-1)*chainBlock:][:q1-q0]
			for m := m0; m < m1; m += 2 {
				last := min(m+1, m1-1)
				a0 := rows[(m-m0)*chainBlock:][:q1-q0]
				a1 := rows[(last-m0)*chainBlock:][:q1-q0]
				s0, s1, s2, r0, r1, r2 := tileDots(a0, a1, b0, b1, b2)
				addUpTo3(t.row(group, m, c0, c1)[k:], s0, s1, s2)
				if last > m {
					addUpTo3(t.row(group, last, c0, c1)[k:], r0, r1, r2)
				}
			}
		}
	}
}

// row is dw[m, c0 to c1, all taps] of a group.
func (t *correlation) row(group, m, c0, c1 int) []float32 {
	taps := len(t.x.taps)
	at := (group*t.m + m) * t.c
	return t.dw[(at+c0)*taps : (at+c1)*taps]
}

// addUpTo3 adds the sums to the first elements of y, as far as there are any.
func addUpTo3(y []float32, s0, s1, s2 float32) {
	if len(y) >= 3 {
		y[0] += s0
		y[1] += s1
		y[2] += s2
		return
	}
	if len(y) >= 1 {
		y[0] += s0
	}
	if len(y) >= 2 {
		y[1] += s1
	}
}
