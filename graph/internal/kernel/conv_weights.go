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
	if g.Narrow {
		s.inLanes, s.inBlocks = g.C, 1
	}
	s.in, s.out, s.w = x, dy, dw
	q.correlate(s, q.forward(g))
}

// correlation sums products of x and dy over all pixels. A task owns some taps of one
// block of input channels and a pair of blocks of output channels and walks over
// the images, so that no two tasks add to one sum.
//
//	for group, pair, block of input channels, share of its runs:
//	  for n, band:
//	    copy the band of x, zeros around it, if taps reach outside
//	    for each run of weights: tiles whose rows are the weights, whose terms the pixels
type correlation struct {
	sliding
	blocks int // of input channels of a group
}

// correlationPixels of x and dy, and the sums, stay in the nearest caches.
const correlationPixels = 256

func (p *Pool) correlate(s sliding, c class) {
	t := &p.tasks.correlation
	t.sliding, t.blocks = s, s.inBlocks
	t.class, t.inBlocks = c, 1
	t.measure()
	t.band = t.class.rows
	if len(c.places) > 1 { // of one, an image's pixels are one chain, as PyTorch's are
		t.band = min(max(correlationPixels/t.class.cols, 1), t.class.rows)
	}
	t.bands = (t.class.rows + t.band - 1) / t.band
	top, _, bottom, _ := extent(t.class.places)
	t.height = (t.band-1)*t.class.stepH + bottom - top + 1
	t.shares = 1
	if tasks := t.groups * t.pairs * t.blocks; tasks < leastTasks {
		t.shares = min(len(t.class.places), (leastTasks+tasks-1)/tasks)
	}
	p.launch(t, t.groups*t.pairs*t.blocks*t.shares, 1)
	*t = correlation{}
}

func (t *correlation) run(w *worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		share, block := i%t.shares, i/t.shares%t.blocks
		pair, group := i/t.shares/t.blocks%t.pairs, i/t.shares/t.blocks/t.pairs
		t.weights(w, group, pair, block, share)
	}
}

// weights computes a share of the runs of one block of input channels.
func (t *correlation) weights(w *worker, group, pair, block, share int) {
	w.runs = t.runs(w.runs[:0], block, block+1)
	blocks := min(2, t.outBlocks-2*pair)
	width := blocks * isa.lanes
	terms := len(t.class.places)
	if !t.depthwise {
		terms *= t.ins
	}
	dw := t.w[(group*t.outBlocks+2*pair)*isa.lanes*terms:]
	if !t.depthwise {
		dw = dw[block*t.inLanes*len(t.class.places)*width:]
	}
	first, last := len(w.runs)*share/t.shares, len(w.runs)*(share+1)/t.shares
	for _, r := range w.runs[:first] {
		dw = dw[r.count*width:]
	}
	k := &w.tile
	*k = tile{cRow: width, cBlock: isa.lanes, aRow: t.step(), aStep: t.class.stepW * t.inLanes, bStep: isa.lanes, bBlock: t.outSize, blocks: blocks}
	f := isa.tile
	if t.depthwise {
		f = isa.laneTile
	}
	for i := range t.n * t.bands {
		n, i0 := i/t.bands, i%t.bands*t.band
		x := t.pixelsOf(w, n, group*t.blocks+block, i0)
		k.b = t.out[((n*t.groups+group)*t.outBlocks+2*pair)*t.outSize+i0*t.class.cols*isa.lanes:]
		k.taps, k.add, k.resume = w.taps, i > 0 && len(t.class.places) == 1, i > 0 && len(t.class.places) > 1
		o := 0
		for _, r := range w.runs[first:last] {
			k.each(r.count, func(j int) {
				k.c, k.a = dw[(o+j)*width:], x[r.at+j*k.aRow:]
				f(k)
			})
			o += r.count
		}
	}
	*k = tile{}
}

// pixelsOf returns what taps of the band from row i0 on see of a block of x, and
// lists its rows in w.taps.
func (t *correlation) pixelsOf(w *worker, n, block, i0 int) []float32 {
	c := &t.class
	i1 := min(i0+t.band, c.rows)
	x := t.in[(n*t.groups*t.blocks+block)*t.inSize:]
	if t.copied {
		to := w.floats(t.height * t.inRow)
		t.copyBand(to, x, i0*c.stepH+t.top, (i1-i0-1)*c.stepH+t.height-(t.band-1)*c.stepH)
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
