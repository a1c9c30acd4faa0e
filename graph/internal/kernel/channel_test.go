package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

var planeSizes = [][3]int{{0, 2, 3}, {2, 3, 0}, {1, 1, 1}, {2, 3, 1}, {3, 2, 2}, {1, 5, 7}, {4, 3, 49}, {2, 2, vectorGrain + 1}, {3, 1, 64}, {2, 9, 4096}}

func TestChannels(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(19, 20))
	for _, size := range planeSizes {
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
			agree(t, pools, "GlobalAveragePool", n*c, mean, func(p *Pool, y []float32) { GlobalAveragePool(p, y, x, n*c, hw) })
			agree(t, pools, "GlobalAveragePoolBackward", len(x), spread, func(p *Pool, y []float32) { GlobalAveragePoolBackward(p, y, g, n*c, hw) })
		})
	}
}

func TestBatchNorm(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(21, 22))
	const eps = 1e-5
	// below four elements a channel dx is the rounding error of its terms
	for _, size := range append(planeSizes[4:], [3]int{5, 3, 1}) {
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
			agree(t, pools, "mean", c, mean, func(p *Pool, y []float32) { BatchStatistics(p, y, make([]float32, c), x, n, c, hw) })
			agree(t, pools, "variance", c, variance, func(p *Pool, y []float32) { BatchStatistics(p, make([]float32, c), y, x, n, c, hw) })

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
			agree(t, pools, "forward", len(x), y, func(p *Pool, y []float32) {
				BatchNormForward(p, y, x, mean32, variance32, gamma, beta, eps, true, n, c, hw)
			})
			agree(t, pools, "dgamma", c, dgamma, func(p *Pool, y []float32) {
				BatchNormReduce(p, y, make([]float32, c), x, dy, mean32, variance32, eps, n, c, hw)
			})
			agree(t, pools, "dbeta", c, dbeta, func(p *Pool, y []float32) {
				BatchNormReduce(p, make([]float32, c), y, x, dy, mean32, variance32, eps, n, c, hw)
			})
			agree(t, pools, "dx with stored statistics", len(x), stored, func(p *Pool, dx []float32) {
				BatchNormBackward(p, dx, x, dy, gamma, mean32, variance32, nil, nil, eps, false, n, c, hw)
			})
			agree(t, pools, "dx with batch statistics", len(x), batch, func(p *Pool, dx []float32) {
				copy(dx, dy)
				BatchNormBackward(p, dx, x, dx, gamma, mean32, variance32, dgamma32, dbeta32, eps, true, n, c, hw)
			})
		})
	}
}

func TestBatchStatisticsOfNaN(t *testing.T) {
	mean, variance := make([]float32, 1), make([]float32, 1)
	BatchStatistics(nil, mean, variance, []float32{1, float32(nan), 2}, 1, 1, 3)
	if mean[0] == mean[0] || variance[0] == variance[0] {
		t.Errorf("mean %v, variance %v, want NaN", mean[0], variance[0])
	}
}
