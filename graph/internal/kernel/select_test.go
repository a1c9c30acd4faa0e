package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestSelect(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(37, 38))
	for _, n := range []int{0, 1, 17, vectorGrain, 2*vectorGrain + 5} {
		a, b, c := random(r, n), random(r, n), make([]float32, n)
		both, left, right := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range c {
			if c[i] = float32(i % 3); c[i] != 0 {
				both[i], left[i] = float64(a[i]), float64(a[i])
			} else {
				both[i], right[i] = float64(b[i]), float64(b[i])
			}
		}
		agree(t, pools, "Select", n, both, func(p *Pool, y []float32) { Select(p, y, c, a, b) })
		agree(t, pools, "Select a", n, left, func(p *Pool, y []float32) { Select(p, y, c, a, nil) })
		agree(t, pools, "Select b", n, right, func(p *Pool, y []float32) { Select(p, y, c, nil, b) })
	}
}

func TestCumSum(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(39, 40))
	for _, s := range [][3]int{{1, 1, 1}, {2, 0, 3}, {2, 5, 1}, {3, 4, 7}, {1, vectorGrain + 1, 2}} {
		outer, width, inner := s[0], s[1], s[2]
		x := random(r, outer*width*inner)
		for kind := range 4 {
			exclusive, reverse := kind&1 != 0, kind&2 != 0
			want := make([]float64, len(x))
			for i := range want {
				o, j := i/(width*inner), i%inner
				for k := range width {
					if at := i / inner % width; k == at && !exclusive || k < at && !reverse || k > at && reverse {
						want[i] += float64(x[(o*width+k)*inner+j])
					}
				}
			}
			agree(t, pools, fmt.Sprint("CumSum", s, exclusive, reverse), len(x), want,
				func(p *Pool, y []float32) { CumSum(p, y, x, outer, width, inner, exclusive, reverse) })
		}
	}
}
