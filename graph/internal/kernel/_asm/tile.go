package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the fields of kernel.tile, which a test there compares.
const (
	tileC         = 0
	tileCRow      = 24
	tileCBlock    = 32
	tileBias      = 40
	tileResidual  = 64
	tileA         = 88
	tileARow      = 112
	tileAStep     = 120
	tileB         = 128
	tileBStep     = 152
	tileBBlock    = 160
	tileTaps      = 168
	tileTapsCount = 176
	tileRows      = 192
	tileBlocks    = 200
	tileAdd       = 208
	tileClamp     = 209
	tileResume    = 210
	tileBegin     = 211
	tileLo        = 212
	tileHi        = 216
)

// step computes one term of all sums of a body.
type step func(b *body)

// body is one size of tile. Row i of a is at a[i/3] + i%3 rows: the scales of an
// index are 1, 2, 4 and 8.
type body struct {
	rows, blocks      int
	a                 []reg.Register
	aRow, b, bBlock   reg.Register
	columns, spare    []reg.VecPhysical
	sums              [][]reg.VecPhysical
	largest           bool // sums start from -Inf
	name              string
	args, at, taps, n reg.Register
}

func (b *body) row(i int) Mem {
	m := Mem{Base: b.a[i/3]}
	if i%3 > 0 {
		m.Index, m.Scale = b.aRow, uint8(i%3)
	}
	return m
}

// multiplyAdd adds the product of an element of a and vectors of b.
func (s *isa) multiplyAdd(b *body) {
	for v := range b.blocks {
		m := Mem{Base: b.b}
		if v > 0 {
			m.Index, m.Scale = b.bBlock, uint8(v)
		}
		VMOVUPS(m, b.columns[v])
	}
	for i := range b.rows {
		u := b.spare[i%len(b.spare)]
		VBROADCASTSS(b.row(i), u)
		for v := range b.blocks {
			VFMADD231PS(b.columns[v], u, b.sums[i][v])
		}
	}
}

// multiplyAddLanes adds the product of vectors of a and b.
func (s *isa) multiplyAddLanes(b *body) {
	VMOVUPS(Mem{Base: b.b}, b.columns[0])
	for i := range b.rows {
		VFMADD231PS(b.row(i), b.columns[0], b.sums[i][0])
	}
}

// slideLanes adds three terms whose vectors of a are each other's neighbours: a step is a
// row, as in a row of a depthwise kernel of stride 1. Each vector is loaded once for all
// sums that it is part of.
func (s *isa) slideLanes(b *body, bStep reg.Register) {
	weights, v := s.registers[b.rows:][:3], s.registers[b.rows+3]
	for k, w := range weights {
		m := Mem{Base: b.b}
		if k > 0 {
			m.Index, m.Scale = bStep, uint8(k)
		}
		VMOVUPS(m, w)
	}
	for i := range b.rows + 2 {
		VMOVUPS(b.row(i), v)
		for k, w := range weights {
			if r := i - k; r >= 0 && r < b.rows {
				VFMADD231PS(v, w, b.sums[r][0])
			}
		}
	}
	t := GP64()
	LEAQ(Mem{Base: bStep, Index: bStep, Scale: 2}, t)
	ADDQ(t, b.b)
	LEAQ(Mem{Base: b.aRow, Index: b.aRow, Scale: 2}, t)
	for _, p := range b.a {
		ADDQ(t, p)
	}
	SUBQ(U8(len(weights)), b.n)
}

// maximumLanes keeps the larger of the sum and a vector of a, NaN where one is.
// VMAXPS gives its last operand where one is NaN.
func (s *isa) maximumLanes(b *body) {
	for i := range b.rows {
		u, sum := b.spare[i%len(b.spare)], b.sums[i][0]
		VMOVUPS(b.row(i), u)
		VMAXPS(sum, u, sum)
		if s.bytes == 64 {
			VCMPPS(U8(cmpUnordered), u, u, reg.K1)
			VMOVAPS(u, reg.K1, sum)
		} else {
			VCMPPS(U8(cmpUnordered), u, u, b.columns[0])
			VBLENDVPS(b.columns[0], u, sum, sum)
		}
	}
}

// tile has a body for each size up to the largest, so that remainders need no masks.
func (s *isa) tile(name string, blocks int, f step) {
	TEXT(name+s.name, NOSPLIT, "func(t *byte)")
	Doc(name + s.name + " is " + name + "Plain for up to " + fmt.Sprint(s.rows[:blocks]) + " rows of 1, 2, ... blocks.")
	Pragma("noescape")
	args := Load(Param("t"), GP64())
	rows, wide := GP64(), GP64()
	MOVQ(Mem{Base: args, Disp: tileRows}, rows)
	if blocks > 1 {
		MOVQ(Mem{Base: args, Disp: tileBlocks}, wide)
	}
	for v := blocks; v > 1; v-- {
		CMPQ(wide, U8(v))
		JEQ(LabelRef(fmt.Sprintf("blocks%d", v)))
	}
	for v := 1; v <= blocks; v++ {
		if v > 1 {
			Label(fmt.Sprintf("blocks%d", v))
		}
		for r := s.rows[v-1]; r > 1; r-- {
			CMPQ(rows, U8(r))
			JEQ(LabelRef(fmt.Sprintf("rows%dx%d", r, v)))
		}
		for r := 1; r <= s.rows[v-1]; r++ {
			if r > 1 {
				Label(fmt.Sprintf("rows%dx%d", r, v))
			}
			s.body(name, r, v, f)
		}
	}
}

// body computes one size of tile: its sums stay in registers.
func (s *isa) body(name string, rows, blocks int, f step) {
	b := &body{rows: rows, blocks: blocks, name: fmt.Sprintf("body%dx%d", rows, blocks), largest: name == "most"}
	b.columns = s.registers[rows*blocks:][:blocks]
	b.spare = s.registers[rows*blocks+blocks:]
	for i := range rows {
		b.sums = append(b.sums, s.registers[i*blocks:][:blocks])
	}
	b.args = Load(Param("t"), GP64())
	s.start(b)
	b.aRow, b.b, b.bBlock = b.field(tileARow, true), b.field(tileB, false), b.field(tileBBlock, true)
	aStep, bStep := b.field(tileAStep, true), b.field(tileBStep, true)
	b.at, b.taps, b.n = b.field(tileTaps, false), b.field(tileTapsCount, false), GP64()
	slides := name == "lanes"
	last := rows
	if slides {
		last += 2
	}
	for i := 0; 3*i < last; i++ {
		b.a = append(b.a, GP64())
	}
	TESTQ(b.taps, b.taps)
	JZ(LabelRef(b.name + "finish"))
	Label(b.name + "tap")
	MOVQ(Mem{Base: b.at}, b.a[0])
	MOVQ(Mem{Base: b.at, Disp: 8}, b.n)
	ADDQ(U8(16), b.at)
	base := Load(Param("t"), GP64())
	MOVQ(Mem{Base: base, Disp: tileA}, base)
	LEAQ(Mem{Base: base, Index: b.a[0], Scale: 4}, b.a[0])
	for i := 1; i < len(b.a); i++ {
		LEAQ(Mem{Base: b.a[i-1], Index: b.aRow, Scale: 2}, b.a[i])
		ADDQ(b.aRow, b.a[i])
	}
	if slides {
		CMPQ(aStep, b.aRow)
		JNE(LabelRef(b.name + "term"))
		Label(b.name + "slide")
		CMPQ(b.n, U8(3))
		JLT(LabelRef(b.name + "rest"))
		s.slideLanes(b, bStep)
		JMP(LabelRef(b.name + "slide"))
		Label(b.name + "rest")
		TESTQ(b.n, b.n)
		JZ(LabelRef(b.name + "next"))
	}
	Label(b.name + "term")
	f(b)
	ADDQ(bStep, b.b)
	for _, p := range b.a {
		ADDQ(aStep, p)
	}
	DECQ(b.n)
	JNZ(LabelRef(b.name + "term"))
	if slides {
		Label(b.name + "next")
	}
	DECQ(b.taps)
	JNZ(LabelRef(b.name + "tap"))
	Label(b.name + "finish")
	s.finish(b)
}

// field loads a field of the arguments; elements are turned into bytes.
func (b *body) field(offset int, elements bool) reg.Register {
	r := GP64()
	MOVQ(Mem{Base: b.args, Disp: offset}, r)
	if elements {
		SHLQ(U8(2), r)
	}
	return r
}

// start clears the sums, or takes what c holds, or the bias.
func (s *isa) start(b *body) {
	if b.largest {
		t := GP32()
		MOVL(U32(0xff800000), t) // -Inf
		VMOVD(t, reg.X0)
		VBROADCASTSS(reg.X0, b.sums[0][0])
		for i := 1; i < b.rows; i++ {
			VMOVAPS(b.sums[0][0], b.sums[i][0])
		}
		return
	}
	CMPB(Mem{Base: b.args, Disp: tileResume}, U8(0))
	JEQ(LabelRef(b.name + "anew"))
	c, cRow, cBlock := b.field(tileC, false), b.field(tileCRow, true), b.field(tileCBlock, true)
	b.each(c, cRow, cBlock, func(m Mem, sum reg.VecPhysical) { VMOVUPS(m, sum) })
	JMP(LabelRef(b.name + "started"))
	Label(b.name + "anew")
	CMPB(Mem{Base: b.args, Disp: tileBegin}, U8(0))
	JEQ(LabelRef(b.name + "zero"))
	bias := b.field(tileBias, false)
	for v := range b.blocks {
		for i := range b.rows {
			VMOVUPS(s.at(bias, v), b.sums[i][v])
		}
	}
	JMP(LabelRef(b.name + "started"))
	Label(b.name + "zero")
	for i := range b.rows {
		for v := range b.blocks {
			s.zero(b.sums[i][v])
		}
	}
	Label(b.name + "started")
}

// each calls f with the places of all sums in a matrix like c.
func (b *body) each(p, row, block reg.Register, f func(m Mem, sum reg.VecPhysical)) {
	q := GP64()
	MOVQ(p, q)
	for i := range b.rows {
		for v := range b.blocks {
			m := Mem{Base: q}
			if v > 0 {
				m.Index, m.Scale = block, uint8(v)
			}
			f(m, b.sums[i][v])
		}
		if i+1 < b.rows {
			ADDQ(row, q)
		}
	}
}

// finish adds the bias, what c held and a residual, limits the sums, and stores them.
func (s *isa) finish(b *body) {
	b.args = Load(Param("t"), GP64())
	c, cRow, cBlock := b.field(tileC, false), b.field(tileCRow, true), b.field(tileCBlock, true)
	each := func(p reg.Register, f func(m Mem, sum reg.VecPhysical)) { b.each(p, cRow, cBlock, f) }
	if !b.largest {
		CMPB(Mem{Base: b.args, Disp: tileBegin}, U8(0))
		JNE(LabelRef(b.name + "biased"))
		bias := b.field(tileBias, false)
		TESTQ(bias, bias)
		JZ(LabelRef(b.name + "biased"))
		for v := range b.blocks {
			VMOVUPS(s.at(bias, v), b.columns[v])
			for i := range b.rows {
				VADDPS(b.columns[v], b.sums[i][v], b.sums[i][v])
			}
		}
		Label(b.name + "biased")
		CMPB(Mem{Base: b.args, Disp: tileAdd}, U8(0))
		JEQ(LabelRef(b.name + "added"))
		each(c, func(m Mem, sum reg.VecPhysical) { VADDPS(m, sum, sum) })
		Label(b.name + "added")
		residual := b.field(tileResidual, false)
		TESTQ(residual, residual)
		JZ(LabelRef(b.name + "summed"))
		each(residual, func(m Mem, sum reg.VecPhysical) { VADDPS(m, sum, sum) })
		Label(b.name + "summed")
		CMPB(Mem{Base: b.args, Disp: tileClamp}, U8(0))
		JEQ(LabelRef(b.name + "limited"))
		lo, hi := b.columns[0], b.spare[0]
		VBROADCASTSS(Mem{Base: b.args, Disp: tileLo}, lo)
		VBROADCASTSS(Mem{Base: b.args, Disp: tileHi}, hi)
		for i := range b.rows {
			for v := range b.blocks { // the last operand survives where it is NaN
				VMAXPS(b.sums[i][v], lo, b.sums[i][v])
				VMINPS(b.sums[i][v], hi, b.sums[i][v])
			}
		}
		Label(b.name + "limited")
	}
	each(c, func(m Mem, sum reg.VecPhysical) { VMOVUPS(sum, m) })
	VZEROUPPER()
	RET()
}
