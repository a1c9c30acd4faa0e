package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestRows(t *testing.T) { eachISA(t, testRows) }

func testRows(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(41, 42))
	for _, s := range [][2]int{{0, 3}, {1, 1}, {5, 0}, {3, 17}, {rowParts + 3, 33}, {100, 768}, {1, vectorGrain + 9}} {
		rows, width := s[0], s[1]
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			x, z, v := random(r, rows*width), random(r, rows*width), random(r, width)
			plus, times := make([]float64, len(x)), make([]float64, len(x))
			sum, dot := make([]float64, width), make([]float64, width)
			for i := range x {
				j := i % width
				plus[i], times[i] = float64(x[i])+float64(v[j]), float64(x[i])*float64(v[j])
				sum[j] += float64(x[i])
				dot[j] += float64(x[i]) * float64(z[i])
			}
			agree(t, pools, "AddRows", len(x), plus, func(p *Pool, y []float32) { AddRows(p, y, x, v, rows, width) })
			agree(t, pools, "MulRows", len(x), times, func(p *Pool, y []float32) { MulRows(p, y, x, v, rows, width) })
			agree(t, pools, "SumRows", width, sum, func(p *Pool, y []float32) { SumRows(p, y, x, nil, rows, width) })
			agree(t, pools, "SumRows, weighted", width, dot, func(p *Pool, y []float32) { SumRows(p, y, x, z, rows, width) })
		})
	}
}

func TestGelu(t *testing.T) {
	pools := testPools(t)
	var x []float32
	for v := float32(-14); v <= 14; v += 0.0078125 {
		x = append(x, v, v+1e-4)
	}
	x = append(x, 0, float32(math.Copysign(0, -1)), 1e-20, -1e-20, 100, -100, float32(math.Inf(1)))
	dy := make([]float32, len(x))
	erf, gelu, slope := make([]float64, len(x)), make([]float64, len(x)), make([]float64, len(x))
	for i, v := range x {
		v := float64(v)
		cdf := math.Erfc(-v/math.Sqrt2) / 2
		dy[i] = 1.5
		erf[i], gelu[i] = math.Erf(v), v*cdf
		if slope[i] = 1.5 * (cdf + v*math.Exp(-v*v/2)/math.Sqrt(2*math.Pi)); math.IsInf(v, 0) {
			dy[i], slope[i] = 0, 0
			x[i], gelu[i] = 200, 200
		}
	}
	for _, f := range []struct {
		name string
		want []float64
		run  func(p *Pool, y []float32)
	}{
		{"Erf", erf, func(p *Pool, y []float32) { Erf(p, y, x) }},
		{"Gelu", gelu, func(p *Pool, y []float32) { Gelu(p, y, x) }},
		{"GeluBackward", slope, func(p *Pool, y []float32) { GeluBackward(p, y, x, dy) }},
	} {
		for _, p := range pools {
			y := make([]float32, len(x))
			f.run(p, y)
			for i, v := range y {
				if d := math.Abs(float64(v) - f.want[i]); !(d <= 6e-8+2.4e-7*math.Abs(f.want[i])) {
					t.Fatalf("%s(%g) = %g, want %g", f.name, x[i], v, f.want[i])
				}
			}
		}
	}
	nan := float32(math.NaN())
	if y := []float32{0}; true {
		if Gelu(nil, y, []float32{nan}); y[0] == y[0] {
			t.Errorf("Gelu(NaN) = %g", y[0])
		}
	}
}
