package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Winograd's transforms for 4x4 results of 3x3 kernels, from the points 0, 1, -1, 2, -2
// and infinity (Lavin and Gray 2016). A transform in two dimensions is one along the
// rows of a tile, kept in scratch memory, then one along its columns.

// constant broadcasts a number.
func (s *isa) constant(v float64, to reg.VecPhysical) reg.VecPhysical {
	t := GP32()
	MOVL(U32(math.Float32bits(float32(v))), t)
	VMOVD(t, to.AsX())
	VBROADCASTSS(to.AsX(), to)
	return to
}

// set is the operands and spare registers of the transform number i: two in turn where
// there are registers for both.
func (s *isa) set(i int) (d, t []reg.VecPhysical) {
	o := 0
	if len(s.registers) == 32 {
		o = i % 2 * 12
	}
	return s.registers[o : o+6], s.registers[o+6 : o+12]
}

// strides addresses p + i*plane for i < 6.
type strides struct{ p, plane, three, five reg.Register }

func newStrides(plane reg.Register) strides {
	x := strides{GP64(), plane, GP64(), GP64()}
	LEAQ(Mem{Base: plane, Index: plane, Scale: 2}, x.three)
	LEAQ(Mem{Base: plane, Index: plane, Scale: 4}, x.five)
	return x
}

func (x strides) at(i int) Mem {
	switch i {
	case 0:
		return Mem{Base: x.p}
	case 3:
		return Mem{Base: x.p, Index: x.three, Scale: 1}
	case 5:
		return Mem{Base: x.p, Index: x.five, Scale: 1}
	}
	return Mem{Base: x.p, Index: x.plane, Scale: uint8(i)}
}

// six moves on by six planes.
func (x strides) six() { LEAQ(Mem{Base: x.p, Index: x.three, Scale: 2}, x.p) }

func elements(name string) reg.Register {
	r := pointer(name)
	SHLQ(U8(2), r)
	return r
}

// tiles is a loop over a row of tiles.
func (s *isa) tiles(n reg.Register, f func()) {
	Label("tile")
	f()
	DECQ(n)
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}

// winogradInput transforms tiles of 6x6 pixels, 4 apart.
func (s *isa) winogradInput() {
	TEXT("winogradInput"+s.name, NOSPLIT, "func(v, x, scratch *float32, plane, row, tiles int)")
	Doc("winogradInput" + s.name + " is winogradInputPlain.")
	Pragma("noescape")
	k := len(s.registers)
	two, four, five := s.constant(2, s.registers[k-1]), s.constant(4, s.registers[k-2]), s.constant(5, s.registers[k-3])
	transform := func(d, t []reg.VecPhysical, store func(i int, r reg.VecPhysical)) {
		VMOVAPS(d[4], t[0])
		VFNMADD231PS(four, d[2], t[0]) // d4-4d2
		VMOVAPS(d[3], t[1])
		VFNMADD231PS(four, d[1], t[1]) // d3-4d1
		VSUBPS(d[2], d[4], t[2])
		VSUBPS(d[1], d[3], t[3])
		VADDPS(t[1], t[0], t[4])
		store(1, t[4])
		VSUBPS(t[1], t[0], t[5])
		store(2, t[5])
		VFNMADD231PS(five, d[2], d[4])
		VFMADD231PS(four, d[0], d[4])
		store(0, d[4])
		VFNMADD231PS(five, d[3], d[5])
		VFMADD231PS(four, d[1], d[5])
		store(5, d[5])
		VMOVAPS(t[2], t[0])
		VFMADD231PS(two, t[3], t[2])
		store(3, t[2])
		VFNMADD231PS(two, t[3], t[0])
		store(4, t[0])
	}
	v, x, scratch, row, n := pointer("v"), pointer("x"), pointer("scratch"), elements("row"), pointer("tiles")
	to := newStrides(elements("plane"))
	r := GP64()
	s.tiles(n, func() {
		MOVQ(x, r)
		for i := range 6 {
			d, t := s.set(i)
			for j := range 6 {
				VMOVUPS(s.at(r, j), d[j])
			}
			if i < 5 {
				ADDQ(row, r)
			}
			transform(d, t, func(j int, z reg.VecPhysical) { VMOVUPS(z, s.at(scratch, i*6+j)) })
		}
		MOVQ(v, to.p)
		for j := range 6 {
			d, t := s.set(j)
			for i := range 6 {
				VMOVUPS(s.at(scratch, i*6+j), d[i])
			}
			transform(d, t, func(i int, z reg.VecPhysical) { VMOVUPS(z, to.at(i)) })
			if j < 5 {
				to.six()
			}
		}
		ADDQ(I32(4*s.bytes), x)
		ADDQ(I32(s.bytes), v)
	})
}

// winogradOutput transforms products back to 4x4 pixels.
func (s *isa) winogradOutput() {
	TEXT("winogradOutput"+s.name, NOSPLIT, "func(y, m, scratch *float32, plane, row, tiles int, coefficients, residual *float32)")
	Doc("winogradOutput" + s.name + " is winogradOutputPlain; a nil residual is zero.")
	Pragma("noescape")
	transform := func(d, t []reg.VecPhysical, two, four, eight reg.VecPhysical, store func(i int, r reg.VecPhysical)) {
		VADDPS(d[2], d[1], t[0])
		VSUBPS(d[2], d[1], t[1])
		VADDPS(d[4], d[3], t[2])
		VSUBPS(d[4], d[3], t[3])
		VADDPS(t[0], d[0], d[0])
		VADDPS(t[2], d[0], d[0])
		store(0, d[0])
		VADDPS(t[1], d[5], d[5])
		VFMADD231PS(eight, t[3], d[5])
		store(3, d[5])
		VFMADD231PS(two, t[3], t[1])
		store(1, t[1])
		VFMADD231PS(four, t[2], t[0])
		store(2, t[0])
	}
	k := len(s.registers)
	two, four, eight := s.registers[k-1], s.registers[k-2], s.registers[k-3]
	y, m, scratch, row, n := pointer("y"), pointer("m"), pointer("scratch"), elements("row"), pointer("tiles")
	c, residual := pointer("coefficients"), pointer("residual")
	from := newStrides(elements("plane"))
	r, q := GP64(), GP64()
	spare := s.registers[k-4]
	s.constant(2, two)
	s.constant(4, four)
	s.constant(8, eight)
	Label("tile")
	MOVQ(m, from.p)
	for j := range 6 {
		d, t := s.set(j)
		for i := range 6 {
			VMOVUPS(from.at(i), d[i])
		}
		if j < 5 {
			from.six()
		}
		transform(d, t, two, four, eight, func(i int, z reg.VecPhysical) { VMOVUPS(z, s.at(scratch, i*6+j)) })
	}
	MOVQ(y, r)
	MOVQ(residual, q)
	for i := range 4 {
		d, t := s.set(i)
		for j := range 6 {
			VMOVUPS(s.at(scratch, i*6+j), d[j])
		}
		var out [4]reg.VecPhysical
		transform(d, t, two, four, eight, func(j int, z reg.VecPhysical) { out[j] = z })
		for _, z := range out { // bias, residual, limits: of three coefficients one at a time
			VADDPS(s.at(c, 0), z, z)
		}
		TESTQ(residual, residual)
		JZ(LabelRef([]string{"alone0", "alone1", "alone2", "alone3"}[i]))
		for j, z := range out {
			VADDPS(s.at(q, j), z, z)
		}
		ADDQ(row, q)
		Label([]string{"alone0", "alone1", "alone2", "alone3"}[i])
		VMOVUPS(s.at(c, 1), spare)
		for _, z := range out {
			VMAXPS(z, spare, z)
		}
		VMOVUPS(s.at(c, 2), spare)
		for j, z := range out {
			VMINPS(z, spare, z)
			VMOVUPS(z, s.at(r, j))
		}
		if i < 3 {
			ADDQ(row, r)
		}
	}
	ADDQ(I32(s.bytes), m)
	ADDQ(I32(4*s.bytes), y)
	TESTQ(residual, residual)
	JZ(LabelRef("next"))
	ADDQ(I32(4*s.bytes), residual)
	Label("next")
	DECQ(n)
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}

// winogradGradient transforms tiles of 4x4 gradients.
func (s *isa) winogradGradient() {
	TEXT("winogradGradient"+s.name, NOSPLIT, "func(u, dy, scratch *float32, plane, row, tiles int)")
	Doc("winogradGradient" + s.name + " is winogradGradientPlain.")
	Pragma("noescape")
	four := s.constant(4, s.registers[len(s.registers)-1])
	transform := func(d, t []reg.VecPhysical, store func(i int, r reg.VecPhysical)) {
		store(0, d[0])
		store(5, d[3])
		VADDPS(d[2], d[0], t[0])
		VADDPS(d[3], d[1], t[1])
		VFMADD231PS(four, d[2], d[0])
		VFMADD231PS(four, d[3], d[1])
		VADDPS(d[1], d[1], d[1])
		VADDPS(t[1], t[0], t[2])
		store(1, t[2])
		VSUBPS(t[1], t[0], t[3])
		store(2, t[3])
		VADDPS(d[1], d[0], t[4])
		store(3, t[4])
		VSUBPS(d[1], d[0], t[5])
		store(4, t[5])
	}
	u, dy, scratch, row, n := pointer("u"), pointer("dy"), pointer("scratch"), elements("row"), pointer("tiles")
	to := newStrides(elements("plane"))
	r := GP64()
	s.tiles(n, func() {
		MOVQ(dy, r)
		for i := range 4 {
			d, t := s.set(i)
			for j := range 4 {
				VMOVUPS(s.at(r, j), d[j])
			}
			if i < 3 {
				ADDQ(row, r)
			}
			transform(d, t, func(j int, z reg.VecPhysical) { VMOVUPS(z, s.at(scratch, i*6+j)) })
		}
		MOVQ(u, to.p)
		for j := range 6 {
			d, t := s.set(j)
			for i := range 4 {
				VMOVUPS(s.at(scratch, i*6+j), d[i])
			}
			transform(d, t, func(i int, z reg.VecPhysical) { VMOVUPS(z, to.at(i)) })
			if j < 5 {
				to.six()
			}
		}
		ADDQ(I32(4*s.bytes), dy)
		ADDQ(I32(s.bytes), u)
	})
}

// winogradWeights transforms vectors of 3x3 weights: planes to planes.
func (s *isa) winogradWeights() {
	TEXT("winogradWeights"+s.name, NOSPLIT, "func(u, w, scratch *float32, plane, wPlane, vectors int)")
	Doc("winogradWeights" + s.name + " is winogradWeightsPlain.")
	Pragma("noescape")
	k := len(s.registers)
	consts := s.registers[k-4:]
	quarter, sixth, twelfth, part := s.constant(0.25, consts[0]), s.constant(1./6, consts[1]), s.constant(1./12, consts[2]), s.constant(1./24, consts[3])
	transform := func(g, o []reg.VecPhysical, store func(i int, r reg.VecPhysical)) {
		VMULPS(quarter, g[0], o[0])
		store(0, o[0])
		VADDPS(g[2], g[0], o[1])
		VADDPS(g[1], o[1], o[2])
		VMULPS(sixth, o[2], o[2])
		s.zero(o[0])
		VSUBPS(o[2], o[0], o[2])
		store(1, o[2])
		VSUBPS(o[1], g[1], o[1])
		VMULPS(sixth, o[1], o[1])
		store(2, o[1])
		VMULPS(part, g[0], o[0])
		VFMADD231PS(sixth, g[2], o[0])
		VMOVAPS(o[0], o[1])
		VFMADD231PS(twelfth, g[1], o[0])
		store(3, o[0])
		VFNMADD231PS(twelfth, g[1], o[1])
		store(4, o[1])
		store(5, g[2])
	}
	u, w, scratch, wPlane, n := pointer("u"), pointer("w"), pointer("scratch"), elements("wPlane"), pointer("vectors")
	to := newStrides(elements("plane"))
	r := GP64()
	s.tiles(n, func() {
		MOVQ(w, r)
		for i := range 3 { // rows of the kernel
			d, t := s.set(0)
			for j := range 3 {
				VMOVUPS(s.at(r, 0), d[j])
				if i < 2 || j < 2 {
					ADDQ(wPlane, r)
				}
			}
			transform(d[:3], t, func(j int, z reg.VecPhysical) { VMOVUPS(z, s.at(scratch, i*6+j)) })
		}
		MOVQ(u, to.p)
		for j := range 6 {
			d, t := s.set(0)
			for i := range 3 {
				VMOVUPS(s.at(scratch, i*6+j), d[i])
			}
			transform(d[:3], t, func(i int, z reg.VecPhysical) { VMOVUPS(z, to.at(i)) })
			if j < 5 {
				to.six()
			}
		}
		ADDQ(I32(s.bytes), w)
		ADDQ(I32(s.bytes), u)
	})
}

// winogradWeightsBackward transforms vectors of the products of inputs and gradients to
// gradients of 3x3 weights.
func (s *isa) winogradWeightsBackward() {
	TEXT("winogradWeightsBackward"+s.name, NOSPLIT, "func(dw, u, scratch *float32, plane, wPlane, vectors int)")
	Doc("winogradWeightsBackward" + s.name + " is winogradWeightsBackwardPlain.")
	Pragma("noescape")
	k := len(s.registers)
	consts := s.registers[k-4:]
	quarter, sixth, twelfth, part := s.constant(0.25, consts[0]), s.constant(1./6, consts[1]), s.constant(1./12, consts[2]), s.constant(1./24, consts[3])
	transform := func(q, t []reg.VecPhysical, store func(i int, r reg.VecPhysical)) {
		VADDPS(q[2], q[1], t[0])
		VSUBPS(q[1], q[2], t[1])
		VADDPS(q[4], q[3], t[2])
		VSUBPS(q[4], q[3], t[3])
		VMULPS(quarter, q[0], q[0])
		VFNMADD231PS(sixth, t[0], q[0])
		VFMADD231PS(part, t[2], q[0])
		store(0, q[0])
		VMULPS(sixth, t[1], t[1])
		VFMADD231PS(twelfth, t[3], t[1])
		store(1, t[1])
		VFNMADD231PS(sixth, t[0], q[5])
		VFMADD231PS(sixth, t[2], q[5])
		store(2, q[5])
	}
	dw, u, scratch, wPlane, n := pointer("dw"), pointer("u"), pointer("scratch"), elements("wPlane"), pointer("vectors")
	from := newStrides(elements("plane"))
	r := GP64()
	s.tiles(n, func() {
		MOVQ(u, from.p)
		for j := range 6 {
			d, t := s.set(0)
			for i := range 6 {
				VMOVUPS(from.at(i), d[i])
			}
			if j < 5 {
				from.six()
			}
			transform(d, t, func(i int, z reg.VecPhysical) { VMOVUPS(z, s.at(scratch, i*6+j)) })
		}
		MOVQ(dw, r)
		for i := range 3 {
			d, t := s.set(0)
			for j := range 6 {
				VMOVUPS(s.at(scratch, i*6+j), d[j])
			}
			transform(d, t, func(j int, z reg.VecPhysical) {
				VMOVUPS(z, s.at(r, 0))
				if i < 2 || j < 2 {
					ADDQ(wPlane, r)
				}
			})
		}
		ADDQ(I32(s.bytes), u)
		ADDQ(I32(s.bytes), dw)
	})
}
