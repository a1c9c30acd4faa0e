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
	t := gemm{y: y, a: a, b: b, m: m, n: n, k: k, transA: transA, transB: transB, alpha: alpha, beta: beta}
	t.mSize, t.mBlocks = split(m, gemmRows, 2)
	t.nSize, t.nBlocks = split(n, pixelBlock, 3)
	if t.mBlocks > 0 && t.mBlocks*t.nBlocks < leastTasks {
		t.nSize, t.nBlocks = split(n, max(gemmColumns, n*t.mBlocks/leastTasks), 3)
	}
	q := p.acquire()
	q.tasks.gemm = t
	q.launch(&q.tasks.gemm, t.mBlocks*t.nBlocks, 1)
	q.tasks.gemm = gemm{}
	p.release(q)
}

const (
	gemmRows    = 64 // rows that share one packed block of b
	gemmColumns = 24 // the narrowest block worth a task
)

// gemm is one matrix product; an item is a block of y.
type gemm struct {
	y, a, b        []float32
	m, n, k        int
	transA, transB bool
	alpha, beta    float32
	mSize, mBlocks int
	nSize, nBlocks int
}

func (t *gemm) run(w *worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		m0, n0 := i%t.mBlocks*t.mSize, i/t.mBlocks*t.nSize
		t.block(w, m0, min(m0+t.mSize, t.m), n0, min(n0+t.nSize, t.n))
	}
}

// block computes y[m0:m1, n0:n1], depthBlock products of each sum at a time.
// Rows along k are read in place; the other orientation is packed first.
func (t *gemm) block(w *worker, m0, m1, n0, n1 int) {
	scratch := w.floats((pixelBlock + t.mSize) * depthBlock)
	columns, packed := scratch[:pixelBlock*depthBlock], scratch[pixelBlock*depthBlock:]
	for k0 := 0; k0 == 0 || k0 < t.k; k0 += depthBlock {
		k1 := min(k0+depthBlock, t.k)
		a, aStart, lda := t.a, m0*t.k+k0, t.k
		if t.transA {
			t.packRows(packed, m0, m1, k0, k1)
			a, aStart, lda = packed, 0, depthBlock
		}
		if !t.transB {
			for l := k0; l < k1; l++ {
				copy(columns[(l-k0)*pixelBlock:], t.b[l*t.n+n0:l*t.n+n1])
			}
		}
		for j := n0; j < n1; j += 3 {
			for i := m0; i < m1; i += 2 {
				last := min(i+1, m1-1)
				a0 := a[aStart+(i-m0)*lda:][:k1-k0]
				a1 := a[aStart+(last-m0)*lda:][:k1-k0]
				var s, r [3]float32
				if t.transB {
					s[0], s[1], s[2], r[0], r[1], r[2] = tileDots(a0, a1, t.row(j, k0, k1), t.row(min(j+1, n1-1), k0, k1), t.row(min(j+2, n1-1), k0, k1))
				} else {
					s[0], s[1], s[2], r[0], r[1], r[2] = tileRows(a0, a1, columns[j-n0:], pixelBlock)
				}
				t.store(i, j, n1, k0 == 0, &s)
				if last > i {
					t.store(last, j, n1, k0 == 0, &r)
				}
			}
		}
	}
}

// row is b[j, k0:k1] of the transposed b.
func (t *gemm) row(j, k0, k1 int) []float32 { return t.b[j*t.k+k0 : j*t.k+k1] }

// packRows transposes a[k0:k1, m0:m1] into rows of depthBlock elements.
func (t *gemm) packRows(packed []float32, m0, m1, k0, k1 int) {
	for l := k0; l < k1; l++ {
		o := l - k0
		for _, v := range t.a[l*t.m+m0 : l*t.m+m1] {
			packed[o] = v
			o += depthBlock
		}
	}
}

// store puts the sums of row i at columns j to j+2, as far as they are below n1.
func (t *gemm) store(i, j, n1 int, first bool, sums *[3]float32) {
	y := t.y[i*t.n+j : i*t.n+min(j+3, n1)]
	for c := range y {
		s := t.alpha * sums[c]
		switch {
		case !first:
			y[c] += s
		case t.beta == 0:
			y[c] = s
		default:
			y[c] = s + t.beta*y[c]
		}
	}
}
