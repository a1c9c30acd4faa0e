package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// beside is the vector at p, so many channels later.
func beside(p reg.Register, channels int) Mem { return Mem{Base: p, Disp: 4 * channels} }

// parameter is where a number lies among the arguments.
func parameter(name string) Mem {
	b, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

// window adds f of a vector and of the four beside it, in order.
func (s *isa) window(p reg.Register, sum, t reg.VecPhysical, f func(from Mem, to reg.VecPhysical)) {
	f(beside(p, 0), sum)
	for k := 1; k < 5; k++ {
		f(beside(p, k), t)
		VADDPS(t, sum, sum)
	}
}

// respond divides by s^(3/4), s = bias + scale * sum of five squares, one channel a lane.
func (s *isa) respond() {
	TEXT("respond"+s.name, NOSPLIT, "func(y, share, x *float32, bias, scale float32, vectors int)")
	Doc("respond" + s.name + " is respondPlain, for whole vectors.")
	Pragma("noescape")
	y, share, x, n := pointer("y"), pointer("share"), pointer("x"), pointer("vectors")
	r := s.registers
	bias, scale, sum, t, root, v := r[0], r[1], r[2], r[3], r[4], r[5]
	VBROADCASTSS(parameter("bias"), bias)
	VBROADCASTSS(parameter("scale"), scale)
	divide := func() {
		s.window(x, sum, t, func(from Mem, to reg.VecPhysical) {
			VMOVUPS(from, to)
			VMULPS(to, to, to)
		})
		VMULPS(scale, sum, sum)
		VADDPS(bias, sum, sum)
		VSQRTPS(sum, root)
		VSQRTPS(root, t)
		VMULPS(t, root, root)
		VMOVUPS(s.at(y, 0), v)
		VDIVPS(root, v, v)
		VMOVUPS(v, s.at(y, 0))
	}
	TESTQ(share, share)
	JNZ(LabelRef("shares"))
	s.stream(n, []reg.Register{y, x}, divide)
	VZEROUPPER()
	RET()
	Label("shares")
	s.streamNamed("Shares", n, []reg.Register{y, share, x}, func() {
		divide()
		VMULPS(beside(x, 2), v, v)
		VDIVPS(sum, v, v)
		VMOVUPS(v, s.at(share, 0))
	})
	VZEROUPPER()
	RET()
}

// respondBackward subtracts x times a window of shares.
func (s *isa) respondBackward() {
	TEXT("respondBackward"+s.name, NOSPLIT, "func(dx, share, x *float32, factor float32, vectors int)")
	Doc("respondBackward" + s.name + " is respondBackwardPlain, for whole vectors.")
	Pragma("noescape")
	dx, share, x, n := pointer("dx"), pointer("share"), pointer("x"), pointer("vectors")
	r := s.registers
	factor, sum, t, v := r[0], r[1], r[2], r[3]
	VBROADCASTSS(parameter("factor"), factor)
	s.stream(n, []reg.Register{dx, share, x}, func() {
		s.window(share, sum, t, func(from Mem, to reg.VecPhysical) { VMOVUPS(from, to) })
		VMULPS(beside(x, 2), factor, t)
		VMULPS(sum, t, t)
		VMOVUPS(s.at(dx, 0), v)
		VSUBPS(t, v, v)
		VMOVUPS(v, s.at(dx, 0))
	})
	VZEROUPPER()
	RET()
}
