package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"github.com/urfave/cli/v2"

	"graft/finetune"
	"graft/finetune/data"
)

func predictVerb() *cli.Command {
	return &cli.Command{
		Name:      "predict",
		Category:  groupUse,
		Usage:     "name the classes of images",
		ArgsUsage: "MODEL FILE|DIR... [flags]",
		Description: `
Class names and preprocessing come from the model when graft wrote it; for other
models give the preprocessing by flags.

Examples:
  graft predict mine.onnx photo.jpg
  graft predict mine.onnx photos/ --top 1 --csv -o predictions.csv`,
		Flags: append([]cli.Flag{
			whole("top", 5, 1, "`K` show this many classes, the likeliest first", ""),
			&cli.BoolFlag{Name: "csv", Usage: "print a line file,rank,class,probability for each"},
			output("`FILE` write the result here instead of to stdout"),
			batchSize("1"),
			workers(),
			outputName(),
			memoryLimit(),
		}, preprocessingFlags()...),
		Action: runPredict,
	}
}

// prediction is what predict shows of one image, as --json gives it.
type prediction struct {
	File    string           `json:"file"`
	Classes []finetune.Guess `json:"classes"`
}

func runPredict(c *cli.Context) error {
	u := newUI(c)
	args, err := positionals(c, "MODEL", "FILE...")
	if err != nil {
		return err
	}
	if err := checkOutput(c.String("output"), args...); err != nil {
		return err
	}
	set, err := data.OpenImages(args[1:]...)
	if err != nil {
		return err
	}
	k, err := newClassifier(c, args[0], set)
	if err != nil {
		return err
	}
	defer k.Close()
	p := u.progress("predicting", set.Len(), "images")
	var list []prediction
	err = k.Scores(c.Context, set, func(i int, _ []float32, share []float64) error {
		list = append(list, prediction{set.Items[i].Name, k.Top(share, c.Int("top"))})
		p.add(1)
		return nil
	})
	p.done()
	if err != nil {
		return err
	}
	text := func(w io.Writer) error { return writePredictions(w, list) }
	if c.Bool("csv") {
		text = func(w io.Writer) error { return writePredictionsCSV(w, list) }
	}
	return u.result(c.String("output"), list, text)
}

// newClassifier compiles the model at path for the images of a set.
func newClassifier(c *cli.Context, path string, set *data.Set) (*finetune.Classifier, error) {
	m, err := readModel(path)
	if err != nil {
		return nil, err
	}
	f := finetune.ClassifierConfig{Data: set, Output: c.String("output-name"), Batch: c.Int("batch-size"), Threads: threads(c), Workers: c.Int("workers"), MaxMemory: maxMemory(c, m)}
	if set.Len() > 0 {
		f.Batch = min(max(f.Batch, 1), set.Len())
	}
	if _, _, arrays := set.Tensor(0); !arrays {
		pre, err := preprocessing(c, m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", quote(path), err)
		}
		f.Preprocess = &pre
	}
	k, err := finetune.NewClassifier(m, f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", quote(path), err)
	}
	return k, nil
}

func writePredictions(w io.Writer, list []prediction) error {
	var rows [][]string
	for _, p := range list {
		for i, g := range p.Classes {
			file := ""
			if i == 0 {
				file = p.File
			}
			rows = append(rows, []string{file, percent(g.Probability), g.Class})
		}
	}
	return writeTable(w, []string{"file", ">probability", "class"}, rows)
}

func writePredictionsCSV(w io.Writer, list []prediction) error {
	c := csv.NewWriter(w)
	c.Write([]string{"file", "rank", "class", "probability"})
	for _, p := range list {
		for i, g := range p.Classes {
			c.Write([]string{p.File, strconv.Itoa(i + 1), g.Class, strconv.FormatFloat(g.Probability, 'g', 6, 64)})
		}
	}
	c.Flush()
	return c.Error()
}
