package kernel

// Gemm computes y[m,n] = alpha * op(a)[m,k] op(b)[k,n] + beta*y.
func Gemm(p *Pool, y, a, b []float32, m, n, k int, transA, transB bool, alpha, beta float32) {
	if len(y) < m*n || len(a) < m*k || len(b) < k*n {
		panic("kernel: short matrix")
	}
	for i := range m {
		for j := range n {
			var s float32
			for l := range k {
				ia, ib := i*k+l, l*n+j
				if transA {
					ia = l*m + i
				}
				if transB {
					ib = j*k + l
				}
				s += a[ia] * b[ib]
			}
			s *= alpha
			if beta != 0 {
				s += beta * y[i*n+j]
			}
			y[i*n+j] = s
		}
	}
}
