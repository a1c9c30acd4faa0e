package data

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

const maxList = 256 << 20 // bytes of a .csv

// Columns of a list with a header, the first match counts.
var (
	pathColumns  = []string{"path", "file", "filename", "file_name", "filepath", "image", "image_path", "img"}
	labelColumns = []string{"label", "class", "class_name", "target", "category", "class_index", "class_id"}
)

// csv reads one list, or the lists train.csv, val.csv and test.csv of a folder.
func (t *tree) csv(names ...string) (*Data, error) {
	d := &Data{Kind: "csv"}
	if len(names) == 1 {
		set, err := t.csvSet(names[0], nil)
		d.Train = set
		return d, err
	}
	found := map[string]string{}
	for _, n := range names {
		found[strings.ToLower(path.Base(n))] = n
	}
	if found["train.csv"] == "" {
		return nil, fmt.Errorf("%d .csv lists (%s, …), want one, or train.csv and val.csv", len(names), show(path.Base(names[0])))
	}
	var err error
	if d.Train, err = t.csvSet(found["train.csv"], nil); err != nil {
		return nil, err
	}
	for _, p := range []struct {
		name string
		set  **Set
	}{{"val.csv", &d.Val}, {"test.csv", &d.Test}} {
		if found[p.name] == "" {
			continue
		}
		if *p.set, err = t.csvSet(found[p.name], d.Train); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// csvSet reads the list name; with a known set it takes that one's numbering.
func (t *tree) csvSet(name string, known *Set) (*Set, error) {
	b, err := t.read(name, maxList)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", show(name), err)
	}
	var s *Set
	if len(t.heads) > 0 {
		heads := t.heads
		if known != nil {
			if heads = known.Heads; heads == nil { // an only head of classes
				heads = []Head{{Name: t.heads[0].Name, Kind: Class, Classes: known.Classes}}
			}
		}
		s, err = t.headSet(path.Dir(name), b, heads)
	} else {
		var classes []string
		if known != nil {
			classes = known.Classes
		}
		s, err = t.listSet(path.Dir(name), b, classes)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", show(name), err)
	}
	return s, nil
}

// listSet reads a list of path,label whose paths are relative to dir.
func (t *tree) listSet(dir string, list []byte, known []string) (*Set, error) {
	rows, err := t.rows(dir, list)
	if err != nil {
		return nil, err
	}
	classes := known
	if classes == nil {
		names := make([]string, len(rows))
		for i, r := range rows {
			names[i] = r.label
		}
		if classes = sortClasses(names); len(classes) < 2 {
			return nil, fmt.Errorf("one class (%s), want two or more", show(classes[0]))
		}
	}
	index := indexOf(classes)
	s, src := &Set{Classes: classes}, files{}
	for _, r := range rows {
		label, ok := index[r.label]
		if !ok {
			return nil, fmt.Errorf("line %d: class %s, which the training part does not have", r.line, show(r.label))
		}
		s.Items = append(s.Items, Item{Name: r.path, Label: label})
		src = append(src, file{t, r.path})
	}
	s.src = src
	return s, nil
}

// row is a line of a list of path,label.
type row struct {
	path, label string
	line        int
}

// line is a line of a list.
type line struct {
	cells []string // without blanks around them
	n     int
}

// table takes a list apart; all its lines have as many cells.
func table(list []byte) (lines []line, err error) {
	c := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(list, []byte("\ufeff"))))
	c.FieldsPerRecord, c.TrimLeadingSpace = -1, true
	for {
		cells, err := c.Read()
		if err == io.EOF {
			return lines, nil
		}
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			return nil, fmt.Errorf("line %d: %w", bad.Line, bad.Err)
		} else if err != nil {
			return nil, err
		}
		n, _ := c.FieldPos(0)
		if len(lines) > 0 && len(cells) != len(lines[0].cells) {
			return nil, fmt.Errorf("line %d: %d columns, the first line has %d", n, len(cells), len(lines[0].cells))
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		lines = append(lines, line{cells, n})
	}
}

// rows reads a list whose paths are relative to dir, and sees that every file is there.
func (t *tree) rows(dir string, list []byte) (rows []row, err error) {
	lines, err := table(list)
	if err != nil {
		return nil, err
	}
	pathAt, labelAt := 0, 1
	if len(lines) > 0 {
		first := lines[0].cells
		if p, l, ok := header(first); ok {
			pathAt, labelAt, lines = p, l, lines[1:]
		} else if len(first) != 2 {
			return nil, fmt.Errorf("line %d: %d columns and no header that names path and label, want path,label", lines[0].n, len(first))
		}
	}
	for _, l := range lines {
		r := row{l.cells[pathAt], l.cells[labelAt], l.n}
		if r.label == "" {
			return nil, fmt.Errorf("line %d: no label", l.n)
		}
		if r.path, err = t.listed(dir, r.path); err != nil {
			return nil, fmt.Errorf("line %d: %w", l.n, err)
		}
		rows = append(rows, r)
	}
	if len(rows) == 0 {
		return nil, errNoImages
	}
	return rows, nil
}

var errNoImages = errors.New("no images in this list")

// header finds the columns by their names; not ok where the cells are no header.
func header(cells []string) (pathAt, labelAt int, ok bool) {
	pathAt, labelAt = column(cells, pathColumns...), column(cells, labelColumns...)
	return pathAt, labelAt, pathAt >= 0 && labelAt >= 0
}

// column is the position of the first of the names that a header has, in any case; -1
// without one.
func column(header []string, names ...string) int {
	for _, n := range names {
		for i, c := range header {
			if strings.EqualFold(c, n) {
				return i
			}
		}
	}
	return -1
}

// listed checks a path of a list and gives it from the top of the tree.
func (t *tree) listed(dir, name string) (string, error) {
	if name == "" {
		return "", errors.New("no path")
	}
	full := path.Join(dir, strings.ReplaceAll(name, `\`, "/"))
	if path.IsAbs(name) || !fs.ValidPath(full) {
		return "", fmt.Errorf("%s: outside of the list's folder", show(name))
	}
	info, err := fs.Stat(t.fs, full)
	if err != nil {
		return "", fmt.Errorf("%s: %w", show(name), reason(err))
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s: not a file", show(name))
	}
	return full, nil
}

// sortClasses gives the distinct names: by value where all are integers, else by name.
func sortClasses(names []string) []string {
	classes := slices.Clone(names)
	slices.Sort(classes)
	classes = slices.Compact(classes)
	values := make(map[string]int64, len(classes))
	for _, c := range classes {
		v, err := strconv.ParseInt(c, 10, 64)
		if err != nil {
			return classes
		}
		values[c] = v
	}
	slices.SortStableFunc(classes, func(a, b string) int { return cmp.Compare(values[a], values[b]) })
	return classes
}

func indexOf(classes []string) map[string]int {
	index := make(map[string]int, len(classes))
	for i, c := range classes {
		index[c] = i
	}
	return index
}
