package ops

import (
	"math"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
)

// Before opset 20 exporters spell Gelu as five operators: x * (1 + erf(x/sqrt 2)) * 0.5, with
// the 0.5 anywhere behind the sum. A Div, or Mul, takes them over one after the other.

// spelling is how far along this a binary operator has come.
type spelling struct {
	x     int     // the operand that is x
	scale float64 // erf sees scale*x
	stage int     // 1 to 4: erf, 1+erf, x(1+erf), halved
}

// Absorb takes over the rest of a Gelu.
func (f *binary) Absorb(own []*Value, r Reader) ([]*Value, bool) {
	s := &f.spelt
	if s.stage == 0 {
		next, ok := r.Form.(*function)
		return nil, ok && next.name == "Erf" && f.beginsGelu(own)
	}
	next, ok := r.Form.(*binary)
	if !ok || len(r.In) != 2 || next.spelt.stage > 0 {
		return nil, false
	}
	other := r.In[1-r.Slot]
	switch c, constant := constantNumber(other); {
	case s.stage == 1 && next.name == "Add" && constant && c == 1:
	case s.stage == 2 && next.name == "Mul" && other == own[s.x]:
	case s.stage == 3 && next.name == "Mul" && constant && c == 0.5:
	default:
		return nil, false
	}
	s.stage++
	return nil, true
}

// beginsGelu says whether f is x/sqrt 2.
func (f *binary) beginsGelu(own []*Value) bool {
	for i, v := range own {
		c, ok := constantNumber(v)
		switch {
		case !ok || own[1-i].Const != nil:
			continue
		case f.name == "Div" && i == 1 && math.Abs(c-math.Sqrt2) < 1e-6:
		case f.name == "Mul" && math.Abs(c-1/math.Sqrt2) < 1e-6:
		default:
			continue
		}
		f.spelt = spelling{x: 1 - i, scale: 1 / math.Sqrt2, stage: 1}
		return true
	}
	return false
}

// constantNumber is the one number that a value is.
func constantNumber(v *Value) (float64, bool) {
	if v == nil || v.Const == nil || v.Const.Len() != 1 || !anyFloat(v.Type) {
		return 0, false
	}
	return float64s(v.Const)[0], true
}

// lower is the part of a Gelu that has been taken over.
func (s spelling) lower(b *Builder, x *Value) *gorgonia.Node {
	erf := func(x float64) float64 { return math.Erf(s.scale * x) }
	slope := func(x float64) float64 {
		return 2 / math.Sqrt(math.Pi) * s.scale * math.Exp(-s.scale*s.scale*x*x)
	}
	f := &function{name: "Erf", f: erf, d: slope}
	switch s.stage {
	case 2:
		f.f = func(x float64) float64 { return 1 + erf(x) }
	case 3:
		f.f, f.d = func(x float64) float64 { return x * (1 + erf(x)) }, func(x float64) float64 { return 1 + erf(x) + x*slope(x) }
	case 4:
		f = &function{name: "Gelu", forward: kernel.Gelu, backward: kernel.GeluBackward}
	}
	return b.mapped(f, b.Either(x))
}
