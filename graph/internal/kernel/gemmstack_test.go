package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestGemmStack(t *testing.T) { eachISA(t, testGemmStack) }

func testGemmStack(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(35, 36))
	for _, s := range [][4]int{{0, 2, 2, 2}, {3, 1, 1, 1}, {2, 3, 5, 0}, {4, 7, 17, 9}, {3, 49, 33, 32}, {2, 150, 20, 260}, {5, 8, 145, 3}} {
		for trans := range 4 {
			stack, m, n, k := s[0], s[1], s[2], s[3]
			transA, transB := trans&1 != 0, trans&2 != 0
			t.Run(fmt.Sprint(s, transA, transB), func(t *testing.T) {
				a, b := random(r, stack*m*k), random(r, stack*k*n)
				want := make([]float64, stack*m*n)
				for i := range want {
					at, row, col := i/(m*n), i/n%m, i%n
					for l := range k {
						x, z := row*k+l, l*n+col
						if transA {
							x = l*m + row
						}
						if transB {
							z = col*k + l
						}
						want[i] += 0.5 * float64(a[at*m*k+x]) * float64(b[at*k*n+z])
					}
				}
				agree(t, pools, "GemmStack", len(want), want, func(p *Pool, y []float32) { GemmStack(p, y, a, b, stack, m, n, k, transA, transB, 0.5) })
			})
		}
	}
}
