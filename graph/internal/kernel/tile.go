package kernel

// The register tiles: 2x3 sums and their operands are what the compiler keeps
// in amd64's 15 usable SSE registers without spilling (measured: 3x3 and 4x2
// spill and run at 70 % of this). Callers pass a row twice, or columns that
// do not count, where fewer than 2 or 3 are left, and drop those sums.

// tileRows is the product of two rows and three adjacent columns:
//
//	s[i][j] = sum over l < len(a0) of ai[l] * b[l*ldb+j]
func tileRows(a0, a1, b []float32, ldb int) (s00, s01, s02, s10, s11, s12 float32) {
	a1 = a1[:len(a0)]
	o := 0
	for l, u := range a0 {
		c := b[o : o+3 : o+3]
		b0, b1, b2 := c[0], c[1], c[2]
		v := a1[l]
		s00 += u * b0
		s01 += u * b1
		s02 += u * b2
		s10 += v * b0
		s11 += v * b1
		s12 += v * b2
		o += ldb
	}
	return
}

// tileDots is the product of two rows and three rows:
//
//	s[i][j] = sum over l < len(a0) of ai[l] * bj[l]
func tileDots(a0, a1, b0, b1, b2 []float32) (s00, s01, s02, s10, s11, s12 float32) {
	a1, b0, b1, b2 = a1[:len(a0)], b0[:len(a0)], b1[:len(a0)], b2[:len(a0)]
	for l, u := range a0 {
		v := a1[l]
		x, y, z := b0[l], b1[l], b2[l]
		s00 += u * x
		s01 += u * y
		s02 += u * z
		s10 += v * x
		s11 += v * y
		s12 += v * z
	}
	return
}
