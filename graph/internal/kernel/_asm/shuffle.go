package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const notLess = 5 // predicate of VPCMPD

// merge permutes the lanes of vectors into others.
func (s *isa) merge() {
	TEXT("merge"+s.name, NOSPLIT, "func(y, other, x *float32, index *int32, vectors int)")
	Doc("merge" + s.name + " is mergePlain, for whole vectors.")
	Pragma("noescape")
	y, other, x, n := pointer("y"), pointer("other"), pointer("x"), pointer("vectors")
	index, zero, v, t := s.registers[0], s.registers[1], s.registers[2], s.registers[3]
	from := Mem{Base: pointer("index")}
	if s.bytes == 64 {
		VMOVDQU32(from, index)
		s.zero(zero)
		VPCMPD(U8(notLess), zero, index, reg.K1)
	} else {
		VMOVDQU(from, index)
	}
	s.stream(n, []reg.Register{y, other, x}, func() {
		VMOVUPS(s.at(other, 0), v)
		if s.bytes == 64 {
			VPERMPS(s.at(x, 0), index, reg.K1, v)
		} else { // a negative index has its sign bit set
			VPERMPS(s.at(x, 0), index, t)
			VBLENDVPS(index, v, t, v)
		}
		VMOVUPS(v, s.at(y, 0))
	})
	VZEROUPPER()
	RET()
}
