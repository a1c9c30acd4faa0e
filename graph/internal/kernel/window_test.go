package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func windowCases() []Window {
	cases := []Window{
		{N: 1, C: 2, H: 5, W: 6, OutH: 3, OutW: 3, KernelH: 2, KernelW: 2, StrideH: 2, StrideW: 2, DilationH: 1, DilationW: 1},                                                   // ceil_mode
		{N: 2, C: 2, H: 5, W: 4, OutH: 4, OutW: 3, KernelH: 2, KernelW: 3, StrideH: 2, StrideW: 2, DilationH: 1, DilationW: 1, PadTop: 1, PadLeft: 1, PadBottom: 2, PadRight: 1}, // past the padding
		{N: 1, C: 1, H: 2, W: 2, OutH: 3, OutW: 3, KernelH: 1, KernelW: 1, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, PadTop: 1, PadRight: 1},                           // empty windows
		{N: 0, C: 1, H: 2, W: 2, OutH: 1, OutW: 1, KernelH: 2, KernelW: 2, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1},
	}
	cases = append(cases, edgeWindows()...)
	r := rand.New(rand.NewPCG(15, 16))
	pick := func(lo, hi int) int { return lo + r.IntN(hi-lo+1) }
	for range 60 {
		g := Window{N: pick(1, 3), C: pick(1, 20), H: pick(1, 12), W: pick(1, 30), KernelH: pick(1, 4), KernelW: pick(1, 4),
			StrideH: pick(1, 3), StrideW: pick(1, 3), DilationH: pick(1, 3), DilationW: pick(1, 3),
			PadTop: pick(0, 2), PadLeft: pick(0, 2), PadBottom: pick(0, 2), PadRight: pick(0, 2)}
		more := pick(0, 1) // an output more, as ceil_mode may have it
		g.OutH = (g.H+g.PadTop+g.PadBottom-g.DilationH*(g.KernelH-1)-1)/g.StrideH + 1 + more
		g.OutW = (g.W+g.PadLeft+g.PadRight-g.DilationW*(g.KernelW-1)-1)/g.StrideW + 1 + more
		if g.OutH > 0 && g.OutW > 0 {
			cases = append(cases, g)
		}
	}
	return cases
}

// eachWindow calls f with the places of x inside the window of each y, and
// the positions inside the padded input.
func (g *Window) eachWindow(f func(y int, xs []int, padded int)) {
	for i := range g.N * g.C {
		for oh := range g.OutH {
			for ow := range g.OutW {
				var xs []int
				padded := 0
				for kh := range g.KernelH {
					for kw := range g.KernelW {
						h, w := oh*g.StrideH-g.PadTop+kh*g.DilationH, ow*g.StrideW-g.PadLeft+kw*g.DilationW
						if h < g.H+g.PadBottom && w < g.W+g.PadRight {
							padded++
						}
						if h >= 0 && h < g.H && w >= 0 && w < g.W {
							xs = append(xs, (i*g.H+h)*g.W+w)
						}
					}
				}
				f((i*g.OutH+oh)*g.OutW+ow, xs, padded)
			}
		}
	}
}

func TestPooling(t *testing.T) { eachISA(t, testPooling) }

func testPooling(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(17, 18))
	for _, g := range windowCases() {
		t.Run(fmt.Sprintf("%+v", g), func(t *testing.T) {
			x, dy := random(r, g.N*g.C*g.H*g.W), random(r, g.N*g.C*g.OutH*g.OutW)
			for i := range x { // ties, zeros of both signs, NaN and infinities
				switch x[i] = float32(r.IntN(7) - 3); r.IntN(12) {
				case 0:
					x[i] = float32(math.Copysign(0, -1))
				case 1:
					x[i] = specials[r.IntN(len(specials))]
				}
			}
			top, dTop := make([]float64, len(dy)), make([]float64, len(x))
			g.eachWindow(func(i int, xs []int, _ int) {
				top[i] = -inf
				at := -1
				for _, j := range xs {
					if v := float64(x[j]); at < 0 || v > top[i] || v != v && top[i] == top[i] {
						at, top[i] = j, v
					}
				}
				if at >= 0 {
					dTop[at] += float64(dy[i])
				}
			})
			agree(t, pools, "MaxPool", len(dy), top, func(p *Pool, y []float32) { maxPooled(p, &g, y, x) })
			agree(t, pools, "MaxPoolBackward", len(x), dTop, func(p *Pool, dx []float32) {
				y := make([]float32, len(dy))
				maxPooled(p, &g, y, x)
				in, out, d := blocked(x, g.N, g.C, g.H*g.W), blocked(y, g.N, g.C, g.OutH*g.OutW), blocked(dy, g.N, g.C, g.OutH*g.OutW)
				to := filled(len(in))
				MaxPoolBackward(p, &g, to, in, out, d)
				Unblock(p, dx, to, g.N, g.C, g.H*g.W)
			})
			x = random(r, len(x))
			for _, countPad := range []bool{false, true} {
				mean, dMean := make([]float64, len(dy)), make([]float64, len(x))
				g.eachWindow(func(i int, xs []int, padded int) {
					count := len(xs)
					if countPad {
						count = padded
					}
					for _, j := range xs {
						mean[i] += float64(x[j]) / float64(count)
						dMean[j] += float64(dy[i]) / float64(count)
					}
				})
				agree(t, pools, "AveragePool", len(dy), mean, func(p *Pool, y []float32) {
					to := filled(g.N * Blocks(g.C) * isa.lanes * g.OutH * g.OutW)
					AveragePool(p, &g, to, blocked(x, g.N, g.C, g.H*g.W), countPad)
					Unblock(p, y, to, g.N, g.C, g.OutH*g.OutW)
				})
				agree(t, pools, "AveragePoolBackward", len(x), dMean, func(p *Pool, dx []float32) {
					to := filled(g.N * Blocks(g.C) * isa.lanes * g.H * g.W)
					AveragePoolBackward(p, &g, to, blocked(dy, g.N, g.C, g.OutH*g.OutW), countPad)
					Unblock(p, dx, to, g.N, g.C, g.H*g.W)
				})
			}
		})
	}
}

func maxPooled(p *Pool, g *Window, y, x []float32) {
	to := filled(g.N * Blocks(g.C) * isa.lanes * g.OutH * g.OutW)
	MaxPool(p, g, to, blocked(x, g.N, g.C, g.H*g.W))
	Unblock(p, y, to, g.N, g.C, g.OutH*g.OutW)
}
