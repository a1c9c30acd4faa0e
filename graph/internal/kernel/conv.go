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
	if taps := len(t.grid.taps); taps > 1 {
		q.which = q.which[:0]
		for k := range taps {
			q.which = append(q.which, k)
		}
		t.a = q.packWeights(packing{w: w, rows: t.m, inner: t.c, rowStep: t.c * taps, innerStep: taps, groupStep: t.m * t.c * taps}, g.Group)
	}
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
// A block of channels is summed from 0, tap by tap, and then added to what the
// blocks before gave, and a is packed so: [m, block of channels, t, channel].
// It is the order of oneDNN, which PyTorch runs on, in its kernels for AVX-512:
// there each sum is the same, bit for bit. Without, every ReLU whose input is
// within rounding of 0 may be on another side than PyTorch's.
//
// The columns of a block of pixels are brought into the worker's scratch
// memory, as many channels at a time as stay in a near cache, and multiplied
// by a block of rows of a: as a patch, or gathered for each tap.
type product struct {
	grid              grid
	out, in, a, bias  []float32
	group, m, c       int // rows and input channels are of one group
	outImage          int
	outPlane, inPlane int
	// pixel (i, j) is out's row i*outStepH+outH, column j*outStepW+outW
	outWidth, outStepH, outStepW, outH, outW int

	patch          patch // without rows: pixels are gathered
	size           int   // channels at a time
	at, tail       []int // where the rows of so many channels are among those copied, and of the last ones
	qSize, qBlocks int   // pixels are split into blocks of qSize
	mSize, mBlocks int   // and rows into blocks of mSize
}

const (
	pixelBlock = 144 // columns gathered; 9 cache lines, odd so that rows spread over the cache's sets
	depthBlock = 256 // rows of Gemm packed at a time
	tapBlock   = 16  // channels of a sum over several taps
	rowBlock   = 256 // rows of a used in turn with one gathered block
	leastTasks = 8   // split further below this, whatever the number of threads
	leastRows  = 8   // but gather for at least so many rows
)

func (p *Pool) launchProduct(t product) {
	t.size = min(t.c, t.block())
	t.patch.phases, t.patch.at = p.phases, p.at
	if t.patch.fits(&t.grid, t.m) {
		t.patch.row = t.patch.row && t.c > 0 && t.outStepW == 1
		t.patch.index(&t.grid)
		p.phases, p.at = t.patch.phases, t.patch.at
		t.order(p, t.patch.area)
		t.qBlocks = t.grid.images * t.patch.down * t.patch.right
	} else {
		t.patch = patch{}
		p.at = p.at[:0]
		for k := range t.grid.taps {
			p.at = append(p.at, k*pixelBlock)
		}
		t.order(p, len(p.at)*pixelBlock)
		t.qSize, t.qBlocks = split(t.grid.pixels(), pixelBlock, isa.vector)
	}
	t.mSize, t.mBlocks = split(t.m, rowBlock, isa.rows)
	if others := t.group * t.qBlocks; others > 0 && others*t.mBlocks < leastTasks {
		t.mSize, t.mBlocks = split(t.m, max(leastRows, t.m*others/leastTasks), isa.rows)
	}
	p.tasks.product = t
	p.launch(&p.tasks.product, t.group*t.qBlocks*t.mBlocks, 1)
	p.tasks.product = product{}
}

// block is the number of channels that are summed from 0: oneDNN's.
func (t *product) block() int {
	pixels := t.grid.rows * t.grid.cols
	switch {
	case len(t.grid.taps) > 1:
		return tapBlock
	case pixels <= 100:
		return 256
	case pixels < 784:
		return 80
	}
	return 512
}

// order lists the rows of a block of channels, area apart, tap by tap.
func (t *product) order(p *Pool, area int) {
	p.order = p.order[:0]
	for _, channels := range [2]int{t.size, t.c % max(t.size, 1)} {
		for _, first := range p.at {
			for c := range channels {
				p.order = append(p.order, first+c*area)
			}
		}
	}
	t.at, t.tail = p.order[:t.size*len(p.at)], p.order[t.size*len(p.at):]
}

func (t *product) run(w *worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		qBlock, m0, group := i/t.mBlocks%t.qBlocks, i%t.mBlocks*t.mSize, i/t.mBlocks/t.qBlocks
		m1 := min(m0+t.mSize, t.m)
		if t.patch.rows > 0 {
			t.patched(w, qBlock, m0, m1, group)
		} else {
			t.gathered(w, qBlock, m0, m1, group)
		}
	}
}

// gathered computes one block of pixels for the rows m0 to m1 of a group.
func (t *product) gathered(w *worker, qBlock, m0, m1, group int) {
	q0 := qBlock * t.qSize
	q1 := min(q0+t.qSize, t.grid.pixels())
	taps := len(t.grid.taps)
	w.segments = t.grid.plan(w.segments, q0, q1, pixelBlock)
	sums := t.multiply(w, pixelBlock, taps*pixelBlock, q1-q0, m0, m1, group)

	w.segments = w.segments[:0] // from sums to out
	for q := q0; q < q1; {
		row, j := q/t.grid.cols, q%t.grid.cols
		count := min(t.grid.cols-j, q1-q)
		w.segments = t.place(w.segments, q-q0, row/t.grid.rows, row%t.grid.rows, j, count)
		q += count
	}
	t.store(w.segments, sums, pixelBlock, group*t.m+m0, group*t.m+m1)
}

// patched computes one patch for the rows m0 to m1 of a group.
func (t *product) patched(w *worker, qBlock, m0, m1, group int) {
	g := &t.patch
	n, i, j := qBlock/g.right/g.down, qBlock/g.right%g.down*g.rows, qBlock%g.right*g.cols
	rows, cols := min(g.rows, t.grid.rows-i), min(g.cols, t.grid.cols-j)
	if g.row && cols%isa.vector == 0 {
		t.inPlace(w, n, j, cols, m0, m1, group)
		return
	}
	w.segments = g.plan(w.segments, &t.grid, n, i, j)
	sums := t.multiply(w, patchColumns, g.area, (rows-1)*g.width+cols, m0, m1, group)

	w.segments = w.segments[:0]
	for r := range rows {
		w.segments = t.place(w.segments, r*g.width, n, i+r, j, cols)
	}
	t.store(w.segments, sums, patchColumns, group*t.m+m0, group*t.m+m1)
}

// inPlace computes the columns from j on of a product whose patches are rows:
// operands lie as multiply would copy them, and sums go where they belong.
func (t *product) inPlace(w *worker, n, j, columns, m0, m1, group int) {
	sums := t.out[n*t.outImage+(group*t.m+m0)*t.outPlane+j:]
	in := t.in[group*t.c*t.inPlane+n*t.grid.image+j:]
	at := w.multiples(t.size, t.inPlane)
	for c0 := 0; c0 < t.c; c0 += t.size {
		c1 := min(c0+t.size, t.c)
		isa.multiply(sums, t.outPlane, t.biases(group, m0, m1), t.weights(group, m0, c0), t.c, in[c0*t.inPlane:], at[:c1-c0], m1-m0, columns, c0 > 0)
	}
}

// multiply copies the listed segments of each channel, area elements, and
// returns their product with the rows m0 to m1, rows of ld sums.
func (t *product) multiply(w *worker, ld, area, columns, m0, m1, group int) []float32 {
	taps := len(t.grid.taps)
	scratch := w.floats(t.mSize*ld + t.size*area + ld)
	sums, copied := scratch[:t.mSize*ld], scratch[t.mSize*ld:]
	in := t.in[group*t.c*t.inPlane:]
	for c0 := 0; c0 == 0 || c0 < t.c; c0 += t.size {
		c1 := min(c0+t.size, t.c)
		at := t.at
		if c1-c0 < t.size {
			at = t.tail
		}
		gather(copied, in, w.segments, c0, c1, t.inPlane, area, t.grid.stepW)
		isa.multiply(sums, ld, t.biases(group, m0, m1), t.weights(group, m0, c0), t.c*taps, copied, at, m1-m0, columns, c0 > 0)
	}
	return sums
}

// weights is a from row m0 and channel c0 of a group on.
func (t *product) weights(group, m0, c0 int) []float32 {
	return t.a[((group*t.m+m0)*t.c+c0)*len(t.grid.taps):]
}

// biases is the bias of rows m0 to m1 of a group, or nil.
func (t *product) biases(group, m0, m1 int) []float32 {
	if t.bias == nil {
		return nil
	}
	return t.bias[group*t.m+m0 : group*t.m+m1]
}

// place appends the segment from sums, at src, to the pixels of image n from
// (i, j) on, or lengthens the last by it.
func (t *product) place(list []segment, src, n, i, j, count int) []segment {
	s := segment{dst: n*t.outImage + (i*t.outStepH+t.outH)*t.outWidth + j*t.outStepW + t.outW, src: src, count: count}
	if len(list) > 0 && t.outStepW == 1 {
		if last := &list[len(list)-1]; last.dst+last.count == s.dst && last.src+last.count == s.src {
			last.count += count
			return list
		}
	}
	return append(list, s)
}

// store copies the listed sums of the rows m0 to m1 of a to their places.
func (t *product) store(list []segment, sums []float32, ld, m0, m1 int) {
	for m := m0; m < m1; m++ {
		out, from := t.out[m*t.outPlane:], sums[(m-m0)*ld:]
		for _, s := range list {
			if t.outStepW == 1 {
				copy(out[s.dst:], from[s.src:s.src+s.count])
				continue
			}
			o := s.dst
			for _, v := range from[s.src : s.src+s.count] {
				out[o] = v
				o += t.outStepW
			}
		}
	}
}
