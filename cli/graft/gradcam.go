package main

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"graft/finetune"
	"graft/finetune/data"
	"graft/finetune/report"
	"graft/onnx"
)

// explainFlags are those of predict's pictures of what in an image has decided.
func explainFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "explain", Usage: "`DIR` write a picture of each image into this folder that shows which part of it speaks for the answer (Grad-CAM), and the map itself as .npy"},
		&cli.StringFlag{Name: "explain-class", Usage: "`NAME` explain this class, label or number", DefaultText: "the likeliest of each image"},
		&cli.StringFlag{Name: "explain-at", Usage: "`N|layer:K|NAME` look at this cut point, layer, tensor or node", DefaultText: "the last one with a height and a width"},
	}
}

// explanation is what --explain writes of one image, as --json gives it.
type explanation struct {
	File        string  `json:"file,omitempty"` // the image
	Class       string  `json:"class"`
	Probability float64 `json:"probability"` // the value itself of a number
	Score       float64 `json:"score"`       // before a softmax
	Tensor      string  `json:"tensor"`
	Picture     string  `json:"picture"` // in the folder
	Map         string  `json:"map"`     // [H,W] in 0 to 1
}

// explainer explains the images of a prediction, or is nil where that is not asked for.
type explainer struct {
	*finetune.Explainer
	set        *data.Set
	dir, class string
}

// newExplainer compiles the model m, read from path, and refuses a class that it lacks
// before any work is done.
func newExplainer(c *cli.Context, path string, m *onnx.ModelProto, set *data.Set) (*explainer, error) {
	if !c.IsSet("explain") {
		for _, name := range []string{"explain-class", "explain-at"} {
			if c.IsSet(name) {
				return nil, usagef("give the folder for the pictures with --explain DIR", "--%s needs --explain", name)
			}
		}
		return nil, nil
	}
	if err := checkFolder(c.String("explain")); err != nil {
		return nil, err
	}
	f := finetune.ExplainerConfig{At: c.String("explain-at"), Data: set, Output: c.String("output-name"), Threads: threads(c), MaxMemory: maxMemory(c, m)}
	var err error
	if f.Preprocess, err = preprocessingOf(c, path, m, set); err != nil {
		return nil, err
	}
	e, err := finetune.NewExplainer(m, f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", quote(path), err)
	}
	x := &explainer{e, set, c.String("explain"), c.String("explain-class")}
	if _, err = e.Class(x.class); err != nil {
		e.Close()
		return nil, fmt.Errorf("%s: %w", quote(path), err)
	}
	return x, nil
}

// write explains all images and puts the pictures into the folder.
func (x *explainer) write(c *cli.Context, p *progress) (list []explanation, err error) {
	err = writeFolder(x.dir, "explanations.json", func(dir string) error {
		used := map[string]bool{}
		for i := range x.set.Len() {
			one, err := x.one(c, dir, i, used)
			if err != nil {
				return err
			}
			list = append(list, one)
			p.add(1)
		}
		return writeFile(filepath.Join(dir, "explanations.json"), func(w io.Writer) error { return writeJSON(w, list) })
	})
	return list, err
}

func (x *explainer) one(c *cli.Context, dir string, i int, used map[string]bool) (explanation, error) {
	e, err := x.Explain(c.Context, x.set, i, x.class)
	if err != nil {
		return explanation{}, err
	}
	file := x.set.Items[i].Name
	name := fileFor(file, used)
	r := explanation{file, e.Class, e.Probability, e.Score, x.Tensor, name + ".png", name + ".npy"}
	heat := &onnx.Tensor{Type: onnx.TensorProto_FLOAT, Shape: []int{e.H, e.W}, Data: e.Map}
	if err := writeFile(filepath.Join(dir, r.Map), func(w io.Writer) error { return data.WriteNpy(w, heat) }); err != nil {
		return r, err
	}
	im, ok, err := x.set.Picture(i)
	if err != nil || !ok {
		return r, err
	}
	if x.Preprocess.Height > 0 {
		if im, err = x.Preprocess.Seen(im, unvaried(i)); err != nil {
			return r, err
		}
	}
	picture := report.Explained{Photo: im.Go(), Heat: report.Heat{H: e.H, W: e.W, Values: e.Map}, Answer: e.Class, Probability: e.Probability, At: x.Tensor}
	if x.number(e.Index) {
		picture.Answer, picture.Probability = fmt.Sprintf("%s %.4g", e.Class, e.Probability), math.NaN()
	}
	return r, writeFile(filepath.Join(dir, r.Picture), picture.PNG)
}

// number says whether an output tells a number.
func (x *explainer) number(i int) bool {
	for _, h := range x.Heads {
		if i < len(h.Classes) {
			return h.Kind == data.Values
		}
		i -= len(h.Classes)
	}
	return false
}

// fileFor is a name for what is made of a file that none of the used ones has, without a
// suffix.
func fileFor(file string, used map[string]bool) string {
	base := filepath.Base(filepath.FromSlash(file))
	base = report.FileName(strings.TrimSuffix(base, filepath.Ext(base)))
	name := base
	for n := 2; used[name]; n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	used[name] = true
	return name
}
