package kernel

import (
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// eachISA runs f with each instruction set's loops in use. One that this
// machine lacks is skipped, or fails where GRAFT_REQUIRE_ISA asks for it or
// for one that includes it.
func eachISA(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	best := isa
	defer func() { isa = best }()
	have := map[string]*loops{}
	for _, s := range implementations() {
		have[s.name] = s
	}
	required := os.Getenv("GRAFT_REQUIRE_ISA")
	for _, name := range []string{"plain", "avx2", "avx512"} {
		t.Run(name, func(t *testing.T) {
			if isa = have[name]; isa != nil {
				f(t)
			} else if required == name || required == "avx512" {
				t.Fatalf("GRAFT_REQUIRE_ISA=%s, but there is no %s here", required, name)
			} else {
				t.Skipf("no %s here", name)
			}
		})
	}
}

func TestISARequirement(t *testing.T) {
	switch required := os.Getenv("GRAFT_REQUIRE_ISA"); required {
	case "", "avx2", "avx512":
	default:
		t.Fatalf("GRAFT_REQUIRE_ISA=%s, want avx2 or avx512", required)
	}
}

// around are the sizes at which a loop in steps of n may go wrong.
func around(n int) []int { return []int{1, n - 1, n, n + 1, 2*n + 3} }

func TestMultiply(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		for _, rows := range append(around(isa.rows), 0, 2, 3) {
			for _, columns := range append(around(isa.lanes), 0, 2*isa.lanes) {
				for _, k := range []int{0, 1, 2, 17} {
					testMultiply(t, r, rows, columns, k)
				}
			}
		}
	})
}

// testMultiply starts operands at odd places and makes sure that nothing beside c is
// written.
func testMultiply(t *testing.T, r *rand.Rand, rows, columns, k int) {
	t.Helper()
	var w worker
	width := (columns + isa.lanes - 1) / isa.lanes * isa.lanes
	lda, ldb, ldc := k+r.IntN(3), width+r.IntN(5), width+r.IntN(5)
	a, b := random(r, 3+rows*lda+k)[3:], random(r, 1+k*ldb+width)[1:]
	for _, add := range []bool{false, true} {
		c, check := guarded(t, rows*ldc+width)
		before := random(r, len(c))
		copy(c, before)
		w.multiply(c, ldc, a, lda, 1, b, ldb, k, rows, columns, add)
		check()
		for i, v := range c {
			row, column := i/max(ldc, 1), i%max(ldc, 1)
			if row < rows && column < width {
				continue
			}
			if v != before[i] {
				t.Fatalf("%dx%dx%d: row %d, column %d was overwritten", rows, columns, k, row, column)
			}
		}
		for i := range rows {
			for j := range columns {
				s := 0.0
				if add {
					s = float64(before[i*ldc+j])
				}
				size := math.Abs(s)
				for l := range k {
					v := float64(a[i*lda+l]) * float64(b[l*ldb+j])
					s += v
					size += math.Abs(v)
				}
				// a rounding of 2^-24 each for a product and a sum, of at most size
				if got := c[i*ldc+j]; !(math.Abs(float64(got)-s) <= float64(2*k+1)*0x1p-24*size) {
					t.Fatalf("%dx%dx%d: row %d, column %d is %v, want %v", rows, columns, k, i, j, got, s)
				}
			}
		}
	}
}

func TestMultiplyCarriesNaNAndInfinity(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		var w worker
		inf, nan := float32(math.Inf(1)), float32(math.NaN())
		b := make([]float32, isa.lanes)
		b[0], b[1], b[2] = 1, 0, nan
		c := make([]float32, isa.lanes)
		w.multiply(c, isa.lanes, []float32{inf}, 1, 1, b, isa.lanes, 1, 1, 3, false)
		if c[0] != inf || c[1] == c[1] || c[2] == c[2] {
			t.Errorf("got %v, want [+Inf NaN NaN]", c[:3])
		}
	})
}

func TestTranspose(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(9, 10))
		for _, rows := range append(around(8), 0, 16) {
			for _, columns := range append(around(8), 0, 16) {
				ldx, ldy := columns+r.IntN(3), rows+r.IntN(3)
				x := random(r, 1+rows*ldx)[1:]
				y, check := guarded(t, columns*ldy)
				isa.transpose(y, ldy, x, ldx, rows, columns)
				check()
				for i := range y {
					want := float32(-12345.5) // guarded's
					if i%ldy < rows {
						want = x[i%ldy*ldx+i/ldy]
					}
					if y[i] != want {
						t.Fatalf("%dx%d: row %d, column %d is %v, want %v", rows, columns, i/ldy, i%ldy, y[i], want)
					}
				}
			}
		}
	})
}

// peakOf is what one core does at most with the instruction set in use, in
// GFLOP/s: the fastest of a few tries.
func peakOf(b *testing.B) float64 {
	b.Helper()
	best := 0.0
	for range 50 {
		start := time.Now()
		n := isa.peak()
		best = max(best, 2*float64(n)/float64(time.Since(start).Nanoseconds()))
	}
	return best
}

// benchThreads is 1: what a core reaches does not depend on how busy the others are.
const benchThreads = 1

func BenchmarkPeak(b *testing.B) {
	n := 0
	for b.Loop() {
		n += isa.peak()
	}
	b.ReportMetric(2*float64(n)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

// BenchmarkTile keeps its operands in a level 1 cache: a pair of blocks of 3x3 weights
// for 16 channels.
func BenchmarkTile(b *testing.B) {
	const k = 9 * 16
	x := &tile{c: make([]float32, 2*isa.rows*isa.lanes), cRow: 2 * isa.lanes, cBlock: isa.lanes,
		a: make([]float32, k*isa.rows), aRow: k, aStep: 1, b: make([]float32, k*2*isa.lanes), bStep: 2 * isa.lanes, bBlock: isa.lanes,
		taps: []tap{{0, k / 3}, {k / 3, k / 3}, {2 * k / 3, k / 3}}, rows: isa.rows, blocks: 2}
	start := cpuTime()
	for b.Loop() {
		isa.tile(x)
	}
	took := cpuTime() - start
	rate := 2 * float64(2*isa.rows*isa.lanes*k) * float64(b.N) / float64(took.Nanoseconds())
	b.ReportMetric(rate, "GFLOP/s")
	b.ReportMetric(rate/peakOf(b), "of-peak")
}
