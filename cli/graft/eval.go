package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"graft/cli/serve"
	"graft/finetune"
	"graft/finetune/data"
	"graft/finetune/report"
)

func evalVerb() *cli.Command {
	return &cli.Command{
		Name:      "eval",
		Category:  groupUse,
		Usage:     "measure accuracy, class by class, on labelled data",
		ArgsUsage: "MODEL DATA [flags]",
		Description: `
Prints top-1 and top-5 accuracy, precision and recall of every class and the
confusion matrix; of labels their average precision and F1, of numbers RMSE, MAE
and R². DATA is as for graft finetune; where it has val/, that is used. --report
draws them, with the worst mistakes and the surest right answers.`,
		UsageText: `
  graft eval mine.onnx photos.zip
  graft eval mine.onnx photos/val --json -o eval.json`,
		Flags: append([]cli.Flag{
			output("`FILE` write the result here instead of to stdout"),
			&cli.StringFlag{Name: "report", Usage: "`DIR` write report.html and its pictures into this folder"},
			batchSize("8"),
			workers(),
			outputName(),
			targetsFlag(),
			memoryLimit(),
			exactFlag(),
		}, preprocessingFlags()...),
		Action: runEval,
	}
}

func runEval(c *cli.Context) error {
	u := newUI(c)
	args, err := positionals(c, "MODEL", "DATA")
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
	m, err := readModel(args[0])
	if err != nil {
		return err
	}
	heads, err := modelHeads(c, args[0], m)
	if err != nil {
		return err
	}
	d, err := data.OpenHeads(args[1], heads)
	if err != nil {
		return err
	}
	defer d.Close()
	set := d.Train
	if d.Val != nil {
		set = d.Val
	}
	k, err := newClassifier(c, args[0], m, set)
	if err != nil {
		return err
	}
	defer k.Close()
	p := u.progress("evaluating", set.Len(), "images")
	e, err := k.Evaluate(c.Context, set, func(done, _ int) { p.add(done - p.n) })
	p.done()
	if err != nil {
		return fmt.Errorf("%s: %w", quote(args[1]), err)
	}
	if dir := c.String("report"); dir != "" {
		run := report.Run{Title: "Evaluation of " + filepath.Base(args[0]), Made: time.Now()}
		for _, f := range facts(e) {
			run.Facts = append(run.Facts, [2]string{f[0], f[1]})
		}
		run.Facts = append(run.Facts, [2]string{"data", args[1]})
		addEvaluation(&run, e, set)
		run.Sheets = append(run.Sheets, seenSheet(k.Preprocess, set, data.Shuffle(set.Len(), c.Uint64("seed"), 0), unvaried))
		if err := writeFolder(dir, serve.ReportFile, func(dir string) error { return writeReport(dir, run) }); err != nil {
			return err
		}
	}
	return u.result(c.String("output"), e, func(w io.Writer) error { return writeEvaluation(w, e) })
}

// widestConfusion is the most classes whose confusion matrix fits a terminal.
const widestConfusion = 12

// facts are the figures of an evaluation as a whole.
func facts(e *finetune.Evaluation) [][]string {
	rows := [][]string{{"images", strconv.Itoa(e.Images)}}
	score, metric := e.Score()
	rows = append(rows, []string{string(metric), metric.Format(score)})
	if len(e.Classes) > 5 {
		rows = append(rows, []string{"top-5", percent(e.Top5)})
	}
	if e.Labels != nil {
		rows = append(rows, []string{"labels right", percent(e.Accuracy)}, []string{"images all right", percent(e.Exact)})
	}
	return append(rows, []string{"loss", fmt.Sprintf("%.4f", e.Loss)})
}

func writeEvaluation(w io.Writer, e *finetune.Evaluation) error {
	if err := writeTable(w, nil, facts(e)); err != nil {
		return err
	}
	for _, h := range e.Heads {
		fmt.Fprintf(w, "\n%s\n", escape(h.Head))
		if err := writeEvaluation(w, h); err != nil {
			return err
		}
	}
	if len(e.Heads) > 0 {
		return nil
	}
	fmt.Fprintln(w)
	var rows [][]string
	switch {
	case e.Labels != nil:
		for _, l := range e.Labels {
			rows = append(rows, []string{l.Label, strconv.Itoa(l.Images), percent(l.AP), percent(l.Precision), percent(l.Recall), percent(l.F1)})
		}
		return writeTable(w, []string{"label", ">images", ">AP", ">precision", ">recall", ">F1"}, rows)
	case e.Values != nil:
		for _, v := range e.Values {
			rows = append(rows, []string{v.Name, fmt.Sprintf("%.4g", v.RMSE), fmt.Sprintf("%.4g", v.MAE), fmt.Sprintf("%.3f", v.R2)})
		}
		return writeTable(w, []string{"number", ">RMSE", ">MAE", ">R²"}, rows)
	}
	return writeClasses(w, e)
}

// writeClasses writes a line a class, with its row of the confusion matrix.
func writeClasses(w io.Writer, e *finetune.Evaluation) error {
	header := []string{"class", ">images", ">precision", ">recall"}
	wide := len(e.Classes) <= widestConfusion
	if wide {
		header = append(header, "")
	}
	var rows [][]string
	for i, s := range e.Classes {
		row := []string{s.Class, strconv.Itoa(s.Images), percent(s.Precision), percent(s.Recall)}
		if wide {
			row = append(row, "|")
			for _, n := range e.Confusion[i] {
				row = append(row, strconv.Itoa(n))
			}
		}
		rows = append(rows, row)
	}
	if wide {
		for _, s := range e.Classes {
			header = append(header, ">"+s.Class)
		}
	}
	return writeTable(w, header, rows)
}
