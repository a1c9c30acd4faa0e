package data

import (
	"bytes"
	"image"
	"image/jpeg"
)

// decodeJPEG decodes with Go's decoder and converts chroma itself: Go repeats a chroma sample over its pixels and
// libjpeg-turbo, which Pillow uses, interpolates ("fancy upsampling").
func decodeJPEG(file []byte) (*Image, error) {
	m, err := jpeg.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	if ycc, ok := m.(*image.YCbCr); ok {
		return fromYCC(ycc), nil
	}
	return fromGo(m)
}

// fromYCC converts a JPEG's planes to RGB with libjpeg's integer formula (jdcolor.c): full range BT.601.
func fromYCC(m *image.YCbCr) *Image {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	im := newImage(w, h)
	cb, cr := newUpsampler(m, m.Cb), newUpsampler(m, m.Cr)
	for y := range h {
		b, r := cb.row(y), cr.row(y)
		luma := m.Y[y*m.YStride : y*m.YStride+w]
		out := im.Pix[y*w*3 : (y+1)*w*3]
		b, r = b[:len(luma)], r[:len(luma)]
		for x, l := range luma {
			l, u, v := int(l), int(b[x])-128, int(r[x])-128
			o := out[3*x : 3*x+3]
			o[0] = clip(l + (91881*v+32768)>>16)          // 1.40200
			o[1] = clip(l + (-22554*u-46802*v+32768)>>16) // 0.34414, 0.71414
			o[2] = clip(l + (116130*u+32768)>>16)         // 1.77200
		}
	}
	return im
}

// upsampler widens one chroma plane to full size, row by row, as libjpeg-turbo's jdsample.c does.
type upsampler struct {
	plane        []uint8
	stride, w, h int // of the plane, in samples
	fx, fy       int // pixels per sample
	sums         []int
	out          []uint8
}

func newUpsampler(m *image.YCbCr, plane []uint8) *upsampler {
	u := &upsampler{plane: plane, stride: m.CStride, fx: 1, fy: 1}
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio422:
		u.fx = 2
	case image.YCbCrSubsampleRatio420:
		u.fx, u.fy = 2, 2
	case image.YCbCrSubsampleRatio440:
		u.fy = 2
	case image.YCbCrSubsampleRatio411:
		u.fx = 4
	case image.YCbCrSubsampleRatio410:
		u.fx, u.fy = 4, 2
	}
	u.w = (m.Rect.Dx() + u.fx - 1) / u.fx
	u.h = (m.Rect.Dy() + u.fy - 1) / u.fy
	u.sums = make([]int, u.w)
	u.out = make([]uint8, u.w*u.fx)
	return u
}

// row is the plane's values for the pixels of row y; valid until the next call.
func (u *upsampler) row(y int) []uint8 {
	near := u.line(y / u.fy)
	if u.fx == 4 || u.fx == 2 && u.w <= 2 { // too coarse or too narrow to interpolate: repeat
		for x := range u.out {
			u.out[x] = near[x/u.fx]
		}
		return u.out
	}
	if u.fy == 1 {
		if u.fx == 1 {
			return near
		}
		widen(u.out, near)
		return u.out
	}
	far := u.line(y/2 - 1 + y%2*2)
	for x := range near {
		u.sums[x] = 3*int(near[x]) + int(far[x])
	}
	if u.fx == 1 {
		for x, s := range u.sums {
			u.out[x] = uint8((s + 1 + y&1) >> 2)
		}
		return u.out
	}
	widenSums(u.out, u.sums)
	return u.out
}

// line is row y of the plane; beyond the first and last rows these repeat.
func (u *upsampler) line(y int) []uint8 {
	y = min(max(y, 0), u.h-1)
	return u.plane[y*u.stride : y*u.stride+u.w]
}

// widen doubles a row of at least 3 samples with the triangle filter (jdsample.c, h2v1_fancy_upsample).
func widen(out, in []uint8) {
	n := len(in)
	out[0] = in[0]
	for x := 0; x < n-1; x++ {
		a, b := int(in[x]), int(in[x+1])
		out[2*x+1] = uint8((3*a + b + 2) >> 2)
		out[2*x+2] = uint8((3*b + a + 1) >> 2)
	}
	out[2*n-1] = in[n-1]
}

// widenSums doubles a row of vertically weighted sums of scale 4 (jdsample.c, h2v2_fancy_upsample).
func widenSums(out []uint8, sums []int) {
	n := len(sums)
	out[0] = uint8((4*sums[0] + 8) >> 4)
	for x := 0; x < n-1; x++ {
		a, b := sums[x], sums[x+1]
		out[2*x+1] = uint8((3*a + b + 7) >> 4)
		out[2*x+2] = uint8((3*b + a + 8) >> 4)
	}
	out[2*n-1] = uint8((4*sums[n-1] + 7) >> 4)
}
