package kernel

import (
	"cmp"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"
)

// eachISA runs f with the loops of each instruction set of this machine in use.
func eachISA(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	best := isa
	defer func() { isa = best }()
	for _, s := range implementations() {
		t.Run(s.name, func(t *testing.T) {
			isa = s
			f(t)
		})
	}
}

// An instruction set that is not here is skipped, or fails where GRAFT_REQUIRE_ISA
// asks for it or for one that includes it.
func TestInstructionSets(t *testing.T) {
	names := []string{"plain", "avx2", "avx512"} // each includes those before
	required := slices.Index(names, cmp.Or(os.Getenv("GRAFT_REQUIRE_ISA"), "plain"))
	if required < 0 {
		t.Fatalf("GRAFT_REQUIRE_ISA=%s, want one of %v", os.Getenv("GRAFT_REQUIRE_ISA"), names)
	}
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			if slices.ContainsFunc(implementations(), func(s *loops) bool { return s.name == name }) {
				return
			}
			if i <= required {
				t.Fatalf("GRAFT_REQUIRE_ISA=%s, but there is no %s here", names[required], name)
			}
			t.Skipf("no %s here", name)
		})
	}
}

// around are the sizes at which a loop in steps of n may go wrong.
func around(n int) []int { return []int{0, 1, n - 1, n, n + 1, 2*n + 3} }

// aroundRows are such sizes for the tiles of all widths.
func aroundRows() (list []int) {
	for _, rows := range isa.rows {
		list = append(list, around(rows)...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func TestMultiply(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		for _, rows := range append(aroundRows(), 2, 3) {
			for _, columns := range append(around(isa.lanes), 2*isa.lanes, 3*isa.lanes, 4*isa.lanes) {
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

// BenchmarkTile keeps its operands in a level 1 cache: a panel of 3x3 weights for 16
// channels.
func BenchmarkTile(b *testing.B) {
	const k = 9 * 16
	blocks := len(isa.rows)
	rows, width := isa.rows[blocks-1], blocks*isa.lanes
	x := &tile{c: make([]float32, rows*width), cRow: width, cBlock: isa.lanes,
		a: make([]float32, k*rows), aRow: k, aStep: 1, b: make([]float32, k*width), bStep: width, bBlock: isa.lanes,
		taps: []tap{{0, k / 3}, {k / 3, k / 3}, {2 * k / 3, k / 3}}, rows: rows, blocks: blocks}
	const calls = 64 // the clock takes its time, too
	took := time.Duration(math.MaxInt64)
	for b.Loop() {
		start := time.Now()
		for range calls {
			isa.tile(x)
		}
		took = min(took, time.Since(start))
	}
	rate := 2 * float64(rows*width*k*calls) / float64(took.Nanoseconds())
	b.ReportMetric(rate, "GFLOP/s")
	b.ReportMetric(rate/peakOf(b), "of-peak")
}
