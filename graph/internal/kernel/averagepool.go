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
	clear(dx)
	p.pool(windowTask{f: averagePoolBackward, g: *g, dx: dx, dy: dy, countPad: countPad}, dx, dy)
}

func averagePool(t *windowTask, w *worker, v view) {
	ones := w.coefficients[:isa.lanes]
	fill(ones, 1)
	t.tile(w, v, isa.laneTile, ones)
	if v.empty() {
		return
	}
	_, at := t.g.places(v)
	count := t.count(v)
	y := t.y[at : at+v.count*isa.lanes]
	for i := range y {
		y[i] /= count
	}
}

func averagePoolBackward(t *windowTask, _ *worker, v view) {
	if v.empty() {
		return
	}
	g := &t.g
	x, y := g.places(v)
	count := t.count(v)
	for p := range v.count {
		dy := t.dy[y+p*isa.lanes:][:isa.lanes]
		for kh := v.hLo; kh < v.hHi; kh++ {
			for kw := v.wLo; kw < v.wHi; kw++ {
				dx := t.dx[x+(kh*g.DilationH*g.W+kw*g.DilationW+p*g.StrideW)*isa.lanes:][:isa.lanes]
				for l, d := range dy {
					dx[l] += d / count
				}
			}
		}
	}
}

// count is the divisor of a view's windows.
func (t *windowTask) count(v view) float32 {
	h, w := v.hHi-v.hLo, v.wHi-v.wLo
	if g := &t.g; t.countPad {
		_, h = visible(v.top, g.DilationH, g.KernelH, g.H+g.PadBottom)
		_, w = visible(v.left, g.DilationW, g.KernelW, g.W+g.PadRight)
	}
	return float32(h * w)
}
