package kernel

// MaxPool computes
//
//	y[n,c,oh,ow] = max over kh, kw of x[n,c, oh*StrideH-PadTop+kh*DilationH, ow*StrideW-PadLeft+kw*DilationW]
//
// over the positions inside x. A NaN in the window gives NaN; a window that
// lies in the padding entirely gives -Inf.
func MaxPool(p *Pool, g *Window, y, x []float32) {
	p.pool(windowTask{f: maxPool, g: *g, y: y, x: x}, x, y)
}

// MaxPoolBackward computes the gradient dx of MaxPool from its input x, its output y
// and dy: each dy goes to the window's first maximum in row-major order, as
// PyTorch has it, or to its first NaN.
func MaxPoolBackward(p *Pool, g *Window, dx, x, y, dy []float32) {
	checkLanes(dx, g.N, g.C, g.H*g.W)
	checkLanes(dy, g.N, g.C, g.OutH*g.OutW)
	clear(dx)
	p.pool(windowTask{f: maxPoolBackward, g: *g, y: y, x: x, dx: dx, dy: dy}, x, y)
}

func maxPool(t *windowTask, w *worker, v view) { t.tile(w, v, isa.mostTile, nil) }

func maxPoolBackward(t *windowTask, w *worker, v view) {
	if v.empty() {
		return
	}
	g := &t.g
	x, y := g.places(v)
	w.at = w.at[:0]
	for kh := v.hLo; kh < v.hHi; kh++ {
		for kw := v.wLo; kw < v.wHi; kw++ {
			w.at = append(w.at, (kh*g.DilationH*g.W+kw*g.DilationW)*isa.lanes)
		}
	}
	first := w.at[0]
	for i := range w.at {
		w.at[i] -= first
	}
	n := v.count * isa.lanes
	isa.maxPoolBackward(t.dx[x+first:], t.x[x+first:], t.y[y:y+n], t.dy[y:y+n], w.at, g.StrideW*isa.lanes)
}
