package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// lrnFormula is LRN and its gradient in float64, on x [n,c,hw].
func lrnFormula(g *LRN, x, dy []float32) (y, dx []float64) {
	y, dx = make([]float64, len(x)), make([]float64, len(x))
	beta, scale := float64(g.Beta), float64(g.Scale)
	for i := range g.N * g.HW {
		at := func(c int) int { return (i/g.HW*g.C+c)*g.HW + i%g.HW }
		s := make([]float64, g.C)
		for c := range s {
			s[c] = float64(g.Bias)
			for k := max(c-g.Below, 0); k <= min(c+g.Above, g.C-1); k++ {
				s[c] += scale * float64(x[at(k)]) * float64(x[at(k)])
			}
			y[at(c)] = float64(x[at(c)]) * math.Pow(s[c], -beta)
			dx[at(c)] += float64(dy[at(c)]) * math.Pow(s[c], -beta)
		}
		for c := range s {
			for k := max(c-g.Below, 0); k <= min(c+g.Above, g.C-1); k++ { // y[c] depends on x[k]
				dx[at(k)] -= float64(dy[at(c)]) * float64(x[at(c)]) * beta * math.Pow(s[c], -beta-1) * 2 * scale * float64(x[at(k)])
			}
		}
	}
	return y, dx
}

func TestLRN(t *testing.T) {
	pools := testPools(t)
	eachISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(41, 42))
		for _, c := range around(isa.lanes) {
			for k, window := range [][2]int{{2, 2}, {0, 0}, {1, 2}, {3, 0}, {0, 40}} {
				g := &LRN{N: 2, C: c, HW: 5, Below: window[0], Above: window[1], Bias: 1.5, Scale: 0.3, Beta: []float32{0.75, 0.5, 1, 0.6, 2}[k]}
				t.Run(fmt.Sprintf("c=%d/-%d+%d", c, g.Below, g.Above), func(t *testing.T) {
					n := g.N * g.C * g.HW
					x, dy := random(r, n), random(r, n)
					y, dx := lrnFormula(g, x, dy)
					size := g.N * Blocks(c) * g.HW * isa.lanes
					bx, bdy := random(r, size), random(r, size) // lanes without a channel hold anything
					Block(nil, bx, x, g.N, c, g.HW)
					Block(nil, bdy, dy, g.N, c, g.HW)
					plain := func(f func(p *Pool, y []float32)) func(p *Pool, y []float32) {
						return func(p *Pool, y []float32) {
							b, check := guarded(t, size)
							f(p, b)
							check()
							Unblock(p, y, b, g.N, c, g.HW)
						}
					}
					agree(t, pools, "LRNForward", n, y, plain(func(p *Pool, y []float32) { LRNForward(p, g, y, bx) }))
					agree(t, pools, "LRNForward in place", n, y, plain(func(p *Pool, y []float32) { copy(y, bx); LRNForward(p, g, y, y) }))
					agree(t, pools, "LRNBackward", n, dx, plain(func(p *Pool, dx []float32) { LRNBackward(p, g, dx, bx, bdy) }))
					agree(t, pools, "LRNBackward in place", n, dx, plain(func(p *Pool, dx []float32) { copy(dx, bdy); LRNBackward(p, g, dx, bx, dx) }))
				})
			}
		}
	})
}

// Each operation of the loops rounds as Go's: the plain form gives every bit.
func testRespond(t *testing.T, r *rand.Rand) {
	for _, vectors := range pixels {
		n := vectors * isa.lanes
		for _, wild := range []bool{false, true} {
			x, y := integers(r, n+4, wild), integers(r, n, wild)
			shares, check := guarded(t, n)
			wantShares, want := make([]float32, n), slices.Clone(y)
			alone := slices.Clone(y)
			respondPlain(want, wantShares, x, 1.5, 0.3)
			isa.respond(y, shares, x, 1.5, 0.3)
			check()
			sameBits(t, "y", y, want)
			sameBits(t, "shares", shares, wantShares)
			isa.respond(alone, nil, x, 1.5, 0.3)
			sameBits(t, "y without shares", alone, want)
		}
	}
}

func testRespondBackward(t *testing.T, r *rand.Rand) {
	for _, vectors := range pixels {
		n := vectors * isa.lanes
		x, share := integers(r, n+4, true), random(r, n+4)
		dx, check := guarded(t, n)
		copy(dx, random(r, n))
		want := slices.Clone(dx)
		respondBackwardPlain(want, share, x, 0.45)
		isa.respondBackward(dx, share, x, 0.45)
		check()
		sameBits(t, "dx", dx, want)
	}
}

// The first normalisation of CaffeNet: 96 channels of 27x27.
func BenchmarkLRN(b *testing.B) {
	p := NewPool(benchThreads)
	defer p.Close()
	g := &LRN{N: 16, C: 96, HW: 27 * 27, Below: 2, Above: 2, Bias: 1, Scale: 1e-4 / 5, Beta: 0.75}
	r := rand.New(rand.NewPCG(1, 2))
	n := g.N * Blocks(g.C) * g.HW * isa.lanes
	x, dy, y := random(r, n), random(r, n), make([]float32, n)
	for _, k := range []struct {
		name string
		run  func()
	}{{"forward", func() { LRNForward(p, g, y, x) }}, {"backward", func() { LRNBackward(p, g, y, x, dy) }}} {
		b.Run(k.name, func(b *testing.B) {
			took := time.Duration(math.MaxInt64)
			for b.Loop() {
				start := time.Now()
				k.run()
				took = min(took, time.Since(start))
			}
			b.ReportMetric(float64(took.Nanoseconds())/float64(n), "ns/element")
		})
	}
}
