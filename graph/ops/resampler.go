package ops

import "math"

// resampler is how Resize finds an output's value along one axis.
type resampler struct {
	mode        string // nearest, linear, cubic
	coordinates string // coordinate_transformation_mode
	nearest     string // nearest_mode; "simple" is that of opset 10
	cubicA      float64
	exclude     bool // what lies outside has no weight; else the edge is repeated
	antialias   bool
	taps        [][][]term // by axis and output; nil where an axis stays
}

// line is one axis: its extents, the ratio of them, and the part of it that is seen.
type line struct {
	in, out    int
	scale      float64
	start, end float64 // roi
}

// lines lists the terms of every output; none where it sees nothing of the input.
func (r *resampler) lines(l line) [][]term {
	taps := make([][]term, l.out)
	for i := range taps {
		at, inside := r.at(l, float64(i))
		if !inside {
			continue
		}
		if r.mode == "nearest" {
			taps[i] = []term{{min(max(r.round(r.rounded(l, i), l.scale), 0), l.in-1), 1}}
			continue
		}
		taps[i] = r.around(l, at)
	}
	return taps
}

// at is the place in the input that output i shows, in elements; inside is false where
// it is to be extrapolated.
func (r *resampler) at(l line, i float64) (x float64, inside bool) {
	last, length := float64(l.in-1), l.scale*float64(l.in) // of the output, before it is rounded
	switch r.coordinates {
	case "align_corners":
		if length == 1 {
			return 0, true
		}
		return i * last / (length - 1), true
	case "asymmetric":
		return i / l.scale, true
	case "tf_half_pixel_for_nn":
		return (i + 0.5) / l.scale, true
	case "pytorch_half_pixel":
		if l.out == 1 {
			return 0, true
		}
	case "half_pixel_symmetric":
		x = float64(l.in) / 2 * (1 - float64(l.out)/length)
	case "tf_crop_and_resize":
		x = l.start*last + (l.end-l.start)*last/2
		if l.out != 1 {
			x = l.start*last + i*(l.end-l.start)*last/float64(l.out-1)
		}
		return x, x >= 0 && x <= last
	}
	return x + (i+0.5)/l.scale - 0.5, true
}

// rounded is at in single precision, in which other runtimes compute it: which of two
// elements is nearest is decided by the last bit.
func (r *resampler) rounded(l line, i int) float64 {
	x, scale := float32(i), float32(l.scale)
	switch r.coordinates {
	case "asymmetric":
		return float64(x / scale)
	case "half_pixel":
		return float64((x+0.5)/scale - 0.5)
	case "tf_half_pixel_for_nn":
		return float64((x + 0.5) / scale)
	}
	at, _ := r.at(l, float64(i))
	return float64(float32(at))
}

// round is the nearest element to a place.
func (r *resampler) round(x, scale float64) int {
	switch r.nearest {
	case "floor":
		return int(math.Floor(x))
	case "ceil":
		return int(math.Ceil(x))
	case "round_prefer_ceil":
		return int(math.Floor(x + 0.5))
	case "simple":
		if scale < 1 {
			return int(math.Ceil(x))
		}
		return int(math.Floor(x))
	}
	return int(math.Ceil(x - 0.5))
}

// around weighs the elements around a place: the filter of the mode, stretched by the
// scale where antialias is wanted and the axis shrinks.
func (r *resampler) around(l line, x float64) []term {
	reach, weigh := 1.0, triangle
	if r.mode == "cubic" {
		reach, weigh = 2, r.cubic
	}
	scale := 1.0
	if r.antialias {
		scale = min(l.scale, 1)
	}
	first, last := int(math.Floor(x-reach/scale))+1, int(math.Ceil(x+reach/scale))-1
	var list []term
	var total float64
	for i := first; i <= last; i++ {
		w := weigh((float64(i) - x) * scale)
		at := min(max(i, 0), l.in-1)
		if at != i && r.exclude {
			continue
		}
		total += w
		if n := len(list); n > 0 && list[n-1].index == at {
			list[n-1].weight += w
		} else {
			list = append(list, term{at, w})
		}
	}
	if r.exclude || r.antialias {
		for i := range list {
			list[i].weight /= total
		}
	}
	return list
}

// triangle is the filter of linear interpolation.
func triangle(x float64) float64 { return max(1-math.Abs(x), 0) }

// cubic is Keys' filter (1981, equation 4) with a free parameter.
func (r *resampler) cubic(x float64) float64 {
	a, x := r.cubicA, math.Abs(x)
	switch {
	case x <= 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return ((a*x-5*a)*x+8*a)*x - 4*a
	}
	return 0
}
