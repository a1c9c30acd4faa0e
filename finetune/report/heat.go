package report

import (
	"fmt"
	"image"
	"image/color"
	"io"
	"math"

	xdraw "golang.org/x/image/draw"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// Heat is a map over a picture: Values [H,W], row-major, of 0 to 1.
type Heat struct {
	H, W   int
	Values []float32
}

// heatColors goes from black by violet and orange to a light yellow, its lightness in
// proportion to the value (Moreland 2009).
var heatColors = func() (c [256]color.RGBA) {
	m := moreland.ExtendedBlackBody()
	m.SetMax(1)
	for i := range c {
		at, err := m.At(0.95 * float64(i) / 255) // the last ones are as white as paper
		if err != nil {
			panic(err)
		}
		c[i] = color.RGBAModel.Convert(at).(color.RGBA)
	}
	return c
}()

// heatAt is the colour of a value of 0 to 1.
func heatAt(v float64) color.RGBA { return heatColors[int(math.Round(255*v))] }

// Over lays the map over a picture, stretched to its size: alpha of each pixel is the
// map's colour, the rest the picture's. It panics where Values are not H*W.
func (h Heat) Over(picture image.Image, alpha float64) *image.RGBA {
	if len(h.Values) != h.H*h.W || h.H*h.W == 0 {
		panic("report: Heat: Values are not H*W")
	}
	b := picture.Bounds()
	to := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	values := image.NewGray16(to.Rect)
	xdraw.BiLinear.Scale(values, to.Rect, h.gray(), image.Rect(0, 0, h.W, h.H), xdraw.Src, nil)
	mix := func(over, under uint8) uint8 {
		return uint8(math.Round(alpha*float64(over) + (1-alpha)*float64(under)))
	}
	for y := range b.Dy() {
		for x := range b.Dx() {
			c := heatAt(float64(values.Gray16At(x, y).Y) / math.MaxUint16)
			p := color.RGBAModel.Convert(picture.At(b.Min.X+x, b.Min.Y+y)).(color.RGBA)
			to.SetRGBA(x, y, color.RGBA{mix(c.R, p.R), mix(c.G, p.G), mix(c.B, p.B), 255})
		}
	}
	return to
}

// gray is the map as a picture; what is beyond 0 and 1, or no number, is within.
func (h Heat) gray() *image.Gray16 {
	m := image.NewGray16(image.Rect(0, 0, h.W, h.H))
	for i, v := range h.Values {
		if v > 0 {
			m.SetGray16(i%h.W, i/h.W, color.Gray16{Y: uint16(math.Round(math.MaxUint16 * math.Min(float64(v), 1)))})
		}
	}
	return m
}

// Explained is a photograph with the map of what in it speaks for an answer.
type Explained struct {
	Photo       image.Image
	Heat        Heat
	Answer      string  // class, label or number
	Probability float64 // NaN: none
	At          string  // where in the network
}

// overlayAlpha leaves the picture under a map visible where the map is dark.
const overlayAlpha = 0.6

// side is that of the larger picture of an Explained, in dots.
const side = 480

// PNG draws the photograph and, beside it, the map laid over it.
func (e Explained) PNG(w io.Writer) error {
	const dots, gap, bar, below = vg.Inch / dotsPerInch, 24, 14, 46
	photo := scaledTo(e.Photo, side)
	b := photo.Bounds()
	width := max(2*b.Dx()+2*gap+bar+40, 700)
	img, body := canvas(vg.Length(width)/dotsPerInch+0.28, vg.Length(b.Dy()+below)/dotsPerInch+0.62, e.title(), nil)
	draw := func(x int, m image.Image, caption string) {
		left, d := body.Min.X+vg.Length(x)*dots, m.Bounds()
		body.DrawImage(vg.Rectangle{Min: vg.Point{X: left, Y: body.Max.Y - vg.Length(d.Dy())*dots}, Max: vg.Point{X: left + vg.Length(d.Dx())*dots, Y: body.Max.Y}}, m)
		style := face(9, regular, ink)
		style.YAlign = text.YTop
		body.FillText(style, vg.Point{X: left, Y: body.Max.Y - vg.Length(d.Dy()+8)*dots}, fit(style, caption, vg.Length(max(d.Dx(), 300))*dots))
	}
	draw(0, photo, "as the network sees it")
	draw(b.Dx()+gap, e.Heat.Over(photo, overlayAlpha), "Grad-CAM at "+e.At)
	at := 2 * (b.Dx() + gap)
	draw(at, heatBar(bar, b.Dy()), "")
	style := face(8, regular, ink)
	for i, label := range []string{"1", "0"} {
		style.YAlign = []text.YAlignment{text.YTop, text.YBottom}[i]
		body.FillText(style, vg.Point{X: body.Min.X + vg.Length(at+bar+6)*dots, Y: body.Max.Y - vg.Length(i*b.Dy())*dots}, label)
	}
	return writePNG(w, img)
}

// title is the answer with its probability.
func (e Explained) title() string {
	if math.IsNaN(e.Probability) {
		return e.Answer
	}
	return fmt.Sprintf("%s, %.1f %%", e.Answer, 100*e.Probability)
}

// heatBar shows the colours, 1 at the top.
func heatBar(w, h int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, heatAt(1-float64(y)/float64(max(h-1, 1))))
		}
	}
	return m
}

// scaledTo is a picture with its longer side of n dots; a small one is enlarged pixel by
// pixel.
func scaledTo(m image.Image, n int) image.Image {
	b := m.Bounds()
	w, h := n, n
	if b.Dx() > b.Dy() {
		h = max(n*b.Dy()/b.Dx(), 1)
	} else {
		w = max(n*b.Dx()/max(b.Dy(), 1), 1)
	}
	to := image.NewRGBA(image.Rect(0, 0, w, h))
	scale := xdraw.Scaler(xdraw.CatmullRom)
	if b.Dx() < 72 {
		scale = xdraw.NearestNeighbor
	}
	scale.Scale(to, to.Bounds(), m, b, xdraw.Src, nil)
	return to
}
