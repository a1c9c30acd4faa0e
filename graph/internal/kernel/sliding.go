package kernel

// sliding is a convolution as its tiles see it: forward, or backward to the input,
// which is a convolution of dy. A task computes a band of rows of one image.
//
//	for n, band, group, share of the output channels:
//	  copy the band's input, zeros around it, if taps reach outside
//	  for each panel of blocks of output channels, row, run of pixels: one tile
type sliding struct {
	Epilogue
	in, out, w []float32
	n          int
	ins, outs  int // channels of one group
	groups     int
	depthwise  bool
	largest    bool // of what a depthwise window sees, without weights
	clears     bool // the band's rows of the output, and what lies between its pixels, are 0 before

	inH, inW, inLanes   int
	planar              bool // in is [N,C,H,W]: copied bands have all channels of a pixel side by side
	outH, outW          int
	inBlocks, outBlocks int // of one group
	class               class
	chains              []chain

	copied          bool // the bands
	top, left       int  // smallest place
	height, width   int  // of a copied band
	inRow, inPlane  int  // distances in what tiles read
	outRow          int
	band, bands     int // rows of a band, and number
	panels, shares  int // of output blocks; tasks that share a band's panels
	pixels          int // of all rows
	inSize, outSize int // of a plane
	outImage        int // of an image, 0: all blocks of all groups
}

// class is the output pixels (i*outStepH+outTop, j*outStepW+outLeft), each of which
// sees the input at (i*stepH+place.h, j*stepW+place.w).
type class struct {
	rows, cols         int
	stepH, stepW       int
	outTop, outLeft    int
	outStepH, outStepW int
	places             []place
}

type place struct{ h, w int }

const (
	bandFloats = 48 << 10 // of input that a task works on: with weights, most of a near cache
	leastTasks = 8        // split further below this, whatever the number of threads
)

// newSliding is a convolution from ins to outs channels, all groups together.
func newSliding(g *Conv, ins, outs int) sliding {
	groups := g.groups()
	s := sliding{n: g.N, inLanes: isa.lanes, groups: groups, ins: ins / groups, outs: outs / groups, depthwise: g.Depthwise()}
	if s.depthwise {
		s.ins, s.outs = isa.lanes, isa.lanes
	}
	s.inBlocks, s.outBlocks = Blocks(s.ins), Blocks(s.outs)
	if g.Narrow {
		s.inLanes, s.inBlocks, s.planar = g.C, 1, true
	}
	return s
}

// slide computes the pixels of one class.
func (p *Pool) slide(s sliding, c class) {
	if s.n*c.rows*c.cols*s.outs == 0 {
		return
	}
	s.class = c
	s.measure()
	p.table = s.runs(p.table[:0], 0, s.inBlocks)
	p.chains = s.cut(p.chains[:0], p.table)
	s.chains = p.chains
	p.tasks.sliding = s
	p.launch(&p.tasks.sliding, s.n*s.bands*s.groups*s.shares, 1)
	p.tasks.sliding = sliding{}
}

// measure decides whether bands are copied and how large they are.
func (s *sliding) measure() {
	c := &s.class
	if s.ins == 0 { // no input to step over, the bias alone
		c.stepH, c.stepW, c.places = 0, 0, nil
	}
	top, left, bottom, right := extent(c.places)
	s.top, s.left = top, left
	s.inSize, s.outSize = s.inH*s.inW*s.inLanes, s.outH*s.outW*isa.lanes
	s.copied = s.planar || top < 0 || left < 0 || (c.rows-1)*c.stepH+bottom >= s.inH || (c.cols-1)*c.stepW+right >= s.inW
	s.width = (c.cols-1)*c.stepW + right - left + 1
	if s.outImage == 0 {
		s.outImage = s.groups * s.outBlocks * s.outSize
	}
	s.inRow, s.inPlane, s.outRow = s.inW*s.inLanes, s.inSize, s.outW*isa.lanes
	s.pixels = c.rows * c.cols
	if c.pointwise() && !s.copied && c.cols == s.inW && c.cols == s.outW {
		// one row of pixels, cut into rows of several tiles
		c.cols = min(8*isa.rows[1], s.pixels)
		if tasks := s.n * s.groups * panels(s.outBlocks); tasks < leastTasks { // shorter ones, in whole tiles
			wanted := (leastTasks + tasks - 1) / tasks
			c.cols = min(c.cols, ((s.pixels+wanted-1)/wanted+isa.rows[1]-1)/isa.rows[1]*isa.rows[1])
		}
		c.rows = (s.pixels + c.cols - 1) / c.cols
		s.width, s.inRow, s.outRow = c.cols, c.cols*s.inLanes, c.cols*isa.lanes
	}
	row := max(s.inBlocks*s.inLanes*s.width*c.stepH, 1)
	s.bands = min(c.rows, (c.rows*row+bandFloats-1)/bandFloats)
	s.panels = panels(s.outBlocks)
	s.shares = 1
	if tasks := s.n * s.bands * s.groups; tasks < leastTasks {
		s.shares = min(s.panels, (leastTasks+tasks-1)/tasks)
		for s.panels%s.shares > 0 { // as many panels each
			s.shares++
		}
		s.bands = min(c.rows, s.bands*((leastTasks+tasks*s.shares-1)/(tasks*s.shares)))
	}
	s.band = (c.rows + s.bands - 1) / s.bands
	s.bands = (c.rows + s.band - 1) / s.band
	if s.copied {
		s.height = (s.band-1)*c.stepH + bottom - top + 1
		s.inRow, s.inPlane = s.width*s.inLanes, s.height*s.width*s.inLanes
	}
}

// pointwise classes see one element of each channel.
func (c *class) pointwise() bool {
	return len(c.places) == 1 && c.places[0] == place{} && c.stepH == 1 && c.stepW == 1 && c.outStepH == 1 && c.outStepW == 1
}

// extent is the smallest and the largest place.
func extent(places []place) (top, left, bottom, right int) {
	for i, p := range places {
		if i == 0 {
			top, left, bottom, right = p.h, p.w, p.h, p.w
		}
		top, left, bottom, right = min(top, p.h), min(left, p.w), max(bottom, p.h), max(right, p.w)
	}
	return top, left, bottom, right
}

// step is the distance of the terms in a run: of channels, or of a channel's pixels.
func (s *sliding) step() int {
	if s.depthwise {
		return s.inLanes
	}
	return 1
}

// chain is a part of a pixel's sum that is computed by itself and then added: the sum of
// many terms is more exact so. PyTorch's kernels on such processors cut it alike, so that
// graft's rounds as theirs.
type chain struct {
	taps  []tap
	first int // term
}

// chainBlocks is how many blocks of input channels are in a chain: 16 channels of a
// kernel of several taps; of one, as many as suit the size of the image.
func (s *sliding) chainBlocks() int {
	channels := 16
	if len(s.class.places) == 1 {
		switch pixels := s.outH * s.outW; {
		case pixels <= 100:
			channels = 256
		case pixels < 784:
			channels = 80
		default:
			channels = 512
		}
	}
	return max(channels/max(s.inLanes, 1), 1)
}

// cut lists the chains of a table of all blocks. A class without taps has an empty one.
func (s *sliding) cut(list []chain, table []tap) []chain {
	terms, size := 0, s.chainBlocks()*s.inLanes*len(s.class.places)
	list = append(list, chain{})
	from := 0
	for i, r := range table {
		if terms > 0 && terms%size == 0 && !s.depthwise {
			list[len(list)-1].taps = table[from:i]
			list, from = append(list, chain{first: terms}), i
		}
		terms += r.count
	}
	list[len(list)-1].taps = table[from:]
	return list
}

// runs lists, for the blocks of input channels from first to last, where runs of terms
// begin, seen from a tile's first pixel. What lies side by side is one run.
func (s *sliding) runs(list []tap, first, last int) []tap {
	for b := first; b < last; b++ {
		count := min(s.inLanes, s.ins-b*s.inLanes)
		if s.depthwise {
			count = 1
		}
		for i, p := range s.class.places {
			if s.copied {
				p.h, p.w = p.h-s.top, p.w-s.left
			}
			at := (b-first)*s.inPlane + p.h*s.inRow + p.w*s.inLanes
			if n := len(list); n > 0 && (i > 0 || (b-first)%s.chainBlocks() > 0) && list[n-1].at+list[n-1].count*s.step() == at {
				list[n-1].count += count
				continue
			}
			list = append(list, tap{at, count})
		}
	}
	return list
}

func (s *sliding) run(w *worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		share, group := i%s.shares, i/s.shares%s.groups
		band, n := i/s.shares/s.groups%s.bands, i/s.shares/s.groups/s.bands
		s.task(w, n, group, band, s.panels*share/s.shares, s.panels*(share+1)/s.shares)
	}
}

// task computes a band of the panels of output blocks from first to last.
func (s *sliding) task(w *worker, n, group, band, first, last int) {
	c := &s.class
	i0 := band * s.band
	i1 := min(i0+s.band, c.rows)
	in, origin := s.in[(n*s.groups+group)*s.inBlocks*s.inSize:], i0*c.stepH
	if s.copied {
		to := w.floats(s.inBlocks * s.inPlane)
		for b := range s.inBlocks {
			s.copyBand(to[b*s.inPlane:], in[b*s.inSize:], origin+s.top, (i1-i0-1)*c.stepH+s.height-(s.band-1)*c.stepH, 0)
		}
		in, origin = to, 0
	}
	s.tiles(w, in, origin, n, group, i0, i1, first, last)
}

// tiles computes the rows from i0 to i1 of the panels from first to last. Row i0 sees in
// from row origin on.
func (s *sliding) tiles(w *worker, in []float32, origin, n, group, i0, i1, first, last int) {
	c, t := &s.class, &w.tile
	terms := len(c.places)
	if !s.depthwise {
		terms *= s.ins
	}
	*t = tile{cRow: c.outStepW * isa.lanes, cBlock: s.outSize, aRow: c.stepW * s.inLanes, aStep: s.step(), bBlock: isa.lanes, lo: s.Lo, hi: s.Hi}
	begins := s.Bias != nil && (s.depthwise || len(c.places) == 1) // as PyTorch's
	f := isa.tile
	switch {
	case s.largest:
		f, terms = isa.mostTile, 0
	case s.depthwise:
		f = isa.laneTile
	}
	for p := first; p < last; p++ {
		from, to := panel(s.outBlocks, p)
		block := group*s.outBlocks + from
		t.blocks = to - from
		t.bStep = t.blocks * isa.lanes
		weights := s.w[block*isa.lanes*terms:]
		plane := n*s.outImage + block*s.outSize
		if s.clears {
			s.clear(plane, t.blocks, i0, i1)
		}
		for k, chain := range s.chains { // whose weights stay near for all tiles
			first, last := k == 0, k == len(s.chains)-1
			t.taps, t.b, t.bias = chain.taps, weights[chain.first*t.bStep:], nil
			if first && s.Bias != nil {
				t.bias = s.Bias[block*isa.lanes:]
			}
			t.begin, t.add, t.clamp = first && begins, !first, last && s.Clamp
			for i := i0; i < i1; i++ {
				out := plane + (i*c.outStepH)*s.outRow + c.outTop*s.outRow + c.outLeft*isa.lanes
				from := (origin + (i-i0)*c.stepH) * s.inRow
				t.each(min(c.cols, s.pixels-i*c.cols), func(j int) {
					o := out + j*t.cRow
					t.c, t.a = s.out[o:], in[from+j*t.aRow:]
					if last && s.Residual != nil {
						t.residual = s.Residual[o:]
					}
					f(t)
				})
			}
			t.residual = nil
		}
		if s.Swish {
			s.activateRows(plane, t.blocks, i0, i1)
		}
	}
	*t = tile{}
}

// activateRows finishes the rows of a band, in planes of the output from an element on.
func (s *sliding) activateRows(plane, blocks, i0, i1 int) {
	c := &s.class
	for v := range blocks {
		for i := i0; i < i1; i++ {
			s.activate(s.out[plane+v*s.outSize+i*s.outRow:][:min(c.cols, s.pixels-i*c.cols)*isa.lanes])
		}
	}
}

// clear sets the rows of a band to 0, in planes of the output from an element on.
func (s *sliding) clear(plane, blocks, i0, i1 int) {
	end := i1 * s.class.outStepH
	if i1 == s.class.rows {
		end = s.outH
	}
	for v := range blocks {
		clear(s.out[plane+v*s.outSize:][i0*s.class.outStepH*s.outRow : end*s.outRow])
	}
}

// copyBand copies rows of a plane of the input from row top on, with the value outside
// around it.
func (s *sliding) copyBand(to, from []float32, top, rows int, outside float32) {
	if s.planar {
		interleaveBand(to, from, s.inH, s.inW, s.inLanes, top, s.left, rows, s.width)
		return
	}
	copyBand(to, from, s.inH, s.inW, s.inLanes, top, s.left, rows, s.width, outside)
}

// copyBand copies rows x width pixels from (top, left) of a plane [h,w,lanes] on,
// where that lies outside with the value outside.
func copyBand(to, from []float32, h, w, lanes, top, left, rows, width int, outside float32) {
	before := min(max(-left, 0), width)
	inside := max(min(w-left, width)-before, 0)
	for r := range rows {
		row := to[r*width*lanes : (r+1)*width*lanes]
		if top+r < 0 || top+r >= h || inside == 0 {
			fill(row, outside)
			continue
		}
		fill(row[:before*lanes], outside)
		copy(row[before*lanes:], from[((top+r)*w+left+before)*lanes:][:inside*lanes])
		fill(row[(before+inside)*lanes:], outside)
	}
}

// interleaveBand is copyBand of planes [channels,h,w], zeros outside.
func interleaveBand(to, from []float32, h, w, channels, top, left, rows, width int) {
	before := min(max(-left, 0), width)
	inside := max(min(w-left, width)-before, 0)
	for r := range rows {
		row := to[r*width*channels : (r+1)*width*channels]
		if top+r < 0 || top+r >= h || inside == 0 {
			clear(row)
			continue
		}
		clear(row[:before*channels])
		pixels := row[before*channels:][:inside*channels]
		at := (top+r)*w + left + before
		if channels == 3 {
			interleaveThree(pixels, from[at:], from[h*w+at:], from[2*h*w+at:])
		} else {
			for c := range channels {
				for k, v := range from[c*h*w+at:][:inside] {
					pixels[k*channels+c] = v
				}
			}
		}
		clear(row[(before+inside)*channels:])
	}
}

// interleaveThree is what photographs need.
func interleaveThree(y, r, g, b []float32) {
	n := len(y) / 3
	r, g, b = r[:n], g[:n], b[:n]
	for i := range r {
		p := (*[3]float32)(y[3*i:])
		p[0], p[1], p[2] = r[i], g[i], b[i]
	}
}

func fill(x []float32, v float32) {
	if v == 0 {
		clear(x)
		return
	}
	for i := range x {
		x[i] = v
	}
}
