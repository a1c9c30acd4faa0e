package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var planeSizes = [][3]int{{0, 2, 3}, {2, 3, 0}, {1, 1, 1}, {2, 3, 1}, {3, 2, 2}, {1, 5, 7}, {4, 3, 49}, {2, 2, vectorGrain + 1}, {3, 1, 64}, {2, 9, 4096}}

func TestChannels(t *testing.T) { eachISA(t, testChannels) }

func testChannels(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(19, 20))
	for _, size := range append(edgePlanes(), planeSizes...) {
		n, c, hw := size[0], size[1], size[2]
		t.Run(fmt.Sprintf("n=%d/c=%d/hw=%d", n, c, hw), func(t *testing.T) {
			x, v, u := random(r, n*c*hw), random(r, c), random(r, c)
			affine, plus, times, sum := make([]float64, len(x)), make([]float64, len(x)), make([]float64, len(x)), make([]float64, c)
			mean, spread, g := make([]float64, n*c), make([]float64, len(x)), random(r, n*c)
			for i := range x {
				j, a := i/hw%c, float64(x[i])
				affine[i] = a*float64(v[j]) + float64(u[j])
				plus[i] = a + float64(v[j])
				times[i] = a * float64(v[j])
				sum[j] += a
				mean[i/hw] += a / float64(hw)
				spread[i] = float64(g[i/hw]) / float64(hw)
			}
			if hw == 0 {
				for i := range mean {
					mean[i] = nan
				}
			}
			agree(t, pools, "ChannelAffine", len(x), affine, func(p *Pool, y []float32) { ChannelAffine(p, y, x, v, u, n, c, hw) })
			agree(t, pools, "ChannelAffine in place", len(x), affine, func(p *Pool, y []float32) { copy(y, x); ChannelAffine(p, y, y, v, u, n, c, hw) })
			agree(t, pools, "AddChannel", len(x), plus, func(p *Pool, y []float32) { AddChannel(p, y, x, v, n, c, hw) })
			agree(t, pools, "MulChannel", len(x), times, func(p *Pool, y []float32) { MulChannel(p, y, x, v, n, c, hw) })
			agree(t, pools, "SumChannels", c, sum, func(p *Pool, y []float32) { SumChannels(p, y, x, n, c, hw) })
			xb := blocked(x, n, c, hw)
			agree(t, pools, "Block", len(x), widened(x), func(p *Pool, y []float32) {
				out := filled(len(xb))
				Block(p, out, x, n, c, hw)
				Unblock(p, y, out, n, c, hw)
			})
			agree(t, pools, "SumLanes", c, sum, func(p *Pool, y []float32) { SumLanes(p, y, xb, n, c, hw) })
			agree(t, pools, "AverageLanes", n*c, mean, func(p *Pool, y []float32) { AverageLanes(p, y, xb, n, c, hw) })
			agree(t, pools, "AverageLanesBackward", len(x), spread, func(p *Pool, y []float32) {
				out := filled(len(xb))
				AverageLanesBackward(p, out, g, n, c, hw)
				Unblock(p, y, out, n, c, hw)
			})
			scaled, dot := make([]float64, len(x)), make([]float64, n*c)
			dy := random(r, len(x))
			for i := range x {
				scaled[i] = float64(x[i]) * float64(g[i/hw])
				dot[i/hw] += float64(x[i]) * float64(dy[i])
			}
			agree(t, pools, "MulLanes", len(x), scaled, func(p *Pool, y []float32) {
				out := filled(len(xb))
				MulLanes(p, out, xb, blocked(g, n, c, 1), n, c, hw)
				Unblock(p, y, out, n, c, hw)
			})
			agree(t, pools, "MulLanesBackward", n*c, dot, func(p *Pool, dv []float32) {
				out := filled(n * Blocks(c) * isa.lanes)
				MulLanesBackward(p, out, xb, blocked(dy, n, c, hw), n, c, hw)
				Unblock(p, dv, out, n, c, 1)
			})
			agree(t, pools, "GlobalAveragePool", n*c, mean, func(p *Pool, y []float32) { GlobalAveragePool(p, y, x, n*c, hw) })
			agree(t, pools, "GlobalAveragePoolBackward", len(x), spread, func(p *Pool, y []float32) { GlobalAveragePoolBackward(p, y, g, n*c, hw) })
		})
	}
}

func TestBatchNorm(t *testing.T) { eachISA(t, testBatchNorm) }

func testBatchNorm(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(21, 22))
	const eps = 1e-5
	// below four elements a channel dx is the rounding error of its terms
	for _, size := range slices.Concat(planeSizes[4:], edgePlanes(), [][3]int{{5, 3, 1}}) {
		n, c, hw := size[0], size[1], size[2]
		t.Run(fmt.Sprintf("n=%d/c=%d/hw=%d", n, c, hw), func(t *testing.T) {
			x, dy, gamma, beta := random(r, n*c*hw), random(r, n*c*hw), random(r, c), random(r, c)
			for i := range x { // means far from 0 compared with the deviation
				x[i] += 100 * float32(i/hw%c)
			}
			count := float64(n * hw)
			mean, variance := make([]float64, c), make([]float64, c)
			for i, v := range x {
				mean[i/hw%c] += float64(v) / count
			}
			for i, v := range x {
				d := float64(v) - mean[i/hw%c]
				variance[i/hw%c] += d * d / count
			}
			g := &Norm{N: n, C: c, HW: hw, Eps: eps}
			xb, dyb := blocked(x, n, c, hw), blocked(dy, n, c, hw)
			agree(t, pools, "mean", c, mean, func(p *Pool, y []float32) { BatchStatistics(p, g, y, make([]float32, c), xb) })
			agree(t, pools, "variance", c, variance, func(p *Pool, y []float32) { BatchStatistics(p, g, make([]float32, c), y, xb) })

			mean32, variance32 := make([]float32, c), make([]float32, c)
			for j := range c {
				mean32[j], variance32[j] = float32(mean[j]), float32(variance[j])
				mean[j], variance[j] = float64(mean32[j]), float64(variance32[j])
			}
			y, dgamma, dbeta := make([]float64, len(x)), make([]float64, c), make([]float64, c)
			xhat, stored, batch := make([]float64, len(x)), make([]float64, len(x)), make([]float64, len(x))
			for i, v := range x {
				j := i / hw % c
				xhat[i] = (float64(v) - mean[j]) / math.Sqrt(variance[j]+eps)
				y[i] = xhat[i]*float64(gamma[j]) + float64(beta[j])
				dbeta[j] += float64(dy[i])
				dgamma[j] += float64(dy[i]) * xhat[i]
			}
			dgamma32, dbeta32 := make([]float32, c), make([]float32, c)
			for j := range c {
				dgamma32[j], dbeta32[j] = float32(dgamma[j]), float32(dbeta[j])
			}
			for i, d := range dy {
				j := i / hw % c
				g := float64(gamma[j]) / math.Sqrt(variance[j]+eps)
				stored[i] = g * float64(d)
				batch[i] = g * (float64(d) - dbeta[j]/count - xhat[i]*dgamma[j]/count)
			}
			// x*scale and shift, far larger than their sum, are rounded
			terms, largest := 0.0, 0.0
			for i, v := range x {
				j := i / hw % c
				terms = max(terms, math.Abs(float64(v)*float64(gamma[j]))/math.Sqrt(variance[j]+eps))
				largest = max(largest, math.Abs(y[i]))
			}
			agreeWithin(t, pools, "forward", len(x), y, 4*0x1p-24*terms/largest+1e-6, func(p *Pool, y []float32) {
				out := filled(len(xb))
				BatchNormForward(p, g, out, xb, nil, mean32, variance32, gamma, beta)
				Unblock(p, y, out, n, c, hw)
			})
			agree(t, pools, "dgamma", c, dgamma, func(p *Pool, y []float32) {
				BatchNormReduce(p, g, y, make([]float32, c), xb, nil, dyb, mean32, variance32)
			})
			agree(t, pools, "dbeta", c, dbeta, func(p *Pool, y []float32) {
				BatchNormReduce(p, g, make([]float32, c), y, xb, nil, dyb, mean32, variance32)
			})
			agree(t, pools, "dx with stored statistics", len(x), stored, func(p *Pool, dx []float32) {
				out := filled(len(xb))
				BatchNormBackward(p, g, out, xb, nil, dyb, gamma, mean32, variance32, nil, nil)
				Unblock(p, dx, out, n, c, hw)
			})
			agree(t, pools, "dx with batch statistics", len(x), batch, func(p *Pool, dx []float32) {
				out := slices.Clone(dyb)
				byBatch := *g
				byBatch.Batch = true
				BatchNormBackward(p, &byBatch, out, xb, nil, out, gamma, mean32, variance32, dgamma32, dbeta32)
				Unblock(p, dx, out, n, c, hw)
			})
		})
	}
}

// A normalisation with a residual and limits: y, and the gradient that passes only
// where y lies between them.
func TestBatchNormLimits(t *testing.T) { eachISA(t, testBatchNormLimits) }

func testBatchNormLimits(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 24))
	for _, size := range [][3]int{{2, 3, 5}, {3, 17, 1}, {2, 40, 9}, {1, 16, 64}} {
		n, c, hw := size[0], size[1], size[2]
		g := &Norm{N: n, C: c, HW: hw, Eps: 1e-3, Clamp: true, Lo: 0, Hi: 1}
		x, dy, residual := random(r, n*c*hw), random(r, n*c*hw), random(r, n*c*hw)
		gamma, beta, mean, variance := random(r, c), random(r, c), random(r, c), make([]float32, c)
		for j := range variance {
			variance[j] = 0.5 + r.Float32()
		}
		want, gated := make([]float64, len(x)), make([]float64, len(x))
		dgamma, dbeta := make([]float64, c), make([]float64, c)
		for i, v := range x {
			j := i / hw % c
			xhat := (float64(v) - float64(mean[j])) / math.Sqrt(float64(variance[j])+1e-3)
			want[i] = min(max(xhat*float64(gamma[j])+float64(beta[j])+float64(residual[i]), 0), 1)
			if want[i] > 0 && want[i] < 1 {
				gated[i] = float64(dy[i])
				dbeta[j] += gated[i]
				dgamma[j] += gated[i] * xhat
			}
		}
		xb, y, dx := blocked(x, n, c, hw), filled(n*Blocks(c)*isa.lanes*hw), make([]float32, len(x))
		BatchNormForward(nil, g, y, xb, blocked(residual, n, c, hw), mean, variance, gamma, beta)
		got := make([]float32, len(x))
		Unblock(nil, got, y, n, c, hw)
		near(t, "y", got, want, 1e-6)
		sums := make([]float32, 2*c)
		BatchNormReduce(nil, g, sums[:c], sums[c:], xb, y, blocked(dy, n, c, hw), mean, variance)
		near(t, "dgamma", sums[:c], dgamma, 1e-6)
		near(t, "dbeta", sums[c:], dbeta, 1e-6)
		d := blocked(dy, n, c, hw)
		Gate(nil, d, y, d, 0, 1)
		Unblock(nil, dx, d, n, c, hw)
		near(t, "gate", dx, gated, 0)
		for i := range gated {
			j := i / hw % c
			gated[i] *= float64(gamma[j]) / math.Sqrt(float64(variance[j])+1e-3)
		}
		BatchNormBackward(nil, g, d, xb, y, blocked(dy, n, c, hw), gamma, mean, variance, nil, nil)
		Unblock(nil, dx, d, n, c, hw)
		near(t, "dx", dx, gated, 1e-6)
	}
}

func TestBatchStatisticsOfNaN(t *testing.T) { eachISA(t, testBatchStatisticsOfNaN) }

func testBatchStatisticsOfNaN(t *testing.T) {
	mean, variance := make([]float32, 1), make([]float32, 1)
	BatchStatistics(nil, &Norm{N: 1, C: 1, HW: 3}, mean, variance, blocked([]float32{1, float32(nan), 2}, 1, 1, 3))
	if mean[0] == mean[0] || variance[0] == variance[0] {
		t.Errorf("mean %v, variance %v, want NaN", mean[0], variance[0])
	}
}

func widened(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}
