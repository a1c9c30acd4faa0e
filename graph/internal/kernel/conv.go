package kernel

// Conv is the geometry of a 2-D convolution: x [N,C,H,W],
// w [M,C/Group,KernelH,KernelW], y [N,M,OutH,OutW].
type Conv struct {
	N, C, H, W                           int
	M, OutH, OutW                        int
	Group                                int
	KernelH, KernelW                     int
	StrideH, StrideW                     int
	DilationH, DilationW                 int
	PadTop, PadLeft, PadBottom, PadRight int
}

func (g *Conv) check(x, w, y []float32) {
	if min(g.N, g.C, g.H, g.W, g.M, g.OutH, g.OutW) < 0 ||
		min(g.Group, g.KernelH, g.KernelW, g.StrideH, g.StrideW, g.DilationH, g.DilationW) < 1 ||
		g.C%g.Group != 0 || g.M%g.Group != 0 {
		panic("kernel: bad convolution")
	}
	if len(x) < g.N*g.C*g.H*g.W {
		panic("kernel: short x")
	}
	if len(w) < g.M*(g.C/g.Group)*g.KernelH*g.KernelW {
		panic("kernel: short w")
	}
	if len(y) < g.N*g.M*g.OutH*g.OutW {
		panic("kernel: short y")
	}
}

// each calls f with the indices of every product of the convolution.
func (g *Conv) each(f func(y, x, w int)) {
	cg, mg := g.C/g.Group, g.M/g.Group
	for n := range g.N {
		for m := range g.M {
			for oh := range g.OutH {
				for ow := range g.OutW {
					for c := range cg {
						for kh := range g.KernelH {
							for kw := range g.KernelW {
								h, w := oh*g.StrideH-g.PadTop+kh*g.DilationH, ow*g.StrideW-g.PadLeft+kw*g.DilationW
								if h < 0 || h >= g.H || w < 0 || w >= g.W {
									continue
								}
								f(((n*g.M+m)*g.OutH+oh)*g.OutW+ow, ((n*g.C+m/mg*cg+c)*g.H+h)*g.W+w, ((m*cg+c)*g.KernelH+kh)*g.KernelW+kw)
							}
						}
					}
				}
			}
		}
	}
}

// ConvForward computes y = conv(x, w) + bias.
func ConvForward(p *Pool, g *Conv, y, x, w, bias []float32) {
	g.check(x, w, y)
	for n := range g.N {
		for m := range g.M {
			plane := y[(n*g.M+m)*g.OutH*g.OutW:][:g.OutH*g.OutW]
			clear(plane)
			for i := range plane {
				if bias != nil {
					plane[i] = bias[m]
				}
			}
		}
	}
	g.each(func(i, j, k int) { y[i] += x[j] * w[k] })
}

// ConvBackwardData computes dx from dy and w.
func ConvBackwardData(p *Pool, g *Conv, dx, dy, w []float32) {
	g.check(dx, w, dy)
	clear(dx[:g.N*g.C*g.H*g.W])
	g.each(func(i, j, k int) { dx[j] += dy[i] * w[k] })
}

// ConvBackwardWeights computes dw from x and dy.
func ConvBackwardWeights(p *Pool, g *Conv, dw, x, dy []float32) {
	g.check(x, dw, dy)
	clear(dw[:g.M*(g.C/g.Group)*g.KernelH*g.KernelW])
	g.each(func(i, j, k int) { dw[k] += x[j] * dy[i] })
}
