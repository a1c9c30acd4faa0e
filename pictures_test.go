package graft_test

import (
	"bytes"
	"fmt"
	"image/png"
	"os"
	"strings"
	"testing"

	"graft/finetune/sweep"
)

// TestPictures: the drawings of the pages are what this draws, and the picture of a report is one.
func TestPictures(t *testing.T) {
	for name, draw := range map[string]func(t *testing.T) string{"overview.svg": overview, "paper.svg": paper} {
		file := "docs/pictures/" + name
		want := draw(t)
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o666); err != nil {
				t.Fatal(err)
			}
		} else if page(t, file) != want {
			t.Errorf("%s is not what is drawn; go test . -run Pictures -update", file)
		}
	}
	im, err := png.Decode(strings.NewReader(page(t, "docs/pictures/report.png")))
	if err != nil || im.Bounds().Dx() < 1000 {
		t.Errorf("docs/pictures/report.png: %v; go test ./cli/graft -run Pages -afresh takes it where it is missing", err)
	}
}

// paper is the authors' means over the layers copied, by the plotting code of every study.
func paper(t *testing.T) string {
	for _, f := range sweep.Authors().Figures() {
		if f.Name == "figure2_means" {
			var b bytes.Buffer
			if err := f.SVG(&b); err != nil {
				t.Fatal(err)
			}
			svg := strings.ReplaceAll(b.String(), "font-family:Liberation Sans", "font-family:Liberation Sans,Arial,sans-serif")
			return strings.Replace(svg, "<g ", "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<g ", 1) // dark pages
		}
	}
	t.Fatal("no figure of means")
	return ""
}

// The colours of the overview, dark enough for white letters and light enough for black ones.
const (
	frozenBlue = "#1f4eb4"
	tunedBlue  = "#6fa8eb"
	headOrange = "#d55e00"
	goneGray   = "#d0d0d0"
)

// A drawing is an SVG under construction.
type drawing struct{ strings.Builder }

func (d *drawing) box(x, y, w, h int, style string) {
	fmt.Fprintf(d, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"4\" %s/>\n", x, y, w, h, style)
}

func (d *drawing) text(x, y int, class, text string) {
	fmt.Fprintf(d, "<text x=\"%d\" y=\"%d\" class=\"%s\">%s</text>\n", x, y, class, text)
}

func (d *drawing) arrow(x, y, w int) {
	fmt.Fprintf(d, "<path d=\"M%d %dh%dm-7 -6l7 6l-7 6\" fill=\"none\" stroke=\"#555\" stroke-width=\"2\"/>\n", x, y, w)
}

// network draws layers from x on, the later the smaller, in the given colours.
func (d *drawing) network(x int, colors ...string) {
	const middle, step = 130, 30
	for i, color := range colors {
		h := 120 - 14*i
		style := "fill=\"" + color + "\""
		if color == goneGray {
			style = "fill=\"none\" stroke=\"#999\" stroke-dasharray=\"4 3\""
		}
		d.box(x+step*i, middle-h/2, 22, h, style)
	}
}

// overview is what graft does, in one picture: cut, graft, train.
func overview(*testing.T) string {
	var d drawing
	d.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 250" font-family="Helvetica, Arial, sans-serif" role="img">
<title>graft cuts a pretrained network after layer n, grafts a new head onto what is left, and trains it on your images</title>
<style>text{fill:#222;font-size:14px}.t{font-weight:bold;font-size:16px}.m{text-anchor:middle}.s{font-size:12px;fill:#555}</style>
`)
	d.box(0, 0, 860, 250, `fill="#ffffff" stroke="#e4e4e4"`)

	d.text(20, 32, "t", "1  cut after layer n")
	d.network(24, frozenBlue, frozenBlue, frozenBlue, frozenBlue, goneGray, goneGray)
	fmt.Fprintf(&d, "<path d=\"M140 58v148\" stroke=\"#c01f1f\" stroke-width=\"2\" stroke-dasharray=\"6 4\"/>\n")
	d.text(140, 224, "m s", "n = 4")
	d.text(24, 224, "s", "pretrained.onnx")
	d.arrow(218, 130, 34)

	d.text(272, 32, "t", "2  graft a new head")
	d.network(276, frozenBlue, frozenBlue, frozenBlue, frozenBlue, headOrange)
	d.text(276, 224, "s", "kept")
	d.text(396, 224, "s", "random weights")
	d.arrow(436, 130, 34)

	d.text(490, 32, "t", "3  train on your images")
	for i := range 3 {
		d.box(492+6*i, 96+20*i, 44, 34, `fill="#f4efe6" stroke="#888"`)
		fmt.Fprintf(&d, "<path d=\"M%d %dl12 -14l9 9l6 -5l12 12z\" fill=\"#9aa37a\"/>\n", 494+6*i, 127+20*i)
	}
	d.arrow(562, 130, 22)
	d.network(594, frozenBlue, frozenBlue, tunedBlue, tunedBlue, headOrange)
	d.text(594, 224, "s", "frozen")
	d.text(654, 224, "s", "or fine-tuned")
	d.arrow(748, 130, 20)
	for i, class := range []struct {
		name  string
		share int
	}{{"ants", 8}, {"bees", 44}} {
		d.text(776, 114+34*i, "s", class.name)
		d.box(776, 120+34*i, class.share, 10, `fill="`+headOrange+`"`)
	}
	d.text(776, 224, "s", "mine.onnx")
	d.WriteString("</svg>\n")
	return d.String()
}
