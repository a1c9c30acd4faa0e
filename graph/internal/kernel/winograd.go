package kernel

// WinogradPays says whether a convolution costs less by Winograd's algorithm: 4x4 pixels
// of a 3x3 kernel take 36 products for each pair of channels instead of 144. Its results
// carry about ten times the rounding error of a direct sum.
func (g *Conv) WinogradPays() bool {
	if g.KernelH != 3 || g.KernelW != 3 || g.StrideH != 1 || g.StrideW != 1 || g.DilationH != 1 || g.DilationW != 1 ||
		g.Group != 1 || g.Narrow || min(g.C, g.M) < 16 { // fewer do not pay for the transforms
		return false
	}
	down, right := (g.OutH+3)/4, (g.OutW+3)/4
	// Tiles reach past the last pixel, and a product of few tiles waits for its weights.
	return 16*down*right <= 2*g.OutH*g.OutW && g.N*down*right >= 4
}

// PackedWinograd is the number of elements of transformed weights, forward or backward.
func (g *Conv) PackedWinograd() int {
	return 36 * max(winogradPlane(g.C, Blocks(g.M)), winogradPlane(g.M, Blocks(g.C)))
}

// PackWeightsWinograd packs w [M,C,3,3] for ConvForwardWinograd.
func PackWeightsWinograd(p *Pool, g *Conv, packed, w []float32) {
	q := p.acquire()
	q.transformWeights(packing{packed: packed, w: w, g: *g, plane: winogradPlane(g.C, Blocks(g.M))})
	p.release(q)
}

// PackWeightsDataWinograd packs w for ConvBackwardDataWinograd.
func PackWeightsDataWinograd(p *Pool, g *Conv, packed, w []float32) {
	q := p.acquire()
	q.transformWeights(packing{packed: packed, w: w, g: *g, back: true, plane: winogradPlane(g.M, Blocks(g.C))})
	p.release(q)
}

// ConvForwardWinograd is ConvForward by Winograd's algorithm.
func ConvForwardWinograd(p *Pool, g *Conv, y, x, w []float32, e Epilogue) {
	g.check()
	if len(x) < g.input() || len(w) < g.PackedWinograd() {
		panic("kernel: short operand")
	}
	e.fit(g, y)
	q := p.acquire()
	t := winograd{in: x, out: y, w: w, Epilogue: e, n: g.N, inH: g.H, inW: g.W, outH: g.OutH, outW: g.OutW,
		top: -g.PadTop, left: -g.PadLeft, ins: g.C, inBlocks: Blocks(g.C), outBlocks: Blocks(g.M)}
	t.outImage, _ = e.places(g)
	if e.Bias != nil {
		t.Bias = q.padded(e.Bias[:g.M])
	}
	q.multiplyTiles(t, nil)
	p.release(q)
}

// ConvBackwardDataWinograd is ConvBackwardData by Winograd's algorithm.
func ConvBackwardDataWinograd(p *Pool, g *Conv, dx, dy, w []float32) {
	if len(w) < g.PackedWinograd() {
		panic("kernel: short operand")
	}
	g.backwardWinograd(p, dx, dy, w, nil)
}

// ConvBackwardDataWinogradOf is ConvBackwardDataWinograd of weights w [M,C,3,3] that have not
// been packed: it packs them as it goes, where there are many a part at a time.
func ConvBackwardDataWinogradOf(p *Pool, g *Conv, dx, dy, w []float32) {
	g.backwardWinograd(p, dx, dy, nil, &packing{w: w, g: *g, back: true})
}

func (g *Conv) backwardWinograd(p *Pool, dx, dy, packed []float32, w *packing) {
	g.check()
	if len(dx) < g.input() || len(dy) < g.output() {
		panic("kernel: short operand")
	}
	q := p.acquire()
	// dx sees dy through the kernel turned around
	q.multiplyTiles(winograd{in: dy, out: dx, w: packed, n: g.N, inH: g.OutH, inW: g.OutW, outH: g.H, outW: g.W,
		top: g.PadTop - 2, left: g.PadLeft - 2, ins: g.M, inBlocks: Blocks(g.M), outBlocks: Blocks(g.C),
		outImage: Blocks(g.C) * isa.lanes * g.H * g.W}, w)
	p.release(q)
}

// winograd is a convolution of 3x3 kernels. Tiles of a few rows, or of a few images, are
// transformed to 36 planes, multiplied there like a 1x1 convolution, and transformed back.
//
//	v[k] = (B^T d B)[k] for each tile d and block of input channels
//	m[k] = u[k] v[k]    for each of 36 planes k
//	y = A^T m A + bias + residual, between the limits
//
// Few weights stay in a near cache: then a task does all three with some rows of tiles.
// Many would be read again by each task: then the three are launches of their own, for
// as many images as the last cache holds. Where weights have to be packed first, and are
// many for few images, this goes on over all images for a part of the weights at a time.
type winograd struct {
	Epilogue
	in, out, w []float32
	n          int
	inH, inW   int
	outH, outW int
	outImage   int // elements
	top, left  int // of the input of the first tile
	ins        int

	inBlocks, outBlocks int
	down, right         int // tiles of an image
	band, bands         int // rows of tiles a task
	tiles               int // in v and m
	vPlane, mPlane      int
	uPlane              int
	panels, shares      int // of output blocks; tasks that share a plane
	low, high           int // panels whose weights, or their sums, lie in u
	width               int // of padded rows

	phase int // 0: all three
	first int // image
	v, m  []float32
}

const (
	winogradNear   = 64      // blocks of input times output channels whose weights stay near
	winogradPixels = 2 << 20 // elements of v and m at a time
)

// multiplyTiles computes t, by its packed weights or by others that it packs first.
func (p *Pool) multiplyTiles(t winograd, weights *packing) {
	if t.n*t.outH*t.outW*t.outBlocks == 0 {
		return
	}
	t.cut()
	t.reach(0, t.panels)
	task := &p.tasks.winograd
	if t.inBlocks*t.outBlocks*isa.lanes*isa.lanes <= winogradNear*256 && t.n*t.down >= 8 {
		t.band = min(max(2*isa.rows[1]/t.right, 1), t.down)
		t.bands = (t.down + t.band - 1) / t.band
		t.measure(t.band * t.right)
		if weights != nil {
			t.w = p.floats(36 * t.uPlane)
			p.packPart(t, weights)
		}
		*task = t
		p.launch(task, t.n*t.bands, 1)
		*task = winograd{}
		return
	}
	images, each, parts := t.group(), t.down*t.right, 1
	if weights != nil {
		parts = t.parts(&images)
	}
	planes := p.planesOf(&t, parts, weights != nil)
	if weights != nil {
		t.w = planes
	}
	for part := range parts {
		if weights != nil {
			t.reachPart(part, parts)
			p.packPart(t, weights)
		}
		for t.first = 0; t.first < t.n; t.first += images {
			count := min(images, t.n-t.first)
			t.tiles = count * each
			for t.phase = 1; t.phase <= 3; t.phase++ {
				if t.phase == 1 && part > 0 { // of several parts each is of the same images
					continue
				}
				*task = t
				p.launch(task, []int{1: count * t.inBlocks, 2: 36 * t.shares, 3: count * (t.to() - t.from())}[t.phase], 1)
			}
		}
	}
	*task = winograd{}
}

// packPart packs the weights of the panels within reach.
func (p *Pool) packPart(t winograd, weights *packing) {
	part := *weights
	part.packed, part.plane, part.low, part.high = t.w, t.uPlane, t.low, t.high
	p.transformWeights(part)
}

// parts is in how many parts u is there, of groups of images or, if several, of all.
func (t *winograd) parts(images *int) int {
	groups, u := 36*(t.vPlane+t.mPlane), 36*t.uPlane
	all := groups / *images * t.n
	if *images < t.n && groups+u <= all+winogradPixels || u <= winogradPixels {
		return 1
	}
	*images = t.n
	t.measure(t.n * t.down * t.right)
	return min((u+winogradPixels-1)/winogradPixels, t.panels)
}

// reach makes u one of some panels.
func (t *winograd) reach(low, high int) {
	t.low, t.high = low, high
	t.uPlane = winogradPlane(t.ins, t.to()-t.from())
}

// reachPart makes u the i-th of so many parts.
func (t *winograd) reachPart(i, parts int) { t.reach(t.panels*i/parts, t.panels*(i+1)/parts) }

// from and to are the output blocks within reach.
func (t *winograd) from() int { first, _ := panel(t.outBlocks, t.low); return first }
func (t *winograd) to() int   { _, last := panel(t.outBlocks, t.high-1); return last }

// planesOf gives t v and m, and returns memory for u in the largest of its parts, if wanted.
func (p *Pool) planesOf(t *winograd, parts int, wanted bool) []float32 {
	most := 0
	for part := range parts {
		t.reachPart(part, parts)
		most = max(most, t.uPlane)
	}
	if !wanted {
		most = 0
	}
	planes := p.floats(36 * (t.vPlane + t.mPlane + most))
	t.v, t.m = planes[:36*t.vPlane], planes[36*t.vPlane:][:36*t.mPlane]
	return planes[36*(t.vPlane+t.mPlane):]
}

// cut counts tiles and panels.
func (t *winograd) cut() {
	t.down, t.right = (t.outH+3)/4, (t.outW+3)/4
	t.width = 4*t.right + 2
	t.panels = panels(t.outBlocks)
	t.shares = min(t.panels, 4)
}

// group lays out planes for as many images as the last cache holds, and returns how many.
func (t *winograd) group() int {
	each := t.down * t.right
	images := min(t.n, max(1, winogradPixels/(36*each*isa.lanes*(t.inBlocks+t.outBlocks))))
	t.measure(images * each)
	return images
}

// floats returns n elements that all workers may use during launches, uninitialised.
func (p *Pool) floats(n int) []float32 {
	if cap(p.planes) < n {
		p.planes = make([]float32, n)
	}
	return p.planes[:n]
}

// winogradPlane is a plane of weights, or of their sums. A vector between planes keeps 36
// streams from falling on the same lines of a cache.
func winogradPlane(ins, outBlocks int) int { return (ins*outBlocks + 1) * isa.lanes }

// measure lays out planes of so many tiles.
func (t *winograd) measure(tiles int) {
	t.tiles = tiles
	t.vPlane, t.mPlane = (t.inBlocks*tiles+1)*isa.lanes, (t.outBlocks*tiles+1)*isa.lanes
}

func (t *winograd) run(w *worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		switch t.phase {
		case 0:
			t.all(w, i/t.bands, i%t.bands*t.band)
		case 1:
			image, block := i/t.inBlocks, i%t.inBlocks
			for row := range t.down {
				t.input(w, t.v, w.floats(6*t.width*isa.lanes), t.first+image, block, row, (image*t.down+row)*t.right)
			}
		case 2:
			k, share := i/t.shares, i%t.shares
			t.product(w, t.v, t.m, k, t.low+(t.high-t.low)*share/t.shares, t.low+(t.high-t.low)*(share+1)/t.shares, t.tiles)
		case 3:
			blocks := t.to() - t.from()
			image, block := i/blocks, t.from()+i%blocks
			for row := range t.down {
				t.output(w, t.m, w.floats(8*4*t.right*isa.lanes), t.first+image, block, row, (image*t.down+row)*t.right)
			}
		}
	}
}

// all computes the rows of tiles of an image from row on, a band at most.
func (t *winograd) all(w *worker, n, row int) {
	rows := min(t.band, t.down-row)
	scratch := w.floats(36*(t.vPlane+t.mPlane) + 8*4*t.right*isa.lanes + 6*t.width*isa.lanes)
	v, scratch := scratch[:36*t.vPlane], scratch[36*t.vPlane:]
	m, scratch := scratch[:36*t.mPlane], scratch[36*t.mPlane:]
	for block := range t.inBlocks {
		for r := range rows {
			t.input(w, v, scratch, n, block, row+r, r*t.right)
		}
	}
	for k := range 36 {
		t.product(w, v, m, k, 0, t.panels, rows*t.right)
	}
	for block := range t.outBlocks {
		for r := range rows {
			t.output(w, m, scratch, n, block, row+r, r*t.right)
		}
	}
}

// input transforms a row of tiles of a block of input channels to the tiles of v from
// tile on.
func (t *winograd) input(w *worker, v, rows []float32, n, block, row, tile int) {
	size := t.inH * t.inW * isa.lanes
	x := t.in[(n*t.inBlocks+block)*size:]
	top, at := 4*row+t.top, (block*t.tiles+tile)*isa.lanes
	if inside := t.left >= 0 && t.left+t.width <= t.inW; inside && top >= 0 && top+6 <= t.inH {
		isa.winogradInput(v[at:], x[(top*t.inW+t.left)*isa.lanes:], w.transform[:], t.vPlane, t.inW*isa.lanes, t.right)
		return
	}
	copyBand(rows, x, t.inH, t.inW, isa.lanes, top, t.left, 6, t.width, 0)
	isa.winogradInput(v[at:], rows, w.transform[:], t.vPlane, t.width*isa.lanes, t.right)
}

// product multiplies plane k of so many tiles by the weights of some panels.
func (t *winograd) product(w *worker, v, m []float32, k, first, last, tiles int) {
	x := &w.tile
	w.taps = w.taps[:0]
	for b := range t.inBlocks {
		w.taps = append(w.taps, tap{b * t.tiles * isa.lanes, min(isa.lanes, t.ins-b*isa.lanes)})
	}
	*x = tile{cRow: isa.lanes, cBlock: t.tiles * isa.lanes, aRow: isa.lanes, aStep: 1, bBlock: isa.lanes, taps: w.taps}
	for i := first; i < last; i++ {
		from, to := panel(t.outBlocks, i)
		x.blocks = to - from
		x.bStep = x.blocks * isa.lanes
		x.b = t.w[k*t.uPlane+(from-t.from())*isa.lanes*t.ins:]
		x.each(tiles, func(j int) {
			x.c, x.a = m[k*t.mPlane+(from*t.tiles+j)*isa.lanes:], v[k*t.vPlane+j*isa.lanes:]
			isa.tile(x)
		})
	}
	*x = tile{}
}

// output transforms a row of tiles back, from the tiles of m from tile on. Where tiles
// reach past the last pixel this goes through a copy.
func (t *winograd) output(w *worker, m, rows []float32, n, block, row, tile int) {
	c := w.coefficients[:3*isa.lanes]
	clear(c)
	if t.Bias != nil {
		copy(c, t.Bias[block*isa.lanes:][:isa.lanes])
	}
	lo, hi := unlimited, unlimited
	if t.Clamp {
		lo, hi = t.Lo, t.Hi
	}
	fill(c[isa.lanes:2*isa.lanes], lo)
	fill(c[2*isa.lanes:], hi)
	at := n*t.outImage + block*t.outH*t.outW*isa.lanes + 4*row*t.outW*isa.lanes
	from := m[(block*t.tiles+tile)*isa.lanes:]
	if 4*t.right == t.outW && 4*row+4 <= t.outH {
		var residual []float32
		if t.Residual != nil {
			residual = t.Residual[at:]
		}
		isa.winogradOutput(t.out[at:], from, w.transform[:], t.mPlane, t.outW*isa.lanes, t.right, c, residual)
		t.activate(t.out[at:][:4*t.outW*isa.lanes])
		return
	}
	width, line := 4*t.right*isa.lanes, t.outW*isa.lanes
	y, residual := rows[:4*width], []float32(nil)
	if t.Residual != nil {
		residual = rows[4*width : 8*width]
		for i := range min(4, t.outH-4*row) {
			copy(residual[i*width:], t.Residual[at+i*line:][:line])
		}
	}
	isa.winogradOutput(y, from, w.transform[:], t.mPlane, width, t.right, c, residual)
	for i := range min(4, t.outH-4*row) {
		t.activate(y[i*width:][:line])
		copy(t.out[at+i*line:], y[i*width:][:line])
	}
}

// transformWeights packs 3x3 weights for direct sums, in scratch memory, and transforms
// them to 36 planes.
func (p *Pool) transformWeights(t packing) {
	g := &t.g
	if g.KernelH != 3 || g.KernelW != 3 || g.Group != 1 || len(t.packed) < 36*t.plane {
		panic("kernel: bad weights for Winograd's algorithm")
	}
	t.winograd = true
	if t.back { // turned around
		p.which = append(p.which[:0], 8, 7, 6, 5, 4, 3, 2, 1, 0)
		p.pack(t, p.which)
		return
	}
	p.pack(t, p.allTaps(g))
}
