package kernel

// loops are the inner loops that take most of the time, for one instruction
// set. Each sum is computed in one order, whatever the size of its tile.
type loops struct {
	name  string
	lanes int   // of a vector, and of a block in the blocked layout
	rows  []int // of the largest tile of 1, 2, ... blocks

	tile, laneTile, mostTile func(t *tile)
	// transpose is transposePlain.
	transpose func(y []float32, ldy int, x []float32, ldx, rows, columns int)
	// peak does multiply-adds in registers and returns their number.
	peak func() int

	normalise         func(y, x, residual, coefficients []float32)
	normaliseBackward func(dx, x, dy, y, coefficients []float32)
	gate              func(dx, y, dy, coefficients []float32)
	moments           func(sums []float64, x, origin []float32)
	deviations        func(sums []float64, x, dy, y, coefficients []float32)
	maxPoolBackward   func(dx, x, y, dy []float32, at []int, step int)
	respond           func(y, share, x []float32, bias, scale float32)
	respondBackward   func(dx, share, x []float32, factor float32)
	merge             func(y, other, x []float32, index []int32)

	// Winograd's transforms; scratch holds 36 vectors
	winogradInput, winogradGradient func(to, from, scratch []float32, plane, row, tiles int)
	winogradOutput                  func(y, m, scratch []float32, plane, row, tiles int, coefficients, residual []float32)
	winogradWeights                 func(u, w, scratch []float32, plane, wPlane, vectors int)
	winogradWeightsBackward         func(dw, u, scratch []float32, plane, wPlane, vectors int)

	relu, reluBackward, add       func(v *vector, y, a, b []float32)
	sigmoid, swish, swishBackward func(v *vector, y, a, b []float32)
}

// isa is the instruction set in use, the best that this machine has.
var isa = implementations()[0]

// plain needs no instruction set.
var plain = &loops{
	name: "plain", lanes: plainLanes, rows: []int{8, 8},
	tile: tilePlain, laneTile: lanesPlain, mostTile: mostPlain, transpose: transposePlain, peak: peakPlain,
	normalise: normalisePlain, normaliseBackward: normaliseBackwardPlain, gate: gatePlain, moments: momentsPlain, deviations: deviationsPlain,
	maxPoolBackward: maxPoolBackwardPlain, respond: respondPlain, respondBackward: respondBackwardPlain, merge: mergePlain,
	winogradInput: winogradInputPlain, winogradGradient: winogradGradientPlain, winogradOutput: winogradOutputPlain,
	winogradWeights: winogradWeightsPlain, winogradWeightsBackward: winogradWeightsBackwardPlain,
	relu: relu, reluBackward: reluBackward, add: add,
	sigmoid: sigmoid, swish: swish, swishBackward: swishBackward,
}

// peakPlain has about as many sums as tilePlain.
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
