package data

import (
	"image"
	"math"
)

// Go gives the picture as Go's standard library has it.
func (im *Image) Go() image.Image {
	out := image.NewRGBA(image.Rect(0, 0, im.W, im.H))
	for i, d := 0, 0; i < len(im.Pix); i, d = i+3, d+4 {
		copy(out.Pix[d:d+3], im.Pix[i:i+3])
		out.Pix[d+3] = 255
	}
	return out
}

// Seen is what the network sees of a picture, before its numbers are normalised.
func (p Preprocess) Seen(im *Image, v View) (*Image, error) {
	out, err := p.pixels(im, v)
	if err != nil {
		return nil, err
	}
	to := newImage(out.w, out.h)
	for y := range out.h {
		for x := range out.w {
			from := x
			if v.Flips() {
				from = out.w - 1 - x
			}
			for k := range 3 {
				to.Pix[(y*out.w+x)*3+k] = out.pix[(y*out.w+from)*out.c+min(k, out.c-1)]
			}
		}
	}
	if v.a.Erase > 0 { // as Preprocess.Apply blanks it, by a gray
		mask := make([]float32, out.w*out.h)
		for i := range mask {
			mask[i] = 1
		}
		v.erase(mask, out.h, out.w, false)
		for i, m := range mask {
			if m == 0 {
				to.Pix[3*i], to.Pix[3*i+1], to.Pix[3*i+2] = 128, 128, 128
			}
		}
	}
	return to, nil
}

// Picture is example i to be looked at: the picture, or a float32 array of one or three
// channels stretched from its least to its greatest number; ok is false for other arrays.
func (s *Set) Picture(i int) (im *Image, ok bool, err error) {
	x, shape, arrays := s.Tensor(i)
	if !arrays {
		im, err = s.Image(i)
		return im, err == nil, err
	}
	if shape[0] != 1 && shape[0] != 3 {
		return nil, false, nil
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range x {
		lo, hi = math.Min(lo, float64(v)), math.Max(hi, float64(v))
	}
	scale := 0.0
	if hi > lo {
		scale = 255 / (hi - lo)
	}
	im = newImage(shape[2], shape[1])
	area := shape[1] * shape[2]
	for p := range area {
		for k := range 3 {
			im.Pix[3*p+k] = uint8((float64(x[min(k, shape[0]-1)*area+p]) - lo) * scale)
		}
	}
	return im, true, nil
}
