package kernel

import "math"

// softmax is a kernel over the rows of x [rows,width].
type softmax struct {
	f                func(t *softmax, r int)
	y, x, dy, target []float32
	sums             []float64 // a loss per row
	scale            float32
	width            int
}

func (t *softmax) run(_ *worker, lo, hi int) {
	for r := lo; r < hi; r++ {
		t.f(t, r)
	}
}

// eachRow runs t over the rows; y, x and dy hold rows*width elements.
func (p *Pool) eachRow(t softmax, rows int) {
	checkRows(t.y, t.x, t.dy, rows, t.width)
	q := p.acquire()
	q.tasks.softmax = t
	q.launch(&q.tasks.softmax, rows, rowGrain(t.width))
	q.tasks.softmax = softmax{}
	p.release(q)
}

// rowGrain is the rows of a span: an exponential costs like 8 copies.
func rowGrain(width int) int { return vectorGrain / 8 / max(width, 1) }

func checkRows(y, x, dy []float32, rows, width int) {
	if rows < 0 || width < 0 {
		panic("kernel: negative size")
	}
	if size := rows * width; len(y) < size || len(x) < size || len(dy) < size {
		panic("kernel: short rows")
	}
}

// Softmax computes, for x [rows,width], y[r,j] = exp(x[r,j]) / sum over k of
// exp(x[r,k]), shifted by the row's maximum; y may be x.
func Softmax(p *Pool, y, x []float32, rows, width int) {
	p.eachRow(softmax{f: softmaxRow, y: y, x: x, dy: x, width: width}, rows)
}

// SoftmaxBackward computes dx[r,j] = y[r,j] * (dy[r,j] - sum over k of
// y[r,k]*dy[r,k]) from Softmax's output y; dx may be dy.
func SoftmaxBackward(p *Pool, dx, y, dy []float32, rows, width int) {
	p.eachRow(softmax{f: softmaxBackwardRow, y: dx, x: y, dy: dy, width: width}, rows)
}

// LogSoftmax computes, for x [rows,width], y[r,j] = x[r,j] - log(sum over k
// of exp(x[r,k])); y may be x.
func LogSoftmax(p *Pool, y, x []float32, rows, width int) {
	p.eachRow(softmax{f: logSoftmaxRow, y: y, x: x, dy: x, width: width}, rows)
}

// LogSoftmaxBackward computes dx[r,j] = dy[r,j] - exp(y[r,j]) * sum over k of
// dy[r,k] from LogSoftmax's output y; dx may be dy.
func LogSoftmaxBackward(p *Pool, dx, y, dy []float32, rows, width int) {
	p.eachRow(softmax{f: logSoftmaxBackwardRow, y: dx, x: y, dy: dy, width: width}, rows)
}

// CrossEntropy computes, for logits and target probabilities [rows,width],
//
//	loss[0] = -1/rows * sum over r, j of target[r,j] * log(softmax(logits)[r,j])
//	prob = softmax(logits)
//
// where a target of 0 contributes nothing, even against -Inf. prob may be logits.
func CrossEntropy(p *Pool, loss, prob, logits, target []float32, rows, width int) {
	checkRows(prob, logits, target, rows, width)
	if len(loss) < 1 {
		panic("kernel: short loss")
	}
	q := p.acquire()
	sums := q.partials(rows)
	q.tasks.softmax = softmax{f: crossEntropyRow, y: prob, x: logits, target: target, sums: sums, width: width}
	q.launch(&q.tasks.softmax, rows, rowGrain(width))
	q.tasks.softmax = softmax{}
	total := 0.0
	for _, s := range sums {
		total += s
	}
	loss[0] = float32(total / float64(rows))
	p.release(q)
}

// CrossEntropyBackward computes the gradient of CrossEntropy's loss, times
// scale, for the logits: dx[r,j] = scale/rows * (prob[r,j] * sum over k of
// target[r,k] - target[r,j]); dx may be prob.
func CrossEntropyBackward(p *Pool, dx, prob, target []float32, scale float32, rows, width int) {
	p.eachRow(softmax{f: crossEntropyBackwardRow, y: dx, x: prob, dy: target, scale: scale / float32(rows), width: width}, rows)
}

// row cuts row r out of a [rows,width] matrix.
func (t *softmax) row(x []float32, r int) []float32 { return x[r*t.width : (r+1)*t.width] }

// logSumExp returns the row's maximum and the logarithm of the sum of
// exp(x-maximum). NaN, or nothing but -Inf, gives NaN.
func logSumExp(x []float32) (top, logSum float64) {
	top = math.Inf(-1)
	for _, v := range x {
		top = max(top, float64(v))
	}
	s := 0.0
	for _, v := range x {
		s += expOf(v, top)
	}
	return top, math.Log(s)
}

func softmaxRow(t *softmax, r int) {
	y, x := t.row(t.y, r), t.row(t.x, r)
	top, logSum := logSumExp(x)
	scale := math.Exp(-logSum)
	for j, v := range x {
		y[j] = float32(expOf(v, top) * scale)
	}
}

func softmaxBackwardRow(t *softmax, r int) {
	dx, y, dy := t.row(t.y, r), t.row(t.x, r), t.row(t.dy, r)
	dot := 0.0
	for j, v := range y {
		dot += float64(v) * float64(dy[j])
	}
	for j, v := range y {
		dx[j] = v * float32(float64(dy[j])-dot)
	}
}

func logSoftmaxRow(t *softmax, r int) {
	y, x := t.row(t.y, r), t.row(t.x, r)
	top, logSum := logSumExp(x)
	for j, v := range x {
		y[j] = float32(float64(v) - top - logSum)
	}
}

func logSoftmaxBackwardRow(t *softmax, r int) {
	dx, y, dy := t.row(t.y, r), t.row(t.x, r), t.row(t.dy, r)
	total := 0.0
	for _, d := range dy {
		total += float64(d)
	}
	for j, v := range y {
		dx[j] = float32(float64(dy[j]) - expOf(v, 0)*total)
	}
}

func crossEntropyRow(t *softmax, r int) {
	prob, x, target := t.row(t.y, r), t.row(t.x, r), t.row(t.target, r)
	top, logSum := logSumExp(x)
	loss := 0.0
	for j, q := range target {
		z := float64(x[j]) - top - logSum
		if q != 0 {
			loss -= float64(q) * z
		}
		prob[j] = float32(expOf(x[j], top+logSum))
	}
	t.sums[r] = loss
}

func crossEntropyBackwardRow(t *softmax, r int) {
	dx, prob, target := t.row(t.y, r), t.row(t.x, r), t.row(t.dy, r)
	mass := 0.0
	for _, q := range target {
		mass += float64(q)
	}
	for j, q := range target {
		dx[j] = t.scale * float32(float64(prob[j])*mass-float64(q))
	}
}
