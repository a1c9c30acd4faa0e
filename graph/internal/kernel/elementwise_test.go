package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// lengths are around the span's edges.
var lengths = []int{0, 1, 2, 3, 5, 31, vectorGrain - 1, vectorGrain, vectorGrain + 1, 2*vectorGrain + 3}

var (
	inf = math.Inf(1)
	nan = math.NaN()
	// specials meet each other in every pair of operands
	specials = []float32{0, float32(math.Copysign(0, -1)), 1, -1, 3, -3, 6, 0.5, 1e-30, -1e-42, 88, 89, -103, -104, 1e38, -1e38,
		float32(inf), float32(-inf), float32(nan), math.Float32frombits(0xffc00000)}
)

// elementwise is every kernel y[i] = f(a[i], b[i]) with its formula in double
// precision, and the units in the last place it may be off.
var elementwise = []struct {
	name string
	ulps float64
	run  func(p *Pool, y, a, b []float32)
	want func(a, b float64) float64
}{
	{"Add", 0.5, Add, func(a, b float64) float64 { return a + b }},
	{"Mul", 0.5, Mul, func(a, b float64) float64 { return a * b }},
	{"Div", 0.5, Div, func(a, b float64) float64 { return a / b }},
	{"Scale", 0.5, func(p *Pool, y, a, _ []float32) { Scale(p, y, a, -2.5) }, func(a, _ float64) float64 { return -2.5 * a }},
	{"Scale by 1", 0, func(p *Pool, y, a, _ []float32) { Scale(p, y, a, 1) }, func(a, _ float64) float64 { return a }},
	{"Sum", 1, func(p *Pool, y, a, b []float32) { Sum(p, y, a, b) }, func(a, b float64) float64 { return a + b }},
	{"Relu", 0, func(p *Pool, y, a, _ []float32) { Relu(p, y, a) }, func(a, _ float64) float64 { return max(a, 0) }},
	{"ReluBackward", 0, ReluBackward, func(a, b float64) float64 { return where(!(a <= 0), b, 0) }},
	{"Clip", 0, func(p *Pool, y, a, _ []float32) { Clip(p, y, a, -0.5, 6) }, func(a, _ float64) float64 { return min(max(a, -0.5), 6) }},
	{"ClipBackward", 0, func(p *Pool, y, a, b []float32) { ClipBackward(p, y, a, b, -1, 6) }, func(a, b float64) float64 { return where(a >= -1 && a <= 6, b, 0) }},
	{"Swish", 3, func(p *Pool, y, a, _ []float32) { Swish(p, y, a) }, func(a, _ float64) float64 { return a / float64(float32(1+math.Exp(-a))) }},
	{"Sigmoid", 3, func(p *Pool, y, a, _ []float32) { Sigmoid(p, y, a) }, func(a, _ float64) float64 { return 1 / float64(float32(1+math.Exp(-a))) }},
	{"SigmoidBackward", 4, SigmoidBackward, func(a, b float64) float64 { return float64(float32(b*float64(float32(1-a)))) * a }},
	{"Tanh", 1, func(p *Pool, y, a, _ []float32) { Tanh(p, y, a) }, func(a, _ float64) float64 { return math.Tanh(a) }},
	{"TanhBackward", 4, TanhBackward, func(a, b float64) float64 { return b * (1 - a*a) }},
	{"HardSigmoid", 2, func(p *Pool, y, a, _ []float32) { HardSigmoid(p, y, a, 0.25, 0.5) }, func(a, _ float64) float64 { return max(0, min(1, 0.25*a+0.5)) }},
	{"HardSigmoidBackward", 0.5, func(p *Pool, y, a, b []float32) { HardSigmoidBackward(p, y, a, b, 0.25, 0.5) }, func(a, b float64) float64 { return where(a > -2 && a < 2, 0.25*b, 0) }},
}

func where(c bool, a, b float64) float64 {
	if c {
		return a
	}
	return b
}

// same tells whether got is want rounded to float32, within ulps.
func same(got float32, want, ulps float64) bool {
	w := float32(want)
	if got == w || math.IsNaN(want) && got != got {
		return true
	}
	ulp := float64(math.Nextafter32(float32(math.Abs(want)), float32(inf))) - math.Abs(float64(float32(math.Abs(want))))
	return math.Abs(float64(got)-want) <= ulps*ulp
}

func TestElementwise(t *testing.T) { eachISA(t, testElementwise) }

func testElementwise(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(7, 8))
	for _, k := range elementwise {
		t.Run(k.name, func(t *testing.T) {
			for _, n := range lengths {
				a, b := random(r, n), random(r, n)
				for i := range min(n, len(specials)*len(specials)) {
					a[i], b[i] = specials[i%len(specials)], specials[i/len(specials)]
				}
				for _, p := range pools {
					y, check := guarded(t, n)
					k.run(p, y, a, b)
					check()
					for i := range y {
						if want := k.want(float64(a[i]), float64(b[i])); !same(y[i], want, k.ulps) {
							t.Fatalf("n=%d: element %d of (%v, %v) is %v, want %v", n, i, a[i], b[i], y[i], want)
						}
					}
					inPlace := append([]float32(nil), a...)
					k.run(p, inPlace, inPlace, b)
					for i := range y {
						if math.Float32bits(inPlace[i]) != math.Float32bits(y[i]) && y[i] == y[i] {
							t.Fatalf("n=%d: element %d is %v in place, %v otherwise", n, i, inPlace[i], y[i])
						}
					}
				}
			}
		})
	}
}

func TestHardSwish(t *testing.T) {
	x := make([]float32, 0, 801)
	for i := -400; i <= 400; i++ {
		x = append(x, float32(i)/64)
	}
	y, dx, dy := make([]float32, len(x)), make([]float32, len(x)), make([]float32, len(x))
	wantY, wantDx := make([]float64, len(x)), make([]float64, len(x))
	for i, v := range x {
		v := float64(v)
		dy[i] = 2
		wantY[i] = v * max(0, min(1, v/6+0.5))
		wantDx[i] = 2 * where(v <= -3, 0, where(v >= 3, 1, v/3+0.5))
	}
	HardSwish(nil, y, x)
	HardSwishBackward(nil, dx, x, dy)
	near(t, "y", y, wantY, 1e-7)
	near(t, "dx", dx, wantDx, 1e-6)
}

func TestExpSweep(t *testing.T) {
	var x []float32
	for v := float32(-110); v < 95; v += 0.00173 {
		x = append(x, v)
	}
	y := make([]float32, len(x))
	for _, k := range elementwise {
		switch k.name {
		case "Sigmoid", "Swish", "Tanh":
			k.run(nil, y, x, nil)
			for i, v := range x {
				if want := k.want(float64(v), 0); !same(y[i], want, k.ulps) {
					t.Fatalf("%s(%v) is %v, want %v", k.name, v, y[i], want)
				}
			}
		}
	}
}

func TestAxpyAndSum(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(9, 10))
	for _, n := range lengths {
		a, b, c := random(r, n), random(r, n), random(r, n)
		axpy, three, one := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range n {
			axpy[i] = float64(a[i]) + 0.3*float64(b[i])
			three[i] = float64(a[i]) + float64(b[i]) + float64(c[i])
			one[i] = float64(a[i])
		}
		agree(t, pools, "Axpy", n, axpy, func(p *Pool, y []float32) { copy(y, a); Axpy(p, y, b, 0.3) })
		agree(t, pools, "Sum of three", n, three, func(p *Pool, y []float32) { Sum(p, y, a, b, c) })
		agree(t, pools, "Sum of one", n, one, func(p *Pool, y []float32) { Sum(p, y, a) })
		agree(t, pools, "Sum of none", n, make([]float64, n), func(p *Pool, y []float32) { Sum(p, y) })
	}
}

func TestSumSquares(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(11, 12))
	for _, n := range lengths {
		x, want := random(r, n), 0.0
		for _, v := range x {
			want += float64(v) * float64(v)
		}
		first := SumSquares(nil, x)
		if math.Abs(first-want) > 1e-12*want {
			t.Errorf("n=%d: got %v, want %v", n, first, want)
		}
		for _, p := range pools {
			if got := SumSquares(p, x); got != first {
				t.Errorf("n=%d: got %v on %d threads, %v on one", n, got, p.Threads(), first)
			}
		}
	}
}
