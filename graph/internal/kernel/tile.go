package kernel

// tiles are the inner loops of every matrix product, for one instruction set.
// Each sum is computed in one order, whatever the size of its tile.
type tiles struct {
	name          string
	rows, columns int // of the largest tile
	vector        int // columns come in multiples of this, which divides pixelBlock
	// tile is tilePlain for up to rows x columns.
	tile func(c []float32, ldc int, bias, a []float32, lda int, b []float32, at []int, rows, columns int)
	// transpose is transposePlain.
	transpose func(y []float32, ldy int, x []float32, ldx, rows, columns int)
	// peak does multiply-adds in registers and returns their number.
	peak func() int
}

// isa is the instruction set in use, the best that this machine has.
var isa = implementations()[0]

var noBias [8]float32 // for the rows of any tile

// plain needs no instruction set. 2x3 sums and their operands are what the
// compiler keeps in amd64's 15 usable SSE registers without spilling
// (measured: 3x3 and 4x2 spill and run at 70 % of this).
var plain = &tiles{name: "plain", rows: 2, columns: 3, vector: 3, tile: tilePlain, transpose: transposePlain, peak: peakPlain}

// multiply computes c [rows,columns] in tiles:
//
//	c[i*ldc+j] = bias[i] + sum over l < len(at) of a[i*lda+l] * b[at[l]+j]
//
// or adds the sum, without the bias, to what c holds. bias may be nil. Columns
// of b and c up to the next multiple of t.vector must exist and do not count.
func (t *tiles) multiply(c []float32, ldc int, bias, a []float32, lda int, b []float32, at []int, rows, columns int, add bool) {
	for j := 0; j < columns; j += t.columns {
		width := min(t.columns, (columns-j+t.vector-1)/t.vector*t.vector)
		for i := 0; i < rows; i += t.rows {
			height := min(t.rows, rows-i)
			var start []float32
			switch {
			case add:
			case bias == nil:
				start = noBias[:height]
			default:
				start = bias[i : i+height]
			}
			t.tile(c[i*ldc+j:], ldc, start, a[i*lda:], lda, b[j:], at, height, width)
		}
	}
}

// tilePlain computes, for i < rows <= 2 and j < 3,
//
//	c[i*ldc+j] = bias[i] + sum over l < len(at) of a[i*lda+l] * b[at[l]+j]
//
// or, with a nil bias, adds the sum to c.
func tilePlain(c []float32, ldc int, bias, a []float32, lda int, b []float32, at []int, rows, _ int) {
	last := (rows - 1) * lda // one row counts as two
	a0, a1 := a[:len(at)], a[last:last+len(at)]
	var s00, s01, s02, s10, s11, s12 float32
	for l, o := range at {
		d := b[o : o+3 : o+3]
		b0, b1, b2 := d[0], d[1], d[2]
		u, v := a0[l], a1[l]
		s00 += u * b0
		s01 += u * b1
		s02 += u * b2
		s10 += v * b0
		s11 += v * b1
		s12 += v * b2
	}
	put(c, bias, 0, s00, s01, s02)
	if rows > 1 {
		put(c[ldc:], bias, 1, s10, s11, s12)
	}
}

func put(c, bias []float32, i int, s0, s1, s2 float32) {
	c = c[:3]
	if bias != nil {
		c[0], c[1], c[2] = bias[i]+s0, bias[i]+s1, bias[i]+s2
		return
	}
	c[0] += s0
	c[1] += s1
	c[2] += s2
}

// transposePlain computes y[j*ldy+i] = x[i*ldx+j] for i < rows, j < columns.
func transposePlain(y []float32, ldy int, x []float32, ldx, rows, columns int) {
	for j := range columns {
		to := y[j*ldy : j*ldy+rows]
		o := j
		for i := range to {
			to[i] = x[o]
			o += ldx
		}
	}
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
