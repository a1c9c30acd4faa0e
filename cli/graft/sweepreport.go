package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"graft/finetune/report"
	"graft/finetune/sweep"
)

// reportSweep is sweep report: a folder of figures, tables and the page.
func reportSweep(c *cli.Context, u *ui, path string) error {
	if err := required(c, "output", "-o study/report"); err != nil {
		return err
	}
	s, err := openStudy(path)
	if err != nil {
		return err
	}
	defer s.Close()
	rows, err := s.Rows(c.Bool("partial"))
	if err != nil {
		return err
	}
	measure := c.String("measure")
	if measure == "" {
		measure = sweep.Measures[0]
	}
	dir := c.String("output")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("output %s: %w", quote(dir), pathless(err))
	}
	a := sweep.Analyse(rows, measure)
	page := studyPage(c, s.Plan, a, path)
	if err := writeStudy(dir, a, rows, page); err != nil {
		return err
	}
	type told struct {
		Folder  string        `json:"folder"`
		Reading []string      `json:"reading"`
		Advice  *sweep.Advice `json:"advice,omitempty"`
		Rows    []sweep.Row   `json:"networks"`
	}
	t := told{dir, page.Reading, nil, rows}
	if best, ok := a.Advise(); ok {
		t.Advice = &best
	}
	return u.result("", t, func(w io.Writer) error { return tellStudy(w, dir, page, a) })
}

// studyPage is the report of a study as one page.
func studyPage(c *cli.Context, p *sweep.Plan, a *sweep.Analysis, path string) report.StudyPage {
	n, r := p.Network, p.Recipe
	name := n.Architecture
	if name == "" {
		name = n.Model
	}
	facts := [][2]string{{"data", filepath.Base(p.Data)}, {"network", name}, {"layers", fmt.Sprint(n.Depth)}, {"parameters", count(int64(n.Params))},
		{"cost of a picture", macs(int64(n.MACs))}, {"networks", fmt.Sprintf("%d of %d", len(a.Rows), len(p.Cells))}, {"top-1", measured1(a.Measure)}, {"graft", version()}}
	if r.Epochs > 0 {
		facts = append(facts, [2]string{"epochs", fmt.Sprint(r.Epochs)})
	}
	if r.LR > 0 {
		facts = append(facts, [2]string{"recipe", fmt.Sprintf("%s at %g, batches of %d, %s, augment %s", r.Optimizer, r.LR, r.Batch, r.Schedule, r.Augment)})
	}
	reading := a.Reading()
	commands := []string{"graft sweep run " + path, "graft " + strings.Join(os.Args[1:], " ")}
	if best, ok := a.Advise(); ok {
		reading = append([]string{advice(best)}, reading...)
		if best.N > 0 {
			commands = append(commands, adviceCommand(best, n.Model))
		}
	}
	return report.StudyPage{Title: "How transferable are the layers of " + filepath.Base(name) + "?", Facts: facts, Reading: reading,
		Figures: a.Record(n.Depth, c.String("overlay") == "paper").Figures(), Tables: a.Tables(), Commands: commands}
}

// measured1 says what a measure of top-1 is.
func measured1(measure string) string {
	if measure == "last" {
		return "of the last epoch, on the validation part"
	}
	return "mean of the ten best epochs, on the validation part"
}

func advice(a sweep.Advice) string {
	how := "let it learn on"
	if a.Freeze {
		how = "freeze it"
	}
	if a.N == 0 {
		return fmt.Sprintf("Train from scratch: no cut of the pretrained network does better (top-1 %s).", percent(a.Top1.Mean))
	}
	return fmt.Sprintf("Cut at cut point %d and %s: top-1 %s, the best of all.", a.N, how, percent(a.Top1.Mean))
}

func adviceCommand(a sweep.Advice, model string) string {
	freeze := "0"
	if a.Freeze {
		freeze = "all"
	}
	return fmt.Sprintf("graft finetune %s DATA --after %d --freeze %s -o mine.onnx", model, a.N, freeze)
}

// writeStudy writes the files of a report.
func writeStudy(dir string, a *sweep.Analysis, rows []sweep.Row, page report.StudyPage) error {
	type file struct {
		name  string
		write func(io.Writer) error
	}
	files := []file{{"report.html", page.HTML}, {"networks.csv", func(w io.Writer) error { return sweep.WriteTable(w, rows) }}, {"summary.csv", a.WriteSummary},
		{"reading.txt", func(w io.Writer) error {
			_, err := io.WriteString(w, strings.Join(append(page.Reading, ""), "\n"))
			return err
		}}}
	for _, f := range page.Figures {
		files = append(files, file{f.Name + ".png", f.PNG}, file{f.Name + ".svg", f.SVG})
	}
	for _, f := range files {
		if err := writeFile(filepath.Join(dir, f.name), f.write); err != nil {
			return err
		}
	}
	return nil
}

func tellStudy(w io.Writer, dir string, page report.StudyPage, a *sweep.Analysis) error {
	b := bufio.NewWriter(w)
	for _, t := range page.Tables {
		header := make([]string, len(t.Header))
		for i, h := range t.Header {
			header[i] = h
			if i > 1 {
				header[i] = ">" + h
			}
		}
		fmt.Fprintf(b, "%s\n", t.Title)
		if err := writeTable(b, header, t.Rows); err != nil {
			return err
		}
		fmt.Fprintln(b)
	}
	for _, s := range page.Reading {
		fmt.Fprintf(b, "%s\n", escape(s))
	}
	fmt.Fprintf(b, "\nwrote %s\n", filepath.Join(dir, "report.html"))
	return b.Flush()
}
