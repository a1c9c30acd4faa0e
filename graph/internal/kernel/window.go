package kernel

// Window is the geometry of a 2-D pooling: x [N,C,H,W], y [N,C,OutH,OutW], both in the
// blocked layout. The last window may reach past the padded input, as ceil_mode
// has it.
type Window struct {
	N, C, H, W                           int
	OutH, OutW                           int
	KernelH, KernelW                     int
	StrideH, StrideW                     int
	DilationH, DilationW                 int
	PadTop, PadLeft, PadBottom, PadRight int
}

// windowTask pools one plane an item.
type windowTask struct {
	f        func(t *windowTask, w *worker, v view)
	g        Window
	x, y     []float32
	dx, dy   []float32 // backward
	countPad bool
}

// view is a run of pixels of an output row whose windows see the same of their
// kernels' places: rows hLo to hHi and columns wLo to wHi.
type view struct {
	plane              int
	oh, ow, count      int
	top, left          int // of the first window
	hLo, hHi, wLo, wHi int
}

func (t *windowTask) run(w *worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		t.views(w, i)
	}
}

// views calls f for all of a plane: the pixels at its edges one by one, those between
// in runs.
func (t *windowTask) views(w *worker, plane int) {
	g := &t.g
	for oh := range g.OutH {
		v := view{plane: plane, oh: oh, top: oh*g.StrideH - g.PadTop}
		v.hLo, v.hHi = visible(v.top, g.DilationH, g.KernelH, g.H)
		for v.ow = 0; v.ow < g.OutW; v.ow += v.count {
			v.left = v.ow*g.StrideW - g.PadLeft
			v.wLo, v.wHi = visible(v.left, g.DilationW, g.KernelW, g.W)
			v.count = 1
			if last := g.W - 1 - (g.KernelW-1)*g.DilationW; v.left >= 0 && v.left <= last {
				v.count = min((last-v.left)/g.StrideW+1, g.OutW-v.ow)
			}
			t.f(t, w, v)
		}
	}
}

// x, y are the places of a view's first window and pixel.
func (g *Window) places(v view) (x, y int) {
	return ((v.plane*g.H+v.top)*g.W + v.left) * isa.lanes, ((v.plane*g.OutH+v.oh)*g.OutW + v.ow) * isa.lanes
}

// empty says whether a view sees nothing of x.
func (v *view) empty() bool { return v.hLo >= v.hHi || v.wLo >= v.wHi }

// taps lists what a view sees of x, seen from element x of its first window: in runs
// of one step.
func (g *Window) taps(list []tap, v view, x int) []tap {
	for kh := v.hLo; kh < v.hHi && v.wLo < v.wHi; kh++ {
		list = append(list, tap{x + (kh*g.DilationH*g.W+v.wLo*g.DilationW)*isa.lanes, v.wHi - v.wLo})
	}
	return list
}

// tile computes the sums or maxima of a view.
func (t *windowTask) tile(w *worker, v view, f func(t *tile), b []float32) {
	g, k := &t.g, &w.tile
	x, y := g.places(v)
	// The first window may begin outside x, its first tap does not.
	w.taps = g.taps(w.taps[:0], v, 0)
	first := 0
	if len(w.taps) > 0 {
		first = w.taps[0].at
		for i := range w.taps {
			w.taps[i].at -= first
		}
		x += first
	} else {
		x = 0
	}
	*k = tile{cRow: isa.lanes, aRow: g.StrideW * isa.lanes, aStep: g.DilationW * isa.lanes, b: b, blocks: 1, taps: w.taps}
	k.each(v.count, func(j int) {
		k.c, k.a = t.y[y+j*isa.lanes:], t.x[x+j*k.aRow:]
		f(k)
	})
	*k = tile{}
}

// pool checks the lengths of x and y and runs t on every plane.
func (p *Pool) pool(t windowTask, x, y []float32) {
	g := &t.g
	if min(g.N, g.C, g.H, g.W, g.OutH, g.OutW) < 0 || min(g.KernelH, g.KernelW, g.StrideH, g.StrideW, g.DilationH, g.DilationW) < 1 {
		panic("kernel: bad window")
	}
	checkLanes(x, g.N, g.C, g.H*g.W)
	checkLanes(y, g.N, g.C, g.OutH*g.OutW)
	q := p.acquire()
	q.tasks.window = t
	q.launch(&q.tasks.window, g.N*Blocks(g.C), vectorGrain/max(g.OutH*g.OutW*g.KernelH*g.KernelW*isa.lanes, 1))
	q.tasks.window = windowTask{}
	p.release(q)
}

// visible returns the range of kernel indices k for which start + k*dilation
// lies inside 0 to size.
func visible(start, dilation, kernel, size int) (lo, hi int) {
	if start >= 0 && start+(kernel-1)*dilation < size {
		return 0, kernel
	}
	if start < 0 {
		lo = (-start + dilation - 1) / dilation
	}
	if start < size {
		hi = (size-1-start)/dilation + 1
	}
	return lo, min(hi, kernel)
}
