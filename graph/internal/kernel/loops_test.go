package kernel

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// loopTests hold every inner loop against its formula. The operands are small
// integers, which all forms add and multiply without rounding, so that the formula
// has to be met to the bit; some are NaN, infinite or -0.
var loopTests = map[string]func(t *testing.T, r *rand.Rand){
	"tile":              func(t *testing.T, r *rand.Rand) { testTile(t, r, isa.tile, len(isa.rows), (*tile).product) },
	"laneTile":          func(t *testing.T, r *rand.Rand) { testTile(t, r, isa.laneTile, 1, (*tile).laneProduct) },
	"mostTile":          func(t *testing.T, r *rand.Rand) { testTile(t, r, isa.mostTile, 1, (*tile).largest) },
	"transpose":         testTranspose,
	"peak":              testPeak,
	"normalise":         testNormalise,
	"normaliseBackward": testNormaliseBackward,
	"gate":              testGate,
	"moments":           testMoments,
	"deviations":        testDeviations,
	"maxPoolBackward":   testMaxPoolBackward,
	"respond":           testRespond,
	"respondBackward":   testRespondBackward,
	"merge":             testMerge,
	"winogradInput": func(t *testing.T, r *rand.Rand) {
		testTransform(t, r, 6, 6, winogradB, func(to, from, scratch []float32, plane, row, tiles int) {
			isa.winogradInput(to, from, scratch, plane, row, tiles)
		})
	},
	"winogradGradient": func(t *testing.T, r *rand.Rand) {
		testTransform(t, r, 4, 6, winogradA, func(to, from, scratch []float32, plane, row, tiles int) {
			isa.winogradGradient(to, from, scratch, plane, row, tiles)
		})
	},
	"winogradOutput":          testWinogradOutput,
	"winogradWeights":         testWinogradWeights,
	"winogradWeightsBackward": testWinogradWeightsBackward,
	"sigmoid": func(t *testing.T, r *rand.Rand) {
		testExponential(t, r, isa.sigmoid, false, 3, func(x, _ float64) float64 { return 1 / (1 + math.Exp(-x)) })
	},
	"swish": func(t *testing.T, r *rand.Rand) {
		testExponential(t, r, isa.swish, false, 3, func(x, _ float64) float64 { return x / float64(float32(1+math.Exp(-x))) })
	},
	"swishBackward": func(t *testing.T, r *rand.Rand) {
		testExponential(t, r, isa.swishBackward, true, 6, func(x, dy float64) float64 {
			s := 1 / (1 + math.Exp(-x))
			return dy * (s + x*s*(1-s))
		})
	},
	"relu": func(t *testing.T, r *rand.Rand) {
		testVectors(t, r, isa.relu, false, func(a, _ float32) float32 { return max(a, 0) })
	},
	"reluBackward": func(t *testing.T, r *rand.Rand) { testVectors(t, r, isa.reluBackward, true, opened) },
	"add": func(t *testing.T, r *rand.Rand) {
		testVectors(t, r, isa.add, true, func(a, b float32) float32 { return a + b })
	},
}

// A loop that joins the table needs a test.
func TestLoops(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		table := reflect.TypeOf(*isa)
		for i := range table.NumField() {
			if f := table.Field(i); f.Type.Kind() == reflect.Func {
				t.Run(f.Name, func(t *testing.T) {
					if loopTests[f.Name] == nil {
						t.Fatal("no test")
					}
					loopTests[f.Name](t, rand.New(rand.NewPCG(25, 26)))
				})
			}
		}
	})
}

// integers returns n small integers that start anywhere in a cache line. wild ones
// are sometimes something else.
func integers(r *rand.Rand, n int, wild bool) []float32 {
	start := r.IntN(maxLanes)
	x := make([]float32, start+n)[start:]
	for i := range x {
		x[i] = float32(r.IntN(9) - 4)
		if wild && r.IntN(20) == 0 {
			x[i] = []float32{float32(nan), float32(inf), float32(-inf), float32(math.Copysign(0, -1))}[r.IntN(4)]
		}
	}
	return x
}

// equalBits tells whether two numbers are the same, or NaN both.
func equalBits(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}

// sameBits fails unless got is want, to the bit.
func sameBits(t *testing.T, name string, got, want []float32) {
	t.Helper()
	for i, v := range want {
		if !equalBits(got[i], v) {
			t.Fatalf("%s: element %d is %v, want %v", name, i, got[i], v)
		}
	}
}

// product, laneProduct and largest are what the three forms of a tile make of the
// element o of c that row, block and lane name.
func (t *tile) product(row, block, lane, o int) float32 {
	return t.stored(o, block*isa.lanes+lane, func(a, b int) float64 {
		return float64(t.a[a+row*t.aRow]) * float64(t.b[b+block*t.bBlock+lane])
	})
}

func (t *tile) laneProduct(row, _, lane, o int) float32 {
	return t.stored(o, lane, func(a, b int) float64 { return float64(t.a[a+row*t.aRow+lane]) * float64(t.b[b+lane]) })
}

func (t *tile) largest(row, _, lane, _ int) float32 {
	s := float32(-inf)
	t.terms(func(a, _ int) {
		if v := t.a[a+row*t.aRow+lane]; v > s || v != v {
			s = v
		}
	})
	return s
}

// terms calls f with the places in a and b of the terms of a sum.
func (t *tile) terms(f func(a, b int)) {
	b := 0
	for _, p := range t.taps {
		for i := range p.count {
			f(p.at+i*t.aStep, b)
			b += t.bStep
		}
	}
}

// stored is the sum that goes to element o of c, with what follows it.
func (t *tile) stored(o, channel int, term func(a, b int) float64) float32 {
	s := 0.0
	switch {
	case t.resume:
		s = float64(t.c[o])
	case t.begin:
		s = float64(t.bias[channel])
	}
	t.terms(func(a, b int) { s += term(a, b) })
	if t.bias != nil && !t.begin {
		s += float64(t.bias[channel])
	}
	if t.add {
		s += float64(t.c[o])
	}
	if t.residual != nil {
		s += float64(t.residual[o])
	}
	if t.clamp && s < float64(t.lo) {
		s = float64(t.lo)
	}
	if t.clamp && s > float64(t.hi) {
		s = float64(t.hi)
	}
	return float32(s)
}

// testTile draws tiles of every size that f has a body for.
func testTile(t *testing.T, r *rand.Rand, f func(*tile), blocks int, formula func(t *tile, row, block, lane, o int) float32) {
	var sizes [][2]int
	for v, most := range isa.rows[:blocks] {
		for rows := range most {
			sizes = append(sizes, [2]int{rows + 1, v + 1})
		}
	}
	for i := range 40 * len(sizes) {
		size := sizes[i%len(sizes)]
		x := drawTile(r, size[0], size[1])
		want := slices.Clone(x.c)
		for row := range x.rows {
			for v := range x.blocks {
				for l := range isa.lanes {
					o := row*x.cRow + v*x.cBlock + l
					want[o] = formula(x, row, v, l, o)
				}
			}
		}
		c, check := guarded(t, len(x.c))
		copy(c, x.c)
		x.c = c
		f(x)
		check()
		for o, v := range want {
			if !equalBits(c[o], v) {
				x.c, x.a, x.b, x.bias, x.residual = nil, nil, nil, nil, nil
				t.Fatalf("element %d of c is %v, want %v, in %+v", o, c[o], v, *x)
			}
		}
	}
}

// drawTile draws up to three runs of terms at irregular places, strides with gaps, and
// some of what may follow the sums.
func drawTile(r *rand.Rand, rows, blocks int) *tile {
	t := &tile{rows: rows, blocks: blocks, aRow: r.IntN(2 * isa.lanes), aStep: r.IntN(2 * isa.lanes), add: r.IntN(2) > 0, clamp: r.IntN(2) > 0}
	if r.IntN(3) == 0 { // as in a kernel of stride 1
		t.aStep = t.aRow
	}
	terms, last := 0, 0
	for range r.IntN(4) {
		p := tap{r.IntN(60), 1 + r.IntN(7)}
		t.taps = append(t.taps, p)
		terms += p.count
		last = max(last, p.at+(p.count-1)*t.aStep)
	}
	wild := r.IntN(3) > 0
	t.a = integers(r, last+(rows-1)*t.aRow+isa.lanes, wild)
	t.bBlock = isa.lanes + r.IntN(5)
	t.bStep = r.IntN(3) * (blocks*t.bBlock + r.IntN(3)) // 0: the same row again
	t.b = integers(r, terms*t.bStep+blocks*t.bBlock+isa.lanes, wild)
	t.cBlock = isa.lanes + r.IntN(5)
	t.cRow = blocks*t.cBlock + r.IntN(5)
	if r.IntN(2) > 0 { // a block is a plane
		t.cRow = isa.lanes + r.IntN(5)
		t.cBlock = rows*t.cRow + r.IntN(5)
	}
	t.c = integers(r, (rows-1)*t.cRow+(blocks-1)*t.cBlock+isa.lanes, wild)
	if r.IntN(2) > 0 {
		t.bias = integers(r, blocks*isa.lanes, wild)
	}
	t.resume, t.begin = r.IntN(3) == 0, t.bias != nil && r.IntN(2) > 0
	if r.IntN(2) > 0 {
		t.residual = integers(r, len(t.c), wild)
	}
	t.lo, t.hi = limit(r, -1), limit(r, 1)
	return t
}

// limit draws a bound, below 0 or above, or one that does not bound.
func limit(r *rand.Rand, sign float32) float32 {
	return []float32{0, 3 * sign, 6 * sign, float32(inf) * sign, float32(nan)}[r.IntN(5)]
}

func testPeak(t *testing.T, _ *rand.Rand) {
	if n := isa.peak(); n < 1000 {
		t.Errorf("%d multiply-adds", n)
	}
}

func testTranspose(t *testing.T, r *rand.Rand) {
	for _, rows := range append(around(8), 16) {
		for _, columns := range append(around(8), 16) {
			ldx, ldy := columns+r.IntN(3), rows+r.IntN(3)
			x := integers(r, rows*ldx, true)
			y, check := guarded(t, columns*ldy)
			want := slices.Clone(y)
			for i := range rows {
				for j := range columns {
					want[j*ldy+i] = x[i*ldx+j]
				}
			}
			isa.transpose(y, ldy, x, ldx, rows, columns)
			check()
			sameBits(t, "y", y, want)
		}
	}
}

// testVectors tests y = f(a, b), also in place.
func testVectors(t *testing.T, r *rand.Rand, f func(v *vector, y, a, b []float32), two bool, formula func(a, b float32) float32) {
	for _, n := range append(around(8), around(2*isa.lanes)...) {
		for range 20 {
			a, b := integers(r, n, true), integers(r, n, true)
			y, check := guarded(t, n)
			want := make([]float32, n)
			for i := range want {
				want[i] = formula(a[i], b[i])
			}
			if !two {
				b = nil
			}
			f(nil, y, a, b)
			check()
			sameBits(t, "y", y, want)
			f(nil, a, a, b)
			sameBits(t, "in place", a, want)
		}
	}
}

// testExponential holds a function of one operand, or two, to its formula within ulps.
func testExponential(t *testing.T, r *rand.Rand, f func(v *vector, y, a, b []float32), two bool, ulps float64, formula func(a, b float64) float64) {
	for _, n := range around(2 * isa.lanes) {
		for range 20 {
			a, b := integers(r, n, true), integers(r, n, two)
			y, check := guarded(t, n)
			if !two {
				b = nil
			}
			f(nil, y, a, b)
			check()
			for i := range y {
				other := 0.
				if two {
					other = float64(b[i])
				}
				if want := formula(float64(a[i]), other); !same(y[i], want, ulps) {
					t.Fatalf("element %d of (%v, %v) is %v, want %v", i, a[i], other, y[i], want)
				}
			}
			want := slices.Clone(y)
			f(nil, a, a, b)
			sameBits(t, "in place", a, want)
		}
	}
}

// opened is b where a is above 0 or NaN.
func opened(a, b float32) float32 {
	if a <= 0 {
		return 0
	}
	return b
}

// pixels are the sizes of the loops over lanes, in vectors.
var pixels = []int{0, 1, 2, 3, 5, 17}

// eachPixels calls f with numbers of pixels, of tame and of wild numbers.
func eachPixels(r *rand.Rand, f func(draw func(n int) []float32, size int)) {
	for _, n := range pixels {
		for range 10 {
			wild := r.IntN(3) > 0
			f(func(n int) []float32 { return integers(r, n, wild) }, n*isa.lanes)
		}
	}
}

// bounds puts two vectors of limits into c from vector k on.
func bounds(r *rand.Rand, c []float32, k int) {
	for l := range isa.lanes {
		c[k*isa.lanes+l], c[(k+1)*isa.lanes+l] = limit(r, -1), limit(r, 1)
	}
}

func testNormalise(t *testing.T, r *rand.Rand) {
	eachPixels(r, func(draw func(int) []float32, size int) {
		c, x, residual := draw(4*isa.lanes), draw(size), draw(size)
		bounds(r, c, 2)
		y, check := guarded(t, size)
		plain, summed := make([]float32, size), make([]float32, size)
		for i, v := range x {
			scale, shift, lo, hi := c[i%isa.lanes], c[isa.lanes+i%isa.lanes], c[2*isa.lanes+i%isa.lanes], c[3*isa.lanes+i%isa.lanes]
			limited := func(s float32) float32 {
				if s < lo {
					s = lo
				}
				if s > hi {
					s = hi
				}
				return s
			}
			plain[i], summed[i] = limited(v*scale+shift), limited(v*scale+shift+residual[i])
		}
		isa.normalise(y, x, nil, c)
		check()
		sameBits(t, "y", y, plain)
		isa.normalise(y, x, residual, c)
		check()
		sameBits(t, "with residual", y, summed)
		isa.normalise(residual, x, residual, c)
		sameBits(t, "over the residual", residual, summed)
		isa.normalise(x, x, nil, c)
		sameBits(t, "in place", x, plain)
	})
}

// through is dy where lo < y < hi or either is NaN, else 0.
func through(y, dy, lo, hi float32) float32 {
	if y <= lo || y >= hi {
		return 0
	}
	return dy
}

func testNormaliseBackward(t *testing.T, r *rand.Rand) {
	eachPixels(r, func(draw func(int) []float32, size int) {
		c, x, dy, y := draw(7*isa.lanes), draw(size), draw(size), draw(size)
		bounds(r, c, 5)
		dx, check := guarded(t, size)
		want := make([]float32, size)
		for i, v := range x {
			k := func(j int) float32 { return c[j*isa.lanes+i%isa.lanes] } // mean, inverse, gamma, a, b, lo, hi
			want[i] = (through(y[i], dy[i], k(5), k(6)) - k(3) - (v-k(0))*k(4)) * k(1) * k(2)
		}
		isa.normaliseBackward(dx, x, dy, y, c)
		check()
		sameBits(t, "dx", dx, want)
		isa.normaliseBackward(dy, x, dy, y, c)
		sameBits(t, "in place", dy, want)
	})
}

func testGate(t *testing.T, r *rand.Rand) {
	eachPixels(r, func(draw func(int) []float32, size int) {
		c, dy, y := draw(3*isa.lanes), draw(size), draw(size)
		bounds(r, c, 1)
		dx, check := guarded(t, size)
		want := make([]float32, size)
		for i := range want {
			want[i] = c[i%isa.lanes] * through(y[i], dy[i], c[isa.lanes+i%isa.lanes], c[2*isa.lanes+i%isa.lanes])
		}
		isa.gate(dx, y, dy, c)
		check()
		sameBits(t, "dx", dx, want)
		isa.gate(dy, y, dy, c)
		sameBits(t, "in place", dy, want)
	})
}

// testSums tests what f adds to two sums a lane, from what term says of each element.
func testSums(t *testing.T, r *rand.Rand, size int, f func(sums []float64), term func(i, lane int) (first, second float64)) {
	t.Helper()
	const guard, sentinel = 9, -12345.5
	n := 2 * isa.lanes
	all := make([]float64, n+2*guard)
	for i := range all {
		all[i] = sentinel
	}
	sums := all[guard : guard+n]
	for i := range sums {
		sums[i] = float64(r.IntN(100))
	}
	want := slices.Clone(all)
	for i := range size {
		lane := i % isa.lanes
		first, second := term(i, lane)
		want[guard+lane] += first
		want[guard+isa.lanes+lane] += second
	}
	f(sums)
	for i, v := range want {
		if all[i] != v && !(v != v && all[i] != all[i]) {
			t.Fatalf("%d elements: sum %d is %v, want %v", size, i-guard, all[i], v)
		}
	}
}

func testMoments(t *testing.T, r *rand.Rand) {
	eachPixels(r, func(draw func(int) []float32, size int) {
		x, origin := draw(size), draw(isa.lanes)
		testSums(t, r, size, func(sums []float64) { isa.moments(sums, x, origin) }, func(i, l int) (float64, float64) {
			d := float64(x[i]) - float64(origin[l])
			return d, d * d
		})
	})
}

func testDeviations(t *testing.T, r *rand.Rand) {
	eachPixels(r, func(draw func(int) []float32, size int) {
		c, x, dy, y := draw(3*isa.lanes), draw(size), draw(size), draw(size)
		bounds(r, c, 1)
		testSums(t, r, size, func(sums []float64) { isa.deviations(sums, x, dy, y, c) }, func(i, l int) (float64, float64) {
			g := float64(through(y[i], dy[i], c[isa.lanes+l], c[2*isa.lanes+l]))
			return g, g * (float64(x[i]) - float64(c[l]))
		})
	})
}

// Windows at irregular places that overlap, with ties, and some that do not hold their
// maximum at all.
func testMaxPoolBackward(t *testing.T, r *rand.Rand) {
	eachPixels(r, func(draw func(int) []float32, size int) {
		at, step, last := make([]int, 1+r.IntN(6)), r.IntN(3*isa.lanes), 0
		for i := range at {
			at[i] = r.IntN(5 * isa.lanes)
			last = max(last, at[i])
		}
		x, y, dy := draw(size/isa.lanes*step+last+isa.lanes), draw(size), draw(size)
		dx, check := guarded(t, len(x))
		copy(dx, draw(len(x)))
		want := slices.Clone(dx)
		for i := range y {
			place := func(o int) int { return i/isa.lanes*step + o + i%isa.lanes }
			if r.IntN(4) > 0 {
				y[i] = x[place(at[r.IntN(len(at))])]
			}
			k := slices.IndexFunc(at, func(o int) bool { v := x[place(o)]; return v == y[i] || v != v })
			if k >= 0 {
				want[place(at[k])] += dy[i]
			}
		}
		isa.maxPoolBackward(dx, x, y, dy, at, step)
		check()
		for i, v := range want {
			if dx[i] != v && !(v != v && dx[i] != dx[i]) {
				t.Fatalf("dx: element %d is %v, want %v; places %v, step %d", i, dx[i], v, at, step)
			}
		}
	})
}
