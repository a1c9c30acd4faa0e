//go:build amd64 && !noasm

package kernel

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

//go:generate sh -c "cd _asm && go run . -pkg kernel -out ../isa_amd64.s -stubs ../isa_stubs_amd64.go"

// implementations lists the loops that this machine can run, the best first.
// Package cpu looks at what the operating system saves, too, and at GODEBUG.
func implementations() []*loops {
	list := []*loops{plain}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		list = append([]*loops{avx2}, list...)
		if cpu.X86.HasAVX512F {
			list = append([]*loops{avx512}, list...)
		}
	}
	return list
}

var (
	avx2 = &loops{
		name: "avx2", lanes: 8, rows: []int{12, 6, 4}, transpose: transposeVectors,
		tile:     func(t *tile) { tileAVX2((*byte)(unsafe.Pointer(t))) },
		laneTile: func(t *tile) { lanesAVX2((*byte)(unsafe.Pointer(t))) },
		mostTile: func(t *tile) { mostAVX2((*byte)(unsafe.Pointer(t))) },
		peak:     func() int { const n = 1 << 12; peakAVX2(n); return 12 * 8 * n },
		normalise: func(y, x, residual, c []float32) {
			normaliseAVX2(first(y), first(x), first(residual), first(c), len(x)/8)
		},
		normaliseBackward: func(dx, x, dy, y, c []float32) {
			normaliseBackwardAVX2(first(dx), first(x), first(dy), first(y), first(c), len(x)/8)
		},
		gate:    func(dx, y, dy, c []float32) { gateAVX2(first(dx), first(y), first(dy), first(c), len(dy)/8) },
		moments: func(sums []float64, x, origin []float32) { momentsAVX2(first(sums), first(x), first(origin), len(x)/8) },
		deviations: func(sums []float64, x, dy, y, c []float32) {
			deviationsAVX2(first(sums), first(x), first(dy), first(y), first(c), len(x)/8)
		},
		maxPoolBackward: func(dx, x, y, dy []float32, at []int, step int) {
			maxPoolBackwardAVX2(first(dx), first(x), first(y), first(dy), first(at), len(at), step, len(y)/8)
		},
		respond: func(y, share, x []float32, bias, scale float32) {
			respondAVX2(first(y), first(share), first(x), bias, scale, len(y)/8)
		},
		respondBackward: func(dx, share, x []float32, factor float32) {
			respondBackwardAVX2(first(dx), first(share), first(x), factor, len(dx)/8)
		},
		merge: func(y, other, x []float32, index []int32) {
			mergeAVX2(first(y), first(other), first(x), first(index), len(y)/8)
		},
		winogradInput: func(v, x, scratch []float32, plane, row, tiles int) {
			winogradInputAVX2(&v[0], &x[0], &scratch[0], plane, row, tiles)
		},
		winogradGradient: func(u, dy, scratch []float32, plane, row, tiles int) {
			winogradGradientAVX2(&u[0], &dy[0], &scratch[0], plane, row, tiles)
		},
		winogradOutput: func(y, m, scratch []float32, plane, row, tiles int, c, residual []float32) {
			winogradOutputAVX2(&y[0], &m[0], &scratch[0], plane, row, tiles, &c[0], first(residual))
		},
		winogradWeights: func(u, w, scratch []float32, plane, wPlane, vectors int) {
			winogradWeightsAVX2(&u[0], &w[0], &scratch[0], plane, wPlane, vectors)
		},
		winogradWeightsBackward: func(dw, u, scratch []float32, plane, wPlane, vectors int) {
			winogradWeightsBackwardAVX2(&dw[0], &u[0], &scratch[0], plane, wPlane, vectors)
		},
		relu: everyVector(reluAVX2, 8), reluBackward: everyVector(reluBackwardAVX2, 8), add: everyVector(addAVX2, 8),
		sigmoid: everyVector(sigmoidAVX2, 8), swish: everyVector(swishAVX2, 8), swishBackward: everyVector(swishBackwardAVX2, 8),
	}
	avx512 = &loops{
		name: "avx512", lanes: 16, rows: []int{14, 14}, transpose: transposeVectors,
		tile:     func(t *tile) { tileAVX512((*byte)(unsafe.Pointer(t))) },
		laneTile: func(t *tile) { lanesAVX512((*byte)(unsafe.Pointer(t))) },
		mostTile: func(t *tile) { mostAVX512((*byte)(unsafe.Pointer(t))) },
		peak:     func() int { const n = 1 << 12; peakAVX512(n); return 12 * 16 * n },
		normalise: func(y, x, residual, c []float32) {
			normaliseAVX512(first(y), first(x), first(residual), first(c), len(x)/16)
		},
		normaliseBackward: func(dx, x, dy, y, c []float32) {
			normaliseBackwardAVX512(first(dx), first(x), first(dy), first(y), first(c), len(x)/16)
		},
		gate: func(dx, y, dy, c []float32) { gateAVX512(first(dx), first(y), first(dy), first(c), len(dy)/16) },
		moments: func(sums []float64, x, origin []float32) {
			momentsAVX512(first(sums), first(x), first(origin), len(x)/16)
		},
		deviations: func(sums []float64, x, dy, y, c []float32) {
			deviationsAVX512(first(sums), first(x), first(dy), first(y), first(c), len(x)/16)
		},
		maxPoolBackward: func(dx, x, y, dy []float32, at []int, step int) {
			maxPoolBackwardAVX512(first(dx), first(x), first(y), first(dy), first(at), len(at), step, len(y)/16)
		},
		respond: func(y, share, x []float32, bias, scale float32) {
			respondAVX512(first(y), first(share), first(x), bias, scale, len(y)/16)
		},
		respondBackward: func(dx, share, x []float32, factor float32) {
			respondBackwardAVX512(first(dx), first(share), first(x), factor, len(dx)/16)
		},
		merge: func(y, other, x []float32, index []int32) {
			mergeAVX512(first(y), first(other), first(x), first(index), len(y)/16)
		},
		winogradInput: func(v, x, scratch []float32, plane, row, tiles int) {
			winogradInputAVX512(&v[0], &x[0], &scratch[0], plane, row, tiles)
		},
		winogradGradient: func(u, dy, scratch []float32, plane, row, tiles int) {
			winogradGradientAVX512(&u[0], &dy[0], &scratch[0], plane, row, tiles)
		},
		winogradOutput: func(y, m, scratch []float32, plane, row, tiles int, c, residual []float32) {
			winogradOutputAVX512(&y[0], &m[0], &scratch[0], plane, row, tiles, &c[0], first(residual))
		},
		winogradWeights: func(u, w, scratch []float32, plane, wPlane, vectors int) {
			winogradWeightsAVX512(&u[0], &w[0], &scratch[0], plane, wPlane, vectors)
		},
		winogradWeightsBackward: func(dw, u, scratch []float32, plane, wPlane, vectors int) {
			winogradWeightsBackwardAVX512(&dw[0], &u[0], &scratch[0], plane, wPlane, vectors)
		},
		relu: avx2.relu, reluBackward: avx2.reluBackward, add: avx2.add,
		sigmoid: everyVector(sigmoidAVX512, 16), swish: everyVector(swishAVX512, 16), swishBackward: everyVector(swishBackwardAVX512, 16),
	}
)

// first is where a slice begins, nil for a nil one.
func first[T any](x []T) *T { return unsafe.SliceData(x) }

// everyVector is f, for a last vector that is not whole too: an element's result does not depend
// on its place.
func everyVector(f func(y, a, b *float32, vectors int), lanes int) func(v *vector, y, a, b []float32) {
	return func(_ *vector, y, a, b []float32) {
		n := len(y) / lanes * lanes
		f(first(y), first(a), first(b), n/lanes)
		if n == len(y) {
			return
		}
		var last [3][maxLanes]float32
		copy(last[1][:], a[n:])
		if b != nil {
			copy(last[2][:], b[n:])
		}
		f(&last[0][0], &last[1][0], &last[2][0], 1)
		copy(y[n:], last[0][:])
	}
}

// transposeVectors is transposePlain in blocks of 8x8, as far as they go.
func transposeVectors(y []float32, ldy int, x []float32, ldx, rows, columns int) {
	if rows == 0 || columns == 0 {
		return
	}
	r, c := rows&^7, columns&^7
	if c > 0 {
		for i := 0; i < r; i += 8 {
			transposeAVX2(&y[i], ldy, &x[i*ldx], ldx, c/8)
		}
	}
	if r > 0 && c < columns {
		transposePlain(y[c*ldy:], ldy, x[c:], ldx, r, columns-c)
	}
	if r < rows {
		transposePlain(y[r:], ldy, x[r*ldx:], ldx, rows-r, columns)
	}
}
