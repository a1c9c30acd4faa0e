package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// at is op(x)[i,j] of op(x) [rows,cols].
func at(x []float32, i, j, rows, cols int, trans bool) float64 {
	if trans {
		return float64(x[j*rows+i])
	}
	return float64(x[i*cols+j])
}

func TestGemm(t *testing.T) { eachISA(t, testGemm) }

func testGemm(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(5, 6))
	sizes := [][3]int{{2, 512, 32}, {3, 431, 7}, {65, 290, 5}, {9, 17, 33}, {15, 49, 8}, {49, 15, 8}, {129, 47, 9}, {0, 3, 4}, {3, 0, 4}, {3, 4, 0}, {1, 1, 1}, {2, 3, 1}, {3, 4, 2}, {1, 2, 5}, {7, 9, 3},
		{63, 143, 5}, {64, 144, 7}, {65, 145, 255}, {131, 25, 256}, {5, 291, 257}, {2, 49, 515}}
	for _, size := range append(sizes, edgeProducts()...) {
		m, n, k := size[0], size[1], size[2]
		for i := range 8 {
			transA, transB := i&1 != 0, i&2 != 0
			alpha, beta := float32(1), float32(0)
			if i&4 != 0 {
				alpha, beta = 0.5, -2
			}
			t.Run(fmt.Sprintf("m=%d/n=%d/k=%d/%v/%v/%v", m, n, k, transA, transB, beta), func(t *testing.T) {
				a, b, y0 := random(r, m*k), random(r, k*n), random(r, m*n)
				want := make([]float64, m*n)
				for i := range m {
					for j := range n {
						s := 0.0
						for l := range k {
							s += at(a, i, l, m, k, transA) * at(b, l, j, k, n, transB)
						}
						want[i*n+j] = float64(alpha)*s + float64(beta)*float64(y0[i*n+j])
					}
				}
				agree(t, pools, "y", m*n, want, func(p *Pool, y []float32) {
					if beta != 0 { // otherwise y stays NaN
						copy(y, y0)
					}
					Gemm(p, y, a, b, m, n, k, transA, transB, alpha, beta)
				})
			})
		}
	}
}

func TestGemmInfinities(t *testing.T) { eachISA(t, testGemmInfinities) }

func testGemmInfinities(t *testing.T) {
	inf := float32(math.Inf(1))
	y := make([]float32, 1)
	Gemm(nil, y, []float32{inf, 1}, []float32{1, 2}, 1, 1, 2, false, false, 1, 0)
	if y[0] != inf {
		t.Errorf("got %v, want +Inf", y[0])
	}
	Gemm(nil, y, []float32{inf, -inf}, []float32{1, 1}, 1, 1, 2, false, true, 1, 0)
	if y[0] == y[0] {
		t.Errorf("got %v, want NaN", y[0])
	}
}

func BenchmarkGemm(b *testing.B) {
	p := NewPool(benchThreads)
	defer p.Close()
	peak := benchThreads * peakOf(b)
	r := rand.New(rand.NewPCG(1, 2))
	// a square product, then ResNet's and VGG's classifiers and their gradients
	for _, c := range []struct {
		m, n, k        int
		transA, transB bool
	}{
		{512, 512, 512, false, false}, {512, 512, 512, false, true}, {512, 512, 512, true, false},
		{16, 1000, 512, false, true}, {16, 512, 1000, false, false}, {1000, 512, 16, true, false}, {32, 4096, 4096, false, true},
	} {
		b.Run(fmt.Sprintf("m=%d/n=%d/k=%d/ta=%v/tb=%v", c.m, c.n, c.k, c.transA, c.transB), func(b *testing.B) {
			x, w, y := random(r, c.m*c.k), random(r, c.k*c.n), make([]float32, c.m*c.n)
			for b.Loop() {
				Gemm(p, y, x, w, c.m, c.n, c.k, c.transA, c.transB, 1, 0)
			}
			rate := 2 * float64(c.m*c.n*c.k) * float64(b.N) / b.Elapsed().Seconds() / 1e9
			b.ReportMetric(rate, "GFLOP/s")
			b.ReportMetric(rate/peak, "of-peak")
		})
	}
}
