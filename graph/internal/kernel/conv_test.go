package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// guarded returns n elements with sentinels before and after, and a check
// that the sentinels survive.
func guarded(t testing.TB, n int) ([]float32, func()) {
	const guard, sentinel = 17, -12345.5
	all := make([]float32, n+2*guard)
	for i := range all {
		all[i] = sentinel
	}
	return all[guard : guard+n], func() {
		t.Helper()
		for i, v := range all {
			if (i < guard || i >= guard+n) && v != sentinel {
				t.Fatalf("element %d outside the output was overwritten", i-guard)
			}
		}
	}
}

func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// near fails unless got is within tol of want, relative to the largest of want.
func near(t testing.TB, name string, got []float32, want []float64, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", name, len(got), len(want))
	}
	top := 1e-30
	for _, v := range want {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			top = max(top, math.Abs(v))
		}
	}
	for i, v := range want {
		g := float64(got[i])
		if math.IsNaN(v) && math.IsNaN(g) || g == v {
			continue
		}
		if !(math.Abs(g-v) <= tol*top) {
			t.Fatalf("%s: element %d is %v, want %v (largest %v)", name, i, g, v, top)
		}
	}
}

// eachProduct calls f with the places in y, x and w of every product that the
// convolution sums: the loop nest in ConvForward's comment.
func (g *Conv) eachProduct(f func(y, x, w int)) {
	cg, mg := g.C/g.Group, g.M/g.Group
	for n := range g.N {
		for m := range g.M {
			for oh := range g.OutH {
				for ow := range g.OutW {
					for c := range cg {
						for kh := range g.KernelH {
							for kw := range g.KernelW {
								h, w := oh*g.StrideH-g.PadTop+kh*g.DilationH, ow*g.StrideW-g.PadLeft+kw*g.DilationW
								if h >= 0 && h < g.H && w >= 0 && w < g.W {
									f(((n*g.M+m)*g.OutH+oh)*g.OutW+ow, ((n*g.C+m/mg*cg+c)*g.H+h)*g.W+w, ((m*cg+c)*g.KernelH+kh)*g.KernelW+kw)
								}
							}
						}
					}
				}
			}
		}
	}
}

// sized fills in OutH and OutW by ONNX's formula.
func sized(g Conv) Conv {
	out := func(size, pad, kernel, dilation, stride int) int {
		return max((size+pad-dilation*(kernel-1)-1)/stride+1, 0)
	}
	g.OutH = out(g.H, g.PadTop+g.PadBottom, g.KernelH, g.DilationH, g.StrideH)
	g.OutW = out(g.W, g.PadLeft+g.PadRight, g.KernelW, g.DilationW, g.StrideW)
	return g
}

// square is an n x c x h x h convolution with m square kernels.
func square(n, c, h, m, kernel, stride, pad, group int) Conv {
	return sized(Conv{N: n, C: c, H: h, W: h, M: m, Group: group, KernelH: kernel, KernelW: kernel,
		StrideH: stride, StrideW: stride, DilationH: 1, DilationW: 1, PadTop: pad, PadLeft: pad, PadBottom: pad, PadRight: pad})
}

func convCases() []Conv {
	cases := []Conv{
		square(0, 3, 5, 4, 3, 1, 1, 1),
		square(1, 1, 1, 1, 1, 1, 0, 1),
		square(1, 16, 13, 16, 3, 1, 1, 1), square(1, 33, 14, 33, 3, 1, 1, 1), square(2, 17, 15, 48, 3, 1, 1, 1), // around the largest tiles
		square(2, 64, 31, 32, 3, 1, 1, 2), square(1, 24, 6, 24, 3, 1, 1, 3), square(2, 64, 5, 64, 3, 1, 1, 16), // groups, alone and taken together
		square(2, 19, 20, 19, 3, 2, 1, 19), square(1, 40, 9, 40, 5, 1, 2, 40), square(1, 33, 30, 70, 1, 1, 0, 1),
		square(1, 5, 7, 15, 3, 1, 1, 1), // 49 pixels, 15 rows: around the largest tiles
		square(2, 6, 17, 49, 3, 1, 1, 1),
		square(2, 3, 12, 5, 3, 1, 1, 1),   // 144 pixels an image: one block exactly
		square(1, 2, 12, 2, 3, 1, 1, 1),   // one block in all
		square(1, 29, 13, 17, 3, 1, 1, 1), // 169 pixels, channels in two depth blocks
		square(3, 40, 7, 9, 3, 1, 1, 1),   // blocks that straddle images
		square(2, 3, 23, 8, 7, 2, 3, 1),   // a stem
		square(2, 5, 9, 6, 3, 2, 1, 1),
		square(2, 5, 9, 6, 3, 3, 1, 1),
		square(2, 4, 8, 6, 1, 2, 0, 1), // classes without taps
		square(2, 300, 5, 7, 1, 1, 0, 1),
		square(2, 300, 12, 7, 1, 1, 0, 1), // rows of whole vectors
		square(2, 6, 20, 10, 1, 1, 0, 2),  // two rows a plane
		square(2, 3, 33, 9, 3, 1, 1, 1),   // several patches down
		square(1, 2, 250, 3, 3, 1, 1, 1),  // and across
		square(1, 3, 60, 20, 7, 2, 3, 1),
		square(1, 4, 5, 520, 1, 1, 0, 1), // several blocks of rows
		square(7, 33, 1, 10, 1, 1, 0, 1), // squeeze and excite
		square(2, 6, 10, 9, 3, 1, 1, 3),
		square(2, 6, 10, 6, 3, 1, 1, 6),
		square(2, 6, 10, 12, 3, 2, 1, 6), // depth multiplier 2
		square(2, 6, 11, 6, 5, 2, 2, 6),
		square(1, 4, 3, 3, 3, 1, 4, 1), // pads wider than the kernel
		square(1, 4, 9, 3, 4, 5, 0, 1), // stride larger than the kernel
		sized(Conv{N: 2, C: 3, H: 9, W: 14, M: 4, Group: 1, KernelH: 3, KernelW: 2, StrideH: 2, StrideW: 1, DilationH: 1, DilationW: 3, PadTop: 2, PadLeft: 0, PadBottom: 1, PadRight: 3}),
		sized(Conv{N: 1, C: 4, H: 11, W: 10, M: 4, Group: 2, KernelH: 2, KernelW: 3, StrideH: 1, StrideW: 3, DilationH: 2, DilationW: 2, PadTop: 0, PadLeft: 3, PadBottom: 2, PadRight: 1}),
		sized(Conv{N: 2, C: 5, H: 7, W: 12, M: 5, Group: 5, KernelH: 3, KernelW: 4, StrideH: 3, StrideW: 2, DilationH: 2, DilationW: 1, PadTop: 3, PadLeft: 1, PadBottom: 0, PadRight: 2}),
		sized(Conv{N: 1, C: 3, H: 1, W: 147, M: 3, Group: 1, KernelH: 1, KernelW: 3, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, PadLeft: 1, PadRight: 1}),
		sized(Conv{N: 1, C: 1, H: 40, W: 40, M: 3, Group: 1, KernelH: 19, KernelW: 17, StrideH: 2, StrideW: 2, DilationH: 1, DilationW: 1}),
	}
	cases = append(cases, edgeConvs()...)
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(lo, hi int) int { return lo + r.IntN(hi-lo+1) }
	for range 60 {
		group := pick(1, 3)
		g := Conv{N: pick(1, 3), C: group * pick(1, 4), H: pick(1, 12), W: pick(1, 15), M: group * pick(1, 5), Group: group,
			KernelH: pick(1, 4), KernelW: pick(1, 4), StrideH: pick(1, 3), StrideW: pick(1, 3), DilationH: pick(1, 3), DilationW: pick(1, 3),
			PadTop: pick(0, 4), PadLeft: pick(0, 4), PadBottom: pick(0, 4), PadRight: pick(0, 4)}
		if g = sized(g); g.OutH > 0 && g.OutW > 0 {
			cases = append(cases, g)
		}
	}
	return cases
}

func TestConv(t *testing.T) { eachISA(t, testConv) }

func testConv(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(3, 4))
	for _, g := range convCases() {
		t.Run(fmt.Sprintf("%+v", g), func(t *testing.T) {
			x := random(r, g.N*g.C*g.H*g.W)
			w := random(r, g.M*(g.C/g.Group)*g.KernelH*g.KernelW)
			dy := random(r, g.N*g.M*g.OutH*g.OutW)
			bias := random(r, g.M)
			wantY, wantDx, wantDw := make([]float64, len(dy)), make([]float64, len(x)), make([]float64, len(w))
			for i := range wantY {
				wantY[i] = float64(bias[i/(g.OutH*g.OutW)%g.M])
			}
			g.eachProduct(func(i, j, k int) {
				wantY[i] += float64(x[j]) * float64(w[k])
				wantDx[j] += float64(dy[i]) * float64(w[k])
				wantDw[k] += float64(dy[i]) * float64(x[j])
			})
			agree(t, pools, "forward", len(dy), wantY, func(p *Pool, y []float32) { forward(p, &g, y, x, w, Epilogue{Bias: bias}) })
			agree(t, pools, "data", len(x), wantDx, func(p *Pool, dx []float32) { backwardData(p, &g, dx, dy, w) })
			agree(t, pools, "weights", len(w), wantDw, func(p *Pool, dw []float32) { backwardWeights(p, &g, dw, x, dy) })
			if g.Group > 1 {
				return
			}
			g.Narrow = true
			agree(t, pools, "narrow forward", len(dy), wantY, func(p *Pool, y []float32) { forward(p, &g, y, x, w, Epilogue{Bias: bias}) })
			agree(t, pools, "narrow weights", len(w), wantDw, func(p *Pool, dw []float32) { backwardWeights(p, &g, dw, x, dy) })
		})
	}
}

// blocked brings x [n,c,hw] into the blocked layout, with NaN in the lanes that count
// for nothing.
func blocked(x []float32, n, c, hw int) []float32 {
	y := make([]float32, n*Blocks(c)*isa.lanes*hw)
	Block(nil, y, x, n, c, hw)
	return spoiled(y, n, c, hw)
}

func spoiled(y []float32, n, c, hw int) []float32 {
	for i := range y {
		if channel := i/(hw*isa.lanes)%Blocks(c)*isa.lanes + i%isa.lanes; channel >= c {
			y[i] = float32(nan)
		}
	}
	return y
}

// filled returns n elements of NaN.
func filled(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(nan)
	}
	return x
}

func (g *Conv) image(x []float32) []float32 {
	if g.Narrow {
		return x
	}
	return blocked(x, g.N, g.C, g.H*g.W)
}

// forward and its gradients go from dense tensors to dense tensors.
func forward(p *Pool, g *Conv, y, x, w []float32, e Epilogue) {
	packed, out := filled(g.Packed()), filled(g.output())
	PackWeights(p, g, packed, w)
	ConvForward(p, g, out, g.image(x), packed, e)
	Unblock(p, y, out, g.N, g.M, g.OutH*g.OutW)
}

func backwardData(p *Pool, g *Conv, dx, dy, w []float32) {
	packed, out := filled(g.Packed()), filled(g.input())
	PackWeightsData(p, g, packed, w)
	ConvBackwardData(p, g, out, blocked(dy, g.N, g.M, g.OutH*g.OutW), packed)
	Unblock(p, dx, out, g.N, g.C, g.H*g.W)
}

func backwardWeights(p *Pool, g *Conv, dw, x, dy []float32) {
	packed := filled(g.Packed())
	ConvBackwardWeights(p, g, packed, g.image(x), blocked(dy, g.N, g.M, g.OutH*g.OutW))
	UnpackWeights(p, g, dw, packed)
}

// What follows the sums: bias, residual, limits and Swish, each alone and together.
func TestConvEpilogue(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		for _, g := range []Conv{square(2, 5, 6, 19, 3, 1, 1, 1), square(2, 20, 6, 20, 3, 2, 1, 20), square(2, 40, 5, 33, 1, 1, 0, 1)} {
			x, w, bias := random(r, g.N*g.C*g.H*g.W), random(r, g.M*(g.C/g.Group)*g.KernelH*g.KernelW), random(r, g.M)
			residual := random(r, g.N*g.M*g.OutH*g.OutW)
			for i := range 16 {
				e, want := Epilogue{}, make([]float64, len(residual))
				g.eachProduct(func(i, j, k int) { want[i] += float64(x[j]) * float64(w[k]) })
				if i&1 > 0 {
					e.Bias = bias
				}
				if i&2 > 0 {
					e.Residual = blocked(residual, g.N, g.M, g.OutH*g.OutW)
				}
				if i&4 > 0 {
					e.Clamp, e.Lo, e.Hi = true, -0.5, 1.5
				}
				e.Swish = i&8 > 0
				for k := range want {
					if e.Bias != nil {
						want[k] += float64(bias[k/(g.OutH*g.OutW)%g.M])
					}
					if e.Residual != nil {
						want[k] += float64(residual[k])
					}
					if e.Clamp {
						want[k] = min(max(want[k], -0.5), 1.5)
					}
					if e.Swish {
						want[k] /= 1 + math.Exp(-want[k])
					}
				}
				packed, out, y := filled(g.Packed()), filled(g.output()), make([]float32, len(want))
				PackWeights(nil, &g, packed, w)
				ConvForward(nil, &g, out, blocked(x, g.N, g.C, g.H*g.W), packed, e)
				Unblock(nil, y, out, g.N, g.M, g.OutH*g.OutW)
				near(t, fmt.Sprintf("%+v, epilogue %d", g, i), y, want, 1e-5)
			}
		}
	})
}

// A part of the channels of larger images is what it is by itself, and nothing else is written.
func TestConvAmong(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		for _, g := range []Conv{square(2, 20, 6, 33, 3, 1, 1, 1), square(3, 20, 6, 20, 3, 2, 1, 20), square(2, 40, 5, 32, 1, 1, 0, 1), square(2, 64, 9, 64, 3, 1, 1, 2)} {
			x, w := random(r, g.input()), random(r, g.M*(g.C/g.Group)*9)
			direct := func(y []float32, e Epilogue) {
				packed := filled(g.Packed())
				PackWeights(nil, &g, packed, w)
				ConvForward(nil, &g, y, x, packed, e)
			}
			winograd := func(y []float32, e Epilogue) {
				packed := filled(g.PackedWinograd())
				PackWeightsWinograd(nil, &g, packed, w)
				ConvForwardWinograd(nil, &g, y, x, packed, e)
			}
			cascade := func(y []float32, e Epilogue) {
				packed := filled(g.Packed())
				PackWeights(nil, &g, packed, w)
				Cascade(nil, []Layer{{Conv: g, Weights: packed, Epilogue: e}}, y, x)
			}
			forms := map[string]func(y []float32, e Epilogue){"direct": direct, "cascade": cascade}
			if g.Group == 2 {
				delete(forms, "cascade")
			}
			if g.WinogradPays() {
				forms["Winograd"] = winograd
			}
			const before, after = 1, 2 // blocks
			size := g.OutH * g.OutW * isa.lanes
			own, image := Blocks(g.M)*size, (before+Blocks(g.M)+after)*size
			for name, f := range forms {
				want, y := make([]float32, g.output()), filled(g.N*image)
				f(want, Epilogue{Swish: true})
				f(y[before*size:], Epilogue{Swish: true, Among: (before + Blocks(g.M) + after) * isa.lanes})
				for n := range g.N {
					sameBits(t, name, y[n*image+before*size:][:own], want[n*own:][:own])
					for i, v := range y[n*image : (n+1)*image] {
						if v == v && (i < before*size || i >= before*size+own) {
							t.Fatalf("%s %+v: element %d of image %d was written", name, g, i, n)
						}
					}
				}
			}
		}
	})
}

// A NaN reaches the pixels whose windows see it and no others, limits or not.
func TestConvCarriesNaN(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		g := square(1, 3, 6, 5, 3, 1, 1, 1)
		x, w, y := make([]float32, 3*36), make([]float32, 5*3*9), make([]float32, 5*36)
		for i := range w {
			w[i] = 1
		}
		x[2*6+2] = float32(nan)
		forward(nil, &g, y, x, w, Epilogue{Clamp: true, Lo: 0, Hi: 6})
		for i, v := range y {
			h, w := i%36/6, i%6
			if seen := h >= 1 && h <= 3 && w >= 1 && w <= 3; seen != (v != v) {
				t.Fatalf("element %d is %v", i, v)
			}
		}
	})
}

// testPools are the thread counts that must agree bit for bit.
func testPools(t testing.TB) []*Pool {
	pools, threads := []*Pool{nil}, []int{1, 2, 3, 5}
	if testing.Short() {
		threads = []int{3}
	}
	for _, n := range threads {
		p := NewPool(n)
		t.Cleanup(p.Close)
		pools = append(pools, p)
	}
	return pools
}

// agree runs f on every pool with a guarded output of n elements full of NaN
// and compares the first with want and the others with the first.
func agree(t *testing.T, pools []*Pool, name string, n int, want []float64, f func(p *Pool, y []float32)) {
	t.Helper()
	agreeWithin(t, pools, name, n, want, 1e-5, f)
}

// agreeWithin is agree with another tolerance, relative to the largest of want.
func agreeWithin(t *testing.T, pools []*Pool, name string, n int, want []float64, tol float64, f func(p *Pool, y []float32)) {
	t.Helper()
	var first []float32
	for _, p := range pools {
		y, check := guarded(t, n)
		for i := range y {
			y[i] = float32(math.NaN())
		}
		f(p, y)
		check()
		if first == nil {
			near(t, name, y, want, tol)
			first = y
		}
		for i, v := range y {
			if math.Float32bits(v) != math.Float32bits(first[i]) {
				t.Fatalf("%s: element %d is %v on %d threads, %v on one", name, i, v, p.Threads(), first[i])
			}
		}
	}
}

// benchmarkConv runs f on layers in the blocked layout. Rates are of the fastest call, as
// the peak is: other programs on the machine do not count.
func benchmarkConv(b *testing.B, f func(p *Pool, g *Conv, y, x, w []float32), layers ...Conv) {
	p := NewPool(benchThreads)
	defer p.Close()
	peak := benchThreads * peakOf(b)
	r := rand.New(rand.NewPCG(1, 2))
	for _, g := range layers {
		g.Narrow = g.C < isa.lanes
		name := fmt.Sprintf("n=%d/c=%d/m=%d/h=%d/k=%d/s=%d", g.N, g.C, g.M, g.H, g.KernelH, g.StrideH)
		b.Run(name, func(b *testing.B) {
			x, w, y := random(r, g.input()), random(r, max(g.Packed(), g.PackedWinograd())), random(r, g.output())
			f(p, &g, y, x, w)
			took := time.Duration(math.MaxInt64)
			for b.Loop() {
				start := time.Now()
				f(p, &g, y, x, w)
				took = min(took, time.Since(start))
			}
			flop := 2 * float64(g.N*g.M*g.OutH*g.OutW) * float64(g.C/g.Group*g.KernelH*g.KernelW)
			rate := flop / float64(took.Nanoseconds())
			b.ReportMetric(rate, "GFLOP/s")
			b.ReportMetric(rate/peak, "of-peak")
		})
	}
}

// denseLayers are ResNet-18's four stages, its stem, a strided layer, small
// networks for 32x32 images, and MobileNetV2's and SqueezeNet's 1x1 layers.
var (
	stem        = square(4, 3, 224, 64, 7, 2, 3, 1)
	innerLayers = []Conv{
		square(16, 64, 56, 64, 3, 1, 1, 1), square(16, 128, 28, 128, 3, 1, 1, 1),
		square(16, 256, 14, 256, 3, 1, 1, 1), square(16, 512, 7, 512, 3, 1, 1, 1),
		square(16, 128, 28, 256, 3, 2, 1, 1), square(16, 64, 56, 128, 1, 2, 0, 1), square(16, 128, 28, 256, 1, 2, 0, 1), square(16, 256, 14, 512, 1, 2, 0, 1),
		square(32, 16, 32, 16, 3, 1, 1, 1), square(32, 64, 8, 64, 3, 1, 1, 1), square(1, 512, 7, 512, 3, 1, 1, 1),
		square(16, 64, 56, 16, 1, 1, 0, 1), square(16, 96, 14, 576, 1, 1, 0, 1),
	}
	depthwiseLayers = []Conv{
		square(16, 144, 56, 144, 3, 1, 1, 144), square(16, 96, 112, 96, 3, 2, 1, 96), square(16, 384, 14, 384, 3, 1, 1, 384),
	}
)

func benchForward(p *Pool, g *Conv, y, x, w []float32) { ConvForward(p, g, y, x, w, Epilogue{}) }
func benchData(p *Pool, g *Conv, y, x, w []float32)    { ConvBackwardData(p, g, x, y, w) }
func benchWeights(p *Pool, g *Conv, y, x, w []float32) { ConvBackwardWeights(p, g, w, x, y) }

func BenchmarkConvForward(b *testing.B) {
	benchmarkConv(b, benchForward, append([]Conv{stem}, innerLayers...)...)
}
func BenchmarkConvBackwardData(b *testing.B) { benchmarkConv(b, benchData, innerLayers...) }
func BenchmarkConvBackwardWeights(b *testing.B) {
	benchmarkConv(b, benchWeights, append([]Conv{stem}, innerLayers...)...)
}
func BenchmarkDepthwiseForward(b *testing.B)      { benchmarkConv(b, benchForward, depthwiseLayers...) }
func BenchmarkDepthwiseBackwardData(b *testing.B) { benchmarkConv(b, benchData, depthwiseLayers...) }
func BenchmarkDepthwiseBackwardWeights(b *testing.B) {
	benchmarkConv(b, benchWeights, depthwiseLayers...)
}
