package kernel

// rowPass is a pass over x [rows,width] with one number a column.
type rowPass struct {
	f     func(t *rowPass, y, x []float32)
	y, x  []float32
	v     []float32
	width int
	sums  []float64 // of columns, for each part of the rows
	times []float32 // what is summed is multiplied by, nil for nothing
}

func (t *rowPass) run(_ *worker, lo, hi int) {
	for r := lo; r < hi; r++ {
		t.f(t, t.y[r*t.width:(r+1)*t.width], t.x[r*t.width:(r+1)*t.width])
	}
}

func (p *Pool) eachOfRows(t rowPass, rows int) {
	if size := rows * t.width; min(rows, t.width) < 0 || len(t.x) < size || len(t.y) < size || len(t.v) < t.width {
		panic("kernel: short rows")
	}
	q := p.acquire()
	q.tasks.rowPass = t
	q.launch(&q.tasks.rowPass, rows, vectorGrain/max(t.width, 1))
	q.tasks.rowPass = rowPass{}
	p.release(q)
}

// AddRows computes, for x [rows,width] and v [width], y[r,j] = x[r,j] + v[j]; y may be x.
func AddRows(p *Pool, y, x, v []float32, rows, width int) {
	p.eachOfRows(rowPass{f: addRow, y: y, x: x, v: v, width: width}, rows)
}

// MulRows computes, for x [rows,width] and v [width], y[r,j] = x[r,j] * v[j]; y may be x.
func MulRows(p *Pool, y, x, v []float32, rows, width int) {
	p.eachOfRows(rowPass{f: mulRow, y: y, x: x, v: v, width: width}, rows)
}

func addRow(t *rowPass, y, x []float32) { isa.add(nil, y, x, t.v[:t.width]) }

func mulRow(t *rowPass, y, x []float32) {
	v := t.v[:len(y)]
	x = x[:len(y)]
	for j := range y {
		y[j] = x[j] * v[j]
	}
}

// rowParts is how many parts the rows of SumRows are cut into: a number of its own, so that
// sums do not depend on the threads.
const rowParts = 16

// SumRows computes, for x [rows,width], v[j] = sum over r of x[r,j], or with times
// [rows,width] of x[r,j]*times[r,j]: the gradients of AddRows and MulRows for v. Sums are in
// double precision.
func SumRows(p *Pool, v, x, times []float32, rows, width int) {
	if size := rows * width; min(rows, width) < 0 || len(x) < size || times != nil && len(times) < size || len(v) < width {
		panic("kernel: short rows")
	}
	q := p.acquire()
	q.tasks.rowSums = rowSums{rowPass{x: x, times: times, width: width, sums: q.partials(rowParts * width)}, rows}
	q.launch(&q.tasks.rowSums, rowParts, 1)
	sums := q.tasks.rowSums.sums
	q.tasks.rowSums = rowSums{}
	for j := range v[:width] {
		sum := 0.0
		for i := range rowParts {
			sum += sums[i*width+j]
		}
		v[j] = float32(sum)
	}
	p.release(q)
}

// rowSums adds up the columns of one part of the rows an item.
type rowSums struct {
	rowPass
	rows int
}

func (t *rowSums) run(_ *worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		sums := t.sums[i*t.width : (i+1)*t.width]
		clear(sums)
		for r := i * t.rows / rowParts; r < (i+1)*t.rows/rowParts; r++ {
			x := t.x[r*t.width:][:len(sums)]
			if t.times == nil {
				for j := range sums {
					sums[j] += float64(x[j])
				}
				continue
			}
			times := t.times[r*t.width:][:len(sums)]
			for j := range sums {
				sums[j] += float64(x[j]) * float64(times[j])
			}
		}
	}
}
