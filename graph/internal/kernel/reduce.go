package kernel

// Reduce computes, for x [rows,width], y[r] = f(x[r,:]), in double precision.
func Reduce(p *Pool, y, x []float32, rows, width int, f func(row []float64) float64) {
	p.reduce(reduction{f: f, x: x, y: y, width: width}, rows)
}

// ReduceBackward computes, for x and dx [rows,width], y and dy [rows],
// dx[r,:] = dy[r] * d(x[r,:], y[r]), where d writes the derivatives into its first argument.
func ReduceBackward(p *Pool, dx, x, y, dy []float32, rows, width int, d func(dx, row []float32, y float32)) {
	p.reduce(reduction{d: d, dx: dx, x: x, y: y, dy: dy, width: width}, rows)
}

// reduction is either of the two; without f it is the backward one.
type reduction struct {
	f            func(row []float64) float64
	d            func(dx, row []float32, y float32)
	dx, x, y, dy []float32
	width        int
}

func (p *Pool) reduce(t reduction, rows int) {
	if size := rows * t.width; len(t.x) < size || len(t.y) < rows || t.d != nil && (len(t.dx) < size || len(t.dy) < rows) {
		panic("kernel: short rows")
	}
	q := p.acquire()
	q.tasks.reduction = t
	q.launch(&q.tasks.reduction, rows, vectorGrain/max(t.width, 1))
	q.tasks.reduction = reduction{}
	p.release(q)
}

func (t *reduction) run(w *worker, lo, hi int) {
	for r := lo; r < hi; r++ {
		row := t.x[r*t.width : (r+1)*t.width]
		if t.f != nil {
			wide := w.doubles(t.width)
			for i, v := range row {
				wide[i] = float64(v)
			}
			t.y[r] = float32(t.f(wide))
			continue
		}
		dx := t.dx[r*t.width : (r+1)*t.width]
		t.d(dx, row, t.y[r])
		for i := range dx {
			if dx[i] != 0 { // 0 times an infinite dy is 0
				dx[i] *= t.dy[r]
			}
		}
	}
}
