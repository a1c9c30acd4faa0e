package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// transpose exchanges 8x8 blocks: pairs of rows, then pairs of pairs, then halves.
func transpose() {
	TEXT("transposeAVX2", NOSPLIT, "func(y *float32, ldy int, x *float32, ldx, blocks int)")
	Doc("transposeAVX2 is transposePlain of 8 rows and 8*blocks columns, blocks at least 1.")
	Pragma("noescape")
	y, ldy := Load(Param("y"), GP64()), Load(Param("ldy"), GP64())
	x, ldx := Load(Param("x"), GP64()), Load(Param("ldx"), GP64())
	blocks := Load(Param("blocks"), GP64())
	SHLQ(U8(2), ldy)
	SHLQ(U8(2), ldx)
	x3, x6, y3, y6 := GP64(), GP64(), GP64(), GP64()
	third := func(from, ld, to reg.Register) {
		LEAQ(Mem{Base: from, Index: ld, Scale: 2}, to)
		ADDQ(ld, to)
	}
	third(x, ldx, x3)
	third(x3, ldx, x6)
	row := func(p, p3, p6, ld reg.Register, i int) Mem {
		m := Mem{Base: []reg.Register{p, p3, p6}[i/3]}
		if i%3 > 0 {
			m.Index, m.Scale = ld, uint8(i%3)
		}
		return m
	}
	Label("loop")
	third(y, ldy, y3)
	third(y3, ldy, y6)
	in, out := avx2.registers[:8], avx2.registers[8:]
	for i := range 8 {
		VMOVUPS(row(x, x3, x6, ldx, i), in[i])
	}
	for i := 0; i < 8; i += 2 {
		VUNPCKLPS(in[i+1], in[i], out[i])
		VUNPCKHPS(in[i+1], in[i], out[i+1])
	}
	for i := 0; i < 8; i += 4 {
		for j := range 2 { // columns 2j and 2j+1 of each half, of rows i to i+3
			VSHUFPS(U8(0x44), out[i+2+j], out[i+j], in[i+2*j])
			VSHUFPS(U8(0xee), out[i+2+j], out[i+j], in[i+2*j+1])
		}
	}
	for j := range 4 {
		VPERM2F128(U8(0x20), in[4+j], in[j], out[j])
		VPERM2F128(U8(0x31), in[4+j], in[j], out[4+j])
	}
	for i := range 8 {
		VMOVUPS(out[i], row(y, y3, y6, ldy, i))
	}
	for _, p := range []reg.Register{x, x3, x6} {
		ADDQ(U8(32), p)
	}
	LEAQ(Mem{Base: y, Index: ldy, Scale: 8}, y)
	DECQ(blocks)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
