package main

import (
	"io"

	"github.com/urfave/cli/v2"

	"graft/graph"
	"graft/models"
	"graft/onnx"
)

// architectures lists what models new makes.
func architectures() []string {
	var names []string
	for _, a := range models.Architectures {
		names = append(names, a.Name)
	}
	return names
}

// madeModel is what models new tells, as --json gives it.
type madeModel struct {
	models.Architecture
	Path      string `json:"path"`
	CutPoints int    `json:"cut_points"`
	Params    int    `json:"params"`
	MACs      int    `json:"macs"`
}

// newModel is models new.
func newModel(c *cli.Context, u *ui, names []string) error {
	if len(names) != 1 {
		return usagef("", "models: unexpected argument %s after new %s", quote(names[1]), cut(names[0], maxName))
	}
	if err := required(c, "output", "-o new.onnx"); err != nil {
		return err
	}
	path := c.String("output")
	if err := checkOutput(path); err != nil {
		return err
	}
	classes := c.Int("classes")
	if classes == 0 {
		classes = 1000
	}
	m, err := models.New(names[0], classes, c.Int("size"))
	if err != nil {
		return err
	}
	if m, err = graph.Redraw(m, "", 0, c.Uint64("seed"), graph.Options{}); err != nil {
		return err
	}
	s, err := graph.Analyse(m, graph.Options{})
	if err != nil {
		return err
	}
	if err := onnx.WriteFile(path, m, onnx.WriteOptions{}); err != nil {
		return err
	}
	last := s.CutPoints[len(s.CutPoints)-1]
	made := madeModel{Path: path, CutPoints: len(s.CutPoints), Params: last.Params, MACs: last.MACs}
	for _, a := range models.Architectures {
		if a.Name == names[0] {
			made.Architecture = a
		}
	}
	return u.next(u.result("", made, func(w io.Writer) error {
		return writeTable(w, nil, [][]string{{"wrote", path}, {"network", made.Name + ", " + made.About}, {"parameters", count(int64(made.Params))},
			{"cost", macs(int64(made.MACs))}, {"cut points", count(int64(made.CutPoints))}})
	}), "graft finetune "+inShell(path)+" PHOTOS/ --after 0 --head redraw -o mine.onnx")
}
