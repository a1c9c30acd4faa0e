package kernel

import "math"

// MaxPool computes
//
//	y[n,c,oh,ow] = max over kh, kw of x[n,c, oh*StrideH-PadTop+kh*DilationH, ow*StrideW-PadLeft+kw*DilationW]
//
// over the positions inside x. A NaN in the window gives NaN; a window that
// lies in the padding entirely gives -Inf.
func MaxPool(p *Pool, g *Window, y, x []float32) {
	p.pool(windowTask{f: maxPool, g: *g, y: y, x: x}, x, y)
}

// MaxPoolBackward computes the gradient dx of MaxPool from its input x and
// dy: each dy goes to the window's first maximum in row-major order, as
// PyTorch has it, or to its first NaN.
func MaxPoolBackward(p *Pool, g *Window, dx, x, dy []float32) {
	if len(dx) < g.N*g.C*g.H*g.W {
		panic("kernel: short dx")
	}
	p.pool(windowTask{f: maxPoolBackward, g: *g, y: dx, x: x, dy: dy}, x, dy)
}

// maxPool takes the maximum of each window's rows, all columns at once, then
// of its columns, between rows padded with -Inf, and picks every StrideW-th.
func maxPool(t *windowTask, w *worker, i int) {
	g := &t.g
	x := t.x[i*g.H*g.W : (i+1)*g.H*g.W]
	y := t.y[i*g.OutH*g.OutW : (i+1)*g.OutH*g.OutW]
	if len(y) == 0 {
		return
	}
	count := round((g.OutW-1)*g.StrideW+1, 16) // whole vectors
	size := max(g.PadLeft+g.W, count+(g.KernelW-1)*g.DilationW)
	scratch := w.floats(size + count)
	padded, best := scratch[:size], scratch[size:]
	for j := range padded {
		padded[j] = float32(math.Inf(-1))
	}
	inside := padded[g.PadLeft : g.PadLeft+g.W]
	for oh := range g.OutH {
		top := oh*g.StrideH - g.PadTop
		lo, hi := taps(top, g.DilationH, g.KernelH, g.H)
		row := func(kh int) []float32 { return x[(top+kh*g.DilationH)*g.W:][:g.W] }
		switch {
		case hi <= lo:
			for j := range inside {
				inside[j] = float32(math.Inf(-1))
			}
		case hi == lo+1:
			copy(inside, row(lo))
		default:
			isa.maximum(nil, inside, row(lo), row(lo+1))
			for kh := lo + 2; kh < hi; kh++ {
				isa.maximum(nil, inside, inside, row(kh))
			}
		}
		from := padded[:count]
		for kw := 1; kw < g.KernelW; kw++ {
			isa.maximum(nil, best, from, padded[kw*g.DilationW:][:count])
			from = best
		}
		to := y[oh*g.OutW : (oh+1)*g.OutW]
		o := 0
		for j := range to {
			to[j] = from[o]
			o += g.StrideW
		}
	}
}

func maxPoolBackward(t *windowTask, _ *worker, i int) {
	g := &t.g
	x := t.x[i*g.H*g.W : (i+1)*g.H*g.W]
	dx := t.y[i*g.H*g.W : (i+1)*g.H*g.W]
	dy := t.dy[i*g.OutH*g.OutW : (i+1)*g.OutH*g.OutW]
	clear(dx)
	for oh := range g.OutH {
		for ow := range g.OutW {
			if at := argmax(g, x, oh, ow); at >= 0 {
				dx[at] += dy[oh*g.OutW+ow]
			}
		}
	}
}

// argmax is the place of the maximum in the plane x, -1 for an empty window.
// It compares integers, the value's rank above the complement of its place,
// so that the first of equals wins and no branch depends on the data.
func argmax(g *Window, x []float32, oh, ow int) int {
	top, left := oh*g.StrideH-g.PadTop, ow*g.StrideW-g.PadLeft
	hlo, hhi := taps(top, g.DilationH, g.KernelH, g.H)
	wlo, whi := taps(left, g.DilationW, g.KernelW, g.W)
	if hlo >= hhi || wlo >= whi {
		return -1
	}
	best := int64(math.MinInt64)
	for kh := hlo; kh < hhi; kh++ {
		row := (top+kh*g.DilationH)*g.W + left
		for kw := wlo; kw < whi; kw++ {
			k := row + kw*g.DilationW
			best = max(best, rank(x[k])<<32|int64(^uint32(k)))
		}
	}
	return int(^uint32(best))
}

// rank maps floats to integers in the same order, -0 with 0, NaN on top.
func rank(v float32) int64 {
	u := math.Float32bits(v + 0) // -0 + 0 is 0
	r := int32(u) ^ int32(u)>>31&math.MaxInt32
	if u<<1 > 0xff000000 {
		r = math.MaxInt32
	}
	return int64(r)
}
