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

func maxPool(t *windowTask, i int) {
	g := &t.g
	x := t.x[i*g.H*g.W : (i+1)*g.H*g.W]
	y := t.y[i*g.OutH*g.OutW : (i+1)*g.OutH*g.OutW]
	for oh := range g.OutH {
		for ow := range g.OutW {
			best := float32(math.Inf(-1))
			if at := argmax(g, x, oh, ow); at >= 0 {
				best = x[at]
			}
			y[oh*g.OutW+ow] = best
		}
	}
}

func maxPoolBackward(t *windowTask, i int) {
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
