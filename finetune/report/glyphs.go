package report

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// light is what stands on a dark ground, in any theme: a page makes pure white transparent.
var (
	light    = color.NRGBA{0xFE, 0xFE, 0xFE, 0xFF}
	darkDisc = color.NRGBA{0x23, 0x23, 0x23, 0xFF} // ink, which a dark page makes light
)

// A glyph is a marker of a study: a polygon standing on a corner, or a circle, filled or
// hollow, with a plus for what learns throughout.
type glyph struct {
	corners      int // 0: a circle
	hollow, plus bool
}

// DrawGlyph makes it a draw.GlyphDrawer.
func (g glyph) DrawGlyph(c *draw.Canvas, s draw.GlyphStyle, at vg.Point) {
	r := s.Radius * 1.25
	var p vg.Path
	if g.corners == 0 {
		p.Move(vg.Point{X: at.X + r, Y: at.Y})
		p.Arc(at, r, 0, 2*math.Pi)
	}
	for i := range g.corners {
		a := math.Pi/2 + 2*math.Pi*float64(i)/float64(g.corners)
		corner := vg.Point{X: at.X + r*vg.Length(math.Cos(a)), Y: at.Y + r*vg.Length(math.Sin(a))}
		if i == 0 {
			p.Move(corner)
		} else {
			p.Line(corner)
		}
	}
	p.Close()
	c.SetColor(s.Color)
	if g.hollow {
		c.SetColor(color.White)
	}
	c.Fill(p)
	c.SetLineStyle(draw.LineStyle{Color: s.Color, Width: 1})
	c.Stroke(p)
	if g.plus {
		style := draw.LineStyle{Color: light, Width: 1.1}
		c.StrokeLine2(style, at.X-r*0.6, at.Y, at.X+r*0.6, at.Y)
		c.StrokeLine2(style, at.X, at.Y-r*0.6, at.X, at.Y+r*0.6)
	}
}

// A dot is one network in a scatter.
type dot struct {
	x, y   float64
	color  color.Color
	marker glyph
}

type dots []dot

func (d dots) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	for _, v := range d {
		c.DrawGlyphNoClip(draw.GlyphStyle{Color: v.color, Radius: 3, Shape: v.marker}, vg.Point{X: toX(v.x), Y: toY(v.y)})
	}
}

// A polyline joins points in order of x; a faint one has no markers and is dashed.
type polyline struct {
	x, y   []float64
	color  color.Color
	marker glyph
	faint  bool
}

func (l polyline) dots() dots {
	var d dots
	for i := range l.x {
		d = append(d, dot{l.x[i], l.y[i], l.color, l.marker})
	}
	return d
}

func (l polyline) points(c draw.Canvas, p *plot.Plot) []vg.Point {
	toX, toY := p.Transforms(&c)
	var pts []vg.Point
	for i := range l.x {
		pts = append(pts, vg.Point{X: toX(l.x[i]), Y: toY(l.y[i])})
	}
	return pts
}

func (l polyline) Plot(c draw.Canvas, p *plot.Plot) {
	style := draw.LineStyle{Color: l.color, Width: 1.75}
	if l.faint {
		style.Width, style.Dashes = 1.25, dashes
	}
	c.StrokeLines(style, c.ClipLinesXY(l.points(c, p))...)
	if !l.faint {
		l.dots().Plot(c, p)
	}
}

// A band shades what lies between two lines over the same x, where the upper one is the
// upper one, and has a digit where it is widest; alone, it is the digit beside a line.
type band struct {
	upper, lower polyline
	color        color.Color
	digit        digit
	alone        bool
}

func (b band) Plot(c draw.Canvas, p *plot.Plot) {
	up, low := b.upper.points(c, p), b.lower.points(c, p)
	widest, at := vg.Length(0), -1
	var area []vg.Point
	for i := range up {
		if gap := up[i].Y - low[i].Y; gap > widest && i > 0 {
			widest, at = gap, i
		}
		area = append(area, vg.Point{X: up[i].X, Y: max(up[i].Y, low[i].Y)})
	}
	for i := len(low) - 1; i >= 0; i-- {
		area = append(area, low[i])
	}
	if at >= 0 {
		c.FillPolygon(fade(b.color, 0.16), c.ClipPolygonXY(area))
	}
	const least = vg.Length(11) // the height of a digit
	mark := func(at vg.Point) {
		c.DrawGlyph(draw.GlyphStyle{Color: b.color, Radius: 4, Shape: b.digit}, at)
	}
	switch {
	case b.alone:
		i := len(up) / 2
		mark(vg.Point{X: (up[i].X + up[i-1].X) / 2, Y: (up[i].Y+up[i-1].Y)/2 + 8})
	case widest > least:
		mark(vg.Point{X: up[at].X - 12, Y: (up[at].Y + low[at].Y) / 2})
	}
}

// A digit is a number in a disc.
type digit string

// DrawGlyph makes it a draw.GlyphDrawer.
func (d digit) DrawGlyph(c *draw.Canvas, s draw.GlyphStyle, at vg.Point) {
	var p vg.Path
	p.Move(vg.Point{X: at.X + s.Radius*1.5, Y: at.Y})
	p.Arc(at, s.Radius*1.5, 0, 2*math.Pi)
	p.Close()
	c.SetColor(darkDisc)
	c.Fill(p)
	style := face(s.Radius*2.2, bold, light)
	style.XAlign, style.YAlign = text.XCenter, text.YCenter
	c.FillText(style, vg.Point{X: at.X, Y: at.Y + s.Radius*0.25}, string(d))
}

// overlays are the lines of another study.
type overlays []polyline

func (o overlays) Plot(c draw.Canvas, p *plot.Plot) {
	for _, l := range o {
		l.Plot(c, p)
	}
}

// dotted marks the key of faint lines: by their dashes alone.
type dotted struct{}

// dashes are those of faint lines.
var dashes = []vg.Length{2, 2}

// DrawGlyph makes it a draw.GlyphDrawer.
func (dotted) DrawGlyph(*draw.Canvas, draw.GlyphStyle, vg.Point) {}
