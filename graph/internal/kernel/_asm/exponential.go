package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// exponential writes functions of whole vectors that have an exponential in them, to be
// added to its polynomial's 1 unit in the last place: a division and a sum, or product.
func (s *isa) exponential() {
	for _, f := range []struct {
		name, doc string
		body      func(e *exponent, x, dy, to reg.VecPhysical)
	}{
		{"sigmoid", "y[i] = 1 / (1 + exp(-x[i])); dy is not read", func(e *exponent, x, dy, to reg.VecPhysical) {
			e.logistic(e.one, x, to)
		}},
		{"swish", "y[i] = x[i] / (1 + exp(-x[i])); dy is not read", func(e *exponent, x, dy, to reg.VecPhysical) {
			e.logistic(x, x, to)
		}},
		{"swishBackward", "y[i] = dy[i] * s * (1 + x[i]*(1-s)) with s = 1 / (1 + exp(-x[i]))", func(e *exponent, x, dy, to reg.VecPhysical) {
			e.logistic(e.one, x, to)
			VSUBPS(to, e.one, e.t)
			VFMADD213PS(e.one, x, e.t)
			VMULPS(dy, to, to)
			VMULPS(e.t, to, to)
		}},
	} {
		TEXT(f.name+s.name, NOSPLIT, "func(y, x, dy *float32, vectors int)")
		Doc(f.name + s.name + " computes " + f.doc + ", for whole vectors.")
		Pragma("noescape")
		y, x, dy, n := pointer("y"), pointer("x"), pointer("dy"), pointer("vectors")
		e := s.exponent()
		v, d, to := s.registers[5], s.registers[6], s.registers[7]
		read := f.name == "swishBackward"
		pointers := []reg.Register{y, x}
		if read {
			pointers = append(pointers, dy)
		}
		s.stream(n, pointers, func() {
			VMOVUPS(s.at(x, 0), v)
			if read {
				VMOVUPS(s.at(dy, 0), d)
			}
			f.body(e, v, d, to)
			VMOVUPS(to, s.at(y, 0))
		})
		VZEROUPPER()
		RET()
	}
}

// exponent is the registers of e^x: 2^q times a polynomial at s, x = q ln 2 + s. What it
// multiplies by is in memory on AVX2, whose registers are few.
type exponent struct {
	*isa
	one, t, u, q, r reg.VecPhysical
	constants       Mem
}

// exponentConstants are log2 e, ln 2 in two parts whose first has few bits, the limits
// beyond which the result is 0 or infinite, and the polynomial of degree 7 that SLEEF's
// expf has, as PyTorch does; 127 is of the exponent of 1.
var exponentConstants = []float32{1.442695040888963407359924681001892137426645954152985934135449406931,
	0.693145751953125, 1.428606765330187045e-06, 150, -150,
	0.000198527617612853646278381, 0.00139304355252534151077271, 0.00833336077630519866943359, 0.0416664853692054748535156,
	0.166666671633720397949219, 0.5, 1}

func exponentTable() Mem {
	m := GLOBL("exponent", RODATA|NOPTR)
	for i, c := range exponentConstants {
		for l := range 16 {
			DATA((i*16+l)*4, U32(math.Float32bits(c)))
		}
	}
	for l := range 16 {
		DATA((len(exponentConstants)*16+l)*4, U32(127))
	}
	return m
}

var exponents Mem

func (s *isa) exponent() *exponent {
	r := s.registers
	e := &exponent{isa: s, one: r[0], t: r[1], u: r[2], q: r[3], r: r[4], constants: exponents}
	VMOVUPS(e.constant(11), e.one)
	return e
}

func (e *exponent) constant(i int) Mem { return e.constants.Offset(i * 64) }

// logistic computes to = numerator / (1 + exp(-x)).
func (e *exponent) logistic(numerator, x, to reg.VecPhysical) {
	e.zero(e.t)
	VSUBPS(x, e.t, e.t)
	VMOVUPS(e.constant(3), e.u)
	VMINPS(e.t, e.u, e.t) // the second operand, which is x, where it is NaN
	VMOVUPS(e.constant(4), e.u)
	VMAXPS(e.t, e.u, e.t)
	VMULPS(e.constant(0), e.t, e.q)
	if e.bytes == 64 {
		VRNDSCALEPS(U8(8), e.q, e.q)
	} else {
		VROUNDPS(U8(8), e.q, e.q)
	}
	VFNMADD231PS(e.constant(1), e.q, e.t)
	VFNMADD231PS(e.constant(2), e.q, e.t)
	VMOVUPS(e.constant(5), e.u)
	for i := 6; i < 11; i++ {
		VFMADD213PS(e.constant(i), e.t, e.u)
	}
	VMULPS(e.t, e.t, e.r)
	VFMADD213PS(e.t, e.r, e.u)
	VADDPS(e.one, e.u, e.u)
	if e.bytes == 64 {
		VSCALEFPS(e.q, e.u, e.u)
	} else { // 2^q in two parts, each of which is a number
		VCVTPS2DQ(e.q, e.q)
		VPSRAD(U8(1), e.q, e.r)
		VPSUBD(e.r, e.q, e.q)
		for _, part := range []reg.VecPhysical{e.r, e.q} {
			VPADDD(e.constant(12), part, part)
			VPSLLD(U8(23), part, part)
			VMULPS(part, e.u, e.u)
		}
	}
	VADDPS(e.one, e.u, e.u)
	VDIVPS(e.u, numerator, to)
}
