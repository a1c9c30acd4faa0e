// Command _asm writes the assembly of package kernel: run `go generate` there.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is an instruction set: its vectors and what a tile of them holds.
type isa struct {
	name      string
	bytes     int   // of a vector
	rows      []int // of the largest tile of 1, 2, ... blocks
	registers []reg.VecPhysical
}

var (
	avx2 = isa{"AVX2", 32, []int{12, 6, 4}, []reg.VecPhysical{reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
		reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15}}
	avx512 = isa{"AVX512", 64, []int{14, 14}, []reg.VecPhysical{reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
		reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15, reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20,
		reg.Z21, reg.Z22, reg.Z23, reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31}}
)

func main() {
	ConstraintExpr("amd64,!noasm")
	exponents = exponentTable()
	for _, s := range []isa{avx2, avx512} {
		s.tile("tile", len(s.rows), s.multiplyAdd)
		s.tile("lanes", 1, s.multiplyAddLanes)
		s.tile("most", 1, s.maximumLanes)
		s.peak()
		s.normalise()
		s.moments()
		s.deviations()
		s.normaliseBackward()
		s.gate()
		s.maxPoolBackward()
		s.respond()
		s.respondBackward()
		s.merge()
		s.winogradInput()
		s.winogradOutput()
		s.winogradGradient()
		s.winogradWeights()
		s.winogradWeightsBackward()
		s.exponential()
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

// at is the vector number i behind a pointer.
func (s *isa) at(p reg.Register, i int) Mem { return Mem{Base: p, Disp: i * s.bytes} }

// peak runs as many independent chains as hide the latency of a multiply-add.
func (s *isa) peak() {
	TEXT("peak"+s.name, NOSPLIT, "func(n int)")
	Doc("peak" + s.name + " does 12*n multiply-adds of vectors in registers: what a core can do at most.")
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
