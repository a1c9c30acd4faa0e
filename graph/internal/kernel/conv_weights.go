package kernel

// ConvBackwardWeights computes the gradient of ConvForward for its weights,
//
//	dw = 0
//	for n, m, oh, ow, c, kh, kw:
//	  dw[m,c,kh,kw] += dy[n,m,oh,ow] * x[n, m/(M/Group)*(C/Group)+c, oh*StrideH-PadTop+kh*DilationH, ow*StrideW-PadLeft+kw*DilationW]
//
// packed as PackWeights packs w. What lies between the groups that are taken
// together is computed and does not count.
func ConvBackwardWeights(p *Pool, g *Conv, dw, x, dy []float32) {
	g.check()
	if len(x) < g.input() || len(dy) < g.output() || len(dw) < g.Packed() {
		panic("kernel: short operand")
	}
	q := p.acquire()
	defer p.release(q)
	if g.N*g.OutH*g.OutW*g.M*g.C == 0 {
		clear(dw)
		return
	}
	s := newSliding(g, g.C, g.M)
	s.inH, s.inW, s.outH, s.outW = g.H, g.W, g.OutH, g.OutW
	s.in, s.out, s.w = x, dy, dw
	q.correlate(s, q.forward(g))
}

// correlation sums products of x and dy over all pixels. A task owns the weights of some
// blocks of input channels and panels of output channels and walks over the images, so
// that no two tasks add to one sum.
//
//	for group, panels, blocks of input channels, share of their runs:
//	  for n, band, block of input channels:
//	    copy the band of x, zeros around it, if taps reach outside
//	    for panel, run of weights: tiles whose rows are the weights, whose terms the pixels
//
// Of a kernel of one tap, an image's pixels are one chain, as PyTorch's are.
type correlation struct {
	sliding
	blocks     int // of input channels of a group
	deep, wide int // blocks and panels of a task
	perImage   bool
}

const (
	correlationPixels = 28 * 28  // of x and dy, with the sums, stay in a near cache
	correlationSums   = 32 << 10 // elements
)

func (p *Pool) correlate(s sliding, c class) {
	t := &p.tasks.correlation
	t.sliding, t.blocks = s, s.inBlocks
	t.class, t.inBlocks = c, 1
	t.measure()
	t.band = min(max(correlationPixels/t.class.cols, 1), t.class.rows)
	t.bands = (t.class.rows + t.band - 1) / t.band
	t.perImage = len(c.places) == 1
	top, _, bottom, _ := extent(t.class.places)
	t.height = (t.band-1)*t.class.stepH + bottom - top + 1
	tasks := t.groups * t.share()
	t.shares = 1
	if tasks < leastTasks {
		t.shares = min(len(t.class.places), (leastTasks+tasks-1)/tasks)
	}
	p.launch(t, tasks*t.shares, 1)
	*t = correlation{}
}

// share decides how many blocks and panels a task has, so that x, read once for each
// share of the panels, and dy, once for each of the blocks, are read as little as may be.
// It returns the number of shares of a group.
func (t *correlation) share() (shares int) {
	least := 0
	for deep := 1; deep <= t.blocks; deep++ {
		for wide := 1; wide <= t.panels; wide++ {
			sums := deep * wide * len(isa.rows) * isa.lanes * t.inLanes * len(t.class.places)
			if least > 0 && sums > correlationSums {
				break
			}
			down, right := (t.blocks+deep-1)/deep, (t.panels+wide-1)/wide
			reads := right*t.blocks*t.inLanes*t.class.stepH + down*t.outBlocks*isa.lanes
			if least == 0 || reads < least && t.groups*down*right >= leastTasks {
				least, shares, t.deep, t.wide = reads, down*right, deep, wide
			}
		}
	}
	return shares
}

func (t *correlation) run(w *worker, lo, hi int) {
	down, right := (t.blocks+t.deep-1)/t.deep, (t.panels+t.wide-1)/t.wide
	for i := lo; i < hi; i++ {
		share, block := i%t.shares, i/t.shares%down
		panel, group := i/t.shares/down%right, i/t.shares/down/right
		t.walk(w, group, panel*t.wide, block*t.deep, share)
	}
}

// walk goes over the images with the panels and the blocks from these on.
func (t *correlation) walk(w *worker, group, panel, block, share int) {
	k := &w.tile
	*k = tile{cBlock: isa.lanes, aRow: t.step(), aStep: t.class.stepW * t.inLanes, bStep: isa.lanes, bBlock: t.outSize}
	sums := len(isa.rows) * isa.lanes * t.inLanes // of a panel and a block
	scratch := w.floats(t.deep*t.wide*sums + t.height*t.inRow)
	runsOf := 0 // channels
	for i := range t.n * t.bands {
		n, i0 := i/t.bands, i%t.bands*t.band
		for d := range min(t.deep, t.blocks-block) {
			if channels := min(t.inLanes, t.ins-(block+d)*t.inLanes); channels != runsOf {
				w.runs, runsOf = t.runs(w.runs[:0], block+d, block+d+1), channels
			}
			x := t.pixelsOf(w, scratch[t.deep*t.wide*sums:], n, group*t.blocks+block+d, i0)
			k.taps = w.taps
			for e := range min(t.wide, t.panels-panel) {
				t.weights(w, scratch[(d*t.wide+e)*sums:][:sums], x, n, i0, group, panel+e, block+d, share)
			}
		}
	}
	*k = tile{}
}

// weights adds a band's products to a share of the weights of a panel and a block. Where
// several bands make a chain, it gathers in sums first.
func (t *correlation) weights(w *worker, sums, x []float32, n, i0, group, i, block, share int) {
	from, to := panel(t.outBlocks, i)
	from, to = group*t.outBlocks+from, group*t.outBlocks+to
	width, terms := (to-from)*isa.lanes, len(t.class.places)
	if !t.depthwise {
		terms *= t.ins
	}
	dw := t.w[from*isa.lanes*terms:]
	if !t.depthwise {
		dw = dw[block*t.inLanes*len(t.class.places)*width:]
	}
	k, f := &w.tile, isa.tile
	if t.depthwise {
		f = isa.laneTile
	}
	k.blocks, k.cRow = to-from, width
	k.b = t.out[(n*t.groups*t.outBlocks+from)*t.outSize+i0*t.class.cols*isa.lanes:]
	k.add, k.resume = t.perImage && n > 0 && t.bands == 1, i0 > 0 || n > 0 && !t.perImage
	into := dw
	if t.perImage && n > 0 && t.bands > 1 {
		into = sums
	}
	first, last := len(w.runs)*share/t.shares, len(w.runs)*(share+1)/t.shares
	o := 0
	for j, r := range w.runs[:last] {
		if j >= first {
			k.each(r.count, func(j int) {
				k.c, k.a = into[(o+j)*width:], x[r.at+j*k.aRow:]
				f(k)
			})
		}
		o += r.count
	}
	if t.perImage && n > 0 && t.bands > 1 && i0+t.band >= t.class.rows {
		for j, s := range sums[:o*width] {
			dw[j] += s
		}
	}
}

// pixelsOf returns what taps of the band from row i0 on see of a block of x, copied where
// they reach outside, and lists its rows in w.taps.
func (t *correlation) pixelsOf(w *worker, to []float32, n, block, i0 int) []float32 {
	c := &t.class
	i1 := min(i0+t.band, c.rows)
	x := t.in[(n*t.groups*t.blocks+block)*t.inSize:]
	if t.copied {
		t.copyBand(to, x, i0*c.stepH+t.top, (i1-i0-1)*c.stepH+t.height-(t.band-1)*c.stepH, 0)
		x = to
	} else {
		x = x[i0*c.stepH*t.inRow:]
	}
	w.taps = w.taps[:0]
	for i := i0; i < i1; i++ {
		at, count := (i-i0)*c.stepH*t.inRow, min(c.cols, t.pixels-i*c.cols)
		if len(w.taps) > 0 && w.taps[0].at+w.taps[0].count*c.stepW*t.inLanes == at {
			w.taps[0].count += count
			continue
		}
		w.taps = append(w.taps, tap{at, count})
	}
	return x
}
