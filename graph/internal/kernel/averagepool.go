package kernel

// AveragePool computes
//
//	y[n,c,oh,ow] = sum over kh, kw of x[n,c, oh*StrideH-PadTop+kh*DilationH, ow*StrideW-PadLeft+kw*DilationW] / count
//
// with zeros outside x. count is the number of positions inside x, or with
// countPad those inside the padded input: where the last window reaches past
// the padding, the part beyond never counts (PyTorch's rule). An empty window
// gives 0.
func AveragePool(p *Pool, g *Window, y, x []float32, countPad bool) {
	p.pool(windowTask{f: averagePool, g: *g, y: y, x: x, countPad: countPad}, x, y)
}

// AveragePoolBackward computes the gradient dx of AveragePool: each window
// adds dy/count to its positions inside x.
func AveragePoolBackward(p *Pool, g *Window, dx, dy []float32, countPad bool) {
	p.pool(windowTask{f: averagePoolBackward, g: *g, y: dx, dy: dy, countPad: countPad}, dx, dy)
}

func averagePool(t *windowTask, _ *worker, i int) {
	g := &t.g
	x := t.x[i*g.H*g.W : (i+1)*g.H*g.W]
	y := t.y[i*g.OutH*g.OutW : (i+1)*g.OutH*g.OutW]
	for oh := range g.OutH {
		top := oh*g.StrideH - g.PadTop
		hlo, hhi := taps(top, g.DilationH, g.KernelH, g.H)
		for ow := range g.OutW {
			left := ow*g.StrideW - g.PadLeft
			wlo, whi := taps(left, g.DilationW, g.KernelW, g.W)
			var s float32
			for kh := hlo; kh < hhi; kh++ {
				row := (top+kh*g.DilationH)*g.W + left
				for kw := wlo; kw < whi; kw++ {
					s += x[row+kw*g.DilationW]
				}
			}
			if hlo < hhi && wlo < whi {
				s /= t.count(top, left, hhi-hlo, whi-wlo)
			}
			y[oh*g.OutW+ow] = s
		}
	}
}

func averagePoolBackward(t *windowTask, _ *worker, i int) {
	g := &t.g
	dx := t.y[i*g.H*g.W : (i+1)*g.H*g.W]
	dy := t.dy[i*g.OutH*g.OutW : (i+1)*g.OutH*g.OutW]
	clear(dx)
	for oh := range g.OutH {
		top := oh*g.StrideH - g.PadTop
		hlo, hhi := taps(top, g.DilationH, g.KernelH, g.H)
		for ow := range g.OutW {
			left := ow*g.StrideW - g.PadLeft
			wlo, whi := taps(left, g.DilationW, g.KernelW, g.W)
			d := dy[oh*g.OutW+ow] / t.count(top, left, hhi-hlo, whi-wlo)
			for kh := hlo; kh < hhi; kh++ {
				row := (top+kh*g.DilationH)*g.W + left
				for kw := wlo; kw < whi; kw++ {
					dx[row+kw*g.DilationW] += d
				}
			}
		}
	}
}

// count is the divisor of the window at top, left with inH x inW positions inside x.
func (t *windowTask) count(top, left, inH, inW int) float32 {
	if g := &t.g; t.countPad {
		_, inH = taps(top, g.DilationH, g.KernelH, g.H+g.PadBottom)
		_, inW = taps(left, g.DilationW, g.KernelW, g.W+g.PadRight)
	}
	return float32(inH * inW)
}
