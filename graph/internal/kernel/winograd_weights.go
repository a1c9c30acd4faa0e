package kernel

// ConvBackwardWeightsWinograd is ConvBackwardWeights by Winograd's algorithm.
func ConvBackwardWeightsWinograd(p *Pool, g *Conv, dw, x, dy []float32) {
	g.check()
	if len(x) < g.input() || len(dy) < g.output() || len(dw) < g.Packed() {
		panic("kernel: short operand")
	}
	q := p.acquire()
	q.correlateTiles(winogradWeights{winograd: winograd{in: x, out: dy, w: dw, n: g.N, inH: g.H, inW: g.W, outH: g.OutH, outW: g.OutW,
		top: -g.PadTop, left: -g.PadLeft, ins: g.C, inBlocks: Blocks(g.C), outBlocks: Blocks(g.M)}})
	p.release(q)
}

// winogradWeights sums products of x and dy, in 36 transformed planes, over all tiles.
//
//	v[k] = (B^T d B)[k], m[k] = (A e A^T)[k] for each tile d of x and e of dy
//	u[k] += v[k] m[k]                        for each of 36 planes k
//	dw = G^T u G
//
// m holds dy here, and nothing limits or follows the sums.
type winogradWeights struct {
	winograd
	u []float32
}

func (p *Pool) correlateTiles(t winogradWeights) {
	if t.n*t.outH*t.outW*t.ins*t.outBlocks == 0 {
		clear(t.w)
		return
	}
	t.cut()
	t.uPlane = t.ins*t.outBlocks*isa.lanes + isa.lanes
	images, each := t.group(), t.down*t.right
	planes := p.floats(36 * (t.vPlane + t.mPlane + t.uPlane))
	t.v, t.m, t.u = planes[:36*t.vPlane], planes[36*t.vPlane:][:36*t.mPlane], planes[36*(t.vPlane+t.mPlane):]
	task := &p.tasks.winogradWeights
	for t.first = 0; t.first < t.n; t.first += images {
		count := min(images, t.n-t.first)
		t.tiles = count * each
		for t.phase = 1; t.phase <= 2; t.phase++ {
			*task = t
			p.launch(task, []int{1: count * (t.inBlocks + t.outBlocks), 2: 36 * t.shares}[t.phase], 1)
		}
	}
	t.phase = 3
	*task = t
	p.launch(task, t.panels*t.inBlocks, 1)
	*task = winogradWeights{}
}

func (t *winogradWeights) run(w *worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		switch t.phase {
		case 1:
			image, block := i/(t.inBlocks+t.outBlocks), i%(t.inBlocks+t.outBlocks)
			rows := w.floats(6 * t.width * isa.lanes)
			for row := range t.down {
				tile := (image*t.down + row) * t.right
				if block < t.inBlocks {
					t.input(w, t.v, rows, t.first+image, block, row, tile)
				} else {
					t.gradient(w, rows, t.first+image, block-t.inBlocks, row, tile)
				}
			}
		case 2:
			t.products(w, i/t.shares, t.panels*(i%t.shares)/t.shares, t.panels*(i%t.shares+1)/t.shares)
		case 3:
			t.weights(w, i/t.inBlocks, i%t.inBlocks)
		}
	}
}

// gradient transforms a row of tiles of a block of dy.
func (t *winogradWeights) gradient(w *worker, rows []float32, n, block, row, tile int) {
	dy := t.out[(n*t.outBlocks+block)*t.outH*t.outW*isa.lanes:]
	to := t.m[(block*t.tiles+tile)*isa.lanes:]
	if 4*t.right == t.outW && 4*row+4 <= t.outH {
		isa.winogradGradient(to, dy[4*row*t.outW*isa.lanes:], w.transform[:], t.mPlane, t.outW*isa.lanes, t.right)
		return
	}
	copyBand(rows, dy, t.outH, t.outW, isa.lanes, 4*row, 0, 4, 4*t.right, 0)
	isa.winogradGradient(to, rows, w.transform[:], t.mPlane, 4*t.right*isa.lanes, t.right)
}

// products adds the tiles' products to plane k of u, for some panels of dy.
func (t *winogradWeights) products(w *worker, k, first, last int) {
	x := &w.tile
	w.taps = append(w.taps[:0], tap{0, t.tiles})
	*x = tile{cBlock: isa.lanes, aRow: 1, aStep: isa.lanes, bStep: isa.lanes, bBlock: t.tiles * isa.lanes, taps: w.taps, add: t.first > 0}
	for i := first; i < last; i++ {
		from, to := panel(t.outBlocks, i)
		x.blocks = to - from
		x.cRow = x.blocks * isa.lanes
		x.b = t.m[k*t.mPlane+from*t.tiles*isa.lanes:]
		u := t.u[k*t.uPlane+from*isa.lanes*t.ins:]
		for block := range t.inBlocks {
			v := t.v[k*t.vPlane+block*t.tiles*isa.lanes:]
			c0 := block * isa.lanes
			x.each(min(isa.lanes, t.ins-c0), func(j int) {
				x.c, x.a = u[(c0+j)*x.cRow:], v[j:]
				isa.tile(x)
			})
		}
	}
	*x = tile{}
}

// weights transforms u back for a panel and a block of input channels.
func (t *winogradWeights) weights(w *worker, i, block int) {
	from, to := panel(t.outBlocks, i)
	width := (to - from) * isa.lanes
	c0 := block * isa.lanes
	count := min(isa.lanes, t.ins-c0)
	at := from * isa.lanes * t.ins
	isa.winogradWeightsBackward(t.w[9*(at+c0*width):], t.u[at+c0*width:], w.transform[:], t.uPlane, count*width, count*width/isa.lanes)
}
