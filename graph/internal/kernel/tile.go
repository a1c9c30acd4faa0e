package kernel

// tile is a block of sums in registers: rows of c by blocks of lanes. It is what all
// convolutions, matrix products and their gradients are made of. Strides and places
// count elements.
//
//	for r < rows, v < blocks, l < lanes:
//	  s, j = 0, 0; or s = c[o] where resume; or s = bias where begin
//	  for t in taps, i < t.count:
//	    s += a[t.at + r*aRow + i*aStep] * b[j*bStep + v*bBlock + l]
//	    j++
//	  o = r*cRow + v*cBlock + l
//	  s += bias[v*lanes+l] unless begin, then c[o] where add, then residual[o]
//	  c[o] = s, between lo and hi where clamp
//
// The forms "lanes" and "most" have one block and read a vector of a, at
// a[t.at + r*aRow + i*aStep + l]: lanes multiplies it, most stores the largest, or
// NaN, as it is and reads no b.
type tile struct {
	c              []float32
	cRow, cBlock   int
	bias, residual []float32
	a              []float32
	aRow, aStep    int
	b              []float32
	bStep, bBlock  int
	taps           []tap
	rows, blocks   int
	add, clamp     bool
	resume, begin  bool
	lo, hi         float32
}

// tap is a run of count terms, at least one, whose first element of a lies at at.
type tap struct{ at, count int }

// plainLanes sums and their operands are what the compiler keeps in amd64's 15 usable SSE
// registers without spilling.
const plainLanes = 8

const maxLanes = 16 // of all instruction sets

func tilePlain(t *tile) {
	for v := range t.blocks {
		for r := range t.rows {
			s := t.start(r, v)
			s0, s1, s2, s3, s4, s5, s6, s7 := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
			at := v * t.bBlock
			for _, p := range t.taps {
				a := t.a[p.at+r*t.aRow:]
				o := 0
				for range p.count {
					w := (*[plainLanes]float32)(t.b[at:])
					x := a[o]
					w0, w1, w2, w3 := w[0], w[1], w[2], w[3]
					s0 += w0 * x
					s1 += w1 * x
					s2 += w2 * x
					s3 += w3 * x
					w0, w1, w2, w3 = w[4], w[5], w[6], w[7]
					s4 += w0 * x
					s5 += w1 * x
					s6 += w2 * x
					s7 += w3 * x
					o += t.aStep
					at += t.bStep
				}
			}
			t.store(r, v, [plainLanes]float32{s0, s1, s2, s3, s4, s5, s6, s7})
		}
	}
}

func lanesPlain(t *tile) {
	for r := range t.rows {
		s := t.start(r, 0)
		at := 0
		for _, p := range t.taps {
			o := p.at + r*t.aRow
			for range p.count {
				a, b := (*[plainLanes]float32)(t.a[o:]), (*[plainLanes]float32)(t.b[at:])
				for l := range s {
					s[l] += a[l] * b[l]
				}
				o += t.aStep
				at += t.bStep
			}
		}
		t.store(r, 0, s)
	}
}

func mostPlain(t *tile) {
	for r := range t.rows {
		var s [plainLanes]float32
		fill(s[:], minusInf)
		for _, p := range t.taps {
			o := p.at + r*t.aRow
			for range p.count {
				for l, v := range t.a[o : o+plainLanes] {
					if v > s[l] || v != v {
						s[l] = v
					}
				}
				o += t.aStep
			}
		}
		copy(t.c[r*t.cRow:], s[:])
	}
}

// start is what the sums of a row and block begin with.
func (t *tile) start(r, v int) (s [plainLanes]float32) {
	switch {
	case t.resume:
		s = [plainLanes]float32(t.c[r*t.cRow+v*t.cBlock:])
	case t.begin:
		s = [plainLanes]float32(t.bias[v*plainLanes:])
	}
	return s
}

func (t *tile) store(r, v int, s [plainLanes]float32) {
	o := r*t.cRow + v*t.cBlock
	c := t.c[o : o+plainLanes]
	for l, x := range s {
		if len(t.bias) > 0 && !t.begin {
			x += t.bias[v*plainLanes+l]
		}
		if t.add {
			x += c[l]
		}
		if len(t.residual) > 0 {
			x += t.residual[o+l]
		}
		if t.clamp {
			if x < t.lo { // NaN passes
				x = t.lo
			}
			if x > t.hi {
				x = t.hi
			}
		}
		c[l] = x
	}
}

// panels is how many panels so many blocks of columns are cut into: what one tile computes
// side by side, as nearly equal as may be.
func panels(blocks int) int { return (blocks + len(isa.rows) - 1) / len(isa.rows) }

// panel is the blocks from first on, and before last, of panel i.
func panel(blocks, i int) (first, last int) {
	n := panels(blocks)
	return blocks * i / n, blocks * (i + 1) / n
}

// each cuts rows into tiles of nearly equal height and calls f with the first row of
// each; t.rows tells how many there are.
func (t *tile) each(rows int, f func(first int)) {
	most := isa.rows[t.blocks-1]
	parts := (rows + most - 1) / most
	for first, left := 0, parts; left > 0; left-- {
		t.rows = (rows - first + left - 1) / left
		f(first)
		first += t.rows
	}
}

// multiply computes c [rows,columns] from a and packed columns of b:
//
//	c[i*ldc+j] = sum over l < k of a[i*aRow+l*aStep] * b[l*ldb+j]
//
// or adds the sum to what c holds. Columns of b and c up to the next multiple of
// the lanes must exist and do not count.
func (w *worker) multiply(c []float32, ldc int, a []float32, aRow, aStep int, b []float32, ldb, k, rows, columns int, add bool) {
	t := &w.tile
	w.taps = append(w.taps[:0], tap{0, k})
	if k == 0 {
		w.taps = w.taps[:0]
	}
	*t = tile{cRow: ldc, cBlock: isa.lanes, aRow: aRow, aStep: aStep, bStep: ldb, bBlock: isa.lanes, taps: w.taps, add: add}
	blocks := Blocks(columns)
	for p := range panels(blocks) {
		first, last := panel(blocks, p)
		t.blocks = last - first
		j := first * isa.lanes
		if k > 0 {
			t.b = b[j:]
		}
		t.each(rows, func(i int) {
			t.c, t.a = c[i*ldc+j:], a[i*aRow:]
			isa.tile(t)
		})
	}
	*t = tile{}
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
