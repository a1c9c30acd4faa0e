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

// The measures of the SVG in dots: its width, the height of a box, and where the columns of
// numbers end on the right.
const (
	svgWidth  = 920
	boxHeight = 34
	shapeEnd  = 570
	paramsEnd = 668
	costEnd   = 776
	barLength = 72
)

// svgStyle is for light paper.
const svgStyle = `text{font:13px "Liberation Sans",Arial,Helvetica,sans-serif;fill:#222}.b{font-weight:700}.q{fill:#5f6368}.s{font-size:11px}.e{text-anchor:end}.m{text-anchor:middle}` +
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
	_, err := fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img" aria-label="%s">`+"\n<style>%s</style>\n"+
		`<rect width="100%%" height="100%%" fill="#fff"/>`+"\n%s</svg>\n", svgWidth, height, xmlText(d.Title), svgStyle, p.b.String())
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

// head is the title, the facts, the legend and the names of the columns.
func (p *svgPicture) head() {
	left, right := 18, svgWidth-18
	fmt.Fprintf(&p.b, `<text x="%d" y="36" style="font-size:20px" class="b">%s</text>`+"\n", left, xmlText(fitTo(p.d.Title, 20, bold, right-left)))
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
		fmt.Fprintf(&p.b, `<rect x="%d" y="%d" width="10" height="10" rx="2" fill="%s"/>`, x, p.y+4, kinds[i].Color)
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
		fmt.Fprintf(&p.b, `<g transform="translate(0 %d)"><path class="u" d="%s"/><path class="w" d="%[2]s"/><path class="h" d="%s"/></g>`+"\n", p.y, wire.Line, wire.Heads)
	}
}

func (p *svgPicture) box(b Box) {
	p.wires(b.Lanes, b.Direct)
	edge, top, kind := p.d.edge(), p.y+rowGap, kinds[kindAt(b.Kind)].Color
	p.b.WriteString("<g>")
	if len(b.Names) > 0 {
		p.b.WriteString("<title>")
		for i, f := range b.Names {
			if i > 0 {
				p.b.WriteString("\n")
			}
			p.b.WriteString(xmlText(f[0] + ": " + f[1]))
		}
		p.b.WriteString("</title>")
	}
	fmt.Fprintf(&p.b, `<rect x="%d" y="%d" width="%d" height="%d" rx="6" fill="#fff"/>`, edge, top, svgWidth-18-edge, boxHeight)
	fmt.Fprintf(&p.b, `<rect x="%d" y="%d" width="%d" height="%d" rx="6" fill="%s" fill-opacity=".09" stroke="#d5d5d5"/>`, edge, top, svgWidth-18-edge, boxHeight, kind)
	fmt.Fprintf(&p.b, `<rect x="%d" y="%d" width="6" height="%d" rx="2" fill="%s"/>`, edge, top, boxHeight, kind)
	for y := 3; y < boxHeight && b.Frozen; y += 7 {
		fmt.Fprintf(&p.b, `<path d="M%d %dl6 -6v4l-6 6z" fill="#fff"/>`, edge, top+y+3)
	}
	p.b.WriteString("\n")
	room := shapeEnd - textWidth(b.Shape, 13, regular) - 12 - (edge + 16)
	label := fitTo(b.Label, 13, bold, room)
	p.text(edge+16, top+21, "b", label)
	if left := room - textWidth(label, 13, bold) - 4; b.Then != "" && left > 30 {
		p.text(edge+16+textWidth(label, 13, bold)+4, top+21, "q", fitTo("· "+b.Then, 13, regular, left))
	}
	p.text(shapeEnd, top+21, "e", b.Shape)
	for _, a := range []struct {
		Amount
		end int
	}{{b.Params, paramsEnd}, {b.Cost, costEnd}} {
		if a.Text != "" {
			p.text(a.end, top+19, "e", a.Text)
			const bar = `<rect x="%d" y="%d" width="%.1f" height="3" rx="1.5" fill="%s"/>`
			fmt.Fprintf(&p.b, bar+bar+"\n", a.end-barLength, top+25, float64(barLength), "#e4e4e4", a.end-barLength, top+25, max(1, barLength*a.Share), kind)
		}
	}
	right := svgWidth - 18 - 8
	if b.Cut > 0 {
		right = p.tag(right, fmt.Sprint("cut ", b.Cut), true)
	}
	if b.Frozen {
		p.tag(right, "frozen", false)
	}
	p.b.WriteString("</g>\n")
	p.y = top + boxHeight
}

// fold stands for the boxes that it hides.
func (p *svgPicture) fold(f Fold) {
	p.wires(p.d.around(f), p.d.Boxes[f.First].Direct)
	edge, top := p.d.edge(), p.y+rowGap
	fmt.Fprintf(&p.b, `<rect x="%d" y="%d" width="%d" height="%d" rx="6" fill="#fff" stroke="#5f6368" stroke-dasharray="4 3"/>`+"\n", edge, top, svgWidth-18-edge, boxHeight)
	p.text(edge+16, top+21, "q", f.Title)
	if f.Cuts != "" {
		p.tag(svgWidth-18-8, f.Cuts, true)
	}
	p.y = top + boxHeight
}

// tag writes a word in a pill that ends at right, and returns where the next one may end.
func (p *svgPicture) tag(right int, s string, dark bool) int {
	width := textWidth(s, 11, regular) + 14
	top := p.y + rowGap + 8
	if !dark {
		fmt.Fprintf(&p.b, `<rect x="%d" y="%d" width="%d" height="18" rx="9" fill="#fff" stroke="#d5d5d5"/>`, right-width, top, width)
		p.text(right-width/2, top+13, "s m", s)
	} else {
		fmt.Fprintf(&p.b, `<rect x="%d" y="%d" width="%d" height="18" rx="9" fill="#222"/>`, right-width, top, width)
		fmt.Fprintf(&p.b, `<text x="%d" y="%d" class="s m" style="fill:#fff">%s</text>`+"\n", right-width/2, top+13, xmlText(s))
	}
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
