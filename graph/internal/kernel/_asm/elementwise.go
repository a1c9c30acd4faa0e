package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// elementwise writes functions of whole vectors, 32 bytes as memory bounds them.
func elementwise() {
	y0, zero := reg.Y0, reg.Y15
	for _, f := range []struct {
		name, doc string
		body      func(a, b Mem)
	}{
		// VMAXPS returns its last operand where one is NaN or both are zero; adding 0 makes -0 0
		{"relu", "y[i] = max(a[i], 0), NaN for NaN; b is not read", func(a, b Mem) {
			VMAXPS(a, zero, y0)
			VADDPS(zero, y0, y0)
		}},
		{"reluBackward", "y[i] = b[i] where a[i] > 0 or NaN, else 0", func(a, b Mem) {
			VMOVUPS(a, y0)
			VCMPPS(U8(cmpNotLessEqual), zero, y0, y0)
			VANDPS(b, y0, y0)
		}},
		{"add", "y[i] = a[i] + b[i]", func(a, b Mem) {
			VMOVUPS(a, y0)
			VADDPS(b, y0, y0)
		}},
	} {
		TEXT(f.name+"AVX2", NOSPLIT, "func(y, a, b *float32, vectors int)")
		Doc(f.name + "AVX2 computes " + f.doc + ", for 8*vectors elements.")
		Pragma("noescape")
		y, a, b := Load(Param("y"), GP64()), Load(Param("a"), GP64()), Load(Param("b"), GP64())
		n := Load(Param("vectors"), GP64())
		VXORPS(zero, zero, zero)
		i := GP64()
		XORQ(i, i)
		SHLQ(U8(5), n)
		JZ(LabelRef("done"))
		Label("loop")
		f.body(Mem{Base: a, Index: i, Scale: 1}, Mem{Base: b, Index: i, Scale: 1})
		VMOVUPS(y0, Mem{Base: y, Index: i, Scale: 1})
		ADDQ(U8(32), i)
		CMPQ(i, n)
		JNE(LabelRef("loop"))
		Label("done")
		VZEROUPPER()
		RET()
	}
}
