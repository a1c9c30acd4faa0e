package kernel

// Conv is the geometry of a 2-D convolution: x [N,C,H,W],
// w [M,C/Group,KernelH,KernelW], y [N,M,OutH,OutW].
type Conv struct {
	N, C, H, W                           int
	M, OutH, OutW                        int
	Group                                int
	KernelH, KernelW                     int
	StrideH, StrideW                     int
	DilationH, DilationW                 int
	PadTop, PadLeft, PadBottom, PadRight int
}

// ConvForward computes the convolution (ONNX's Conv, a cross-correlation)
//
//	for n, m, oh, ow:
//	  y[n,m,oh,ow] = bias[m] + sum over c, kh, kw of
//	    w[m,c,kh,kw] * x[n, m/(M/Group)*(C/Group)+c, oh*StrideH-PadTop+kh*DilationH, ow*StrideW-PadLeft+kw*DilationW]
//
// where x is zero outside its plane. bias [M] may be nil.
func ConvForward(p *Pool, g *Conv, y, x, w, bias []float32) {
	g.check(x, w, y)
	if bias != nil && len(bias) < g.M {
		panic("kernel: short bias")
	}
	q := p.acquire()
	defer p.release(q)
	if g.depthwise() {
		q.launchDepthwise(depthwise{f: depthwiseForward, g: *g, y: y, x: x, w: w, bias: bias}, g.N*g.M)
		return
	}
	t := product{
		grid: grid{images: g.N, rows: g.OutH, cols: g.OutW, height: g.H, width: g.W, stepH: g.StrideH, stepW: g.StrideW, image: g.C * g.H * g.W, taps: q.taps[:0]},
		out:  y, in: x, a: w, bias: bias,
		group: g.Group, m: g.M / g.Group, c: g.C / g.Group,
		outImage: g.M * g.OutH * g.OutW, outPlane: g.OutH * g.OutW, inPlane: g.H * g.W,
		outWidth: g.OutW, outStepH: 1, outStepW: 1,
	}
	for kh := range g.KernelH {
		for kw := range g.KernelW {
			t.grid.taps = append(t.grid.taps, tap{kh*g.DilationH - g.PadTop, kw*g.DilationW - g.PadLeft})
		}
	}
	if g.pointwise() {
		t.grid.rows, t.grid.cols, t.grid.height, t.grid.width = 1, g.OutH*g.OutW, 1, g.H*g.W
	}
	q.taps = t.grid.taps
	q.launchProduct(t)
}

// pointwise convolutions read pixel q at q: a plane is one long row.
func (g *Conv) pointwise() bool {
	return g.KernelH == 1 && g.KernelW == 1 && g.StrideH == 1 && g.StrideW == 1 &&
		g.PadTop == 0 && g.PadLeft == 0 && g.OutH == g.H && g.OutW == g.W
}

// check panics unless the sizes make sense and x, w and y hold them.
func (g *Conv) check(x, w, y []float32) {
	if min(g.N, g.C, g.H, g.W, g.M, g.OutH, g.OutW) < 0 ||
		min(g.Group, g.KernelH, g.KernelW, g.StrideH, g.StrideW, g.DilationH, g.DilationW) < 1 ||
		g.C%g.Group != 0 || g.M%g.Group != 0 {
		panic("kernel: bad convolution")
	}
	if len(x) < g.N*g.C*g.H*g.W {
		panic("kernel: short x")
	}
	if len(w) < g.M*(g.C/g.Group)*g.KernelH*g.KernelW {
		panic("kernel: short w")
	}
	if len(y) < g.N*g.M*g.OutH*g.OutW {
		panic("kernel: short y")
	}
}

// product is a convolution as a matrix product, in each group
//
//	out[m,q] = bias[m] + sum over c, t of a[m,c,t] * in[c, pixel q seen from tap t]
//
// The columns of a block of pixels are gathered into the worker's scratch
// memory, as many channels at a time as a level 1 cache holds lines of, and
// multiplied by all rows of a.
type product struct {
	grid              grid
	out, in, a, bias  []float32
	group, m, c       int // rows and input channels are of one group
	outImage          int
	outPlane, inPlane int
	// pixel (i, j) is out's row i*outStepH+outH, column j*outStepW+outW
	outWidth, outStepH, outStepW, outH, outW int

	qSize, qBlocks int // pixels are split into blocks of qSize
	mSize, mBlocks int // and rows into blocks of mSize
}

const (
	pixelBlock = 144 // columns gathered; 9 cache lines, odd so that rows spread over the cache's sets
	depthBlock = 256 // rows gathered: (channel, tap) pairs
	rowBlock   = 256 // rows of a used in turn with one gathered block
	leastTasks = 8   // split further below this, whatever the number of threads
	leastRows  = 8   // but gather for at least so many rows
)

func (p *Pool) launchProduct(t product) {
	t.qSize, t.qBlocks = split(t.grid.pixels(), pixelBlock, 3)
	t.mSize, t.mBlocks = split(t.m, rowBlock, 2)
	if others := t.group * t.qBlocks; others > 0 && others*t.mBlocks < leastTasks {
		t.mSize, t.mBlocks = split(t.m, max(leastRows, t.m*others/leastTasks), 2)
	}
	p.tasks.product = t
	p.launch(&p.tasks.product, t.group*t.qBlocks*t.mBlocks, 1)
	p.tasks.product = product{}
}

func (t *product) run(w *worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		t.block(w, i/t.mBlocks%t.qBlocks, i%t.mBlocks, i/t.mBlocks/t.qBlocks)
	}
}

// block computes one block of pixels for one block of rows of a group.
func (t *product) block(w *worker, qBlock, mBlock, group int) {
	q0 := qBlock * t.qSize
	q1 := min(q0+t.qSize, t.grid.pixels())
	m0 := mBlock * t.mSize
	m1 := min(m0+t.mSize, t.m)
	taps := len(t.grid.taps)
	w.segments = t.grid.plan(w.segments, q0, q1, pixelBlock)
	t.place(w, q0, q1)

	most := max(depthBlock/max(taps, 1), 1)
	scratch := w.floats(min(most, t.c) * taps * pixelBlock)
	in := t.in[group*t.c*t.inPlane:]
	rows := t.a[(group*t.m)*t.c*taps:]
	size, _ := split(t.c, most, 1)
	for c0 := 0; c0 == 0 || c0 < t.c; c0 += size {
		c1 := min(c0+size, t.c)
		gather(scratch, in, w.segments, c0, c1, t.inPlane, taps*pixelBlock, t.grid.stepW)
		for j := 0; j < q1-q0; j += 3 {
			columns := scratch[min(j, len(scratch)):]
			for m := m0; m < m1; m += 2 {
				a0 := rows[(m*t.c+c0)*taps : (m*t.c+c1)*taps]
				last := min(m+1, m1-1)
				a1 := rows[(last*t.c+c0)*taps : (last*t.c+c1)*taps]
				s0, s1, s2, r0, r1, r2 := tileRows(a0, a1, columns, pixelBlock)
				t.store(w, group*t.m+m, j, c0 == 0, s0, s1, s2)
				if last > m {
					t.store(w, group*t.m+last, j, c0 == 0, r0, r1, r2)
				}
			}
		}
	}
}

// place notes where the pixels q0 to q1 lie in out, for channel 0.
func (t *product) place(w *worker, q0, q1 int) {
	w.places = w.places[:0]
	for q := q0; q < q1; q++ {
		row, j := q/t.grid.cols, q%t.grid.cols
		n, i := row/t.grid.rows, row%t.grid.rows
		w.places = append(w.places, n*t.outImage+(i*t.outStepH+t.outH)*t.outWidth+j*t.outStepW+t.outW)
	}
}

// store writes or adds the sums of row m for pixel j of the block and the two
// after it, as far as there are any.
func (t *product) store(w *worker, m, j int, first bool, s0, s1, s2 float32) {
	out := t.out[m*t.outPlane:]
	places := w.places[j:]
	sums := [3]float32{s0, s1, s2}
	if len(places) > 3 {
		places = places[:3]
	}
	bias := float32(0)
	if t.bias != nil {
		bias = t.bias[m]
	}
	for i, at := range places {
		if first {
			out[at] = bias + sums[i]
		} else {
			out[at] += sums[i]
		}
	}
}
