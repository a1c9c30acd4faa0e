package kernel

// ConvBackwardData computes the gradient of ConvForward for its input,
//
//	dx = 0
//	for n, m, oh, ow, c, kh, kw:
//	  dx[n, m/(M/Group)*(C/Group)+c, oh*StrideH-PadTop+kh*DilationH, ow*StrideW-PadLeft+kw*DilationW] += w[m,c,kh,kw] * dy[n,m,oh,ow]
//
// Seen from dx this is a convolution of dy. The rows and columns of dx fall
// into StrideH x StrideW classes by their remainders; the pixels of one class
// meet the same taps of w, each at a fixed offset in dy.
func ConvBackwardData(p *Pool, g *Conv, dx, dy, w []float32) {
	g.check(dx, w, dy)
	q := p.acquire()
	defer p.release(q)
	if g.depthwise() {
		q.launchDepthwise(depthwise{f: depthwiseData, g: *g, y: dx, x: dy, w: w}, g.N*g.C)
		return
	}
	for h := range min(g.StrideH, g.H) {
		for w0 := range min(g.StrideW, g.W) {
			q.dataClass(g, dx, dy, w, h, w0)
		}
	}
}

// dataClass computes dx at rows h, h+StrideH, … and columns c, c+StrideW, ….
func (p *Pool) dataClass(g *Conv, dx, dy, w []float32, h, c int) {
	t := product{
		grid: grid{
			images: g.N, rows: (g.H - h + g.StrideH - 1) / g.StrideH, cols: (g.W - c + g.StrideW - 1) / g.StrideW,
			height: g.OutH, width: g.OutW, stepH: 1, stepW: 1, image: g.M * g.OutH * g.OutW, taps: p.taps[:0],
		},
		out: dx, in: dy,
		group: g.Group, m: g.C / g.Group, c: g.M / g.Group,
		outImage: g.C * g.H * g.W, outPlane: g.H * g.W, inPlane: g.OutH * g.OutW,
		outWidth: g.W, outStepH: g.StrideH, outStepW: g.StrideW, outH: h, outW: c,
	}
	p.which = p.which[:0]
	for kh := range g.KernelH {
		for kw := range g.KernelW {
			// the pixel at i of the class is i*Stride+h = oh*Stride-Pad+k*Dilation
			top, left := h+g.PadTop-kh*g.DilationH, c+g.PadLeft-kw*g.DilationW
			if top%g.StrideH == 0 && left%g.StrideW == 0 {
				t.grid.taps = append(t.grid.taps, tap{top / g.StrideH, left / g.StrideW})
				p.which = append(p.which, kh*g.KernelW+kw)
			}
		}
	}
	if g.pointwise() {
		t.grid.rows, t.grid.cols, t.grid.height, t.grid.width = 1, g.H*g.W, 1, g.OutH*g.OutW
		t.outWidth = g.H * g.W
	}
	p.taps = t.grid.taps
	t.a = p.packWeights(packing{w: w, rows: t.m, inner: t.c, rowStep: g.KernelH * g.KernelW, innerStep: t.m * g.KernelH * g.KernelW, groupStep: t.m * t.c * g.KernelH * g.KernelW}, g.Group)
	p.launchProduct(t)
}

// packing lays weights out as a product wants them: from w [group], whose
// element of a row, an inner channel and tap k is at row*rowStep +
// channel*innerStep + k, to y [group, rows, blocks of inner, which, channel].
type packing struct {
	y, w                          []float32
	which                         []int
	rows, inner                   int
	rowStep, innerStep, groupStep int
}

// packWeights packs the taps p.which of all groups.
func (p *Pool) packWeights(t packing, groups int) []float32 {
	t.y, t.which = p.pack(groups*t.rows*t.inner*len(p.which)), p.which
	p.tasks.packing = t
	p.launch(&p.tasks.packing, groups*t.rows, 8)
	p.tasks.packing = packing{}
	return t.y
}

func (t *packing) run(_ *worker, lo, hi int) {
	taps := len(t.which)
	if taps == 0 {
		return
	}
	size := min(t.inner, tapBlock)
	if taps == 1 {
		size = t.inner
	}
	for c := range t.inner {
		first := c / size * size
		width := min(size, t.inner-first)
		for i := lo; i < hi; i++ {
			from := t.w[i/t.rows*t.groupStep+i%t.rows*t.rowStep+c*t.innerStep:]
			to := t.y[(i*t.inner+first)*taps+c-first:]
			for j, k := range t.which {
				to[j*width] = from[k]
			}
		}
	}
}
