package report

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"image/jpeg"
	"io"
	"strings"
)

//go:embed page.html
var pageSource string

//go:embed style.html
var styleSource string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"percent": func(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) },
	"number":  func(v float64) string { return fmt.Sprintf("%.4g", v) },
	"time":    func(r Run) string { return r.Made.Format("2006-01-02 15:04") },
	"finite":  finite,
}).Parse(pageSource + styleSource))

// Style is the style sheet of the pages, for others that are to look like them.
func Style() string {
	return strings.TrimSuffix(strings.TrimPrefix(styleSource, `{{define "style"}}`), "{{end}}\n")
}

// page is what the template is given.
type page struct {
	Run
	Figures []pageFigure
	Sheets  []pageSheet // hide those of Run
	Tail    []Epoch     // the last epochs
	Best    int         // of the epochs, by validation; 0 without it
}

type pageFigure struct {
	Title string
	SVG   template.HTML
}

type pageSheet struct {
	Title   string
	Samples []pageSample
}

type pageSample struct {
	Sample
	First, Second string
	Data          template.URL
	Wrong         bool
}

// HTML writes a run as one page that needs nothing else: its pictures are in it, it has
// no script, and it follows the reader's choice of light or dark.
func (r Run) HTML(w io.Writer) error {
	p := page{Run: r, Tail: r.Epochs[max(len(r.Epochs)-40, 0):], Best: Best(r.Epochs)}
	for _, f := range r.Figures() {
		svg, err := f.inline()
		if err != nil {
			return err
		}
		p.Figures = append(p.Figures, pageFigure{f.Title, template.HTML(svg)})
	}
	for _, s := range r.Sheets {
		if len(s.Samples) == 0 {
			continue
		}
		sheet := pageSheet{Title: s.Title}
		for _, one := range s.Samples {
			var b bytes.Buffer
			if err := jpeg.Encode(&b, one.small(), &jpeg.Options{Quality: 85}); err != nil {
				return err
			}
			first, second := one.caption()
			sheet.Samples = append(sheet.Samples, pageSample{one, first, second,
				template.URL("data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(b.Bytes())), one.Predicted != "" && one.Label != "" && one.Predicted != one.Label})
		}
		p.Sheets = append(p.Sheets, sheet)
	}
	return pageTemplate.Execute(w, p)
}
