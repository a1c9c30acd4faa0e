package kernel

import "math"

// rowNormalisation is a pass over the rows of x [rows,width].
type rowNormalisation struct {
	y, x, dy []float32 // backward: y is dx
	width    int
	eps      float64
	center   bool
}

// NormalizeRows computes, for x and y [rows,width],
// y[r,j] = (x[r,j] - mean) / sqrt(variance + eps), with the mean and the biased
// variance of the row. Without center the mean counts as 0, and the mean square
// as the variance. y may be x.
func NormalizeRows(p *Pool, y, x []float32, rows, width int, eps float64, center bool) {
	p.normalize(rowNormalisation{y: y, x: x, width: width, eps: eps, center: center}, rows)
}

// NormalizeRowsBackward computes the gradient dx of NormalizeRows: with n the
// normalised row and inv = 1/sqrt(variance+eps),
// dx = inv * (dy - mean(dy) - n*mean(dy*n)), where mean(dy) belongs to the
// centred form. dx may be dy.
func NormalizeRowsBackward(p *Pool, dx, x, dy []float32, rows, width int, eps float64, center bool) {
	p.normalize(rowNormalisation{y: dx, x: x, dy: dy, width: width, eps: eps, center: center}, rows)
}

func (p *Pool) normalize(t rowNormalisation, rows int) {
	if size := rows * t.width; rows < 0 || t.width < 0 || len(t.x) < size || len(t.y) < size || t.dy != nil && len(t.dy) < size {
		panic("kernel: short rows")
	}
	q := p.acquire()
	q.tasks.rowNormalisation = t
	q.launch(&q.tasks.rowNormalisation, rows, vectorGrain/max(t.width, 1))
	q.tasks.rowNormalisation = rowNormalisation{}
	p.release(q)
}

func (t *rowNormalisation) run(_ *worker, lo, hi int) {
	for r := lo; r < hi; r++ {
		x, y := t.x[r*t.width:(r+1)*t.width], t.y[r*t.width:(r+1)*t.width]
		mean, variance := 0.0, 0.0
		if t.center {
			mean = sum(x) / float64(t.width)
		}
		for _, v := range x {
			d := float64(v) - mean
			variance += d * d
		}
		inv := 1 / math.Sqrt(variance/float64(t.width)+t.eps)
		if t.dy == nil {
			for j, v := range x {
				y[j] = float32((float64(v) - mean) * inv)
			}
			continue
		}
		dy := t.dy[r*t.width : (r+1)*t.width]
		var along, average float64
		for j, d := range dy {
			along += float64(d) * (float64(x[j]) - mean) * inv
		}
		along /= float64(t.width)
		if t.center {
			average = sum(dy) / float64(t.width)
		}
		for j, d := range dy {
			y[j] = float32(inv * (float64(d) - average - (float64(x[j])-mean)*inv*along))
		}
	}
}
