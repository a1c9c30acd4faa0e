package data

import "math"

// Augment says how training pictures are varied; the zero value leaves them as they are. The numbers are those of
// torchvision's transforms of the same meaning.
type Augment struct {
	Flip   float64 // share that is mirrored left to right
	Crop   float64 // smallest share of the picture that a random crop keeps, of side ratio 3/4 to 4/3; 0: the centre crop
	Rotate float64 // degrees, up to which pictures are turned either way
	Jitter float64 // share by which brightness, contrast and saturation change at most
	Erase  float64 // share of the pictures in which a rectangle is blanked
}

// Presets are the ways to vary pictures that have a name, in order of strength.
var Presets = []struct {
	Name string
	Augment
}{
	{"none", Augment{}},
	{"flip", Augment{Flip: 0.5}},
	{"light", Augment{Flip: 0.5, Crop: 0.7}},
	{"strong", Augment{Flip: 0.5, Crop: 0.25, Rotate: 10, Jitter: 0.3, Erase: 0.25}},
}

// FlipOnly says whether a picture has two forms at most, itself and its mirror image.
func (a Augment) FlipOnly() bool {
	a.Flip = 0
	return a == Augment{}
}

// View is how one example is varied in one epoch; the zero value is the example as it is.
type View struct {
	a   Augment
	key uint64
}

// View draws how example i is varied in an epoch, a function of its arguments alone.
func (a Augment) View(seed uint64, epoch, i int) View {
	const stream = 0x76696577 // "view": keeps the draws apart from Shuffle's
	return View{a, mix(seed, stream, uint64(epoch), uint64(i))}
}

// Mirrored is the view that mirrors and does no more.
var Mirrored = View{a: Augment{Flip: 1}}

// What the draws of a view are for.
const (
	drawFlip = iota
	drawRotate
	drawBrightness
	drawContrast
	drawSaturation
	drawErase
	drawEraseArea
	drawEraseRatio
	drawEraseX
	drawEraseY
	drawCrop // and those after it
)

// draw is uniform in 0 up to 1.
func (v View) draw(k int) float64 { return float64(mix(v.key, uint64(k))>>11) / (1 << 53) }

// within is uniform in lo to hi.
func (v View) within(k int, lo, hi float64) float64 { return lo + (hi-lo)*v.draw(k) }

// Flips says whether the view mirrors its example.
func (v View) Flips() bool { return v.a.Flip > 0 && v.draw(drawFlip) < v.a.Flip }

// box draws a crop of a w x h picture for an input of side ratio ratio = width/height, as torchvision's
// RandomResizedCrop does: ten tries, then as much of the middle as the ratios allow.
func (v View) box(w, h int, ratio float64) (x, y, cw, ch int) {
	for k := drawCrop; k < drawCrop+40; k += 4 {
		area := float64(w*h) * v.within(k, v.a.Crop, 1)
		side := ratio * math.Exp(v.within(k+1, math.Log(3./4), math.Log(4./3)))
		cw, ch = int(math.Round(math.Sqrt(area*side))), int(math.Round(math.Sqrt(area/side)))
		if cw > 0 && cw <= w && ch > 0 && ch <= h {
			return int(v.draw(k+2) * float64(w-cw+1)), int(v.draw(k+3) * float64(h-ch+1)), cw, ch
		}
	}
	cw, ch = w, h
	if most := 4. / 3 * ratio; float64(w) > most*float64(h) {
		cw = int(math.Round(most * float64(h)))
	} else if least := 3. / 4 * ratio; float64(w) < least*float64(h) {
		ch = int(math.Round(float64(w) / least))
	}
	return (w - cw) / 2, (h - ch) / 2, cw, ch
}

// crop is the part [y,y+h) x [x,x+w) of src.
func (src plane) crop(x, y, w, h int) plane {
	out := plane{w, h, src.c, make([]uint8, w*h*src.c)}
	for r := range h {
		copy(out.pix[r*w*src.c:(r+1)*w*src.c], src.pix[((y+r)*src.w+x)*src.c:])
	}
	return out
}

// turned is src turned about its middle by an angle in degrees, bilinear; beyond the border lies its nearest pixel.
func (src plane) turned(degrees float64) plane {
	out := plane{src.w, src.h, src.c, make([]uint8, len(src.pix))}
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	cx, cy := float64(src.w-1)/2, float64(src.h-1)/2
	inside := func(v float64, n int) float64 { return min(max(v, 0), float64(n-1)) }
	for y := range out.h {
		for x := range out.w {
			dx, dy := float64(x)-cx, float64(y)-cy
			fx, fy := inside(cx+cos*dx+sin*dy, src.w), inside(cy-sin*dx+cos*dy, src.h)
			x0, y0 := int(fx), int(fy)
			x1, y1 := min(x0+1, src.w-1), min(y0+1, src.h-1)
			ax, ay := fx-float64(x0), fy-float64(y0)
			for c := range src.c {
				at := func(x, y int) float64 { return float64(src.pix[(y*src.w+x)*src.c+c]) }
				top, bottom := at(x0, y0)*(1-ax)+at(x1, y0)*ax, at(x0, y1)*(1-ax)+at(x1, y1)*ax
				out.pix[(y*out.w+x)*out.c+c] = uint8(top*(1-ay) + bottom*ay + 0.5)
			}
		}
	}
	return out
}

// jitter changes brightness, contrast and saturation, one after the other (torchvision's ColorJitter).
func (v View) jitter(p plane) plane {
	factor := func(k int) float64 { return v.within(k, 1-v.a.Jitter, 1+v.a.Jitter) }
	luma := func(q []uint8) float64 {
		if len(q) == 1 {
			return float64(q[0])
		}
		return 0.299*float64(q[0]) + 0.587*float64(q[1]) + 0.114*float64(q[2])
	}
	out := plane{p.w, p.h, p.c, make([]uint8, len(p.pix))}
	bright := factor(drawBrightness)
	sum := 0.0
	for i := 0; i < len(p.pix); i += p.c {
		for c := range p.c {
			out.pix[i+c] = rounded(float64(p.pix[i+c]) * bright)
		}
		sum += luma(out.pix[i : i+p.c])
	}
	mean, contrast, saturation := sum/float64(p.w*p.h), factor(drawContrast), factor(drawSaturation)
	for i := 0; i < len(p.pix); i += p.c {
		q := out.pix[i : i+p.c]
		for c := range q {
			q[c] = rounded(mean + (float64(q[c])-mean)*contrast)
		}
		gray := luma(q)
		for c := range q {
			q[c] = rounded(gray + (float64(q[c])-gray)*saturation)
		}
	}
	return out
}

func rounded(x float64) uint8 { return uint8(min(max(x+0.5, 0), 255)) }

// erase blanks a rectangle of 2 to 20 % of an input of h x w, c values a pixel and planes of them, with 0, which
// the mean becomes (Zhong et al. 2017).
func (v View) erase(dst []float32, h, w int, interleaved bool) {
	if !(v.draw(drawErase) < v.a.Erase) {
		return
	}
	area := float64(h*w) * v.within(drawEraseArea, 0.02, 0.2)
	ratio := math.Exp(v.within(drawEraseRatio, math.Log(0.3), math.Log(3.3)))
	eh, ew := min(int(math.Sqrt(area/ratio))+1, h), min(int(math.Sqrt(area*ratio))+1, w)
	y0, x0 := int(v.draw(drawEraseY)*float64(h-eh+1)), int(v.draw(drawEraseX)*float64(w-ew+1))
	c := len(dst) / (h * w)
	for y := y0; y < y0+eh; y++ {
		if interleaved {
			clear(dst[(y*w+x0)*c : (y*w+x0+ew)*c])
			continue
		}
		for k := range c {
			clear(dst[(k*h+y)*w+x0 : (k*h+y)*w+x0+ew])
		}
	}
}
