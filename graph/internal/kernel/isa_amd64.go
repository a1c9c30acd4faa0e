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
		name: "avx2", rows: 6, columns: 16, vector: 8, transpose: transposeVectors,
		tile: func(c []float32, ldc int, bias, a []float32, lda int, b []float32, at []int, rows, columns int) {
			tileAVX2(&c[0], ldc, unsafe.SliceData(bias), unsafe.SliceData(a), lda, &b[0], unsafe.SliceData(at), len(at), rows, columns/8)
		},
		peak: func() int { const n = 1 << 12; peakAVX2(n); return 12 * 8 * n },
		relu: inVectors(reluAVX2, relu), reluBackward: inVectors(reluBackwardAVX2, reluBackward),
		add: inVectors(addAVX2, add), maximum: inVectors(maximumAVX2, maximum),
	}
	avx512 = &loops{
		name: "avx512", rows: 8, columns: 48, vector: 16, transpose: transposeVectors,
		tile: func(c []float32, ldc int, bias, a []float32, lda int, b []float32, at []int, rows, columns int) {
			tileAVX512(&c[0], ldc, unsafe.SliceData(bias), unsafe.SliceData(a), lda, &b[0], unsafe.SliceData(at), len(at), rows, columns/16)
		},
		peak: func() int { const n = 1 << 12; peakAVX512(n); return 12 * 16 * n },
		relu: avx2.relu, reluBackward: avx2.reluBackward, add: avx2.add, maximum: avx2.maximum,
	}
)

// inVectors is the plain function with f for all whole vectors.
func inVectors(f func(y, a, b *float32, vectors int), plain func(v *vector, y, a, b []float32)) func(v *vector, y, a, b []float32) {
	return func(v *vector, y, a, b []float32) {
		n := len(y) &^ 7
		f(unsafe.SliceData(y), unsafe.SliceData(a), unsafe.SliceData(b), n/8)
		if b != nil {
			b = b[n:]
		}
		plain(v, y[n:], a[n:], b)
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
