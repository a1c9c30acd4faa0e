package kernel

// Winograd's transforms for 4x4 results of 3x3 kernels, from the points 0, 1, -1, 2, -2
// and infinity (Lavin and Gray 2016). Planes are numbered down the columns: the
// transform's column j and row i are in plane 6j+i.

// winogradInputPlain computes v[6j+i] = (B^T d B)[i][j] for tiles of 6x6 pixels d whose
// rows are row elements apart; one tile begins 4 pixels after the other.
func winogradInputPlain(v, x, _ []float32, plane, row, tiles int) {
	winogradPlain(v, x, plane, row, tiles, 4, 6, 6, func(d *[6]float32) [6]float32 {
		a, b, c, e := d[4]-4*d[2], d[3]-4*d[1], d[4]-d[2], d[3]-d[1]
		return [6]float32{4*d[0] - 5*d[2] + d[4], a + b, a - b, c + 2*e, c - 2*e, 4*d[1] - 5*d[3] + d[5]}
	})
}

// winogradGradientPlain computes u[6j+i] = (A d A^T)[i][j] for tiles of 4x4 pixels.
func winogradGradientPlain(u, dy, _ []float32, plane, row, tiles int) {
	winogradPlain(u, dy, plane, row, tiles, 4, 4, 6, func(d *[6]float32) [6]float32 {
		a, b, c, e := d[0]+d[2], d[1]+d[3], d[0]+4*d[2], 2*(d[1]+4*d[3])
		return [6]float32{d[0], a + b, a - b, c + e, c - e, d[3]}
	})
}

// winogradPlain transforms tiles of n x n pixels, step apart, to m x m planes.
func winogradPlain(to, from []float32, plane, row, tiles, step, n, m int, f func(d *[6]float32) [6]float32) {
	for t := range tiles {
		for l := range plainLanes {
			var half [6][6]float32 // by row
			for i := range n {
				var d [6]float32
				for j := range n {
					d[j] = from[i*row+(t*step+j)*plainLanes+l]
				}
				half[i] = f(&d)
			}
			for j := range m {
				var d [6]float32
				for i := range n {
					d[i] = half[i][j]
				}
				for i, v := range f(&d) {
					to[(6*j+i)*plane+t*plainLanes+l] = v
				}
			}
		}
	}
}

// winogradOutputPlain computes y = A^T m A + bias + residual, between lo and hi, for
// tiles of 4x4 pixels, from the coefficients bias, lo, hi.
func winogradOutputPlain(y, m, _ []float32, plane, row, tiles int, c, residual []float32) {
	f := func(d [6]float32) [4]float32 {
		a, b, e, g := d[1]+d[2], d[1]-d[2], d[3]+d[4], d[3]-d[4]
		return [4]float32{d[0] + a + e, b + 2*g, a + 4*e, b + 8*g + d[5]}
	}
	for t := range tiles {
		for l := range plainLanes {
			var half [4][6]float32
			for j := range 6 {
				var d [6]float32
				for i := range 6 {
					d[i] = m[(6*j+i)*plane+t*plainLanes+l]
				}
				for i, v := range f(d) {
					half[i][j] = v
				}
			}
			for i := range half {
				for j, v := range f(half[i]) {
					o := i*row + (4*t+j)*plainLanes + l
					v += c[l]
					if residual != nil {
						v += residual[o]
					}
					if v < c[plainLanes+l] {
						v = c[plainLanes+l]
					}
					if v > c[2*plainLanes+l] {
						v = c[2*plainLanes+l]
					}
					y[o] = v
				}
			}
		}
	}
}

// winogradWeightsPlain computes u[6j+i] = (G g G^T)[i][j] for vectors of 3x3 kernels g, whose
// elements are wPlane apart.
func winogradWeightsPlain(u, w, _ []float32, plane, wPlane, vectors int) {
	f := func(g [3]float32) [6]float32 {
		a, b, c := g[0]+g[2], g[0]/24+g[2]/6, g[1]/12
		return [6]float32{g[0] / 4, -(a + g[1]) / 6, (g[1] - a) / 6, b + c, b - c, g[2]}
	}
	for o := range vectors * plainLanes {
		var half [3][6]float32
		for i := range half {
			half[i] = f([3]float32{w[3*i*wPlane+o], w[(3*i+1)*wPlane+o], w[(3*i+2)*wPlane+o]})
		}
		for j := range 6 {
			for i, v := range f([3]float32{half[0][j], half[1][j], half[2][j]}) {
				u[(6*j+i)*plane+o] = v
			}
		}
	}
}

// winogradWeightsBackwardPlain computes the 3x3 gradients G^T u G of vectors.
func winogradWeightsBackwardPlain(dw, u, _ []float32, plane, wPlane, vectors int) {
	f := func(q [6]float32) [3]float32 {
		a, b, c, d := q[1]+q[2], q[2]-q[1], q[3]+q[4], q[3]-q[4]
		return [3]float32{q[0]/4 - a/6 + c/24, b/6 + d/12, q[5] - a/6 + c/6}
	}
	for o := range vectors * plainLanes {
		var half [3][6]float32
		for j := range 6 {
			var q [6]float32
			for i := range 6 {
				q[i] = u[(6*j+i)*plane+o]
			}
			for i, v := range f(q) {
				half[i][j] = v
			}
		}
		for i := range half {
			for j, v := range f(half[i]) {
				dw[(3*i+j)*wPlane+o] = v
			}
		}
	}
}
