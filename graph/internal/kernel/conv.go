package kernel

// Conv is the geometry of a 2-D convolution: x [N,C,H,W],
// w [M,C/Group,KernelH,KernelW], y [N,M,OutH,OutW]. The kernels read and write
// images in the blocked layout and weights that a Pack function has brought into
// the order in which they are read.
type Conv struct {
	N, C, H, W                           int
	M, OutH, OutW                        int
	Group                                int
	KernelH, KernelW                     int
	StrideH, StrideW                     int
	DilationH, DilationW                 int
	PadTop, PadLeft, PadBottom, PadRight int
	// Narrow says that x is in ONNX's own layout: of few channels, which would fill little of a block.
	Narrow bool
}

// Epilogue is what a convolution does with its sums before it stores them. The
// zero value does nothing.
type Epilogue struct {
	Bias     []float32 // [M], or nil
	Residual []float32 // like y, added; or nil
	Clamp    bool      // keep y between Lo and Hi, NaN as it is
	Lo, Hi   float32
	Swish    bool // then y / (1 + exp(-y))
	// Among is the channels of larger images, of which y is a part that begins where y
	// does; 0: y is whole. A part has no residual.
	Among int
}

// places is the elements from one image of y to the next, least those that y must have.
func (e *Epilogue) places(g *Conv) (image, least int) {
	own := Blocks(g.M) * isa.lanes * g.OutH * g.OutW
	if image = own; e.Among > 0 {
		image = Blocks(e.Among) * isa.lanes * g.OutH * g.OutW
	}
	return image, max(g.N-1, 0)*image + min(g.N, 1)*own
}

// fit panics where y, or the residual, is too short.
func (e *Epilogue) fit(g *Conv, y []float32) {
	if _, least := e.places(g); len(y) < least || e.Residual != nil && (len(e.Residual) < least || e.Among > 0) {
		panic("kernel: short operand")
	}
	if e.Bias != nil && len(e.Bias) < g.M {
		panic("kernel: short bias")
	}
}

// activate is what tiles leave of an epilogue, while their rows are near.
func (e *Epilogue) activate(y []float32) {
	if e.Swish {
		isa.swish(nil, y, y, nil)
	}
}

// ConvForward computes the convolution (ONNX's Conv, a cross-correlation)
//
//	for n, m, oh, ow:
//	  y[n,m,oh,ow] = bias[m] + residual[n,m,oh,ow] + sum over c, kh, kw of
//	    w[m,c,kh,kw] * x[n, m/(M/Group)*(C/Group)+c, oh*StrideH-PadTop+kh*DilationH, ow*StrideW-PadLeft+kw*DilationW]
//
// where x is zero outside its plane, limits y and activates it. w is PackWeights's.
func ConvForward(p *Pool, g *Conv, y, x, w []float32, e Epilogue) {
	g.check()
	if len(x) < g.input() || len(w) < g.Packed() {
		panic("kernel: short operand")
	}
	e.fit(g, y)
	q := p.acquire()
	defer p.release(q)
	s := newSliding(g, g.C, g.M)
	s.inH, s.inW, s.outH, s.outW = g.H, g.W, g.OutH, g.OutW
	s.in, s.out, s.w, s.Epilogue = x, y, w, e
	s.outImage, _ = e.places(g)
	if e.Bias != nil {
		s.Bias = q.padded(e.Bias[:g.M])
	}
	q.slide(s, q.forward(g))
}

// forward is the class of all output pixels.
func (p *Pool) forward(g *Conv) class {
	c := class{rows: g.OutH, cols: g.OutW, stepH: g.StrideH, stepW: g.StrideW, outStepH: 1, outStepW: 1, places: p.places[:0]}
	for kh := range g.KernelH {
		for kw := range g.KernelW {
			c.places = append(c.places, place{kh*g.DilationH - g.PadTop, kw*g.DilationW - g.PadLeft})
		}
	}
	p.places = c.places
	return c
}

// padded is bias with zeros for the lanes behind the last channel.
func (p *Pool) padded(bias []float32) []float32 {
	p.bias = pad(p.bias, bias)
	return p.bias
}

func pad(to, bias []float32) []float32 {
	n := Blocks(len(bias)) * isa.lanes
	if cap(to) < n {
		to = make([]float32, n)
	}
	to = to[:n]
	clear(to[copy(to, bias):])
	return to
}

// input is the number of elements of x, output that of y.
func (g *Conv) input() int {
	if g.Narrow {
		return g.N * g.H * g.W * g.C
	}
	return g.N * Blocks(g.C) * isa.lanes * g.H * g.W
}

func (g *Conv) output() int { return g.N * Blocks(g.M) * isa.lanes * g.OutH * g.OutW }

// Depthwise convolutions have a group for each channel: there is no sum over
// channels, and a vector holds as many of them.
func (g *Conv) Depthwise() bool { return g.Group > 1 && g.C == g.Group && g.M == g.Group }

// groups is the number of groups that the kernels compute by themselves: neighbours
// are taken together, their common weights zero, until each fills whole blocks.
func (g *Conv) groups() int {
	if g.Depthwise() {
		return Blocks(g.C)
	}
	for n := g.Group; n > 1; n-- {
		if g.Group%n == 0 && g.C/n%isa.lanes == 0 && g.M/n%isa.lanes == 0 {
			return n
		}
	}
	return 1
}

// MultiplyAdds is what the formula takes.
func (g *Conv) MultiplyAdds() int {
	return g.N * g.M * g.OutH * g.OutW * (g.C / g.Group) * g.KernelH * g.KernelW
}

// check panics unless the sizes make sense.
func (g *Conv) check() {
	if min(g.N, g.C, g.H, g.W, g.M, g.OutH, g.OutW) < 0 ||
		min(g.Group, g.KernelH, g.KernelW, g.StrideH, g.StrideW, g.DilationH, g.DilationW) < 1 ||
		g.C%g.Group != 0 || g.M%g.Group != 0 || g.Narrow && g.Group > 1 {
		panic("kernel: bad convolution")
	}
}
