package report

import (
	_ "embed"
	"encoding/csv"
	"html/template"
	"io"
)

//go:embed study.html
var studySource string

var studyTemplate = template.Must(template.New("study").Parse(studySource + styleSource))

// A Table is rows of text under a header.
type Table struct {
	Title  string
	Header []string
	Rows   [][]string
}

// WriteCSV writes a table without its title.
func (t Table) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	if err := c.WriteAll(append([][]string{t.Header}, t.Rows...)); err != nil {
		return err
	}
	return c.Error()
}

// A StudyPage is a study as one page.
type StudyPage struct {
	Title    string
	Facts    [][2]string
	Reading  []string // a finding each
	Figures  []Figure
	Tables   []Table
	Commands []string
}

// Inline are the figures as parts of the page.
func (p StudyPage) Inline() ([]pageFigure, error) {
	var list []pageFigure
	for _, f := range p.Figures {
		svg, err := f.inline()
		if err != nil {
			return nil, err
		}
		list = append(list, pageFigure{f.Title, template.HTML(svg)})
	}
	return list, nil
}

// HTML writes the page; it needs nothing else, and has no script.
func (p StudyPage) HTML(w io.Writer) error { return studyTemplate.Execute(w, p) }
