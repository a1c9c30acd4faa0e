package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
)

// The measures of the SVG in dots: its width, where boxes end, how high they are, and where the columns of
// numbers end on the right.
const (
	svgWidth  = 920
	svgRight  = svgWidth - 18
	boxHeight = 34
	shapeEnd  = 570
	paramsEnd = 668
	costEnd   = 776
	barLength = 72
)

// svgStyle is for light paper.
const svgStyle = `text{font:13px "Liberation Sans",Arial,Helvetica,sans-serif;fill:#222}.b{font-weight:700}.q{fill:#5f6368}` +
	`.t{font-size:20px}.s{font-size:11px}.l{fill:#fff}.e{text-anchor:end}.m{text-anchor:middle}` +
	`.w{fill:none;stroke:#5f6368;stroke-width:1.75}.u{fill:none;stroke:#fff;stroke-width:6}.h{fill:#5f6368}`

// SVG draws the network as one picture, with what is folded left out.
func (d Diagram) SVG(w io.Writer) error {
	p := &svgPicture{d: d}
	p.head()
	at := 0
	for _, f := range d.Folds {
		for i := at; i < f.First; i++ {
			p.box(d.Boxes[i])
		}
		p.fold(f)
		at = f.Last + 1
	}
	for _, b := range d.Boxes[at:] {
		p.box(b)
	}
	if d.Note != "" {
		p.text(d.edge(), p.y+rowGap+16, "q", d.Note)
		p.y += rowGap + 20
	}
	height := p.y + 20
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img" `+
		`aria-label="%s">`+"\n<style>%s</style>\n"+`<rect width="100%%" height="100%%" fill="#fff"/>`+"\n%s</svg>\n",
		svgWidth, height, xmlText(d.Title), svgStyle, p.b.String())
	return err
}

// svgPicture is an SVG that grows downward; y is where it goes on.
type svgPicture struct {
	d Diagram
	b bytes.Buffer
	y int
}

func xmlText(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) // what XML has no place for becomes U+FFFD
	return b.String()
}

func (p *svgPicture) text(x, y int, class, s string) {
	fmt.Fprintf(&p.b, `<text x="%d" y="%d" class="%s">%s</text>`+"\n", x, y, class, xmlText(s))
}

// rect draws a rectangle; style is its further attributes.
func (p *svgPicture) rect(x, y, w, h int, style string) {
	fmt.Fprintf(&p.b, `<rect x="%d" y="%d" width="%d" height="%d" %s/>`+"\n", x, y, w, h, style)
}

// head is the title, the facts, the legend and the names of the columns.
func (p *svgPicture) head() {
	left, right := 18, svgRight
	p.text(left, 36, "b t", fitTo(p.d.Title, 20, bold, right-left))
	p.y = 44
	for _, f := range p.d.Facts {
		p.y += 18
		p.text(left, p.y, "q", f[0])
		p.text(left+110, p.y, "", fitTo(f[1], 13, regular, right-left-110))
	}
	p.y += 14
	x := left
	for _, i := range p.d.legend() {
		width := textWidth(kinds[i].Name, 11, regular) + 34
		if x+width > right {
			x, p.y = left, p.y+18
		}
		p.rect(x, p.y+4, 10, 10, `rx="2" fill="`+kinds[i].Color+`"`)
		p.text(x+15, p.y+13, "s q", kinds[i].Name)
		x += width
	}
	p.y += 36
	for _, c := range []struct {
		name string
		end  int
	}{{"shape", shapeEnd}, {"parameters", paramsEnd}, {"cost", costEnd}} {
		p.text(c.end, p.y+6, "s q e", c.name)
	}
}

// wires draws the lanes beside a row of the picture.
func (p *svgPicture) wires(lanes []Lane, direct bool) {
	wire := p.d.wire(lanes, direct, rowGap+boxHeight)
	if wire.Line != "" {
		fmt.Fprintf(&p.b, `<g transform="translate(0 %d)"><path class="u" d="%s"/><path class="w" d="%[2]s"/>`, p.y, wire.Line)
		fmt.Fprintf(&p.b, `<path class="h" d="%s"/></g>`+"\n", wire.Heads)
	}
}

func (p *svgPicture) box(b Box) {
	p.wires(b.Lanes, b.Direct)
	edge, top, kind := p.d.edge(), p.y+rowGap, kinds[kindAt(b.Kind)].Color
	p.b.WriteString("<g>")
	if len(b.Names) > 0 { // shown where the pointer rests
		var lines []string
		for _, n := range b.Names {
			lines = append(lines, n[0]+": "+n[1])
		}
		p.b.WriteString("<title>" + xmlText(strings.Join(lines, "\n")) + "</title>\n")
	}
	p.rect(edge, top, svgRight-edge, boxHeight, `rx="6" fill="#fff"`)
	p.rect(edge, top, svgRight-edge, boxHeight, `rx="6" fill="`+kind+`" fill-opacity=".09" stroke="#d5d5d5"`)
	p.rect(edge, top, 6, boxHeight, `rx="2" fill="`+kind+`"`)
	for y := 3; y < boxHeight && b.Frozen; y += 7 {
		fmt.Fprintf(&p.b, `<path d="M%d %dl6 -6v4l-6 6z" fill="#fff"/>`, edge, top+y+3)
	}
	left := edge + 16
	label := fitTo(b.Label, 13, bold, shapeEnd-textWidth(b.Shape, 13, regular)-12-left)
	p.text(left, top+21, "b", label)
	left += textWidth(label, 13, bold) + 4
	if room := shapeEnd - textWidth(b.Shape, 13, regular) - 12 - left; b.Then != "" && room > 30 {
		p.text(left, top+21, "q", fitTo("· "+b.Then, 13, regular, room))
	}
	p.text(shapeEnd, top+21, "e", b.Shape)
	p.amount(paramsEnd, top, b.Params, kind)
	p.amount(costEnd, top, b.Cost, kind)
	right := svgRight - 8
	if b.Cut > 0 {
		right = p.tag(right, top, fmt.Sprint("cut ", b.Cut), "l", `fill="#222"`)
	}
	if b.Frozen {
		p.tag(right, top, "frozen", "", `fill="#fff" stroke="#d5d5d5"`)
	}
	p.b.WriteString("</g>\n")
	p.y = top + boxHeight
}

// amount writes a number that ends at right, and a bar of its share below.
func (p *svgPicture) amount(right, top int, a Amount, color string) {
	if a.Text == "" {
		return
	}
	p.text(right, top+19, "e", a.Text)
	p.rect(right-barLength, top+25, barLength, 3, `rx="1.5" fill="#e4e4e4"`)
	p.rect(right-barLength, top+25, max(1, int(barLength*a.Share+0.5)), 3, `rx="1.5" fill="`+color+`"`)
}

// fold stands for the boxes that it hides.
func (p *svgPicture) fold(f Fold) {
	p.wires(p.d.around(f), p.d.Boxes[f.First].Direct)
	edge, top := p.d.edge(), p.y+rowGap
	p.rect(edge, top, svgRight-edge, boxHeight, `rx="6" fill="#fff" stroke="#5f6368" stroke-dasharray="4 3"`)
	p.text(edge+16, top+21, "q", f.Title)
	if f.Cuts != "" {
		p.tag(svgRight-8, top, f.Cuts, "l", `fill="#222"`)
	}
	p.y = top + boxHeight
}

// tag writes a word in a pill that ends at right, and returns where the next one may end.
func (p *svgPicture) tag(right, top int, s, class, style string) int {
	width := textWidth(s, 11, regular) + 14
	p.rect(right-width, top+8, width, 18, `rx="9" `+style)
	p.text(right-width/2, top+21, "s m "+class, s)
	return right - width - 5
}

// textWidth is how wide a text is in dots at a size in dots.
func textWidth(s string, size vg.Length, weight font.Font) int {
	return int(face(size, weight, ink).Width(s).Dots(72)) + 1
}

// fitTo shortens a text to a width in dots.
func fitTo(s string, size vg.Length, weight font.Font, width int) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	return fit(face(size, weight, ink), s, vg.Length(width))
}
