package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"graft/finetune"
	"graft/finetune/data"
	"graft/finetune/report"
	"graft/graph"
	"graft/onnx"
)

// drawingFlags are those of inspect's pictures.
func drawingFlags() []cli.Flag {
	return section("Pictures",
		&cli.StringFlag{Name: "html", Usage: "`FILE.html` draw the network as a page: a box opens to tell more", TakesFile: true},
		&cli.StringFlag{Name: "svg", Usage: "`FILE.svg` draw the network as a picture", TakesFile: true},
		&cli.StringFlag{Name: "filters", Usage: "`FILE.png` draw the filters of the first convolution", TakesFile: true},
		&cli.StringFlag{Name: "freeze", Usage: "`N|layer:K|NAME|all|0` draw what lies up to here as frozen", DefaultText: "what finetune has frozen"},
	)
}

// drawings are the flags that name a picture.
var drawings = []string{"html", "svg", "filters"}

// checkDrawings refuses what runInspect cannot write before any work is done.
func checkDrawings(c *cli.Context, model string) error {
	used := map[string]string{}
	for _, flag := range append([]string{"output"}, drawings...) {
		path := c.String(flag)
		if path == "" {
			continue
		}
		if err := checkOutput(path, model); err != nil {
			return err
		}
		if other := used[filepath.Clean(path)]; other != "" {
			return usagef("", "--%s and --%s name the same file, %s", other, flag, quote(path))
		}
		used[filepath.Clean(path)] = flag
	}
	if c.IsSet("freeze") && c.String("html") == "" && c.String("svg") == "" {
		return usagef("give the picture with --html FILE or --svg FILE", "--freeze needs a picture")
	}
	return nil
}

// writeDrawings writes the pictures that are asked for.
func writeDrawings(c *cli.Context, u *ui, path string, m *onnx.ModelProto, s *graph.Structure, i inspection) error {
	write := func(flag, what string, f func(w io.Writer) error) error {
		file := c.String(flag)
		if file == "" {
			return nil
		}
		if err := writeFile(file, f); err != nil {
			return err
		}
		u.infof("%s: %s", quote(file), what)
		return nil
	}
	if c.String("html") != "" || c.String("svg") != "" {
		l, err := learningOf(c, m, s)
		if err != nil {
			return fmt.Errorf("%s: %w", quote(path), err)
		}
		d := diagram(filepath.Base(path), i, s.Draw(l))
		what := fmt.Sprintf("the network in %d boxes", len(d.Boxes))
		if err := write("html", what, d.HTML); err != nil {
			return err
		}
		if err := write("svg", what, d.SVG); err != nil {
			return err
		}
	}
	if c.String("filters") == "" {
		return nil
	}
	tiles, err := filters(m, s)
	if err != nil {
		return fmt.Errorf("%s: %w", quote(path), err)
	}
	return write("filters", tiles.Title, tiles.PNG)
}

// filters are those of the first convolution, each from its least to its greatest weight,
// in the colours of the images that the model takes.
func filters(m *onnx.ModelProto, s *graph.Structure) (report.Tiles, error) {
	node, w, err := s.Filters()
	if err != nil {
		return report.Tiles{}, err
	}
	x, _ := w.Floats()
	shape := [3]int(w.Shape[1:])
	if pre, err := finetune.StoredPreprocess(m); err == nil && pre.Channels == "bgr" && shape[0] == 3 {
		area := shape[1] * shape[2]
		x = slices.Clone(x)
		for at := 0; at < len(x); at += 3 * area {
			for i := at; i < at+area; i++ {
				x[i], x[i+2*area] = x[i+2*area], x[i]
			}
		}
	}
	return tilesOf(fmt.Sprintf("%d filters of %s, %s", w.Shape[0], escape(cut(node, maxName)), times(w.Shape[1:])), x, shape)
}

// tilesOf are arrays [N,C,H,W] of 1 or 3 channels as pictures, each from its least to its
// greatest number.
func tilesOf(title string, x []float32, shape [3]int) (report.Tiles, error) {
	t := report.Tiles{Title: title}
	n := len(x) / (shape[0] * shape[1] * shape[2])
	if n > report.MostTiles {
		t.Title += fmt.Sprintf(", the first %d", report.MostTiles)
		n = report.MostTiles
	}
	set := data.FromArrays(x, shape, make([]int, len(x)/(shape[0]*shape[1]*shape[2])), []string{""})
	for i := range n {
		im, _, err := set.Picture(i)
		if err != nil {
			return t, err
		}
		t.Pictures = append(t.Pictures, im.Go())
	}
	return t, nil
}

// learningOf is what of a model learns by --freeze, else what has learnt when finetune
// wrote it; nil where nobody says.
func learningOf(c *cli.Context, m *onnx.ModelProto, s *graph.Structure) (*graph.Learning, error) {
	below, known, err := finetune.StoredFrozen(m)
	if err != nil {
		return nil, err
	}
	switch freeze := c.String("freeze"); freeze {
	case "":
		if !known || below != "" && s.Shape(below) == nil {
			return nil, nil // what it had is cut off
		}
	case "0":
		below = ""
	case "all":
		if below, err = s.LastCut(); err != nil {
			return nil, err
		}
	default:
		if below, err = s.Find(freeze, false); err != nil {
			return nil, err
		}
	}
	l, err := s.Learning(graph.Freezing{Below: below})
	return &l, err
}

// diagram puts a drawing into words.
func diagram(title string, i inspection, d *graph.Drawing) report.Diagram {
	r := report.Diagram{Title: escape(cut(title, maxName)), Lanes: d.Lanes}
	for _, f := range i.facts() {
		if key := f[0]; key == "input" || key == "output" || key == "size" || key == "format" {
			r.Facts = append(r.Facts, [2]string{key, escape(cut(f[1], maxName))})
		}
	}
	params, cost := 1, 1
	for _, row := range d.Rows {
		params, cost = max(params, row.Params), max(cost, row.MACs)
	}
	for _, row := range d.Rows {
		b := boxOf(row)
		if row.Params > 0 {
			b.Params = report.Amount{Text: count(int64(row.Params)), Share: float64(row.Params) / float64(params)}
		}
		if row.MACs > 0 {
			b.Cost = report.Amount{Text: macs(int64(row.MACs)), Share: float64(row.MACs) / float64(cost)}
		}
		r.Boxes = append(r.Boxes, b)
	}
	for _, f := range d.Folds {
		r.Folds = append(r.Folds, foldOf(f, d.Rows))
	}
	if d.Left > 0 {
		r.Note = fmt.Sprintf("%d more operators are not drawn", d.Left)
	}
	return r
}

// boxOf puts a row into words.
func boxOf(row graph.Row) report.Box {
	b := report.Box{Kind: row.Kind, Label: row.Kind, Then: strings.Join(row.Makes, ", "), Shape: ofOne(row.Shape),
		Cut: row.Cut, Frozen: row.State == graph.Frozen, Direct: row.Direct}
	var rest []string // of the parts
	name := func(key, value string) {
		if value != "" {
			b.Names = append(b.Names, [2]string{key, escape(cut(value, maxName))})
		}
	}
	for k, part := range row.Parts {
		text := opName(part.Op)
		if part.Detail != "" {
			text += " " + part.Detail
		}
		if k == 0 {
			b.Label, b.Then = text, ""
		} else {
			rest = append(rest, text)
		}
		name(part.Op, part.Node)
	}
	if rest != nil {
		b.Then = strings.Join(rest, " · ")
	}
	b.Label, b.Then = escape(cut(b.Label, maxName)), escape(cut(b.Then, maxName))
	if row.Layer > 0 {
		name("layer", strconv.Itoa(row.Layer))
	}
	name("makes", strings.Join(row.Makes, ", "))
	if n := len(row.Reads); n > 8 {
		name("reads", fmt.Sprintf("%d tensors", n))
	} else {
		name("reads", strings.Join(row.Reads, ", "))
	}
	name("learning", row.State)
	for _, l := range row.Lanes {
		b.Lanes = append(b.Lanes, report.Lane(l))
	}
	return b
}

// opName shortens BatchNormalization to BatchNorm.
func opName(op string) string {
	if strings.HasSuffix(op, "Normalization") {
		return strings.TrimSuffix(op, "alization")
	}
	return op
}

// times writes 64×56×56.
func times(dims []int) string { return strings.ReplaceAll(shape(dims), "x", "×") }

// ofOne is a shape without a batch of one.
func ofOne(dims []int) string {
	if len(dims) > 1 && dims[0] == 1 {
		dims = dims[1:]
	}
	return times(dims)
}

// foldOf says what a fold hides.
func foldOf(f graph.Fold, rows []graph.Row) report.Fold {
	n := (f.Last - f.First + 1) / f.Period
	times := fmt.Sprintf("%d times", n)
	if n == 1 {
		times = "once"
	}
	r := report.Fold{First: f.First, Last: f.Last, Title: fmt.Sprintf("the %d boxes above, %s more", f.Period, times)}
	if f.Period == 1 {
		r.Title = fmt.Sprintf("the box above, %s more", times)
	}
	if !f.Same {
		r.Title += ", with other numbers of channels, to " + ofOne(rows[f.Last].Shape)
	}
	first, last := 0, 0
	for _, row := range rows[f.First : f.Last+1] {
		if row.Cut > 0 {
			if last = row.Cut; first == 0 {
				first = last
			}
		}
	}
	switch {
	case first == last && first > 0:
		r.Cuts = fmt.Sprint("cut ", first)
	case first > 0:
		r.Cuts = fmt.Sprintf("cut %d–%d", first, last)
	}
	return r
}
