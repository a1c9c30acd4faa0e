package kernel

// depthwise is a convolution whose groups read one channel each: there is no
// sum over channels for a matrix product to share, so the taps run along the
// rows in place.
type depthwise struct {
	f             func(t *depthwise, i int)
	g             Conv
	y, x, w, bias []float32
}

// depthwise tells whether every group reads one channel.
func (g *Conv) depthwise() bool { return g.Group > 1 && g.C == g.Group }

func (t *depthwise) run(_ *worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		t.f(t, i)
	}
}

func (p *Pool) launchDepthwise(t depthwise, items int) {
	p.tasks.depthwise = t
	p.launch(&p.tasks.depthwise, items, vectorGrain/max(t.g.OutH*t.g.OutW*t.g.KernelH*t.g.KernelW, 1))
	p.tasks.depthwise = depthwise{}
}

// span is the range of output columns for which tap column kw lies inside the
// input, and the input column it meets at output column 0.
func (g *Conv) span(kw int) (left, lo, hi int) {
	left = kw*g.DilationW - g.PadLeft
	lo, hi = taps(left, g.StrideW, g.OutW, g.W)
	return left, lo, max(lo, hi)
}

// depthwiseForward computes the plane i of y [N*M,OutH,OutW].
func depthwiseForward(t *depthwise, i int) {
	g := &t.g
	m := i % g.M
	c := i/g.M*g.C + m/(g.M/g.Group)
	y := t.y[i*g.OutH*g.OutW : (i+1)*g.OutH*g.OutW]
	x := t.x[c*g.H*g.W : (c+1)*g.H*g.W]
	w := t.w[m*g.KernelH*g.KernelW : (m+1)*g.KernelH*g.KernelW]
	bias := float32(0)
	if t.bias != nil {
		bias = t.bias[m]
	}
	for oh := range g.OutH {
		row := y[oh*g.OutW : (oh+1)*g.OutW]
		for j := range row {
			row[j] = bias
		}
		top := oh*g.StrideH - g.PadTop
		khLo, khHi := taps(top, g.DilationH, g.KernelH, g.H)
		for kh := khLo; kh < khHi; kh++ {
			h := top + kh*g.DilationH
			for kw := range g.KernelW {
				left, lo, hi := g.span(kw)
				if lo < hi {
					axpyStrided(row[lo:hi], x[h*g.W+left+lo*g.StrideW:(h+1)*g.W], w[kh*g.KernelW+kw], g.StrideW)
				}
			}
		}
	}
}

// depthwiseData computes the plane i of dx [N*C,H,W]; x is dy.
func depthwiseData(t *depthwise, i int) {
	g := &t.g
	multiplier := g.M / g.Group
	dx := t.y[i*g.H*g.W : (i+1)*g.H*g.W]
	clear(dx)
	for j := range multiplier {
		m := i%g.C*multiplier + j
		at := i/g.C*g.M + m
		dy := t.x[at*g.OutH*g.OutW : (at+1)*g.OutH*g.OutW]
		w := t.w[m*g.KernelH*g.KernelW : (m+1)*g.KernelH*g.KernelW]
		for oh := range g.OutH {
			row := dy[oh*g.OutW : (oh+1)*g.OutW]
			top := oh*g.StrideH - g.PadTop
			khLo, khHi := taps(top, g.DilationH, g.KernelH, g.H)
			for kh := khLo; kh < khHi; kh++ {
				h := top + kh*g.DilationH
				for kw := range g.KernelW {
					left, lo, hi := g.span(kw)
					if lo < hi {
						axpyScattered(dx[h*g.W+left+lo*g.StrideW:(h+1)*g.W], row[lo:hi], w[kh*g.KernelW+kw], g.StrideW)
					}
				}
			}
		}
	}
}

// depthwiseWeights computes the kernel m of dw [M,1,KernelH,KernelW]; w is dy.
func depthwiseWeights(t *depthwise, m int) {
	g := &t.g
	dw := t.y[m*g.KernelH*g.KernelW : (m+1)*g.KernelH*g.KernelW]
	for k := range dw {
		kh := k / g.KernelW
		left, lo, hi := g.span(k % g.KernelW)
		total := 0.0
		for n := range g.N {
			c := n*g.C + m/(g.M/g.Group)
			x := t.x[c*g.H*g.W : (c+1)*g.H*g.W]
			dy := t.w[(n*g.M+m)*g.OutH*g.OutW : (n*g.M+m+1)*g.OutH*g.OutW]
			ohLo, ohHi := taps(kh*g.DilationH-g.PadTop, g.StrideH, g.OutH, g.H)
			for oh := ohLo; oh < ohHi && lo < hi; oh++ {
				h := oh*g.StrideH - g.PadTop + kh*g.DilationH
				total += float64(dotStrided(dy[oh*g.OutW+lo:oh*g.OutW+hi], x[h*g.W+left+lo*g.StrideW:(h+1)*g.W], g.StrideW))
			}
		}
		dw[k] = float32(total)
	}
}

// axpyStrided computes y[j] += w * x[j*step], each in one rounding.
func axpyStrided(y, x []float32, w float32, step int) {
	if step == 1 {
		x = x[:len(y)]
		for j := range y {
			y[j] = multiplyAdd(w, x[j], y[j])
		}
		return
	}
	o := 0
	for j := range y {
		y[j] = multiplyAdd(w, x[o], y[j])
		o += step
	}
}

// axpyScattered computes y[j*step] += w * x[j].
func axpyScattered(y, x []float32, w float32, step int) {
	if step == 1 {
		axpyStrided(y[:len(x)], x, w, 1)
		return
	}
	o := 0
	for _, v := range x {
		y[o] = multiplyAdd(w, v, y[o])
		o += step
	}
}

// dotStrided is the sum of a[j] * x[j*step], in two chains.
func dotStrided(a, x []float32, step int) float32 {
	var s0, s1 float32
	if step == 1 {
		x = x[:len(a)]
		for ; len(a) >= 2 && len(x) >= 2; a, x = a[2:], x[2:] {
			s0 += a[0] * x[0]
			s1 += a[1] * x[1]
		}
		if len(a) > 0 {
			s0 += a[0] * x[0]
		}
		return s0 + s1
	}
	o := 0
	for _, v := range a {
		s0, s1 = s1, s0+v*x[o]
		o += step
	}
	return s0 + s1
}
