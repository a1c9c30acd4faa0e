package main

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"graft/cli/serve"
	"graft/finetune"
	"graft/finetune/data"
	"graft/finetune/report"
	"graft/onnx"
)

func predictVerb() *cli.Command {
	return &cli.Command{
		Name:      "predict",
		Category:  groupUse,
		Usage:     "name the classes of images",
		ArgsUsage: "MODEL FILE|DIR... [flags]",
		Description: `
Class names and preprocessing come from the model when graft wrote it; for other
models give the preprocessing by flags. Labels are shown with the probability of
each, numbers as they are.`,
		UsageText: `
  graft predict mine.onnx photo.jpg
  graft predict mine.onnx photos/ --top 1 --csv -o predictions.csv
  graft predict mine.onnx photo.jpg --explain why/`,
		Flags: slices.Concat([]cli.Flag{
			whole("top", 5, 1, "`K` show this many classes, the likeliest first", ""),
			&cli.BoolFlag{Name: "csv", Usage: "print a line file,rank,class,probability for each; of numbers file,number,value"},
			&cli.StringFlag{Name: "report", Usage: "`DIR` write report.html and its pictures into this folder: the classes counted, the surest and the least sure images"},
			output("`FILE` write the result here instead of to stdout"),
			batchSize("8"),
			workers(),
			outputName(),
			memoryLimit(),
			exactFlag(),
		}, explainFlags(), preprocessingFlags()),
		Action: runPredict,
	}
}

// prediction is what predict shows of one image, as --json gives it: what the model's only
// head tells, or each of several.
type prediction struct {
	File string `json:"file"`
	finetune.Answer
	Heads       []finetune.Answer `json:"heads,omitempty"`
	Explanation *explanation      `json:"explanation,omitempty"`
}

// answers are those of all heads.
func (p prediction) answers() []finetune.Answer {
	if p.Heads != nil {
		return p.Heads
	}
	return []finetune.Answer{p.Answer}
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
	if dir := c.String("report"); dir != "" {
		if err := checkFolder(dir); err != nil {
			return err
		}
	}
	set, err := data.OpenImages(args[1:]...)
	if err != nil {
		return err
	}
	m, err := readModel(args[0])
	if err != nil {
		return err
	}
	k, err := newClassifier(c, args[0], m, set)
	if err != nil {
		return err
	}
	defer k.Close()
	x, err := newExplainer(c, args[0], m, set)
	if err != nil {
		return err
	}
	if x != nil {
		defer x.Close()
	}
	p := u.progress("predicting", set.Len(), "images")
	var list []prediction
	err = k.Scores(c.Context, set, func(i int, _ []float32, p0 []float64) error {
		one := prediction{File: set.Items[i].Name}
		if a := k.Answers(p0, c.Int("top")); len(a) == 1 {
			one.Answer = a[0]
		} else {
			one.Heads = a
		}
		list = append(list, one)
		p.add(1)
		return nil
	})
	p.done()
	if err != nil {
		return err
	}
	if dir := c.String("report"); dir != "" {
		run := predicted(k, set, list)
		run.Title, run.Made = "Predictions of "+filepath.Base(args[0]), time.Now()
		if err := writeFolder(dir, serve.ReportFile, func(dir string) error { return writeReport(dir, run) }); err != nil {
			return err
		}
	}
	if x != nil {
		p := u.progress("explaining", set.Len(), "images")
		why, err := x.write(c, p)
		p.done()
		if err != nil {
			return err
		}
		for i := range why {
			list[i].Explanation = &why[i]
		}
		u.infof("%s: pictures of what in each image speaks for %s, at %s", quote(x.dir), cmp.Or(x.class, "its likeliest class"), quote(x.Tensor))
	}
	text := func(w io.Writer) error { return writePredictions(w, k, list) }
	if c.Bool("csv") {
		text = func(w io.Writer) error { return writePredictionsCSV(w, k, list) }
	}
	return u.result(c.String("output"), list, text)
}

// predicted is the page of predictions: how many images were called each class, the
// surest and the least sure, and what the network saw.
func predicted(k *finetune.Classifier, set *data.Set, list []prediction) report.Run {
	run := report.Run{Facts: [][2]string{{"images", strconv.Itoa(len(list))}}}
	for h, head := range k.Heads {
		r := report.Head{Name: head.Name, Classes: head.Classes, Answers: make([]int, len(head.Classes))}
		sheet := report.Sheet{Name: "surest", Title: "Surest answers"}
		order := make([]int, len(list))
		sure := make([]float64, len(list))
		for i, p := range list {
			a := p.answers()[h]
			order[i], sure[i] = i, a.Probability()
			for _, c := range a.Called() {
				r.Answers[c]++
			}
		}
		file := ""
		if head.Name != "" {
			file, sheet.Title = "_"+report.FileName(head.Name), head.Name+": surest answers"
		}
		sheet.Name += file
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(sure[b], sure[a]) })
		show := func(i int) {
			if im, ok, err := set.Picture(i); ok && err == nil {
				sheet.Samples = append(sheet.Samples, report.Sample{Image: im.Go(), Name: set.Items[i].Name, Predicted: list[i].answers()[h].Text(), Probability: sure[i]})
			}
		}
		if head.Kind == data.Values {
			r.Answers, sheet.Name, sheet.Title = nil, "answers"+file, "Answers"
		} else {
			run.Heads = append(run.Heads, r)
		}
		for _, i := range order[:min(samples, len(order))] {
			show(i)
		}
		run.Sheets = append(run.Sheets, sheet)
		if head.Kind != data.Values && len(order) > samples {
			sheet = report.Sheet{Name: "unsure" + file, Title: "Least sure answers"}
			for _, i := range order[max(samples, len(order)-samples):] {
				show(i)
			}
			slices.Reverse(sheet.Samples)
			run.Sheets = append(run.Sheets, sheet)
		}
	}
	order := make([]int, set.Len())
	for i := range order {
		order[i] = i
	}
	run.Sheets = append(run.Sheets, seenSheet(k.Preprocess, set, order, unvaried))
	return run
}

// newClassifier compiles the model m, read from path, for the images of a set.
func newClassifier(c *cli.Context, path string, m *onnx.ModelProto, set *data.Set) (*finetune.Classifier, error) {
	var err error
	f := finetune.ClassifierConfig{Data: set, Output: c.String("output-name"), Batch: c.Int("batch-size"), Threads: threads(c), Workers: c.Int("workers"), MaxMemory: maxMemory(c, m), Exact: c.Bool("exact")}
	if f.Preprocess, err = preprocessingOf(c, path, m, set); err != nil {
		return nil, err
	}
	k, err := finetune.NewClassifier(m, f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", quote(path), err)
	}
	return k, nil
}

// preprocessingOf is how the model m, read from path, wants the images of a set; nil where
// they are arrays, which are taken as they are.
func preprocessingOf(c *cli.Context, path string, m *onnx.ModelProto, set *data.Set) (*data.Preprocess, error) {
	if _, _, arrays := set.Tensor(0); arrays {
		return nil, nil
	}
	pre, err := preprocessing(c, m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", quote(path), err)
	}
	return &pre, nil
}

// writePredictions writes a line a class, label or number.
func writePredictions(w io.Writer, k *finetune.Classifier, list []prediction) error {
	header := []string{"file", ">probability", "class"}
	switch {
	case len(k.Heads) > 1:
		header = []string{"file", "head", ">probability", "answer"}
	case k.Heads[0].Kind == data.Labels:
		header[2] = "label"
	case k.Heads[0].Kind == data.Values:
		header = []string{"file", ">value", "number"}
	}
	var rows [][]string
	for _, p := range list {
		file := p.File
		for _, a := range p.answers() {
			name := a.Head
			add := func(left, right string) {
				row := []string{file, left, right}
				if len(k.Heads) > 1 {
					row = []string{file, name, left, right}
				}
				rows, file, name = append(rows, row), "", ""
			}
			for _, g := range slices.Concat(a.Classes, a.Labels) {
				add(percent(g.Probability), g.Class)
			}
			for _, v := range a.Values {
				if len(k.Heads) > 1 {
					add("", v.Name+" "+strconv.FormatFloat(v.Value, 'g', 5, 64))
				} else {
					add(strconv.FormatFloat(v.Value, 'g', 5, 64), v.Name)
				}
			}
		}
	}
	return writeTable(w, header, rows)
}

// writePredictionsCSV writes file,rank,class,probability for classes and labels,
// file,number,value for numbers, and of several heads both in one table.
func writePredictionsCSV(w io.Writer, k *finetune.Classifier, list []prediction) error {
	c := csv.NewWriter(w)
	several := len(k.Heads) > 1
	switch {
	case several:
		c.Write([]string{"file", "head", "rank", "answer", "probability", "value"})
	case k.Heads[0].Kind == data.Values:
		c.Write([]string{"file", "number", "value"})
	default:
		c.Write([]string{"file", "rank", "class", "probability"})
	}
	digits := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
	for _, p := range list {
		for _, a := range p.answers() {
			for i, g := range slices.Concat(a.Classes, a.Labels) {
				row := []string{p.File, strconv.Itoa(i + 1), g.Class, digits(g.Probability)}
				if several {
					row = []string{p.File, a.Head, strconv.Itoa(i + 1), g.Class, digits(g.Probability), ""}
				}
				c.Write(row)
			}
			for _, v := range a.Values {
				row := []string{p.File, v.Name, digits(v.Value)}
				if several {
					row = []string{p.File, a.Head, "", v.Name, "", digits(v.Value)}
				}
				c.Write(row)
			}
		}
	}
	c.Flush()
	return c.Error()
}
