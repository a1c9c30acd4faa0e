package kernel

// loops are the inner loops that take most of the time, for one instruction
// set. Each sum is computed in one order, whatever the size of its tile.
type loops struct {
	name          string
	rows, columns int // of the largest tile
	vector        int // columns come in multiples of this, which divides pixelBlock
	// tile is tilePlain for up to rows x columns.
	tile func(c []float32, ldc int, bias, a []float32, lda int, b []float32, at []int, rows, columns int)
	// transpose is transposePlain.
	transpose func(y []float32, ldy int, x []float32, ldx, rows, columns int)
	// peak does multiply-adds in registers and returns their number.
	peak func() int

	relu, reluBackward, add, maximum func(v *vector, y, a, b []float32)
}

// isa is the instruction set in use, the best that this machine has.
var isa = implementations()[0]

// plain needs no instruction set. 2x3 sums and their operands are what the
// compiler keeps in amd64's 15 usable SSE registers without spilling
// (measured: 3x3 and 4x2 spill and run at 70 % of this).
var plain = &loops{
	name: "plain", rows: 2, columns: 3, vector: 3,
	tile: tilePlain, transpose: transposePlain, peak: peakPlain,
	relu: relu, reluBackward: reluBackward, add: add, maximum: maximum,
}

// peakPlain has as many sums as tilePlain.
func peakPlain() int {
	const n = 1 << 12
	var s0, s1, s2, s3, s4, s5, u float32
	for range n {
		s0 += u * u
		s1 += u * u
		s2 += u * u
		s3 += u * u
		s4 += u * u
		s5 += u * u
	}
	if s := s0 + s1 + s2 + s3 + s4 + s5; s != 0 { // never, but the compiler cannot know
		return 0
	}
	return 6 * n
}
