package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// predicates of VCMPPS
const (
	cmpEqual           = 0
	cmpUnordered       = 3
	cmpNotLessEqual    = 6 // or unordered
	cmpNotGreaterEqual = 9 // or unordered
)

// stream is a loop over n vectors of each of the pointers.
func (s *isa) stream(n reg.Register, pointers []reg.Register, f func()) {
	s.streamNamed("", n, pointers, f)
}

// streamNamed is a stream in a function that has several; their names tell the labels apart.
func (s *isa) streamNamed(name string, n reg.Register, pointers []reg.Register, f func()) {
	TESTQ(n, n)
	JZ(LabelRef("done" + name))
	Label("loop" + name)
	f()
	for _, p := range pointers {
		ADDQ(I32(s.bytes), p)
	}
	DECQ(n)
	JNZ(LabelRef("loop" + name))
	Label("done" + name)
}

// gated moves dy to to where lo < y < hi or y is NaN, else zero.
func (s *isa) gated(y, dy Mem, lo, hi, to, t reg.VecPhysical) {
	VMOVUPS(y, t)
	if s.bytes == 64 {
		VCMPPS(U8(cmpNotLessEqual), lo, t, reg.K1)
		VCMPPS(U8(cmpNotGreaterEqual), hi, t, reg.K1, reg.K1)
		VMOVUPS_Z(dy, reg.K1, to)
		return
	}
	VCMPPS(U8(cmpNotLessEqual), lo, t, to)
	VCMPPS(U8(cmpNotGreaterEqual), hi, t, t)
	VANDPS(t, to, to)
	VANDPS(dy, to, to)
}

func pointer(name string) reg.Register { return Load(Param(name), GP64()) }

// normalise computes y = limited(x*scale + shift + residual), one channel a lane.
func (s *isa) normalise() {
	TEXT("normalise"+s.name, NOSPLIT, "func(y, x, residual, coefficients *float32, vectors int)")
	Doc("normalise" + s.name + " is normalisePlain; a nil residual is zero.")
	Pragma("noescape")
	y, x, residual, c, n := pointer("y"), pointer("x"), pointer("residual"), pointer("coefficients"), pointer("vectors")
	r := s.registers
	scale, shift, lo, hi, v := r[0], r[1], r[2], r[3], r[4]
	for i, k := range []reg.VecPhysical{scale, shift, lo, hi} {
		VMOVUPS(s.at(c, i), k)
	}
	limit := func() {
		VMAXPS(v, lo, v)
		VMINPS(v, hi, v)
		VMOVUPS(v, s.at(y, 0))
	}
	TESTQ(residual, residual)
	JNZ(LabelRef("residual"))
	s.stream(n, []reg.Register{y, x}, func() {
		VMOVUPS(s.at(x, 0), v)
		VFMADD213PS(shift, scale, v)
		limit()
	})
	VZEROUPPER()
	RET()
	Label("residual")
	s.streamNamed("Residual", n, []reg.Register{y, x, residual}, func() {
		VMOVUPS(s.at(x, 0), v)
		VFMADD213PS(shift, scale, v)
		VADDPS(s.at(residual, 0), v, v)
		limit()
	})
	VZEROUPPER()
	RET()
}

// double widens the two halves of a vector of v.
func (s *isa) double(v, low, high reg.VecPhysical) {
	if s.bytes == 64 {
		VEXTRACTF64X4(U8(1), v, high.AsY())
		VCVTPS2PD(high.AsY(), high)
		VCVTPS2PD(v.AsY(), low)
		return
	}
	VEXTRACTF128(U8(1), v, high.AsX())
	VCVTPS2PD(high.AsX(), high)
	VCVTPS2PD(v.AsX(), low)
}

func (s *isa) loadSums(p reg.Register, registers []reg.VecPhysical) {
	for i, r := range registers {
		VMOVUPD(s.at(p, i), r)
	}
}

func (s *isa) storeSums(p reg.Register, registers []reg.VecPhysical) {
	for i, r := range registers {
		VMOVUPD(r, s.at(p, i))
	}
}

// moments adds x-origin and its square, the latter rounded to float32.
func (s *isa) moments() {
	TEXT("moments"+s.name, NOSPLIT, "func(sums *float64, x, origin *float32, vectors int)")
	Doc("moments" + s.name + " is momentsPlain.")
	Pragma("noescape")
	to, x, o, n := pointer("sums"), pointer("x"), pointer("origin"), pointer("vectors")
	r := s.registers
	acc, origin, v, low, high, square := r[:4], r[4], r[5], r[6], r[7], r[8]
	VMOVUPS(s.at(o, 0), origin)
	s.loadSums(to, acc)
	s.stream(n, []reg.Register{x}, func() {
		VMOVUPS(s.at(x, 0), v)
		VSUBPS(origin, v, v)
		VMULPS(v, v, square)
		s.double(v, low, high)
		VADDPD(low, acc[0], acc[0])
		VADDPD(high, acc[1], acc[1])
		s.double(square, low, high)
		VADDPD(low, acc[2], acc[2])
		VADDPD(high, acc[3], acc[3])
	})
	s.storeSums(to, acc)
	VZEROUPPER()
	RET()
}

// deviations adds g and g*(x-mean), where g is dy gated by y.
func (s *isa) deviations() {
	TEXT("deviations"+s.name, NOSPLIT, "func(sums *float64, x, dy, y, coefficients *float32, vectors int)")
	Doc("deviations" + s.name + " is deviationsPlain.")
	Pragma("noescape")
	to, x, dy, y, c, n := pointer("sums"), pointer("x"), pointer("dy"), pointer("y"), pointer("coefficients"), pointer("vectors")
	r := s.registers
	acc, mean, lo, hi, g, v, gl, gh, vl, vh := r[:4], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12]
	for i, k := range []reg.VecPhysical{mean, lo, hi} {
		VMOVUPS(s.at(c, i), k)
	}
	s.loadSums(to, acc)
	s.stream(n, []reg.Register{x, dy, y}, func() {
		s.gated(s.at(y, 0), s.at(dy, 0), lo, hi, g, v)
		VMOVUPS(s.at(x, 0), v)
		VSUBPS(mean, v, v)
		s.double(g, gl, gh)
		s.double(v, vl, vh)
		VADDPD(gl, acc[0], acc[0])
		VADDPD(gh, acc[1], acc[1])
		VFMADD231PD(gl, vl, acc[2])
		VFMADD231PD(gh, vh, acc[3])
	})
	s.storeSums(to, acc)
	VZEROUPPER()
	RET()
}

// normaliseBackward computes dx = (g - a - (x-mean)*b)*inverse*gamma, where g is dy gated by y.
func (s *isa) normaliseBackward() {
	TEXT("normaliseBackward"+s.name, NOSPLIT, "func(dx, x, dy, y, coefficients *float32, vectors int)")
	Doc("normaliseBackward" + s.name + " is normaliseBackwardPlain.")
	Pragma("noescape")
	dx, x, dy, y, c, n := pointer("dx"), pointer("x"), pointer("dy"), pointer("y"), pointer("coefficients"), pointer("vectors")
	r := s.registers
	mean, inverse, gamma, a, b, lo, hi, g, v := r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8]
	for i, k := range []reg.VecPhysical{mean, inverse, gamma, a, b, lo, hi} {
		VMOVUPS(s.at(c, i), k)
	}
	s.stream(n, []reg.Register{dx, x, dy, y}, func() {
		s.gated(s.at(y, 0), s.at(dy, 0), lo, hi, g, v)
		VMOVUPS(s.at(x, 0), v)
		VSUBPS(mean, v, v)
		VSUBPS(a, g, g)
		VFNMADD231PS(b, v, g)
		VMULPS(inverse, g, g)
		VMULPS(gamma, g, g)
		VMOVUPS(g, s.at(dx, 0))
	})
	VZEROUPPER()
	RET()
}

// gate computes dx = scale*dy where lo < y < hi, else 0.
func (s *isa) gate() {
	TEXT("gate"+s.name, NOSPLIT, "func(dx, y, dy, coefficients *float32, vectors int)")
	Doc("gate" + s.name + " is gatePlain.")
	Pragma("noescape")
	dx, y, dy, c, n := pointer("dx"), pointer("y"), pointer("dy"), pointer("coefficients"), pointer("vectors")
	r := s.registers
	scale, lo, hi, g, t := r[0], r[1], r[2], r[3], r[4]
	for i, k := range []reg.VecPhysical{scale, lo, hi} {
		VMOVUPS(s.at(c, i), k)
	}
	s.stream(n, []reg.Register{dx, y, dy}, func() {
		s.gated(s.at(y, 0), s.at(dy, 0), lo, hi, g, t)
		VMULPS(scale, g, g)
		VMOVUPS(g, s.at(dx, 0))
	})
	VZEROUPPER()
	RET()
}

// maxPoolBackward gives dy to the first place of each window that holds its maximum.
func (s *isa) maxPoolBackward() {
	TEXT("maxPoolBackward"+s.name, NOSPLIT, "func(dx, x, y, dy *float32, at *int, taps, step, pixels int)")
	Doc("maxPoolBackward" + s.name + " is maxPoolBackwardPlain; step counts elements.")
	Pragma("noescape")
	dx, x, y, dy, at := pointer("dx"), pointer("x"), pointer("y"), pointer("dy"), pointer("at")
	taps, step, n := pointer("taps"), pointer("step"), pointer("pixels")
	SHLQ(U8(2), step)
	r := s.registers
	top, g, v, found, equal, nan := r[0], r[1], r[2], r[3], r[4], r[5]
	t, i, o := GP64(), GP64(), GP64()
	TESTQ(n, n)
	JZ(LabelRef("done"))
	Label("pixel")
	VMOVUPS(s.at(y, 0), top)
	VMOVUPS(s.at(dy, 0), g)
	if s.bytes == 64 {
		KXORW(reg.K2, reg.K2, reg.K2)
	} else {
		VXORPS(found, found, found)
	}
	MOVQ(taps, t)
	MOVQ(at, i)
	Label("tap")
	MOVQ(Mem{Base: i}, o)
	ADDQ(U8(8), i)
	VMOVUPS(Mem{Base: x, Index: o, Scale: 4}, v)
	to := Mem{Base: dx, Index: o, Scale: 4}
	if s.bytes == 64 {
		VCMPPS(U8(cmpEqual), top, v, reg.K1)
		VCMPPS(U8(cmpUnordered), v, v, reg.K3)
		KORW(reg.K3, reg.K1, reg.K1)
		KANDNW(reg.K1, reg.K2, reg.K1)
		KORW(reg.K1, reg.K2, reg.K2)
		VMOVUPS(to, v)
		VADDPS(g, v, reg.K1, v)
		VMOVUPS(v, to)
	} else {
		VCMPPS(U8(cmpEqual), top, v, equal)
		VCMPPS(U8(cmpUnordered), v, v, nan)
		VORPS(nan, equal, equal)
		VANDNPS(equal, found, equal)
		VORPS(equal, found, found)
		VANDPS(g, equal, equal)
		VADDPS(to, equal, equal)
		VMOVUPS(equal, to)
	}
	DECQ(t)
	JNZ(LabelRef("tap"))
	ADDQ(I32(s.bytes), y)
	ADDQ(I32(s.bytes), dy)
	ADDQ(step, x)
	ADDQ(step, dx)
	DECQ(n)
	JNZ(LabelRef("pixel"))
	Label("done")
	VZEROUPPER()
	RET()
}
