package report

import (
	"fmt"
	"image"
	"io"
	"math"
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// thumbnail is the side of a sample's picture, in dots.
const thumbnail = 144

// caption says in two short lines what a sample is.
func (s Sample) caption() (first, second string) {
	if s.Predicted == "" {
		return s.Label, ""
	}
	share := ""
	if !math.IsNaN(s.Probability) {
		share = fmt.Sprintf("%.0f %%", 100*s.Probability)
	}
	if s.Label == "" { // nobody says what it is
		return s.Predicted, share
	}
	if s.Predicted == s.Label {
		return s.Label, share
	}
	return "is " + s.Label, strings.TrimSpace(s.Predicted + " " + share)
}

// small is the sample's picture scaled into a square of dots; a small one is enlarged
// pixel by pixel.
func (s Sample) small() image.Image {
	return scaledTo(s.Image, thumbnail)
}

// PNG draws the samples with their captions; it is an error if there is none.
func (sheet Sheet) PNG(w io.Writer) error {
	samples, title := sheet.Samples, sheet.Title
	if len(samples) == 0 {
		return fmt.Errorf("report: sheet: no samples")
	}
	const columns, cell, line = 8, thumbnail + 12, 36
	rows := (len(samples) + columns - 1) / columns
	wide := min(len(samples), columns)
	dots := vg.Length(dotsPerInch)
	img, body := canvas(vg.Length(max(wide*cell, 4*cell))/dots+0.3, vg.Length(rows*(cell+line))/dots+0.6, title, nil)
	scale := vg.Inch / dots
	style := face(7, font.Font{}, ink)
	style.YAlign = text.YTop
	for i, s := range samples {
		x := body.Min.X + vg.Length(i%columns*cell)*scale
		y := body.Max.Y - vg.Length(i/columns*(cell+line))*scale
		m := s.small()
		b := m.Bounds()
		rect := vg.Rectangle{Min: vg.Point{X: x, Y: y - vg.Length(b.Dy())*scale}, Max: vg.Point{X: x + vg.Length(b.Dx())*scale, Y: y}}
		body.DrawImage(rect, m)
		first, second := s.caption()
		y -= vg.Length(thumbnail+4) * scale
		width := vg.Length(cell-8) * scale
		body.FillText(style, vg.Point{X: x, Y: y}, fit(style, first, width))
		under := style
		if s.Predicted != s.Label && s.Label != "" {
			under.Color = palette[1]
		}
		body.FillText(under, vg.Point{X: x, Y: y - 7}, fit(style, second, width))
	}
	return writePNG(w, img)
}
