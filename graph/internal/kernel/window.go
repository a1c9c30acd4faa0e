package kernel

// Window is the geometry of a 2-D pooling: x [N,C,H,W], y [N,C,OutH,OutW].
// The last window may reach past the padded input, as ceil_mode has it.
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
	f        func(t *windowTask, w *worker, i int)
	g        Window
	y, x, dy []float32 // backward: y is dx
	countPad bool
}

func (t *windowTask) run(w *worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		t.f(t, w, i)
	}
}

// pool checks the lengths of x (or dx) and y (or dy) and runs t on every plane.
func (p *Pool) pool(t windowTask, x, y []float32) {
	g := &t.g
	if min(g.N, g.C, g.H, g.W, g.OutH, g.OutW) < 0 || min(g.KernelH, g.KernelW, g.StrideH, g.StrideW, g.DilationH, g.DilationW) < 1 {
		panic("kernel: bad window")
	}
	if len(x) < g.N*g.C*g.H*g.W {
		panic("kernel: short x")
	}
	if len(y) < g.N*g.C*g.OutH*g.OutW {
		panic("kernel: short y")
	}
	q := p.acquire()
	q.tasks.window = t
	q.launch(&q.tasks.window, g.N*g.C, vectorGrain/max(g.OutH*g.OutW*g.KernelH*g.KernelW, g.H*g.W, 1))
	q.tasks.window = windowTask{}
	p.release(q)
}

// taps returns the range of kernel indices k for which start + k*dilation
// lies inside 0 to size.
func taps(start, dilation, kernel, size int) (lo, hi int) {
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
