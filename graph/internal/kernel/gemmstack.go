package kernel

// GemmStack computes the products of stacks of matrices,
//
//	for s < stack: y[s] = alpha * op(a[s]) * op(b[s])
//
// with a, b and y dense and op, m, n, k as in Gemm.
func GemmStack(p *Pool, y, a, b []float32, stack, m, n, k int, transA, transB bool, alpha float32) {
	if min(stack, m, n, k) < 0 || len(y) < stack*m*n || len(a) < stack*m*k || len(b) < stack*k*n {
		panic("kernel: short operand")
	}
	t := gemmStack{gemm: gemm{y: matrix{y, n, 1}, a: matrix{a, k, 1}, b: matrix{b, n, 1}, m: m, n: n, k: k, alpha: alpha}, ySize: m * n, aSize: m * k, bSize: k * n}
	if t.arrange(transA, transB) {
		t.aSize, t.bSize = k*n, m*k
	}
	q := p.acquire()
	q.tasks.gemmStack = t
	q.launch(&q.tasks.gemmStack, stack*t.mBlocks*t.nBlocks, vectorGrain/max(m*n, 1))
	q.tasks.gemmStack = gemmStack{}
	p.release(q)
}

// gemmStack is a gemm of which there are several; an item is a block of one of them.
type gemmStack struct {
	gemm
	ySize, aSize, bSize int
}

func (t *gemmStack) run(w *worker, lo, hi int) {
	blocks := t.mBlocks * t.nBlocks
	for i := lo; i < hi; i++ {
		g, s := t.gemm, i/blocks
		g.y.x, g.a.x, g.b.x = g.y.x[s*t.ySize:], g.a.x[s*t.aSize:], g.b.x[s*t.bSize:]
		g.run(w, i%blocks, i%blocks+1)
	}
}
