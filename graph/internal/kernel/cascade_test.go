package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// drawCascade draws layers that fit each other: pointwise, depthwise and dense
// convolutions of odd sizes, and pools.
func drawCascade(r *rand.Rand, size int) []Layer {
	var layers []Layer
	n, c, h, w := 1+r.IntN(3), 1+r.IntN(2*isa.lanes+3), 1+r.IntN(size), 1+r.IntN(size)
	for i := range 2 + r.IntN(3) {
		g := Conv{N: n, C: c, H: h, W: w, M: 1 + r.IntN(3*isa.lanes), Group: 1, KernelH: 1 + r.IntN(3), KernelW: 1 + r.IntN(3),
			StrideH: 1 + r.IntN(2), StrideW: 1 + r.IntN(2), DilationH: 1 + r.IntN(2), DilationW: 1,
			PadTop: r.IntN(2), PadLeft: r.IntN(2), PadBottom: r.IntN(2), PadRight: r.IntN(2)}
		l := Layer{}
		switch kind := r.IntN(5); {
		case kind == 0:
			g.M, l.Pool = c, true
		case kind == 1 && c > 1:
			g.M, g.Group = c, c
		case kind == 2:
			g.KernelH, g.KernelW, g.StrideH, g.StrideW, g.PadTop, g.PadLeft, g.PadBottom, g.PadRight = 1, 1, 1, 1, 0, 0, 0, 0
		}
		g.OutH = (h+g.PadTop+g.PadBottom-(g.KernelH-1)*g.DilationH-1)/g.StrideH + 1
		g.OutW = (w+g.PadLeft+g.PadRight-(g.KernelW-1)*g.DilationW-1)/g.StrideW + 1
		if (h+g.PadTop+g.PadBottom-(g.KernelH-1)*g.DilationH-1) < 0 || g.OutW < 1 || w+g.PadLeft+g.PadRight < g.KernelW {
			break
		}
		g.Narrow = i == 0 && g.Group == 1 && !l.Pool && c < isa.lanes
		l.Conv = g
		if !l.Pool {
			l.Weights = make([]float32, g.Packed())
			PackWeights(nil, &g, l.Weights, random(r, g.M*g.C/g.Group*g.KernelH*g.KernelW))
			if r.IntN(2) > 0 {
				l.Bias = random(r, g.M)
			}
			l.Clamp, l.Lo, l.Hi, l.Swish = r.IntN(2) > 0, -0.5, 0.5, r.IntN(3) == 0
		}
		layers = append(layers, l)
		c, h, w = g.M, g.OutH, g.OutW
	}
	return layers
}

// oneByOne computes layers by ConvForward and MaxPool.
func oneByOne(p *Pool, layers []Layer, x []float32) []float32 {
	for i := range layers {
		l := &layers[i]
		y := make([]float32, l.output())
		if g := &l.Conv; l.Pool {
			MaxPool(p, &Window{N: g.N, C: g.C, H: g.H, W: g.W, OutH: g.OutH, OutW: g.OutW, KernelH: g.KernelH, KernelW: g.KernelW, StrideH: g.StrideH,
				StrideW: g.StrideW, DilationH: g.DilationH, DilationW: g.DilationW, PadTop: g.PadTop, PadLeft: g.PadLeft, PadBottom: g.PadBottom, PadRight: g.PadRight}, y, x)
		} else {
			ConvForward(p, g, y, x, l.Weights, l.Epilogue)
		}
		x = y
	}
	return x
}

// A cascade's numbers are those of its layers, bit for bit.
func TestCascade(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		pools := testPools(t)
		r := rand.New(rand.NewPCG(11, 12))
		for i := range 200 {
			size := 20
			if i%10 == 0 {
				size = 160 // more rows than there is room for
			}
			layers := drawCascade(r, size)
			if len(layers) < 2 {
				continue
			}
			x := random(r, layers[0].input())
			last := &layers[len(layers)-1]
			if r.IntN(2) > 0 && !last.Pool {
				last.Residual = random(r, last.output())
			}
			want := oneByOne(nil, layers, x)
			for _, p := range pools {
				got, check := guarded(t, len(want))
				Cascade(p, layers, got, x)
				check()
				for i, v := range want {
					if !equalBits(got[i], v) {
						t.Fatalf("element %d is %v, layer by layer %v: %+v", i, got[i], v, geometries(layers))
					}
				}
			}
		}
	})
}

// BenchmarkCascade computes MobileNetV2's third block and ResNet-18's first layers, layer by
// layer and as a cascade.
func BenchmarkCascade(b *testing.B) {
	pool := square(16, 64, 112, 64, 3, 2, 1, 1)
	for name, list := range map[string][]Conv{
		"inverted": {square(16, 24, 56, 144, 1, 1, 0, 1), square(16, 144, 56, 144, 3, 1, 1, 144), square(16, 144, 56, 24, 1, 1, 0, 1)},
		"strided":  {square(16, 16, 112, 96, 1, 1, 0, 1), square(16, 96, 112, 96, 3, 2, 1, 96), square(16, 96, 56, 24, 1, 1, 0, 1)},
		"stem":     {square(16, 3, 224, 64, 7, 2, 3, 1), pool},
	} {
		p := NewPool(benchThreads)
		r := rand.New(rand.NewPCG(1, 2))
		var layers []Layer
		flop := 0.0
		for i, g := range list {
			g.Narrow = i == 0 && g.C < isa.lanes
			l := Layer{Conv: g, Pool: g == pool}
			if !l.Pool {
				l.Weights = random(r, g.Packed())
				flop += 2 * float64(g.MultiplyAdds())
			}
			layers = append(layers, l)
		}
		x := random(r, layers[0].input())
		y := make([]float32, layers[len(layers)-1].output())
		peak := benchThreads * peakOf(b)
		for how, f := range map[string]func(){"one by one": func() { oneByOne(p, layers, x) }, "cascade": func() { Cascade(p, layers, y, x) }} {
			b.Run(name+"/"+how, func(b *testing.B) {
				took := time.Duration(math.MaxInt64)
				for b.Loop() {
					start := time.Now()
					f()
					took = min(took, time.Since(start))
				}
				b.ReportMetric(flop/float64(took.Nanoseconds()), "GFLOP/s")
				b.ReportMetric(flop/float64(took.Nanoseconds())/peak, "of-peak")
			})
		}
		p.Close()
	}
}

func geometries(layers []Layer) (list []Conv) {
	for _, l := range layers {
		list = append(list, l.Conv)
	}
	return list
}
