package kernel

// Layer is a convolution of a Cascade with its packed weights and what follows its sums,
// or, with Pool, the maximum over windows of this geometry, which has neither.
type Layer struct {
	Conv
	Pool    bool
	Weights []float32
	Epilogue
}

// Cascade computes layers one after the other, each from what the one before gives, a few
// rows at a time: what lies between two of them stays in a near cache and is nowhere
// whole. Every sum is ConvForward's. Only the first layer may be Narrow, only the last
// have a residual; groups are one or depthwise.
//
//	for n, band, rows of the last layer:
//	  for layer: the rows that the next one's windows see and that are not there yet
func Cascade(p *Pool, layers []Layer, y, x []float32) {
	last := &layers[len(layers)-1]
	if len(x) < layers[0].input() {
		panic("kernel: short operand")
	}
	last.fit(&last.Conv, y)
	q := p.acquire()
	defer p.release(q)
	for len(q.stages) < len(layers) {
		q.stages = append(q.stages, stage{})
	}
	t := &q.tasks.cascade
	*t = cascade{stages: q.stages[:len(layers)]}
	for i := range layers {
		l := &layers[i]
		l.check()
		if l.C == 0 || i < len(layers)-1 && l.Residual != nil {
			panic("kernel: bad layer of a cascade")
		}
		if i > 0 && (l.Narrow || l.N != last.N || l.C != layers[i-1].M || l.H != layers[i-1].OutH || l.W != layers[i-1].OutW) {
			panic("kernel: a layer does not fit the one before")
		}
		t.stages[i].set(q, l)
	}
	t.stages[0].in, t.stages[len(layers)-1].out = x, y
	if last.N*last.M*last.OutH*last.OutW > 0 {
		t.measure(len(q.workers))
		q.launch(t, last.N*t.bands, 1)
	}
	for i := range layers {
		t.stages[i].sliding = sliding{} // lets go of the operands
	}
	*t = cascade{}
}

// cascade is the task of Cascade: a band of one image.
type cascade struct {
	stages      []stage
	step        int // rows of the last layer computed at a time
	band, bands int
	scratch     int
}

// stage is a layer, and the window of rows of its input that is at hand.
type stage struct {
	sliding
	places  []place
	table   []tap
	list    []chain
	bias    []float32
	at      int // of the window in scratch memory
	height  int // of the window
	reach   int // rows that the windows of one row of pixels see
	outside float32
}

// rows is which rows of a stage's input are in its window, outside ones included.
type rows struct{ lo, hi int }

const (
	cascadeFloats  = 96 << 10 // of all windows: less than half of a near cache
	cascadeBalance = 4        // images a thread that need no bands to be shared evenly
)

func (s *stage) set(p *Pool, l *Layer) {
	g := &l.Conv
	s.sliding = newSliding(g, g.C, g.M)
	if l.Pool {
		s.depthwise, s.largest, s.groups = true, true, Blocks(g.C)
		s.ins, s.outs, s.inBlocks, s.outBlocks = isa.lanes, isa.lanes, 1, 1
	}
	if s.groups > 1 && !s.depthwise {
		panic("kernel: a layer of several groups in a cascade")
	}
	if !l.Pool && len(l.Weights) < g.Packed() {
		panic("kernel: short weights")
	}
	s.inH, s.inW, s.outH, s.outW = g.H, g.W, g.OutH, g.OutW
	s.w, s.Epilogue, s.outside = l.Weights, l.Epilogue, 0
	s.outImage, _ = l.Epilogue.places(g)
	if l.Bias != nil {
		s.bias = pad(s.bias, l.Bias[:g.M])
		s.Bias = s.bias
	}
	if l.Pool {
		s.outside = minusInf
	}
	c := p.forward(g)
	s.places = append(s.places[:0], c.places...)
	c.places = s.places
	s.class, s.table, s.list = c, s.table[:0], s.list[:0]
	top, left, bottom, right := extent(c.places)
	s.top, s.left, s.reach = top, left, bottom-top+1
	s.width = max((c.cols-1)*c.stepW+right-left+1, s.inW-left) // the whole row before it finds room
}

// measure cuts images into bands and says how many rows are computed at a time: as many as
// the windows leave room for. Bands are the fewest that give each thread as many, since where two meet
// the layers before the last compute some rows twice; what a row becomes does not depend on them.
func (t *cascade) measure(threads int) {
	last := &t.stages[len(t.stages)-1]
	for t.bands = 1; last.n < cascadeBalance*threads && last.n*t.bands%threads > 0; {
		t.bands++
	}
	t.bands = min(t.bands, last.outH)
	t.band = (last.outH + t.bands - 1) / t.bands
	t.bands = (last.outH + t.band - 1) / t.band
	for t.step = t.band; ; t.step = (t.step + 1) / 2 {
		if t.layOut(); t.step == 1 || t.scratch <= cascadeFloats {
			break
		}
	}
	for i := range t.stages {
		s := &t.stages[i]
		s.table = s.runs(s.table, 0, s.inBlocks)
		s.list = s.cut(s.list, s.table)
		s.chains = s.list
	}
}

// layOut gives each window its place. The first layer's input is whole; it needs a window
// where its taps reach outside.
func (t *cascade) layOut() {
	t.scratch = 0
	most := t.step
	for i := len(t.stages) - 1; i >= 0; i-- {
		s := &t.stages[i]
		s.height = (most-1)*s.class.stepH + s.reach
		s.copied = i > 0 || s.planar || s.top < 0 || s.left < 0 || s.width > s.inW || (s.outH-1)*s.class.stepH+s.top+s.reach > s.inH
		s.inSize = s.inH * s.inW * s.inLanes
		s.inRow, s.inPlane = s.inW*s.inLanes, s.inSize
		if s.copied {
			s.inRow, s.inPlane = s.width*s.inLanes, s.height*s.width*s.inLanes
			s.at = t.scratch
			t.scratch += s.groups * s.inBlocks * s.inPlane
		}
		most = s.height
	}
}

func (t *cascade) run(w *worker, lo, hi int) {
	last := &t.stages[len(t.stages)-1]
	size, row := last.outH*last.outW*isa.lanes, last.outW*isa.lanes
	for i := lo; i < hi; i++ {
		n, first := i/t.bands, i%t.bands*t.band
		scratch := w.floats(t.scratch)
		w.windows = w.windows[:0]
		for range t.stages {
			w.windows = append(w.windows, rows{})
		}
		for a := first; a < min(first+t.band, last.outH); a += t.step {
			b := min(a+t.step, min(first+t.band, last.outH))
			s := last.sliding
			at := n*last.outImage + a*row
			s.out, s.outRow, s.outSize = s.out[at:], row, size
			if s.Residual != nil {
				s.Residual = s.Residual[at:]
			}
			t.rows(w, scratch, &s, n, len(t.stages)-1, a, b)
		}
	}
}

// rows computes the rows from a to b of stage i. s is its sliding, whose output begins
// with row a.
func (t *cascade) rows(w *worker, scratch []float32, s *sliding, n, i, a, b int) {
	var in []float32
	if i == 0 {
		in = t.input(scratch, n, a, b)
	} else {
		in = t.window(w, scratch, n, i, a, b)
	}
	c := &s.class
	c.rows, s.pixels = b-a, (b-a)*c.cols
	if c.pointwise() && s.inRow == c.cols*s.inLanes && s.outRow == c.cols*isa.lanes {
		c.cols, c.rows = s.pixels, 1
	}
	for group := range s.groups {
		s.tiles(w, in[group*s.inBlocks*s.inPlane:], 0, 0, group, 0, c.rows, 0, panels(s.outBlocks))
	}
}

// input is what the rows from a to b of the first layer see.
func (t *cascade) input(scratch []float32, n, a, b int) []float32 {
	s := &t.stages[0]
	x := s.in[n*s.groups*s.inBlocks*s.inSize:]
	if !s.copied {
		return x[a*s.class.stepH*s.inRow:]
	}
	to := scratch[s.at:]
	for k := range s.groups * s.inBlocks {
		s.copyBand(to[k*s.inPlane:], x[k*s.inSize:], a*s.class.stepH+s.top, (b-a-1)*s.class.stepH+s.reach, s.outside)
	}
	return to
}

// window is what the rows from a to b of a later layer see. Rows that the rows before saw
// move up, the layer before computes those that are missing.
func (t *cascade) window(w *worker, scratch []float32, n, i, a, b int) []float32 {
	s, had := &t.stages[i], &w.windows[i]
	planes := s.groups * s.inBlocks
	window := scratch[s.at:][:planes*s.inPlane]
	lo, hi := a*s.class.stepH+s.top, (b-1)*s.class.stepH+s.top+s.reach
	if had.hi == had.lo { // none yet
		fill(window, s.outside)
		had.lo, had.hi = lo, lo
	}
	kept := max(had.hi-lo, 0)
	for k := range planes {
		plane := window[k*s.inPlane:]
		if kept > 0 && lo > had.lo {
			copy(plane[:kept*s.inRow], plane[(lo-had.lo)*s.inRow:])
		}
		for r := max(s.inH, had.hi); r < hi; r++ {
			fill(plane[(r-lo)*s.inRow:][:s.inRow], s.outside)
		}
	}
	from, to := max(had.hi, lo, 0), min(hi, s.inH)
	*had = rows{lo, hi}
	if from < to {
		before := t.stages[i-1].sliding
		before.out, before.outRow, before.outSize = window[(from-lo)*s.inRow-s.left*isa.lanes:], s.inRow, s.inPlane
		t.rows(w, scratch, &before, n, i-1, from, to)
	}
	return window
}
