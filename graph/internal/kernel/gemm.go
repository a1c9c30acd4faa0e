package kernel

// Gemm computes the matrix product (ONNX's Gemm without its C operand)
//
//	for i < m, j < n:
//	  y[i,j] = alpha * (sum over l < k of op(a)[i,l] * op(b)[l,j]) + beta*y[i,j]
//
// where op(a) [m,k] is a [m,k], or with transA the transpose of a [k,m], and
// op(b) [k,n] is b [k,n], or with transB the transpose of b [n,k]. With beta 0
// the content of y does not matter, not even NaN.
func Gemm(p *Pool, y, a, b []float32, m, n, k int, transA, transB bool, alpha, beta float32) {
	switch {
	case min(m, n, k) < 0:
		panic("kernel: negative size")
	case len(y) < m*n:
		panic("kernel: short y")
	case len(a) < m*k:
		panic("kernel: short a")
	case len(b) < k*n:
		panic("kernel: short b")
	}
	t := gemm{y: matrix{y, n, 1}, a: matrix{a, k, 1}, b: matrix{b, n, 1}, m: m, n: n, k: k, alpha: alpha, beta: beta}
	t.arrange(transA, transB)
	if t.nBlocks > 0 && t.mBlocks*t.nBlocks < leastTasks {
		t.mSize, t.mBlocks = split(t.m, max(leastRows, t.m*t.nBlocks/leastTasks), isa.rows[1])
	}
	q := p.acquire()
	q.tasks.gemm = t
	q.launch(&q.tasks.gemm, t.mBlocks*t.nBlocks, 1)
	q.tasks.gemm = gemm{}
	p.release(q)
}

// arrange says how a and b lie and cuts y into blocks. The transposed product in the place of y
// needs nothing turned, or the smaller of the two; it is reported.
func (t *gemm) arrange(transA, transB bool) (turned bool) {
	m, n, k := t.m, t.n, t.k
	if transA {
		t.a = matrix{t.a.x, 1, m}
	}
	if transB {
		t.b = matrix{t.b.x, 1, k}
	}
	if turned = transB && (transA || m <= n && m > fewRows); turned {
		t.y, t.a, t.b = t.y.transposed(), t.b.transposed(), t.a.transposed()
		t.m, t.n = n, m
	}
	switch t.width, t.depth = pixelBlock, depthBlock; {
	case min(t.m, t.n) > fewRows:
	case t.n <= fewRows, t.b.down == 1:
		t.width, t.depth = 32, 2048
	default:
		t.width, t.depth = 1024, 64
	}
	t.mSize, t.mBlocks = split(t.m, gemmRows, isa.rows[1])
	t.nSize, t.nBlocks = split(t.n, t.width, isa.lanes)
	return turned
}

const (
	gemmRows   = 128 // rows that share one packed block of b
	pixelBlock = 144 // columns packed; 9 cache lines, odd so that rows spread over the cache's sets
	depthBlock = 256 // terms of a sum packed
	leastRows  = 8   // split rows into no fewer, to share the work

	// So few rows or columns use each element of the other matrix so little that memory is the bound: it is
	// read in long runs. As columns they would fill a part of a vector, so that turning b costs less.
	fewRows = 16
)

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

// matrix is a view of x whose element (i, j) is x[i*down+j*right]; one of the
// steps is 1.
type matrix struct {
	x           []float32
	down, right int
}

func (v matrix) transposed() matrix { return matrix{v.x, v.right, v.down} }

// gemm is the product y [m,n] of a [m,k] and b [k,n]; an item is a block of y.
type gemm struct {
	y, a, b        matrix
	m, n, k        int
	alpha, beta    float32
	mSize, mBlocks int
	nSize, nBlocks int
	width, depth   int // columns and terms packed
}

func (t *gemm) run(w *worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		m0, n0 := i%t.mBlocks*t.mSize, i/t.mBlocks*t.nSize
		t.block(w, m0, min(m0+t.mSize, t.m), n0, min(n0+t.nSize, t.n))
	}
}

// block computes y[m0:m1, n0:n1], depth products of each sum at a time.
// Rows of a are read in place if they lie along k, all else is packed first.
func (t *gemm) block(w *worker, m0, m1, n0, n1 int) {
	width, depth := t.width, t.depth
	scratch := w.floats(width*(depth+t.mSize) + depth*t.mSize)
	columns, scratch := scratch[:width*depth], scratch[width*depth:]
	sums, rows := scratch[:width*t.mSize], scratch[width*t.mSize:]
	for k0 := 0; k0 == 0 || k0 < t.k; k0 += depth {
		k1 := min(k0+depth, t.k)
		a, lda := rows, depth
		if t.a.right == 1 {
			a, lda = t.a.x[m0*t.a.down+k0:], t.a.down
		} else {
			isa.transpose(rows, depth, t.a.x[k0*t.a.right+m0:], t.a.right, k1-k0, m1-m0)
		}
		if t.b.right == 1 {
			for l := k0; l < k1; l++ {
				copy(columns[(l-k0)*width:], t.b.x[l*t.b.down+n0:l*t.b.down+n1])
			}
		} else {
			isa.transpose(columns, width, t.b.x[n0*t.b.right+k0:], t.b.right, n1-n0, k1-k0)
		}
		w.multiply(sums, width, a, lda, 1, columns, width, k1-k0, m1-m0, n1-n0, k0 > 0)
	}
	for i := m0; i < m1; i++ {
		t.store(i*t.y.down+n0*t.y.right, sums[(i-m0)*width:][:n1-n0])
	}
}

// store puts sums into y from its element o on.
func (t *gemm) store(o int, sums []float32) {
	y := t.y.x
	switch {
	case t.alpha == 1 && t.beta == 0 && t.y.right == 1:
		copy(y[o:], sums)
	case t.beta == 0:
		for _, s := range sums {
			y[o] = t.alpha * s
			o += t.y.right
		}
	default:
		for _, s := range sums {
			y[o] = t.alpha*s + t.beta*y[o]
			o += t.y.right
		}
	}
}
