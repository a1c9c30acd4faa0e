package report

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A Figure is one picture of a run.
type Figure struct {
	Name  string // a file's name without its suffix
	Title string
	keys  []key
	plot  *plot.Plot
	h     vg.Length // inches; the width is that of all figures
}

// figureWidth is narrow, so that a figure is legible on a telephone.
const figureWidth = 5.0

// Figures are the pictures that a run has the records for.
func (r Run) Figures() []Figure {
	var list []Figure
	add := func(name, title string, p *plot.Plot, keys []key, h vg.Length) {
		list = append(list, Figure{name, title, keys, p, h})
	}
	if len(r.Epochs) > 0 {
		x, loss, score := r.Measure.course(r.Epochs)
		add("loss", "Loss", panel("", x, loss, math.Inf(1)), keysOf(loss), 3.2)
		add(r.Measure.of().file, r.Measure.of().title, panel("", x, score, r.Measure.of().most), keysOf(score), 3.2)
	}
	if len(r.Rates) > 1 {
		x := make([]float64, len(r.Rates))
		for i := range x {
			x[i] = float64(i + 1)
		}
		s := []Series{{X: x, Mean: r.Rates}}
		p := panel("", x, s, math.Inf(1))
		p.X.Label.Text = "step"
		add("learning_rate", "Learning rate", p, nil, 2.8)
	}
	if len(r.Test.LR) > 1 {
		add("rate_test", "Loss over a rising learning rate", r.Test.plot(), nil, 3.2)
	}
	for _, h := range r.Heads {
		h.figures(add)
	}
	if len(r.Changes) > 0 {
		add("changes", "Change of the weights of each layer, % of their norm", barPlot(len(r.Changes), 0, func(i int) (string, float64) {
			return r.Changes[i].Layer, 100 * r.Changes[i].Share
		}), nil, barsHeight(len(r.Changes)))
	}
	return list
}

// figures are the pictures of what a head tells.
func (h Head) figures(add func(name, title string, p *plot.Plot, keys []key, height vg.Length)) {
	file, of := "", func(title string) string { return title }
	if h.Name != "" {
		file = "_" + FileName(h.Name)
		of = func(title string) string { return h.Name + ": " + strings.ToLower(title[:1]) + title[1:] }
	}
	if n := len(h.Classes); n > 1 && len(h.Confusion) == n && n <= widestMatrix {
		add("confusion"+file, of("Images of a class (row) called a class (column)"), confusionPlot(h.Classes, h.Confusion), nil, 1.6+vg.Length(min(n, 20))*0.22)
	}
	if n := len(h.Answers); n > 0 && n == len(h.Classes) {
		add("answers"+file, of("Images called each class"), barPlot(n, 0, func(i int) (string, float64) { return h.Classes[i], float64(h.Answers[i]) }), nil, barsHeight(n))
	}
	if n := len(h.Scores); n > 0 {
		title, share := "Recall of each class, %", func(s ClassScore) float64 { return s.Recall }
		if h.Labels {
			title, share = "Average precision of each label, %", func(s ClassScore) float64 { return s.AP }
		}
		add("classes"+file, of(title), barPlot(n, 100, func(i int) (string, float64) { return h.Scores[i].Name, 100 * share(h.Scores[i]) }), nil, barsHeight(n))
	}
	for i, v := range h.Values {
		add(fmt.Sprintf("values%s_%d", file, i+1), v.Name+": the answers over the truth", scatterPlot(v.Truth, v.Guess), nil, 4.2)
	}
}

// FileName is a head's name as part of a file's.
func FileName(head string) string { return notInFile.ReplaceAllString(head, "_") }

var notInFile = regexp.MustCompile("[^A-Za-z0-9-]+")

// widestMatrix is the most classes whose confusion a picture can show.
const widestMatrix = 60

func barsHeight(n int) vg.Length { return 0.6 + vg.Length(n)*0.19 }

// PNG writes the figure in twice the screen's dots.
func (f Figure) PNG(w io.Writer) error {
	img, body := canvas(figureWidth, f.h, f.Title, f.keys)
	f.plot.Draw(body)
	return writePNG(w, img)
}

// SVG writes the figure for any size.
func (f Figure) SVG(w io.Writer) error {
	c := vgsvg.New(figureWidth*vg.Inch, f.h*vg.Inch)
	f.plot.Draw(frame(draw.New(c), f.Title, f.keys))
	_, err := c.WriteTo(w)
	return err
}

// inline is the figure as a part of a page: without a title, in the page's width and its
// colours, light or dark.
func (f Figure) inline() (string, error) {
	c := vgsvg.New(figureWidth*vg.Inch, f.h*vg.Inch)
	f.plot.BackgroundColor = color.Transparent
	f.plot.Draw(frame(draw.New(c), "", f.keys))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return "", err
	}
	s := b.String()
	s = s[strings.Index(s, "<svg"):]
	width, height := float64(figureWidth*vg.Inch), float64(f.h*vg.Inch)
	s = svgTag.ReplaceAllString(s, fmt.Sprintf(`<svg viewBox="0 0 %g %g" role="img" aria-label=%q xmlns="http://www.w3.org/2000/svg">`, width, height, f.Title))
	return recolour.Replace(s), nil
}

var (
	svgTag = regexp.MustCompile(`(?s)<svg[^>]*>`)
	// The page's style gives these colours their values.
	recolour = strings.NewReplacer("#222222", "currentColor", "#E4E4E4", "var(--line)", "#FFFFFF", "none",
		"#0072B2", "var(--blue)", "#D55E00", "var(--red)")
)

// plot of a rate test, over the logarithm of the rate.
func (t RateTest) plot() *plot.Plot {
	x := make([]float64, len(t.LR))
	for i, v := range t.LR {
		x[i] = math.Log10(v)
	}
	s := []Series{{X: x, Mean: t.Loss}}
	p := panel("", x, s, math.Inf(1))
	p.X.Label.Text = "learning rate"
	p.X.Tick.Marker = plot.TickerFunc(func(lo, hi float64) []plot.Tick {
		var ticks []plot.Tick
		for e := math.Ceil(lo); e <= hi; e++ {
			ticks = append(ticks, plot.Tick{Value: e, Label: strconv.FormatFloat(math.Pow(10, e), 'g', 1, 64)})
		}
		return ticks
	})
	if t.Best > 0 {
		p.Add(upright{math.Log10(t.Best), "taken: " + strconv.FormatFloat(t.Best, 'g', 2, 64)})
	}
	return p
}

// upright is a dashed line across a plot at x.
type upright struct {
	x    float64
	name string
}

func (u upright) Plot(c draw.Canvas, p *plot.Plot) {
	toX, _ := p.Transforms(&c)
	x := toX(u.x)
	c.StrokeLine2(draw.LineStyle{Color: palette[1], Width: 1.5, Dashes: []vg.Length{4, 3}}, x, c.Min.Y, x, c.Max.Y)
	style := face(11, font.Font{}, ink)
	style.YAlign = text.YTop
	if x+style.Width(u.name)+6 > c.Max.X {
		style.XAlign = text.XRight
		x -= 10
	}
	c.FillText(style, vg.Point{X: x + 5, Y: c.Max.Y - 2}, u.name)
}

// bars are horizontal ones, the first at the top, with their values behind them.
type bars struct {
	n    int
	most float64
	at   func(i int) (string, float64)
}

func barPlot(n int, most float64, at func(i int) (string, float64)) *plot.Plot {
	for i := range n {
		_, v := at(i)
		most = max(most, v)
	}
	p := newPlot("", "")
	p.HideAxes()
	p.Add(bars{n, max(most, 1e-9), at})
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	return p
}

func (b bars) Plot(c draw.Canvas, _ *plot.Plot) {
	name, value := face(10, font.Font{}, ink), face(10, font.Font{}, ink)
	name.XAlign, name.YAlign, value.YAlign = text.XRight, text.YCenter, text.YCenter
	left := vg.Length(0)
	for i := range b.n {
		s, _ := b.at(i)
		left = max(left, name.Width(s))
	}
	left = min(left, c.Size().X*0.45)
	room := c.Size().X - left - 6 - 40
	step := c.Size().Y / vg.Length(b.n)
	for i := range b.n {
		s, v := b.at(i)
		y := c.Max.Y - step*(vg.Length(i)+0.5)
		c.FillText(name, vg.Point{X: c.Min.X + left, Y: y}, fit(name, s, left))
		w := room * vg.Length(v/b.most)
		c.FillPolygon(palette[0], []vg.Point{{X: c.Min.X + left + 6, Y: y - step*0.35}, {X: c.Min.X + left + 6 + w, Y: y - step*0.35},
			{X: c.Min.X + left + 6 + w, Y: y + step*0.35}, {X: c.Min.X + left + 6, Y: y + step*0.35}})
		c.FillText(value, vg.Point{X: c.Min.X + left + 10 + w, Y: y}, strconv.FormatFloat(v, 'f', decimalsOf(v), 64))
	}
}

func decimalsOf(v float64) int {
	switch {
	case v >= 10 || v == 0 || v == math.Trunc(v):
		return 0
	case v >= 1:
		return 1
	}
	return 2
}

// matrix is a confusion matrix: cells as dark as their share of the row.
type matrix struct {
	classes []string
	count   [][]int
}

func confusionPlot(classes []string, count [][]int) *plot.Plot {
	p := newPlot("", "")
	p.HideAxes()
	p.Add(matrix{classes, count})
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	return p
}

func (m matrix) Plot(c draw.Canvas, _ *plot.Plot) {
	n := len(m.classes)
	size := vg.Length(10)
	if n > 20 {
		size = 6
	}
	name := face(size, font.Font{}, ink)
	name.XAlign, name.YAlign = text.XRight, text.YCenter
	wide := vg.Length(0)
	for _, s := range m.classes {
		wide = max(wide, name.Width(s))
	}
	wide = min(wide, 90)
	x0, y1 := c.Min.X+wide+6, c.Max.Y-wide-6
	w, h := (c.Max.X-x0)/vg.Length(n), (y1-c.Min.Y)/vg.Length(n)
	up := name
	up.XAlign, up.YAlign, up.Rotation = text.XLeft, text.YCenter, math.Pi/2
	for i, row := range m.count {
		total := 0
		for _, v := range row {
			total += v
		}
		y := y1 - h*(vg.Length(i)+0.5)
		c.FillText(name, vg.Point{X: x0 - 6, Y: y}, fit(name, m.classes[i], wide))
		c.FillText(up, vg.Point{X: x0 + w*(vg.Length(i)+0.5), Y: y1 + 6}, fit(name, m.classes[i], wide))
		for j, v := range row {
			x := x0 + w*(vg.Length(j)+0.5)
			share := 0.0
			if total > 0 {
				share = float64(v) / float64(total)
			}
			of := palette[0]
			if i != j {
				of = palette[1]
			}
			if v > 0 {
				box := []vg.Point{{X: x - w*0.47, Y: y - h*0.47}, {X: x + w*0.47, Y: y - h*0.47}, {X: x + w*0.47, Y: y + h*0.47}, {X: x - w*0.47, Y: y + h*0.47}}
				c.FillPolygon(fade(of, 0.12+0.78*share), box)
				cell := face(size, font.Font{}, ink)
				if share > 0.5 {
					cell.Color = color.NRGBA{0xFE, 0xFE, 0xFE, 0xFF} // on a dark cell, in any theme
				}
				cell.XAlign, cell.YAlign = text.XCenter, text.YCenter
				c.FillText(cell, vg.Point{X: x, Y: y}, strconv.Itoa(v))
			}
		}
	}
}

// frame draws a title and keys into a canvas and gives what is left for the plot.
func frame(c draw.Canvas, title string, keys []key) draw.Canvas {
	body := draw.Crop(c, margin, -margin, margin, -margin)
	if title != "" {
		style := face(14, bold, ink)
		style.YAlign = text.YTop
		body.FillText(style, vg.Point{X: body.Min.X, Y: body.Max.Y}, fit(style, title, body.Size().X))
		body = draw.Crop(body, 0, 0, 0, -lineHeight-4)
	}
	if len(keys) == 0 {
		return body
	}
	for _, row := range rows(keys, body.Size().X) {
		drawKeys(body, body.Min.X, body.Max.Y-lineHeight/2, row)
		body = draw.Crop(body, 0, 0, 0, -lineHeight)
	}
	return draw.Crop(body, 0, 0, 0, -8)
}
