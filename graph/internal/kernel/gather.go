package kernel

// grid is the pixels of a convolution's product, numbered q in row-major
// order over images x rows x cols, and where each tap of pixel (i, j) reads:
// source row i*stepH + tap.h, source column j*stepW + tap.w, zero outside the
// plane of height x width.
type grid struct {
	images, rows, cols int
	height, width      int
	stepH, stepW       int
	image              int // elements from one source image to the next
	taps               []tap
}

type tap struct{ h, w int }

// segment is a run of one tap's pixels in one source row: count elements from
// src, or zeros where src is negative.
type segment struct{ dst, src, count int }

// pixels is the number of pixels q.
func (g *grid) pixels() int { return g.images * g.rows * g.cols }

// plan lists the segments of pixels q0 to q1 for all taps, for one channel at
// the source's start. Tap t's pixels go to row t of a matrix with ld columns.
func (g *grid) plan(list []segment, q0, q1, ld int) []segment {
	list = list[:0]
	for t, tap := range g.taps {
		for q := q0; q < q1; {
			row, j := q/g.cols, q%g.cols
			count := min(g.cols-j, q1-q)
			n, i := row/g.rows, row%g.rows
			list = g.cut(list, t*ld+q-q0, n*g.image, i*g.stepH+tap.h, j*g.stepW+tap.w, count)
			q += count
		}
	}
	return list
}

// cut appends count pixels of one source row, split where they leave the plane.
func (g *grid) cut(list []segment, dst, image, h, w, count int) []segment {
	before, end := count, count
	if h >= 0 && h < g.height {
		before, end = taps(w, g.stepW, count, g.width)
	}
	before = min(before, count)
	end = max(end, before)
	if before > 0 {
		list = append(list, segment{dst, -1, before})
	}
	if end > before {
		list = append(list, segment{dst + before, image + h*g.width + w + before*g.stepW, end - before})
	}
	if count > end {
		list = append(list, segment{dst + end, -1, count - end})
	}
	return list
}

// gather copies the listed pixels of channels c0 to c1 of x, whose planes are
// plane elements apart, to consecutive groups of size elements of dst.
func gather(dst, x []float32, list []segment, c0, c1, plane, size, step int) {
	for c := c0; c < c1; c++ {
		d := dst[(c-c0)*size : (c-c0+1)*size]
		for _, s := range list {
			to := d[s.dst : s.dst+s.count]
			switch {
			case s.src < 0:
				clear(to)
			case step == 1:
				copy(to, x[c*plane+s.src:])
			default:
				from := x[c*plane+s.src:]
				for i := range to {
					to[i] = from[i*step]
				}
			}
		}
	}
}

// split cuts n into the fewest equal parts of at most most, each a multiple
// of unit but the last, and returns their size and number.
func split(n, most, unit int) (size, parts int) {
	if n <= 0 {
		return unit, 0
	}
	parts = (n + most - 1) / most
	size = (n + parts - 1) / parts
	size = (size + unit - 1) / unit * unit
	return size, (n + size - 1) / size
}
