package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestSGD(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(25, 26))
	for _, n := range lengths {
		w, g, v := random(r, n), random(r, n), random(r, n)
		for i := range 8 {
			nesterov, first := i&1 != 0, i&2 != 0
			momentum := 0.9 * float64(i>>2&1)
			const lr, decay = 0.1, 0.01
			wantW, wantV := make([]float64, n), make([]float64, n)
			for i := range n {
				d := float64(g[i]) + decay*float64(w[i])
				wantV[i] = momentum*float64(v[i]) + d
				if first {
					wantV[i] = d
				}
				step := wantV[i]
				if nesterov {
					step = d + momentum*wantV[i]
				}
				if momentum == 0 {
					step, wantV[i] = d, float64(v[i])
				}
				wantW[i] = float64(w[i]) - lr*step
			}
			agree(t, pools, "w", n, wantW, func(p *Pool, y []float32) {
				copy(y, w)
				SGD(p, y, g, append([]float32(nil), v...), lr, float32(momentum), decay, nesterov, first)
			})
			agree(t, pools, "v", n, wantV, func(p *Pool, y []float32) {
				copy(y, v)
				SGD(p, append([]float32(nil), w...), g, y, lr, float32(momentum), decay, nesterov, first)
			})
		}
	}
	w := []float32{1}
	SGD(nil, w, []float32{2}, nil, 0.5, 0, 0, false, true)
	if w[0] != 0 {
		t.Errorf("without momentum: got %v, want 0", w[0])
	}
}

func TestAdam(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(27, 28))
	const lr, beta1, beta2, eps, decay = 0.01, 0.9, 0.999, 1e-3, 0.1
	for _, n := range lengths {
		w, g, m, v := random(r, n), random(r, n), random(r, n), random(r, n)
		for i := range v {
			v[i] *= v[i]
		}
		for _, step := range []int{1, 2, 1000} {
			for _, decoupled := range []bool{false, true} {
				wantW, wantM, wantV := make([]float64, n), make([]float64, n), make([]float64, n)
				for i := range n {
					u, d := float64(w[i]), float64(g[i])
					if decoupled {
						u *= 1 - lr*decay
					} else {
						d += decay * u
					}
					wantM[i] = beta1*float64(m[i]) + (1-beta1)*d
					wantV[i] = beta2*float64(v[i]) + (1-beta2)*d*d
					mhat := wantM[i] / (1 - math.Pow(beta1, float64(step)))
					vhat := wantV[i] / (1 - math.Pow(beta2, float64(step)))
					wantW[i] = u - lr*mhat/(math.Sqrt(vhat)+eps)
				}
				// adam runs a step on copies and returns them
				adam := func(p *Pool) (u, k, l []float32) {
					u, k, l = append([]float32(nil), w...), append([]float32(nil), m...), append([]float32(nil), v...)
					Adam(p, u, g, k, l, lr, beta1, beta2, eps, decay, step, decoupled)
					return u, k, l
				}
				agree(t, pools, "w", n, wantW, func(p *Pool, y []float32) { u, _, _ := adam(p); copy(y, u) })
				agree(t, pools, "m", n, wantM, func(p *Pool, y []float32) { _, k, _ := adam(p); copy(y, k) })
				agree(t, pools, "v", n, wantV, func(p *Pool, y []float32) { _, _, l := adam(p); copy(y, l) })
			}
		}
	}
}

func TestDropout(t *testing.T) {
	pools := testPools(t)
	const n = 3*vectorGrain + 5
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i + 1)
	}
	for _, ratio := range []float32{0, 0.1, 0.5, 0.9, 1} {
		want, kept := make([]float64, n), 0
		y := make([]float32, n)
		Dropout(nil, y, x, ratio, 42)
		for i := range y {
			if y[i] != 0 {
				kept++
				want[i] = float64(x[i]) / (1 - float64(ratio))
			}
		}
		// five standard deviations of the binomial distribution
		mean := n * (1 - float64(ratio))
		if math.Abs(float64(kept)-mean) > 5*math.Sqrt(mean*float64(ratio)) {
			t.Errorf("ratio %v keeps %d of %d", ratio, kept, n)
		}
		agree(t, pools, fmt.Sprint("ratio ", ratio), n, want, func(p *Pool, y []float32) { Dropout(p, y, x, ratio, 42) })
		agree(t, pools, "in place", n, want, func(p *Pool, y []float32) { copy(y, x); Dropout(p, y, y, ratio, 42) })
	}
	a, b := make([]float32, n), make([]float32, n)
	Dropout(nil, a, x, 0.5, 1)
	Dropout(nil, b, x, 0.5, 2)
	both := 0
	for i := range a {
		if a[i] != 0 && b[i] != 0 {
			both++
		}
	}
	if math.Abs(float64(both)-n/4) > 5*math.Sqrt(n*3./16) {
		t.Errorf("seeds 1 and 2 keep %d of %d elements in common, want about a quarter", both, n)
	}
}

func TestCopy(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(29, 30))
	for _, c := range [][6]int{{0, 3, 3, 0, 3, 0}, {1, 1, 1, 0, 1, 0}, {3, 2, 5, 1, 4, 2}, {3, 4, 4, 0, 0, 1}, {700, 13, 20, 6, 17, 3}, {2, vectorGrain + 1, vectorGrain + 2, 1, vectorGrain + 1, 0}} {
		rows, width, yStride, yOffset, xStride, xOffset := c[0], c[1], c[2], c[3], c[4], c[5]
		x, y0 := random(r, xOffset+rows*xStride+width), random(r, yOffset+rows*yStride+width)
		want := make([]float64, len(y0))
		for i, v := range y0 {
			want[i] = float64(v)
		}
		for i := range rows {
			for j := range width {
				want[yOffset+i*yStride+j] = float64(x[xOffset+i*xStride+j])
			}
		}
		agree(t, pools, fmt.Sprint(c), len(y0), want, func(p *Pool, y []float32) {
			copy(y, y0)
			Copy(p, y, x, rows, width, yStride, yOffset, xStride, xOffset)
		})
	}
}

func TestRMSProp(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(29, 30))
	const lr, alpha, eps, decay = 0.01, 0.9, 1e-3, 0.1
	for _, n := range lengths {
		w, g, m, v := random(r, n), random(r, n), random(r, n), random(r, n)
		for i := range v {
			v[i] *= v[i]
		}
		for _, momentum := range []float32{0, 0.9} {
			wantW, wantV := make([]float64, n), make([]float64, n)
			for i := range n {
				d := float64(g[i]) + decay*float64(w[i])
				wantV[i] = alpha*float64(v[i]) + (1-alpha)*d*d
				wantW[i] = float64(w[i]) - lr*(float64(momentum)*float64(m[i])+d/(math.Sqrt(wantV[i])+eps))
			}
			step := func(p *Pool) (u, l []float32) {
				u, l = append([]float32(nil), w...), append([]float32(nil), v...)
				RMSProp(p, u, g, append([]float32(nil), m...), l, lr, alpha, eps, momentum, decay)
				return u, l
			}
			agree(t, pools, "w", n, wantW, func(p *Pool, y []float32) { u, _ := step(p); copy(y, u) })
			agree(t, pools, "v", n, wantV, func(p *Pool, y []float32) { _, l := step(p); copy(y, l) })
		}
	}
}
