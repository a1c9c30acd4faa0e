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
// m holds dy here, and nothing limits or follows the sums. All of u is summed up over groups of
// images, or, where that takes less memory, some panels of it after the other over all images.
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
	t.reach(0, t.panels)
	images, each := t.group(), t.down*t.right
	parts := t.parts(&images)
	t.u = p.planesOf(&t.winograd, parts, true)
	task := &p.tasks.winogradWeights
	launch := func(phase, items int) {
		t.phase = phase
		*task = t
		p.launch(task, items, 1)
	}
	for part := range parts {
		t.reachPart(part, parts)
		for t.first = 0; t.first < t.n; t.first += images {
			count := min(images, t.n-t.first)
			t.tiles = count * each
			if part == 0 { // of several parts each is of the same images
				launch(1, count*(t.inBlocks+t.outBlocks))
			}
			launch(2, 36*t.shares)
		}
		launch(3, (t.high-t.low)*t.inBlocks)
	}
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
			t.products(w, i/t.shares, t.low+(t.high-t.low)*(i%t.shares)/t.shares, t.low+(t.high-t.low)*(i%t.shares+1)/t.shares)
		case 3:
			t.weights(w, t.low+i/t.inBlocks, i%t.inBlocks)
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
		u := t.u[k*t.uPlane+(from-t.from())*isa.lanes*t.ins:]
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
	isa.winogradWeightsBackward(t.w[9*(at+c0*width):], t.u[(from-t.from())*isa.lanes*t.ins+c0*width:], w.transform[:], t.uPlane, count*width, count*width/isa.lanes)
}
