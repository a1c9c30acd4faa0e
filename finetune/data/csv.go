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
		if *p.set, err = t.csvSet(found[p.name], d.Train.Classes); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// row is a line of a list.
type row struct {
	path, label string
	line        int
}

// csvSet reads the list name; with known classes it takes their numbering.
func (t *tree) csvSet(name string, known []string) (*Set, error) {
	b, err := t.read(name, maxList)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", show(name), err)
	}
	rows, err := t.rows(path.Dir(name), b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", show(name), err)
	}
	classes := known
	if classes == nil {
		names := make([]string, len(rows))
		for i, r := range rows {
			names[i] = r.label
		}
		if classes = sortClasses(names); len(classes) < 2 {
			return nil, fmt.Errorf("%s: one class (%s), want two or more", show(name), show(classes[0]))
		}
	}
	index := indexOf(classes)
	s, src := &Set{Classes: classes}, files{}
	for _, r := range rows {
		label, ok := index[r.label]
		if !ok {
			return nil, fmt.Errorf("%s: line %d: class %s, which the training part does not have", show(name), r.line, show(r.label))
		}
		s.Items = append(s.Items, Item{r.path, label})
		src = append(src, file{t, r.path})
	}
	s.src = src
	return s, nil
}

// rows reads a list whose paths are relative to dir, and sees that every file is there.
func (t *tree) rows(dir string, list []byte) (rows []row, err error) {
	c := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(list, []byte("\ufeff"))))
	c.FieldsPerRecord, c.TrimLeadingSpace, c.ReuseRecord = -1, true, true
	pathAt, labelAt, width := 0, 1, 0
	for {
		cells, err := c.Read()
		if err == io.EOF {
			break
		}
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			return nil, fmt.Errorf("line %d: %w", bad.Line, bad.Err)
		} else if err != nil {
			return nil, err
		}
		line, _ := c.FieldPos(0)
		if width == 0 {
			width = len(cells)
			if p, l, ok := header(cells); ok {
				pathAt, labelAt = p, l
				continue
			}
			if width != 2 {
				return nil, fmt.Errorf("line %d: %d columns and no header that names path and label, want path,label", line, width)
			}
		}
		if len(cells) != width {
			return nil, fmt.Errorf("line %d: %d columns, the first line has %d", line, len(cells), width)
		}
		r := row{strings.TrimSpace(cells[pathAt]), strings.TrimSpace(cells[labelAt]), line}
		if r.label == "" {
			return nil, fmt.Errorf("line %d: no label", line)
		}
		if r.path, err = t.listed(dir, r.path); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		rows = append(rows, r)
	}
	if len(rows) == 0 {
		return nil, errors.New("no images in this list")
	}
	return rows, nil
}

// header finds the columns by their names; not ok where the cells are no header.
func header(cells []string) (pathAt, labelAt int, ok bool) {
	find := func(names []string) int {
		for _, n := range names {
			for i, c := range cells {
				if strings.EqualFold(strings.TrimSpace(c), n) {
					return i
				}
			}
		}
		return -1
	}
	pathAt, labelAt = find(pathColumns), find(labelColumns)
	return pathAt, labelAt, pathAt >= 0 && labelAt >= 0
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
