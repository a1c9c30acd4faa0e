package report

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// TransferCurve draws how well a network does on the target task over the
// number of layers it took from the base task, after figure 2 of Yosinski et
// al., "How transferable are features in deep neural networks?" (2014): the
// series as points with error bars, the baselines as dashed lines with bands,
// named with their values at the right. The PNG has 1536 by 960 dots. It is an
// error if there is no point to draw.
func TransferCurve(w io.Writer, title, xlabel, ylabel string, series []Series, baselines []Line) error {
	drawable := 0
	var keys []key
	for i, s := range series {
		drawable += len(s.points())
		keys = append(keys, key{s.Name, colorOr(s.Color, i), markers[i%len(markers)]})
	}
	if drawable == 0 {
		return errors.New("report: transfer curve: no points")
	}
	baselines = slices.DeleteFunc(slices.Clone(baselines), func(l Line) bool { return !finite(l.Mean) })

	p := newPlot(xlabel, ylabel)
	var levels []level
	for i, l := range baselines {
		if !finite(l.Spread) {
			l.Spread = 0
		}
		baselines[i] = l
		levels = append(levels, level{l, colorOr(l.Color, len(series)+i)})
		p.Add(levels[i])
	}
	for i, s := range series {
		shift := 7 * (vg.Length(i) - vg.Length(len(series)-1)/2)
		p.Add(curve{Series: s, color: keys[i].color, marker: keys[i].marker, shift: shift})
	}
	setRange(p, nil, series, baselines, 0.06, math.Inf(1))
	if p.Y.Max > 100 && allWithin(series, baselines, 100) {
		p.Y.Max = 100 // an error bar may pass 100 %, the axis need not
	}

	img, body := canvas(8, 5, title, keys)
	body = draw.Crop(body, 0, -labelWidth(levels), 0, 0)
	p.Draw(body)
	drawLabels(p.DataCanvas(body), p, levels)
	return writePNG(w, img)
}

// allWithin reports whether no mean lies above most.
func allWithin(series []Series, lines []Line, most float64) bool {
	for _, s := range series {
		for _, i := range s.points() {
			if s.Mean[i] > most {
				return false
			}
		}
	}
	return !slices.ContainsFunc(lines, func(l Line) bool { return l.Mean > most })
}

// A level draws a Line over the whole width.
type level struct {
	Line
	color color.Color
}

func (l level) Plot(c draw.Canvas, p *plot.Plot) {
	_, toY := p.Transforms(&c)
	if l.Spread > 0 {
		lo, hi := max(toY(l.Mean-l.Spread), c.Min.Y), min(toY(l.Mean+l.Spread), c.Max.Y)
		c.FillPolygon(fade(l.color, 0.13), []vg.Point{
			{X: c.Min.X, Y: lo}, {X: c.Max.X, Y: lo}, {X: c.Max.X, Y: hi}, {X: c.Min.X, Y: hi}})
	}
	dashed := draw.LineStyle{Color: l.color, Width: 1.75, Dashes: []vg.Length{7, 4}}
	c.StrokeLine2(dashed, c.Min.X, toY(l.Mean), c.Max.X, toY(l.Mean))
}

// value writes 96.3 ± 0.8.
func (l Line) value() string {
	if l.Spread > 0 {
		return fmt.Sprintf("%.1f ± %.1f", l.Mean, l.Spread)
	}
	return fmt.Sprintf("%.1f", l.Mean)
}

var labelStyle = func(c color.Color) text.Style {
	s := face(11.5, bold, c)
	s.YAlign = text.YCenter
	return s
}

// labelWidth is the room that the labels at the right need.
func labelWidth(levels []level) vg.Length {
	w := vg.Length(0)
	for _, l := range levels {
		w = max(w, labelStyle(l.color).Width(l.Name), labelStyle(l.color).Width(l.value()))
	}
	if w > 0 {
		w += 10
	}
	return w
}

// drawLabels names each level at the right of the plot c, over its value, and
// moves labels apart that would overlap.
func drawLabels(c draw.Canvas, p *plot.Plot, levels []level) {
	const height = vg.Length(32)
	levels = slices.Clone(levels)
	slices.SortStableFunc(levels, func(a, b level) int {
		if a.Mean < b.Mean {
			return -1
		}
		return 1
	})
	y := make([]vg.Length, len(levels))
	for i, l := range levels {
		y[i] = c.Y(p.Y.Norm(l.Mean))
		if i > 0 {
			y[i] = max(y[i], y[i-1]+height)
		}
	}
	top := c.Max.Y
	for i := len(levels) - 1; i >= 0; i-- { // what was pushed over the top comes back down
		y[i] = min(y[i], top)
		top = y[i] - height
	}
	for i, l := range levels {
		style := labelStyle(l.color)
		c.FillText(style, vg.Point{X: c.Max.X + 8, Y: y[i] + 7}, l.Name)
		style.Font = face(11.5, font.Font{}, l.color).Font
		c.FillText(style, vg.Point{X: c.Max.X + 8, Y: y[i] - 7}, l.value())
	}
}
