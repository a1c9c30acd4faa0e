//go:build amd64 && !noasm

package kernel

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

//go:generate sh -c "cd _asm && go run . -pkg kernel -out ../tile_amd64.s -stubs ../tile_stubs_amd64.go"

// implementations lists the tiles that this machine can run, the best first.
// Package cpu looks at what the operating system saves, too, and at GODEBUG.
func implementations() []*tiles {
	list := []*tiles{plain}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		list = append([]*tiles{avx2}, list...)
		if cpu.X86.HasAVX512F {
			list = append([]*tiles{avx512}, list...)
		}
	}
	return list
}

var (
	avx2 = &tiles{name: "avx2", rows: 6, columns: 16, vector: 8, transpose: transposeVector,
		tile: func(c []float32, ldc int, bias, a []float32, lda int, b []float32, at []int, rows, columns int) {
			tileAVX2(&c[0], ldc, unsafe.SliceData(bias), unsafe.SliceData(a), lda, &b[0], unsafe.SliceData(at), len(at), rows, columns/8)
		},
		peak: func() int { const n = 1 << 12; peakAVX2(n); return 12 * 8 * n }}

	avx512 = &tiles{name: "avx512", rows: 8, columns: 48, vector: 16, transpose: transposeVector,
		tile: func(c []float32, ldc int, bias, a []float32, lda int, b []float32, at []int, rows, columns int) {
			tileAVX512(&c[0], ldc, unsafe.SliceData(bias), unsafe.SliceData(a), lda, &b[0], unsafe.SliceData(at), len(at), rows, columns/16)
		},
		peak: func() int { const n = 1 << 12; peakAVX512(n); return 12 * 16 * n }}
)

// transposeVector is transposePlain in blocks of 8x8, as far as they go.
func transposeVector(y []float32, ldy int, x []float32, ldx, rows, columns int) {
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
