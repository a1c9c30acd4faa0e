package data

import "math"

// The resampling of Pillow (libImaging/Resample.c) with its bilinear (triangle) filter, which widens with the
// reduction and so does not alias: two passes over 8-bit samples in fixed point, the horizontal one first.

// fixedBits is Pillow's PRECISION_BITS: 32 bits less 8 of the sample and 2 of head room.
const fixedBits = 32 - 8 - 2

// taps are the weights of one output sample: input samples first, first+1, …
type taps struct {
	first  int
	weight []int32 // of scale 1<<fixedBits
}

// bilinear gives the taps of output samples lo..hi-1 when n samples become m.
func bilinear(n, m, lo, hi int) []taps {
	scale := float64(n) / float64(m)
	support := max(scale, 1)
	all := make([]taps, hi-lo)
	for i := range all {
		centre := (float64(lo+i) + 0.5) * scale
		// float64() keeps the compiler from fusing a product into the sum, which would round differently.
		first := max(int(float64(centre-support)+0.5), 0)
		end := min(int(float64(centre+support)+0.5), n)
		w := make([]float64, end-first)
		sum := 0.0
		for k := range w {
			x := (float64(float64(k+first)-centre) + 0.5) * (1 / support)
			w[k] = max(0, 1-math.Abs(x))
			sum += w[k]
		}
		weight := make([]int32, len(w))
		for k, v := range w {
			weight[k] = int32(0.5 + float64(v/sum*(1<<fixedBits)))
		}
		all[i] = taps{first, weight}
	}
	return all
}

// plane is an 8-bit picture of c interleaved channels, pix [h,w,c].
type plane struct {
	w, h, c int
	pix     []uint8
}

// window is the part [y0, y0+h) x [x0, x0+w) of src resized to toW x toH; only what the window needs is computed.
func (src plane) window(toW, toH, x0, y0, w, h int) plane {
	if toW == src.w && toH == src.h && x0 == 0 && y0 == 0 && w == src.w && h == src.h {
		return src
	}
	rows := bilinear(src.h, toH, y0, y0+h)
	top := rows[0].first
	bottom := rows[h-1].first + len(rows[h-1].weight)
	if toH == src.h { // Pillow leaves out a pass that changes nothing
		rows, top, bottom = nil, y0, y0+h
	}
	mid := src.horizontal(toW, x0, w, top, bottom)
	if rows == nil {
		return mid
	}
	return mid.vertical(rows, top)
}

// horizontal resizes rows top..bottom-1 to toW columns and keeps x0..x0+w-1 of these.
func (src plane) horizontal(toW, x0, w, top, bottom int) plane {
	out := plane{w, bottom - top, src.c, make([]uint8, w*(bottom-top)*src.c)}
	if toW == src.w {
		for y := range out.h {
			copy(out.pix[y*w*src.c:][:w*src.c], src.pix[((top+y)*src.w+x0)*src.c:])
		}
		return out
	}
	columns := bilinear(src.w, toW, x0, x0+w)
	for y := range out.h {
		in := src.pix[(top+y)*src.w*src.c:][:src.w*src.c]
		to := out.pix[y*w*src.c:][:w*src.c]
		if src.c == 3 {
			horizontalRGB(to, in, columns)
		} else {
			horizontalGray(to, in, columns)
		}
	}
	return out
}

func horizontalRGB(to, in []uint8, columns []taps) {
	for x, t := range columns {
		r, g, b := int32(1<<(fixedBits-1)), int32(1<<(fixedBits-1)), int32(1<<(fixedBits-1))
		p := in[t.first*3:][:len(t.weight)*3]
		for k, w := range t.weight {
			q := p[3*k : 3*k+3]
			r += int32(q[0]) * w
			g += int32(q[1]) * w
			b += int32(q[2]) * w
		}
		o := to[3*x : 3*x+3]
		o[0], o[1], o[2] = clip(int(r>>fixedBits)), clip(int(g>>fixedBits)), clip(int(b>>fixedBits))
	}
}

func horizontalGray(to, in []uint8, columns []taps) {
	for x, t := range columns {
		sum := int32(1 << (fixedBits - 1))
		for k, w := range t.weight {
			sum += int32(in[t.first+k]) * w
		}
		to[x] = clip(int(sum >> fixedBits))
	}
}

// vertical resizes the rows; src begins at row top of the picture that the taps were made for.
func (src plane) vertical(rows []taps, top int) plane {
	n := src.w * src.c
	out := plane{src.w, len(rows), src.c, make([]uint8, n*len(rows))}
	sums := make([]int32, n)
	for y, t := range rows {
		for i := range sums {
			sums[i] = 1 << (fixedBits - 1)
		}
		for k, w := range t.weight {
			in := src.pix[(t.first-top+k)*n:][:n]
			for i, v := range in {
				sums[i] += int32(v) * w
			}
		}
		for i, v := range sums {
			out.pix[y*n+i] = clip(int(v >> fixedBits))
		}
	}
	return out
}
