package onnx

import (
	"math"
	"testing"
)

// A halfFormat describes a 16-bit float, from which its values follow by the
// definition in IEEE 754: sign * 2^exponent * significand.
type halfFormat struct {
	name           string
	fraction, bias int
	narrow         func(float32) uint16
	widen          func(uint16) float32
}

var halfFormats = []halfFormat{
	{"float16", 10, 15, Float16Bits, Float16FromBits},
	{"bfloat16", 7, 127, BFloat16Bits, BFloat16FromBits},
}

func (h halfFormat) value(bits uint16) float64 {
	sign := 1.0
	if bits&0x8000 != 0 {
		sign = -1
	}
	exp := int(bits&0x7fff) >> h.fraction
	frac := float64(bits & (1<<h.fraction - 1))
	switch exp {
	case 0:
		return sign * math.Ldexp(frac, 1-h.bias-h.fraction)
	case 1<<(15-h.fraction) - 1:
		if frac != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(frac+math.Ldexp(1, h.fraction), exp-h.bias-h.fraction)
}

func TestHalfEveryValue(t *testing.T) {
	for _, h := range halfFormats {
		for i := range 1 << 16 {
			bits := uint16(i)
			got, want := h.widen(bits), h.value(bits)
			if float64(got) != want && !(math.IsNaN(want) && got != got) || math.Signbit(float64(got)) != (bits&0x8000 != 0) {
				t.Fatalf("%s %#04x: got %v, want %v", h.name, bits, got, want)
			}
			if back := h.narrow(got); back != bits {
				t.Fatalf("%s %#04x: %v goes back to %#04x", h.name, bits, got, back)
			}
		}
	}
}

// TestHalfEveryBoundary looks at the middle between each two neighbours, which
// goes to the even one, and at the float32 on either side of it. Rounding being
// monotonic, this fixes the result for every float32.
func TestHalfEveryBoundary(t *testing.T) {
	for _, h := range halfFormats {
		infinity := uint16(1<<(15-h.fraction)-1) << h.fraction
		for low := range infinity {
			high := low + 1
			top := h.value(high)
			if high == infinity { // rounds as if the next value were finite
				top = math.Ldexp(1, 1<<(14-h.fraction))
			}
			middle := float32((h.value(low) + top) / 2)
			even := low + low&1
			inf := float32(math.Inf(1))
			for _, c := range []struct {
				f    float32
				want uint16
			}{
				{math.Nextafter32(middle, 0), low},
				{middle, even},
				{math.Nextafter32(middle, inf), high},
			} {
				if got := h.narrow(c.f); got != c.want {
					t.Fatalf("%s: %g: got %#04x, want %#04x", h.name, c.f, got, c.want)
				}
				if got := h.narrow(-c.f); got != c.want|0x8000 {
					t.Fatalf("%s: %g: got %#04x, want %#04x", h.name, -c.f, got, c.want|0x8000)
				}
			}
		}
	}
}

func TestHalfNaN(t *testing.T) {
	for _, h := range halfFormats {
		for _, bits := range []uint32{0x7f800001, 0xff800001, 0x7fc00000, 0x7fffffff} {
			f := math.Float32frombits(bits)
			if got := h.value(h.narrow(f)); !math.IsNaN(got) {
				t.Errorf("%s: NaN %#08x became %v", h.name, bits, got)
			}
		}
	}
}
