package data

import (
	"fmt"
	"image"
	"image/color"
)

// fromGo copies a picture without chroma subsampling to RGB; alpha is dropped, of 16-bit samples the high byte stays.
func fromGo(m image.Image) (*Image, error) {
	b := m.Bounds()
	im := newImage(b.Dx(), b.Dy())
	switch m := m.(type) {
	case *image.Gray:
		im.spread(m.Pix, m.Stride, 1)
	case *image.Gray16:
		im.spread(m.Pix, m.Stride, 2)
	case *image.RGBA: // the decoders use it for opaque pictures only
		im.take(m.Pix, m.Stride, 4, 1)
	case *image.NRGBA:
		im.take(m.Pix, m.Stride, 4, 1)
	case *image.RGBA64:
		im.take(m.Pix, m.Stride, 8, 2)
	case *image.NRGBA64:
		im.take(m.Pix, m.Stride, 8, 2)
	case *image.Paletted:
		im.lookUp(m, rgbPalette(m.Palette))
	case *image.CMYK:
		im.takeCMYK(m)
	default:
		return nil, fmt.Errorf("unsupported colour model %T", m)
	}
	return im, nil
}

// spread copies gray samples, the first of every step bytes, to all three channels.
func (im *Image) spread(pix []uint8, stride, step int) {
	for y := range im.H {
		row := pix[y*stride:]
		for x, d := 0, y*im.W*3; x < im.W; x, d = x+1, d+3 {
			v := row[x*step]
			im.Pix[d], im.Pix[d+1], im.Pix[d+2] = v, v, v
		}
	}
}

// take copies three samples, sample bytes apart, of every step bytes.
func (im *Image) take(pix []uint8, stride, step, sample int) {
	for y := range im.H {
		row := pix[y*stride:]
		for x, d := 0, y*im.W*3; x < im.W; x, d = x+1, d+3 {
			p := row[x*step : x*step+2*sample+1]
			im.Pix[d], im.Pix[d+1], im.Pix[d+2] = p[0], p[sample], p[2*sample]
		}
	}
}

// lookUp copies a palette picture; an index past the palette is black, as in Pillow.
func (im *Image) lookUp(m *image.Paletted, palette [256][3]uint8) {
	for y := range im.H {
		row := m.Pix[y*m.Stride:]
		for x, d := 0, y*im.W*3; x < im.W; x, d = x+1, d+3 {
			copy(im.Pix[d:d+3], palette[row[x]][:])
		}
	}
}

func rgbPalette(p color.Palette) (rgb [256][3]uint8) {
	for i, c := range p[:min(len(p), 256)] {
		n := color.NRGBAModel.Convert(c).(color.NRGBA)
		rgb[i] = [3]uint8{n.R, n.G, n.B}
	}
	return rgb
}

// takeCMYK converts with Pillow's formula (libImaging/Convert.c, cmyk2rgb): r = (255-k) - c*(255-k)/255, rounded.
func (im *Image) takeCMYK(m *image.CMYK) {
	for y := range im.H {
		row := m.Pix[y*m.Stride:]
		for x, d := 0, y*im.W*3; x < im.W; x, d = x+1, d+3 {
			light := 255 - int(row[4*x+3])
			for c := range 3 {
				t := int(row[4*x+c])*light + 128
				im.Pix[d+c] = clip(light - (t>>8+t)>>8)
			}
		}
	}
}

func clip(v int) uint8 {
	if uint(v) <= 255 {
		return uint8(v)
	}
	if v < 0 {
		return 0
	}
	return 255
}
