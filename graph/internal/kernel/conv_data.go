package kernel

// ConvBackwardData computes the gradient of ConvForward for its input,
//
//	dx = 0
//	for n, m, oh, ow, c, kh, kw:
//	  dx[n, m/(M/Group)*(C/Group)+c, oh*StrideH-PadTop+kh*DilationH, ow*StrideW-PadLeft+kw*DilationW] += w[m,c,kh,kw] * dy[n,m,oh,ow]
//
// in the blocked layout. w is PackWeightsData's. Seen from dx this is a
// convolution of dy. The rows and columns of dx fall into StrideH x StrideW
// classes by their remainders; the pixels of one class meet the same taps of w,
// each at a fixed place in dy. Where some meet none, the first class that does sets dx to 0
// before it writes.
func ConvBackwardData(p *Pool, g *Conv, dx, dy, w []float32) {
	g.check()
	if g.Narrow {
		panic("kernel: the narrow layout has no gradient")
	}
	if len(dx) < g.input() || len(dy) < g.output() || len(w) < g.Packed() {
		panic("kernel: short operand")
	}
	q := p.acquire()
	defer p.release(q)
	s := newSliding(g, g.M, g.C)
	s.inH, s.inW, s.outH, s.outW = g.OutH, g.OutW, g.H, g.W
	s.in, s.out, s.w = dy, dx, w
	g.classes(q, func(c class, _ []int) { s.clears = s.clears || len(c.places) == 0 })
	g.classes(q, func(c class, _ []int) {
		if len(c.places) > 0 && c.rows*c.cols > 0 {
			q.slide(s, c)
			s.w, s.clears = s.w[s.terms(len(c.places)):], false
		}
	})
	if s.clears { // no class wrote
		clear(dx[:g.input()])
	}
}

// classes calls f with each class of dx and the numbers of its taps.
func (g *Conv) classes(p *Pool, f func(c class, taps []int)) {
	for h := range g.StrideH {
		for w := range g.StrideW {
			c := class{rows: (g.H - h + g.StrideH - 1) / g.StrideH, cols: (g.W - w + g.StrideW - 1) / g.StrideW, stepH: 1, stepW: 1,
				outTop: h, outLeft: w, outStepH: g.StrideH, outStepW: g.StrideW, places: p.places[:0]}
			which := p.which[:0]
			for kh := range g.KernelH {
				for kw := range g.KernelW {
					// the pixel at i of the class is i*Stride+h = oh*Stride-Pad+k*Dilation
					top, left := h+g.PadTop-kh*g.DilationH, w+g.PadLeft-kw*g.DilationW
					if top%g.StrideH == 0 && left%g.StrideW == 0 {
						c.places = append(c.places, place{top / g.StrideH, left / g.StrideW})
						which = append(which, kh*g.KernelW+kw)
					}
				}
			}
			p.places, p.which = c.places, which
			f(c, which)
		}
	}
}

// terms is the number of packed weights of a class with so many taps.
func (s *sliding) terms(taps int) int {
	n := s.groups * s.outBlocks * isa.lanes * taps
	if !s.depthwise {
		n *= s.ins
	}
	return n
}
