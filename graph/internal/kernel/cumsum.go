package kernel

// CumSum computes, for x and y [outer,width,inner], y[o,i,j] = sum of x[o,k,j] over the k
// up to i, or from i on if it is reverse, i itself left out if it is exclusive. Sums are
// in double precision.
func CumSum(p *Pool, y, x []float32, outer, width, inner int, exclusive, reverse bool) {
	if size := outer * width * inner; min(outer, width, inner) < 0 || len(x) < size || len(y) < size {
		panic("kernel: short operand")
	}
	q := p.acquire()
	q.tasks.cumulation = cumulation{y: y, x: x, width: width, inner: inner, exclusive: exclusive, reverse: reverse}
	q.launch(&q.tasks.cumulation, outer*inner, vectorGrain/max(width, 1))
	q.tasks.cumulation = cumulation{}
	p.release(q)
}

// cumulation adds up one line an item.
type cumulation struct {
	y, x               []float32
	width, inner       int
	exclusive, reverse bool
}

func (t *cumulation) run(_ *worker, lo, hi int) {
	for line := lo; line < hi; line++ {
		at, step := line/t.inner*t.width*t.inner+line%t.inner, t.inner
		if t.reverse {
			at, step = at+(t.width-1)*t.inner, -t.inner
		}
		sum := 0.0
		for range t.width {
			before := sum
			if sum += float64(t.x[at]); t.exclusive {
				t.y[at] = float32(before)
			} else {
				t.y[at] = float32(sum)
			}
			at += step
		}
	}
}
