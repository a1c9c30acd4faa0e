package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func winogradCases() []Conv {
	return []Conv{
		square(1, 1, 4, 1, 3, 1, 1, 1), square(2, 3, 5, 5, 3, 1, 1, 1), square(1, 16, 7, 16, 3, 1, 1, 1),
		square(2, 33, 14, 17, 3, 1, 1, 1), square(3, 40, 28, 35, 3, 1, 1, 1), square(9, 32, 8, 64, 3, 1, 1, 1),
		square(8, 32, 9, 33, 3, 1, 0, 1), square(2, 20, 13, 40, 3, 1, 2, 1), square(20, 17, 4, 16, 3, 1, 1, 1),
		sized(Conv{N: 2, C: 18, H: 9, W: 22, M: 9, Group: 1, KernelH: 3, KernelW: 3, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, PadTop: 0, PadLeft: 2, PadBottom: 1, PadRight: 0}),
		sized(Conv{N: 1, C: 18, H: 30, W: 6, M: 9, Group: 1, KernelH: 3, KernelW: 3, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, PadTop: 1, PadBottom: 1}),
	}
}

func TestWinograd(t *testing.T) { eachISA(t, testWinograd) }

func testWinograd(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(3, 4))
	for _, g := range winogradCases() {
		t.Run(fmt.Sprintf("%+v", g), func(t *testing.T) {
			x, w := random(r, g.N*g.C*g.H*g.W), random(r, g.M*g.C*9)
			dy, bias := random(r, g.N*g.M*g.OutH*g.OutW), random(r, g.M)
			wantY, wantDx, wantDw := make([]float64, len(dy)), make([]float64, len(x)), make([]float64, len(w))
			for i := range wantY {
				wantY[i] = float64(bias[i/(g.OutH*g.OutW)%g.M]) + float64(dy[i])
			}
			g.eachProduct(func(i, j, k int) {
				wantY[i] += float64(x[j]) * float64(w[k])
				wantDx[j] += float64(dy[i]) * float64(w[k])
				wantDw[k] += float64(dy[i]) * float64(x[j])
			})
			for i := range wantY {
				wantY[i] = min(max(wantY[i], -3), 4)
			}
			agreeWithin(t, pools, "forward", len(dy), wantY, 1e-4, func(p *Pool, y []float32) {
				packed, out := filled(g.PackedWinograd()), filled(g.output())
				PackWeightsWinograd(p, &g, packed, w)
				ConvForwardWinograd(p, &g, out, g.image(x), packed, Epilogue{Bias: bias, Residual: blocked(dy, g.N, g.M, g.OutH*g.OutW), Clamp: true, Lo: -3, Hi: 4})
				Unblock(p, y, out, g.N, g.M, g.OutH*g.OutW)
			})
			agreeWithin(t, pools, "data", len(x), wantDx, 1e-4, func(p *Pool, dx []float32) {
				packed, out := filled(g.PackedWinograd()), filled(g.input())
				PackWeightsDataWinograd(p, &g, packed, w)
				ConvBackwardDataWinograd(p, &g, out, blocked(dy, g.N, g.M, g.OutH*g.OutW), packed)
				Unblock(p, dx, out, g.N, g.C, g.H*g.W)
			})
			agreeWithin(t, pools, "weights", len(w), wantDw, 1e-4, func(p *Pool, dw []float32) {
				packed := filled(g.Packed())
				ConvBackwardWeightsWinograd(p, &g, packed, g.image(x), blocked(dy, g.N, g.M, g.OutH*g.OutW))
				UnpackWeights(p, &g, dw, packed)
			})
		})
	}
}

// The root mean square error against float64 stays near what the transforms' factors
// make of a rounding: about ten times a direct sum's.
func TestWinogradError(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		g := square(1, 64, 16, 32, 3, 1, 1, 1)
		x, w := random(r, g.N*g.C*g.H*g.W), random(r, g.M*g.C*9)
		want := make([]float64, g.N*g.M*g.OutH*g.OutW)
		g.eachProduct(func(i, j, k int) { want[i] += float64(x[j]) * float64(w[k]) })
		packed, out, y := make([]float32, g.PackedWinograd()), make([]float32, g.output()), make([]float32, len(want))
		PackWeightsWinograd(nil, &g, packed, w)
		ConvForwardWinograd(nil, &g, out, g.image(x), packed, Epilogue{})
		Unblock(nil, y, out, g.N, g.M, g.OutH*g.OutW)
		var wrong, size float64
		for i, v := range want {
			wrong += (float64(y[i]) - v) * (float64(y[i]) - v)
			size += v * v
		}
		if e := math.Sqrt(wrong / size); e > 4e-6 {
			t.Errorf("relative error %.2g", e)
		}
	})
}

func benchForwardWinograd(p *Pool, g *Conv, y, x, w []float32) {
	ConvForwardWinograd(p, g, y, x, w, Epilogue{})
}

func BenchmarkConvForwardWinograd(b *testing.B) {
	benchmarkConv(b, benchForwardWinograd, innerLayers[:4]...)
}

func benchWeightsWinograd(p *Pool, g *Conv, y, x, w []float32) {
	ConvBackwardWeightsWinograd(p, g, w, x, y)
}

func BenchmarkConvBackwardWeightsWinograd(b *testing.B) {
	benchmarkConv(b, benchWeightsWinograd, innerLayers[:4]...)
}
