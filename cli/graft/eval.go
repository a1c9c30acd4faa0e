package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

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
confusion matrix. DATA is as for graft finetune; where it has val/, that is used.

Examples:
  graft eval mine.onnx photos.zip
  graft eval mine.onnx photos/val --json -o eval.json`,
		Flags: append([]cli.Flag{
			output("`FILE` write the result here instead of to stdout"),
			&cli.StringFlag{Name: "report", Usage: "`DIR` write report.html and its pictures into this folder"},
			batchSize("32"),
			workers(),
			outputName(),
			memoryLimit(),
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
	d, err := data.Open(args[1])
	if err != nil {
		return err
	}
	defer d.Close()
	set := d.Train
	if d.Val != nil {
		set = d.Val
	}
	k, err := newClassifier(c, args[0], set)
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
		run := report.Run{Title: "Evaluation of " + filepath.Base(args[0]), Made: time.Now(), Facts: [][2]string{{"top-1", percent(e.Top1)}, {"top-5", percent(e.Top5)},
			{"loss", fmt.Sprintf("%.4f", e.Loss)}, {"images", strconv.Itoa(e.Images)}, {"data", args[1]}}}
		aligned, err := set.Align(k.Labels)
		if err != nil {
			return err
		}
		addEvaluation(&run, e, aligned)
		if err := writeFolder(dir, "report.html", func(dir string) error { return writeReport(dir, run) }); err != nil {
			return err
		}
	}
	return u.result(c.String("output"), e, func(w io.Writer) error { return writeEvaluation(w, e) })
}

// widestConfusion is the most classes whose confusion matrix fits a terminal.
const widestConfusion = 12

func writeEvaluation(w io.Writer, e *finetune.Evaluation) error {
	facts := [][]string{{"images", strconv.Itoa(e.Images)}, {"top-1", percent(e.Top1)}}
	if len(e.Classes) > 5 {
		facts = append(facts, []string{"top-5", percent(e.Top5)})
	}
	facts = append(facts, []string{"loss", fmt.Sprintf("%.4f", e.Loss)})
	if err := writeTable(w, nil, facts); err != nil {
		return err
	}
	fmt.Fprintln(w)
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
