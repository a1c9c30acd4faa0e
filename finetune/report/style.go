package report

import (
	"image/color"
	"io"
	"math"
	"sort"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// palette is Okabe and Ito, "Color Universal Design" (2008), without yellow,
// which is too faint on white.
var palette = []color.Color{
	color.NRGBA{0x00, 0x72, 0xB2, 0xFF}, // blue
	color.NRGBA{0xD5, 0x5E, 0x00, 0xFF}, // vermilion
	color.NRGBA{0x00, 0x9E, 0x73, 0xFF}, // green
	color.NRGBA{0xCC, 0x79, 0xA7, 0xFF}, // purple
	color.NRGBA{0xE6, 0x9F, 0x00, 0xFF}, // orange
	color.NRGBA{0x56, 0xB4, 0xE9, 0xFF}, // sky blue
}

// markers go with the palette, so that colour is never the only difference.
var markers = []draw.GlyphDrawer{
	draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{},
	draw.RingGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{},
}

var (
	ink   = color.NRGBA{0x22, 0x22, 0x22, 0xFF}
	faint = color.NRGBA{0xE4, 0xE4, 0xE4, 0xFF}
)

const (
	dotsPerInch = 192
	margin      = vg.Length(10) // points
	lineHeight  = vg.Length(19)
)

func colorOr(c color.Color, i int) color.Color {
	if c != nil {
		return c
	}
	return palette[i%len(palette)]
}

// fade makes c translucent; alpha is a share of one.
func fade(c color.Color, alpha float64) color.Color {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	n.A = uint8(alpha * 255)
	return n
}

// face is a style for text of the given size in points.
func face(size vg.Length, weight font.Font, c color.Color) text.Style {
	weight.Typeface, weight.Variant, weight.Size = "Liberation", "Sans", size
	return text.Style{Color: c, Font: weight, Handler: plot.DefaultTextHandler}
}

var regular = font.Font{}

var bold = font.Font{Weight: 3} // WeightBold of golang.org/x/image/font

// newPlot is an empty plot in this package's style: light horizontal grid, no
// box, whole numbers on the x axis.
func newPlot(xlabel, ylabel string) *plot.Plot {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = xlabel, ylabel
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		label := face(12, font.Font{}, ink)
		label.XAlign, label.YAlign = a.Label.TextStyle.XAlign, a.Label.TextStyle.YAlign
		label.Rotation = a.Label.TextStyle.Rotation
		a.Label.TextStyle = label
		a.Label.Padding = 5
		tick := face(11, font.Font{}, ink)
		tick.XAlign, tick.YAlign = a.Tick.Label.XAlign, a.Tick.Label.YAlign
		a.Tick.Label = tick
		a.LineStyle.Color, a.Tick.LineStyle.Color = ink, ink
		a.Padding = 0
	}
	p.Y.LineStyle.Width = 0
	p.Y.Tick.LineStyle.Width = 0
	p.X.Tick.Marker = plot.TickerFunc(func(lo, hi float64) []plot.Tick { return niceTicks(lo, hi, 10, 1) })
	p.Y.Tick.Marker = plot.TickerFunc(func(lo, hi float64) []plot.Tick { return niceTicks(lo, hi, 6, 0) })
	p.Add(grid{})
	return p
}

// niceTicks are at most about n labelled ticks at multiples of 1, 2 or 5 times
// a power of ten, at least least apart.
func niceTicks(lo, hi float64, n int, least float64) []plot.Tick {
	step := niceStep(hi-lo, n, least)
	digits := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	var ticks []plot.Tick
	for i := math.Ceil(lo/step - 1e-9); i*step <= hi+1e-9*step; i++ {
		ticks = append(ticks, plot.Tick{Value: i * step, Label: strconv.FormatFloat(i*step+0, 'f', digits, 64)})
	}
	return ticks
}

func niceStep(span float64, n int, least float64) float64 {
	if !(span > 0) {
		return max(1, least)
	}
	raw := max(span/float64(n), least)
	power := math.Pow(10, math.Floor(math.Log10(raw)+1e-9))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= raw*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// grid draws a light line at each tick of the y axis.
type grid struct{}

func (grid) Plot(c draw.Canvas, p *plot.Plot) {
	_, y := p.Transforms(&c)
	for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		c.StrokeLine2(draw.LineStyle{Color: faint, Width: 0.75}, c.Min.X, y(t.Value), c.Max.X, y(t.Value))
	}
}

// A key is one entry of the row above a plot that names its series.
type key struct {
	name   string
	color  color.Color
	marker draw.GlyphDrawer
}

// width is the room that a key takes in its row.
func (k key) width() vg.Length { return 30 + face(12, font.Font{}, ink).Width(k.name) + 22 }

// rows breaks keys into rows of at most the given width.
func rows(keys []key, width vg.Length) [][]key {
	var list [][]key
	used := width
	for _, k := range keys {
		if used+k.width()-22 > width {
			list, used = append(list, nil), 0
		}
		list[len(list)-1] = append(list[len(list)-1], k)
		used += k.width()
	}
	return list
}

// drawKeys writes the entries from left to right with their middle at y.
func drawKeys(c draw.Canvas, x, y vg.Length, keys []key) {
	style := face(12, font.Font{}, ink)
	style.YAlign = text.YCenter
	for _, k := range keys {
		line := draw.LineStyle{Color: k.color, Width: 2}
		if _, ok := k.marker.(dotted); ok {
			line.Width, line.Dashes = 1.25, dashes
		}
		c.StrokeLine2(line, x, y, x+24, y)
		c.DrawGlyphNoClip(draw.GlyphStyle{Color: k.color, Radius: 3.5, Shape: k.marker}, vg.Point{X: x + 12, Y: y})
		c.FillText(style, vg.Point{X: x + 30, Y: y + 1.5}, k.name) // the middle of small letters
		x += k.width()
	}
}

// canvas is an image of w by h inches with a title and a row of keys; body is
// what is left for plots.
func canvas(w, h vg.Length, title string, keys []key) (img *vgimg.Canvas, body draw.Canvas) {
	img = vgimg.NewWith(vgimg.UseWH(w*vg.Inch, h*vg.Inch), vgimg.UseDPI(dotsPerInch))
	return img, frame(draw.New(img), title, keys)
}

// fit shortens s to the width w.
func fit(style text.Style, s string, w vg.Length) string {
	r := []rune(s)
	if len(r) > 500 {
		r = r[:500] // no image is wider
	}
	if s = string(r); style.Width(s) <= w {
		return s
	}
	n := sort.Search(len(r), func(n int) bool { return style.Width(string(r[:n])+"…") > w })
	return string(r[:max(n-1, 0)]) + "…"
}

func writePNG(w io.Writer, img *vgimg.Canvas) error {
	_, err := vgimg.PngCanvas{Canvas: img}.WriteTo(w)
	return err
}
