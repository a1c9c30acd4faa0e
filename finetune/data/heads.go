package data

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Kind is what a list tells of an image.
type Kind string

// Kinds of heads.
const (
	Class  Kind = "class"  // one of several classes
	Labels Kind = "labels" // any of several labels, or none
	Values Kind = "values" // numbers
)

// Head is one thing that a list tells of each image, which a head of a network learns.
type Head struct {
	// Name is its column. "" is for the only head of a list: Labels and Values are then all
	// columns but the path's.
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	// Classes are the names of the classes, of the labels or of the numbers. nil: as the list
	// has them, sorted. Labels are columns of 0 and 1, or one column of names divided by
	// "|" or ";", or by blanks where it has neither.
	Classes []string `json:"classes"`
}

// Told is how many numbers of Item.Told are the head's.
func (h Head) Told() int {
	if h.Kind == Class {
		return 1
	}
	return len(h.Classes)
}

// headSet reads a list whose header names its columns; paths are relative to dir.
func (t *tree) headSet(dir string, list []byte, heads []Head) (*Set, error) {
	lines, err := table(list)
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 {
		return nil, errNoImages
	}
	head, pathAt := lines[0].cells, column(lines[0].cells, pathColumns...)
	if pathAt < 0 {
		return nil, fmt.Errorf("line %d: no header with a column %s", lines[0].n, pathColumns[0])
	}
	if lines = lines[1:]; len(lines) == 0 {
		return nil, errNoImages
	}
	s, src := &Set{Items: make([]Item, len(lines))}, files{}
	for i, l := range lines {
		name, err := t.listed(dir, l.cells[pathAt])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", l.n, err)
		}
		s.Items[i] = Item{Name: name, Label: -1}
		src = append(src, file{t, name})
	}
	s.src = src
	for _, h := range heads {
		at, err := h.columns(head, pathAt)
		if err != nil {
			return nil, err
		}
		if err := s.tell(h, head, at, lines); err != nil {
			return nil, err
		}
	}
	if len(s.Heads) == 1 && s.Heads[0].Kind == Class { // as other sets have it
		for i, it := range s.Items {
			s.Items[i] = Item{Name: it.Name, Label: int(it.Told[0])}
		}
		s.Heads = nil
	}
	return s, nil
}

// columns finds those of a head.
func (h Head) columns(header []string, pathAt int) ([]int, error) {
	if h.Name != "" {
		if at := column(header, h.Name); at >= 0 {
			return []int{at}, nil
		}
		return nil, fmt.Errorf("no column %s, only %s", show(h.Name), show(strings.Join(header, ", ")))
	}
	var all, named []int
	for i, name := range header {
		if i != pathAt && strings.TrimSpace(name) != "" { // pandas writes its row numbers under no name
			all = append(all, i)
		}
	}
	for _, c := range h.Classes {
		if at := column(header, c); at >= 0 {
			named = append(named, at)
		}
	}
	switch {
	case len(h.Classes) > 0 && len(named) == len(h.Classes):
		return named, nil
	case len(h.Classes) > 0 && len(all) > 1:
		return nil, fmt.Errorf("not all of the columns %s, only %s", show(strings.Join(h.Classes, ", ")), show(strings.Join(header, ", ")))
	case len(all) == 0:
		return nil, errors.New("no column beside the path's")
	case h.Kind == Class && len(all) > 1:
		return nil, fmt.Errorf("%d columns beside the path's, want one of classes", len(all))
	}
	return all, nil
}

// tell adds a head to a set: what the columns at say of its examples.
func (s *Set) tell(h Head, header []string, at []int, lines []line) error {
	known, what := h.Classes, ""
	cells := make([][]string, len(lines)) // of labels: names
	switch {
	case h.Kind == Values:
		if len(known) != len(at) {
			h.Classes = pick(header, at)
		}
	case h.Kind == Labels && (len(at) > 1 || len(known) == 1 && strings.EqualFold(header[at[0]], known[0]) && marks(lines, at[0])):
		h.Classes = pick(header, at)
	default:
		divide := dividers(lines, at[0])
		var names []string
		for i, l := range lines {
			cells[i] = []string{l.cells[at[0]]}
			if what = "class"; h.Kind == Labels {
				what = "label"
				cells[i] = slices.DeleteFunc(strings.FieldsFunc(l.cells[at[0]], divide), func(s string) bool { return strings.TrimSpace(s) == "" })
				for k := range cells[i] {
					cells[i][k] = strings.TrimSpace(cells[i][k])
				}
			} else if cells[i][0] == "" {
				return fmt.Errorf("line %d: column %s: no class", l.n, show(header[at[0]]))
			}
			names = append(names, cells[i]...)
		}
		if known == nil || len(known) == 1 && strings.EqualFold(header[at[0]], known[0]) { // the column, not its names
			h.Classes = sortClasses(names)
		}
		if len(h.Classes) == 0 || h.Kind == Class && len(h.Classes) < 2 {
			return fmt.Errorf("column %s: %d %s names, want more", show(header[at[0]]), len(h.Classes), what)
		}
	}
	index := indexOf(h.Classes)
	for i, l := range lines {
		told := make([]float32, h.Told())
		for k, c := range at {
			if what != "" {
				break
			}
			v, err := cellNumber(l.cells[c], h.Kind)
			if err != nil {
				return fmt.Errorf("line %d: column %s: %w", l.n, show(header[c]), err)
			}
			told[k] = v
		}
		for _, name := range cells[i] {
			k, ok := index[name]
			switch {
			case !ok:
				return fmt.Errorf("line %d: column %s: %s %s, which the training part does not have", l.n, show(header[at[0]]), what, show(name))
			case h.Kind == Class:
				told[0] = float32(k)
			default:
				told[k] = 1
			}
		}
		s.Items[i].Told = append(s.Items[i].Told, told...)
	}
	s.Heads = append(s.Heads, h)
	if s.Classes = nil; len(s.Heads) == 1 && h.Kind != Values {
		s.Classes = h.Classes
	}
	return nil
}

// marks says whether a column holds 0 and 1 alone.
func marks(lines []line, at int) bool {
	for _, l := range lines {
		if _, err := cellNumber(l.cells[at], Labels); err != nil {
			return false
		}
	}
	return true
}

func pick(header []string, at []int) (names []string) {
	for _, i := range at {
		names = append(names, header[i])
	}
	return names
}

// dividers tells what stands between the names of a column.
func dividers(lines []line, at int) func(rune) bool {
	for _, l := range lines {
		if strings.ContainsAny(l.cells[at], "|;") {
			return func(r rune) bool { return r == '|' || r == ';' }
		}
	}
	return func(r rune) bool { return r == ' ' }
}

// cellNumber reads a cell of Values, or of a column for each of Labels.
func cellNumber(cell string, kind Kind) (float32, error) {
	v, err := strconv.ParseFloat(cell, 32)
	switch {
	case kind == Labels && (err != nil || v != 0 && v != 1):
		return 0, fmt.Errorf("%s, want 0 or 1", show(cell))
	case err != nil || math.IsNaN(v) || math.IsInf(v, 0):
		return 0, fmt.Errorf("%s is no number", show(cell))
	}
	return float32(v), nil
}

// Answer says in words what example i is: its class, its labels, its numbers.
func (s *Set) Answer(i int) string {
	it := s.Items[i]
	if s.Heads == nil {
		if it.Label < 0 {
			return ""
		}
		return s.Classes[it.Label]
	}
	var parts []string
	told := it.Told
	for _, h := range s.Heads {
		text := h.Answer(told[:h.Told()])
		if told = told[h.Told():]; len(s.Heads) > 1 && h.Kind != Values {
			text = h.Name + " " + text
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// Answer says in words what Item.Told tells of the head.
func (h Head) Answer(told []float32) string {
	var parts []string
	switch h.Kind {
	case Class:
		return h.Classes[int(told[0])]
	case Labels:
		for k, name := range h.Classes {
			if told[k] == 1 {
				parts = append(parts, name)
			}
		}
		if parts == nil {
			return "none"
		}
	case Values:
		for k, name := range h.Classes {
			parts = append(parts, name+" "+strconv.FormatFloat(float64(told[k]), 'g', 5, 32))
		}
	}
	return strings.Join(parts, ", ")
}

// describeHeads is the part of Describe about heads.
func (s *Set) describeHeads() string {
	var b strings.Builder
	at := 0
	for _, h := range s.Heads {
		switch h.Kind {
		case Class:
			fmt.Fprintf(&b, "; %s: %d classes", show(h.Name), len(h.Classes))
		case Labels:
			fmt.Fprintf(&b, "; %s: %d labels", show(h.Name), len(h.Classes))
		case Values:
			for k, name := range h.Classes {
				lo, hi := math.Inf(1), math.Inf(-1)
				for _, it := range s.Items {
					v := float64(it.Told[at+k])
					lo, hi = min(lo, v), max(hi, v)
				}
				fmt.Fprintf(&b, "; %s: %.5g to %.5g", show(name), lo, hi)
			}
		}
		at += h.Told()
	}
	return b.String()
}
