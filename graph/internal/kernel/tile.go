package kernel

var noBias [8]float32 // for the rows of any tile

// multiply computes c [rows,columns] in tiles:
//
//	c[i*ldc+j] = bias[i] + sum over l < len(at) of a[i*lda+l] * b[at[l]+j]
//
// or adds the sum, without the bias, to what c holds. bias may be nil. Columns
// of b and c up to the next multiple of s.vector must exist and do not count.
func (s *loops) multiply(c []float32, ldc int, bias, a []float32, lda int, b []float32, at []int, rows, columns int, add bool) {
	for j := 0; j < columns; j += s.columns {
		width := min(s.columns, (columns-j+s.vector-1)/s.vector*s.vector)
		for i := 0; i < rows; i += s.rows {
			height := min(s.rows, rows-i)
			var start []float32
			switch {
			case add:
			case bias == nil:
				start = noBias[:height]
			default:
				start = bias[i : i+height]
			}
			s.tile(c[i*ldc+j:], ldc, start, a[i*lda:], lda, b[j:], at, height, width)
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
