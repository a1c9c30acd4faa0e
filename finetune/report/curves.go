package report

import (
	"errors"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// markersUpTo is the number of points up to which a curve shows each of them.
const markersUpTo = 30

// Curves draws loss and score over the epochs, training and validation, side
// by side as a PNG of 1728 by 816 dots. It is an error if there is no epoch.
func Curves(w io.Writer, epochs []Epoch, m Measure, title string) error {
	if len(epochs) == 0 {
		return errors.New("report: curves: no epochs")
	}
	x, loss, score := m.course(epochs)
	img, body := canvas(9, 4.25, title, keysOf(loss, score))
	panels := [][]*plot.Plot{{panel("loss", x, loss, math.Inf(1)), panel(m.of().axis, x, score, m.of().most)}}
	tiles := draw.Tiles{Rows: 1, Cols: 2, PadX: 24}
	for i, c := range plot.Align(panels, tiles, body)[0] {
		panels[0][i].Draw(c)
	}
	return writePNG(w, img)
}

// panel is one plot over the epochs x, measured or not; values end at most.
func panel(ylabel string, x []float64, series []Series, most float64) *plot.Plot {
	p := newPlot("epoch", ylabel)
	for i, s := range series {
		p.Add(curve{Series: s, color: palette[i], marker: markers[i]})
	}
	setRange(p, x, series, nil, 0.02, most)
	return p
}

// setRange gives the axes room around the data and all of x: pad is a share of
// the x range; the y axis ends at ticks, and at most at most.
func setRange(p *plot.Plot, x []float64, series []Series, lines []Line, pad, most float64) {
	xlo, xhi := math.Inf(1), math.Inf(-1)
	ylo, yhi := math.Inf(1), math.Inf(-1)
	for _, v := range x {
		xlo, xhi = min(xlo, v), max(xhi, v)
	}
	for _, s := range series {
		for _, i := range s.points() {
			xlo, xhi = min(xlo, s.X[i]), max(xhi, s.X[i])
			ylo, yhi = min(ylo, s.Mean[i]-s.at(i)), max(yhi, s.Mean[i]+s.at(i))
		}
	}
	for _, l := range lines {
		ylo, yhi = min(ylo, l.Mean-l.Spread), max(yhi, l.Mean+l.Spread)
	}
	if xlo > xhi {
		xlo, xhi = 0, 1
	}
	if ylo > yhi {
		ylo, yhi = 0, 1
	}
	if xlo == xhi {
		xlo, xhi = xlo-0.5, xhi+0.5
	}
	if ylo == yhi {
		ylo, yhi = ylo-0.05*max(1, math.Abs(ylo)), yhi+0.05*max(1, math.Abs(yhi))
	}
	step := niceStep(yhi-ylo, 6, 0)
	p.X.Min, p.X.Max = xlo-pad*(xhi-xlo), xhi+pad*(xhi-xlo)
	p.Y.Min, p.Y.Max = step*math.Floor(ylo/step), step*math.Ceil(yhi/step)
	if p.Y.Max > most && yhi <= most {
		p.Y.Max = most
	}
}

// A curve draws a Series: a line broken where values are absent, error bars,
// and markers unless there are too many.
type curve struct {
	Series
	color  color.Color
	marker draw.GlyphDrawer
	shift  vg.Length // to the right, so that bars of several series stay apart
}

func (s curve) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	points := s.points()
	var run []vg.Point
	for k, i := range points {
		if k > 0 && points[k-1] != i-1 {
			c.StrokeLines(draw.LineStyle{Color: s.color, Width: 2}, run)
			run = nil
		}
		run = append(run, vg.Point{X: toX(s.X[i]) + s.shift, Y: toY(s.Mean[i])})
	}
	c.StrokeLines(draw.LineStyle{Color: s.color, Width: 2}, run)
	for k, i := range points {
		x, y := toX(s.X[i])+s.shift, toY(s.Mean[i])
		if d := s.at(i); d > 0 {
			bar := draw.LineStyle{Color: s.color, Width: 1.25}
			lo, hi := toY(s.Mean[i]-d), toY(s.Mean[i]+d)
			c.StrokeLine2(bar, x, lo, x, hi)
			c.StrokeLine2(bar, x-4, lo, x+4, lo)
			c.StrokeLine2(bar, x-4, hi, x+4, hi)
		}
		alone := (k == 0 || points[k-1] != i-1) && (k == len(points)-1 || points[k+1] != i+1)
		if len(points) <= markersUpTo || alone {
			c.DrawGlyphNoClip(draw.GlyphStyle{Color: s.color, Radius: 3.5, Shape: s.marker}, vg.Point{X: x, Y: y})
		}
	}
}
