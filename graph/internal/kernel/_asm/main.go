// Command _asm writes the assembly of package kernel: run `go generate` there.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is what the tile of one instruction set is made of.
type isa struct {
	name          string
	bytes         int // of a vector
	rows, vectors int // the largest tile
	registers     []reg.VecPhysical
}

var (
	avx2 = isa{"AVX2", 32, 6, 2, []reg.VecPhysical{reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
		reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15}}
	avx512 = isa{"AVX512", 64, 8, 3, []reg.VecPhysical{reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
		reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15, reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20,
		reg.Z21, reg.Z22, reg.Z23, reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31}}
)

func main() {
	ConstraintExpr("amd64,!noasm")
	for _, s := range []isa{avx2, avx512} {
		s.tile()
		s.peak()
	}
	transpose()
	elementwise()
	Generate()
}

// zero clears a register; AVX-512F has no VXORPS.
func (s *isa) zero(r reg.VecPhysical) {
	if s.bytes == 64 {
		VPXORD(r, r, r)
	} else {
		VXORPS(r, r, r)
	}
}

// tile has a body for each size up to the largest, so that the remainders of
// a matrix need neither masks nor padded rows.
func (s *isa) tile() {
	TEXT("tile"+s.name, NOSPLIT, "func(c *float32, ldc int, bias, a *float32, lda int, b *float32, at *int, k, rows, vectors int)")
	Doc("tile" + s.name + " is tilePlain for up to " + fmt.Sprint(s.rows) + " rows and as many vectors of " + fmt.Sprint(s.bytes/4) + " columns as " + fmt.Sprint(s.vectors) + "; a nil bias adds to c.")
	Pragma("noescape")
	t := operands{
		c: Load(Param("c"), GP64()), ldc: Load(Param("ldc"), GP64()), bias: Load(Param("bias"), GP64()),
		lda: Load(Param("lda"), GP64()), b: Load(Param("b"), GP64()), at: Load(Param("at"), GP64()), k: Load(Param("k"), GP64()),
	}
	rows, vectors := Load(Param("rows"), GP64()), Load(Param("vectors"), GP64())
	SHLQ(U8(2), t.ldc)
	SHLQ(U8(2), t.lda)
	// row i is at a[i/3] + i%3 strides: scales of an index are 1, 2, 4 and 8
	t.a[0] = Load(Param("a"), GP64())
	for i := 1; 3*i < s.rows; i++ {
		t.a = t.a.next(i)
		LEAQ(Mem{Base: t.a[i-1], Index: t.lda, Scale: 2}, t.a[i])
		ADDQ(t.lda, t.a[i])
	}
	for v := s.vectors; v > 1; v-- {
		CMPQ(vectors, U8(v))
		JEQ(LabelRef(fmt.Sprintf("columns%d", v)))
	}
	for v := 1; v <= s.vectors; v++ {
		if v > 1 {
			Label(fmt.Sprintf("columns%d", v))
		}
		for r := s.rows; r > 1; r-- {
			CMPQ(rows, U8(r))
			JEQ(LabelRef(fmt.Sprintf("tile%dx%d", r, v)))
		}
		for r := 1; r <= s.rows; r++ {
			s.body(t, r, v)
		}
	}
}

type pointers [3]reg.Register

func (p pointers) next(i int) pointers { p[i] = GP64(); return p }

type operands struct {
	c, ldc, bias, lda, b, at, k reg.Register
	a                           pointers
}

// body computes one size of tile: the sums stay in registers, rows by vectors.
func (s *isa) body(t operands, rows, vectors int) {
	name := fmt.Sprintf("tile%dx%d", rows, vectors)
	if rows > 1 {
		Label(name)
	}
	sums := func(i, v int) reg.VecPhysical { return s.registers[i*vectors+v] }
	columns := s.registers[s.rows*s.vectors:]
	spare := columns[s.vectors:]
	for i := range rows {
		for v := range vectors {
			s.zero(sums(i, v))
		}
	}
	TESTQ(t.k, t.k)
	JZ(LabelRef(name + "store"))
	Label(name + "loop")
	offset := GP64()
	MOVQ(Mem{Base: t.at}, offset)
	ADDQ(U8(8), t.at)
	for v := range vectors {
		VMOVUPS(Mem{Base: t.b, Index: offset, Scale: 4, Disp: v * s.bytes}, columns[v])
	}
	for i := range rows {
		u := spare[i%len(spare)]
		from := Mem{Base: t.a[i/3]}
		if i%3 > 0 {
			from.Index, from.Scale = t.lda, uint8(i%3)
		}
		VBROADCASTSS(from, u)
		for v := range vectors {
			VFMADD231PS(columns[v], u, sums(i, v))
		}
	}
	for i := 0; 3*i < rows; i++ {
		ADDQ(U8(4), t.a[i])
	}
	DECQ(t.k)
	JNZ(LabelRef(name + "loop"))

	Label(name + "store")
	TESTQ(t.bias, t.bias)
	JZ(LabelRef(name + "add"))
	for i := range rows {
		VBROADCASTSS(Mem{Base: t.bias, Disp: 4 * i}, spare[0])
		for v := range vectors {
			VADDPS(spare[0], sums(i, v), sums(i, v))
			VMOVUPS(sums(i, v), Mem{Base: t.c, Disp: v * s.bytes})
		}
		if i+1 < rows {
			ADDQ(t.ldc, t.c)
		}
	}
	VZEROUPPER()
	RET()

	Label(name + "add")
	for i := range rows {
		for v := range vectors {
			VADDPS(Mem{Base: t.c, Disp: v * s.bytes}, sums(i, v), sums(i, v))
			VMOVUPS(sums(i, v), Mem{Base: t.c, Disp: v * s.bytes})
		}
		if i+1 < rows {
			ADDQ(t.ldc, t.c)
		}
	}
	VZEROUPPER()
	RET()
}

// peak runs as many independent chains as hide the latency of a multiply-add.
func (s *isa) peak() {
	TEXT("peak"+s.name, NOSPLIT, "func(n int)")
	Doc("peak" + s.name + " does 12*n multiply-adds of " + fmt.Sprint(s.bytes/4) + " elements in registers: what a core can do at most.")
	n := Load(Param("n"), GP64())
	for i := range 13 {
		s.zero(s.registers[i])
	}
	Label("loop")
	for i := range 12 {
		VFMADD231PS(s.registers[12], s.registers[12], s.registers[i])
	}
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

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

// elementwise writes functions of whole vectors, 32 bytes as memory bounds them.
func elementwise() {
	y0, y1, y2, zero := reg.Y0, reg.Y1, reg.Y2, reg.Y15
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
		{"maximum", "y[i] = max(a[i], b[i]), NaN where one is", func(a, b Mem) {
			VMOVUPS(a, y0)
			VMAXPS(b, y0, y1)
			VCMPPS(U8(cmpUnordered), y0, y0, y2)
			VBLENDVPS(y2, y0, y1, y0)
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

// predicates of VCMPPS
const (
	cmpUnordered    = 3
	cmpNotLessEqual = 6
)
