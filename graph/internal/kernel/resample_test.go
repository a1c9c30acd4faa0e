package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestResample(t *testing.T) { eachISA(t, testResample) }

func testResample(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(31, 32))
	for _, s := range []struct{ outer, in, out, inner, terms int }{
		{1, 1, 1, 1, 1}, {2, 3, 5, 1, 2}, {3, 4, 2, 7, 1}, {2, 5, 3, 16, 2}, {1, 6, 4, 33, 4}, {2, 3, 4, 0, 1}, {2, 4, 3, 5, 0}, {1, 9, 7, vectorGrain + 3, 3},
	} {
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			taps := &Taps{Start: []int32{0}, In: s.in}
			for o := range s.out {
				for range s.terms * (1 - o%3/2) { // some outputs see nothing
					taps.Index, taps.Weight = append(taps.Index, int32(r.IntN(s.in))), append(taps.Weight, float32(r.IntN(3)))
				}
				taps.Start = append(taps.Start, int32(len(taps.Index)))
			}
			x, dy := random(r, s.outer*s.in*s.inner), random(r, s.outer*s.out*s.inner)
			y, dx := make([]float64, len(dy)), make([]float64, len(x))
			for i := range s.outer * s.out {
				for k := taps.Start[i%s.out]; k < taps.Start[i%s.out+1]; k++ {
					from := i/s.out*s.in + int(taps.Index[k])
					for j := range s.inner {
						y[i*s.inner+j] += float64(taps.Weight[k]) * float64(x[from*s.inner+j])
						dx[from*s.inner+j] += float64(taps.Weight[k]) * float64(dy[i*s.inner+j])
					}
				}
			}
			agree(t, pools, "Resample", len(y), y, func(p *Pool, y []float32) { Resample(p, y, x, taps, s.outer, s.inner) })
			back := taps.Transposed()
			agree(t, pools, "Resample transposed", len(dx), dx, func(p *Pool, dx []float32) { Resample(p, dx, dy, back, s.outer, s.inner) })
		})
	}
}

func TestAddLanes(t *testing.T) { eachISA(t, testAddLanes) }

func testAddLanes(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(33, 34))
	for _, size := range append(edgePlanes(), planeSizes...) {
		n, c, hw := size[0], size[1], size[2]
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			x, v := random(r, n*c*hw), random(r, c)
			want := make([]float64, len(x))
			for i := range x {
				want[i] = float64(x[i]) + float64(v[i/hw%c])
			}
			xb := blocked(x, n, c, hw)
			agree(t, pools, "AddLanes", len(x), want, func(p *Pool, y []float32) {
				out := filled(len(xb))
				AddLanes(p, out, xb, v, n, c, hw)
				Unblock(p, y, out, n, c, hw)
			})
		})
	}
}
