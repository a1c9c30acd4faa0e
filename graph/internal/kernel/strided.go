package kernel

// maxRank is the most dimensions a strided copy walks over.
const maxRank = 8

// strided copies rows of the last dimension, one an item.
type strided struct {
	y, x             []float32
	yOffset, xOffset int
	rank, width      int
	shape            [maxRank]int
	yStride, xStride [maxRank]int
}

func (t *strided) run(_ *worker, lo, hi int) {
	last := t.rank - 1
	ys, xs := t.yStride[last], t.xStride[last]
	for r := lo; r < hi; r++ {
		yo, xo := t.yOffset, t.xOffset
		for d, i := last-1, r; d >= 0; d-- {
			k := i % t.shape[d]
			i /= t.shape[d]
			yo += k * t.yStride[d]
			xo += k * t.xStride[d]
		}
		if ys == 1 && xs == 1 {
			copy(t.y[yo:yo+t.width], t.x[xo:xo+t.width])
			continue
		}
		for range t.width {
			t.y[yo] = t.x[xo]
			yo += ys
			xo += xs
		}
	}
}

// StridedCopy copies between two strided views: transposes, slices, broadcasts,
// pads. Strides may be negative, and 0 in x.
//
//	y[yOffset + sum_d i[d]*yStride[d]] = x[xOffset + sum_d i[d]*xStride[d]]  for every index i of shape
//
// No two indices may name one element of y.
func StridedCopy(p *Pool, y, x []float32, shape, yStride, xStride []int, yOffset, xOffset int) {
	rank := len(shape)
	if rank == 0 || rank > maxRank || len(yStride) != rank || len(xStride) != rank {
		panic("kernel: bad strided copy")
	}
	rows, width := 1, shape[rank-1]
	for _, d := range shape[:rank-1] {
		rows *= d
	}
	if rows == 0 || width == 0 {
		return
	}
	checkView(y, shape, yStride, yOffset)
	checkView(x, shape, xStride, xOffset)
	q := p.acquire()
	t := &q.tasks.strided
	*t = strided{y: y, x: x, yOffset: yOffset, xOffset: xOffset, rank: rank, width: width}
	copy(t.shape[:], shape)
	copy(t.yStride[:], yStride)
	copy(t.xStride[:], xStride)
	q.launch(t, rows, vectorGrain/width)
	*t = strided{}
	p.release(q)
}

// checkView panics unless the view's first and last elements are inside x.
func checkView(x []float32, shape, stride []int, offset int) {
	lo, hi := offset, offset
	for d, n := range shape {
		reach := (n - 1) * stride[d]
		lo, hi = lo+min(reach, 0), hi+max(reach, 0)
	}
	if lo < 0 || hi >= len(x) {
		panic("kernel: strided view outside its slice")
	}
}

// StridedAdd adds one strided view to another, in row-major order of the index:
// the gradient of a broadcast or slice. Several indices may name one element of y.
//
//	y[yOffset + sum_d i[d]*yStride[d]] += x[xOffset + sum_d i[d]*xStride[d]]  for every index i of shape
func StridedAdd(y, x []float32, shape, yStride, xStride []int, yOffset, xOffset int) {
	if len(shape) == 0 {
		y[yOffset] += x[xOffset]
		return
	}
	if len(shape) > 1 {
		for i := range shape[0] {
			StridedAdd(y, x, shape[1:], yStride[1:], xStride[1:], yOffset+i*yStride[0], xOffset+i*xStride[0])
		}
		return
	}
	if yStride[0] == 0 {
		var sum float32
		for range shape[0] {
			sum += x[xOffset]
			xOffset += xStride[0]
		}
		y[yOffset] += sum
		return
	}
	for range shape[0] {
		y[yOffset] += x[xOffset]
		yOffset += yStride[0]
		xOffset += xStride[0]
	}
}
