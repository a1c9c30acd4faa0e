package kernel

// copying copies one row an item.
type copying struct {
	y, x             []float32
	width            int
	yStride, xStride int
}

func (t *copying) run(_ *worker, lo, hi int) {
	for r := lo; r < hi; r++ {
		copy(t.y[r*t.yStride:r*t.yStride+t.width], t.x[r*t.xStride:r*t.xStride+t.width])
	}
}

// Copy copies rows of width elements between strided matrices: concatenation,
// slicing, splitting and padding.
//
//	y[yOffset + r*yStride + j] = x[xOffset + r*xStride + j]  for r < rows, j < width
//
// The rows of y must not overlap each other or x.
func Copy(p *Pool, y, x []float32, rows, width, yStride, yOffset, xStride, xOffset int) {
	if min(rows, width, yStride, yOffset, xStride, xOffset) < 0 {
		panic("kernel: copy: negative size")
	}
	if rows == 0 || width == 0 {
		return
	}
	if len(y) < yOffset+(rows-1)*yStride+width {
		panic("kernel: short y")
	}
	if len(x) < xOffset+(rows-1)*xStride+width {
		panic("kernel: short x")
	}
	q := p.acquire()
	q.tasks.copying = copying{y: y[yOffset:], x: x[xOffset:], width: width, yStride: yStride, xStride: xStride}
	q.launch(&q.tasks.copying, rows, vectorGrain/width)
	q.tasks.copying = copying{}
	p.release(q)
}
