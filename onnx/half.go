package onnx

import "math"

// Float16Bits rounds f to the nearest IEEE 754 binary16, ties to even, and
// returns its bits. What is too large becomes an infinity; a NaN stays one, with
// as much of its payload as fits.
func Float16Bits(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b>>16) & 0x8000
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000: // NaN
		return sign | 0x7c00 | quiet(uint16(b>>13)&0x3ff, 0x200)
	case b >= 0x47800000: // 65536 and up
		return sign | 0x7c00
	case b < 0x38800000: // below 2^-14: adding 1/2 leaves the subnormal in the low bits, rounded by the hardware
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-0x3f000000)
	}
	b += 0xfff + b>>13&1 // 65520 and up carries over into the infinity
	return sign | uint16((b-0x38000000)>>13)
}

// Float16FromBits returns the value of a binary16, exactly.
func Float16FromBits(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exp, frac := uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exp {
	case 0:
		f := float32(frac) * (1.0 / (1 << 24))
		return math.Float32frombits(sign | math.Float32bits(f))
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+127-15)<<23 | frac<<13)
}

// BFloat16Bits rounds f to the nearest bfloat16, ties to even, and returns its bits.
func BFloat16Bits(f float32) uint16 {
	b := math.Float32bits(f)
	if b&0x7fffffff > 0x7f800000 { // NaN
		return uint16(b>>16)&0xff80 | quiet(uint16(b>>16)&0x7f, 0x40)
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// BFloat16FromBits returns the value of a bfloat16, exactly.
func BFloat16FromBits(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// quiet keeps a NaN a NaN when the low bits of its payload are cut off.
func quiet(payload, bit uint16) uint16 {
	if payload == 0 {
		return bit
	}
	return payload
}
