package report

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// scatterPlot draws guesses over the truth, and the line on which they are right.
func scatterPlot(truth, guess []float64) *plot.Plot {
	p := newPlot("truth", "answer")
	p.Add(answers{truth, guess})
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, list := range [][]float64{truth, guess} {
		for _, v := range list {
			if finite(v) {
				lo, hi = min(lo, v), max(hi, v)
			}
		}
	}
	if lo > hi {
		lo, hi = 0, 1
	}
	pad := max(0.04*(hi-lo), 1e-9*max(math.Abs(lo), 1))
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = lo-pad, hi+pad, lo-pad, hi+pad
	return p
}

// answers are dots at the truth and the guess of each image.
type answers struct{ x, y []float64 }

func (d answers) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	c.StrokeLine2(draw.LineStyle{Color: palette[1], Width: 1.25, Dashes: []vg.Length{4, 3}}, toX(p.X.Min), toY(p.Y.Min), toX(p.X.Max), toY(p.Y.Max))
	radius := vg.Length(2.5)
	if len(d.x) > 1000 {
		radius = 1.2
	}
	style := draw.GlyphStyle{Color: color.Color(palette[0]), Radius: radius, Shape: draw.CircleGlyph{}}
	for i := range d.x {
		if finite(d.x[i]) && finite(d.y[i]) {
			c.DrawGlyph(style, vg.Point{X: toX(d.x[i]), Y: toY(d.y[i])})
		}
	}
}
