package main

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"time"

	"graft/cli/serve"
	"graft/finetune"
	"graft/finetune/data"
	"graft/finetune/report"
)

// samples is how many images a sheet shows.
const samples = 16

// judgedSheet shows images with what a model makes of them.
func judgedSheet(name, title string, s *data.Set, list []finetune.Judged) report.Sheet {
	sheet := report.Sheet{Name: name, Title: title}
	for _, j := range list {
		if im, ok, err := s.Picture(j.Index); ok && err == nil {
			sheet.Samples = append(sheet.Samples, report.Sample{Image: im.Go(), Name: s.Items[j.Index].Name, Label: j.Is, Predicted: j.Said, Probability: j.Probability})
		}
	}
	return sheet
}

// seenSheet shows images as the network sees them: those at order, each by its view.
func seenSheet(pre data.Preprocess, s *data.Set, order []int, view func(i int) data.View) report.Sheet {
	sheet := report.Sheet{Name: "seen", Title: "Images as the network sees them"}
	for _, i := range order[:min(samples, len(order))] {
		im, ok, err := s.Picture(i)
		if !ok || err != nil {
			continue
		}
		if pre.Height > 0 {
			if im, err = pre.Seen(im, view(i)); err != nil {
				continue
			}
		}
		sheet.Samples = append(sheet.Samples, report.Sample{Image: im.Go(), Name: s.Items[i].Name, Label: s.Answer(i), Probability: math.NaN()})
	}
	return sheet
}

// unvaried is an image as it is.
func unvaried(int) data.View { return data.View{} }

// addEvaluation puts an evaluation into a run's record.
func addEvaluation(r *report.Run, e *finetune.Evaluation, s *data.Set) {
	if len(e.Heads) > 0 {
		for _, h := range e.Heads {
			addEvaluation(r, h, s)
		}
		return
	}
	h := report.Head{Name: e.Head, Confusion: e.Confusion, Labels: e.Kind == data.Labels}
	for _, c := range e.Classes {
		h.Classes = append(h.Classes, c.Class)
		h.Scores = append(h.Scores, report.ClassScore{Name: c.Class, Images: c.Images, Precision: c.Precision, Recall: c.Recall})
	}
	for _, l := range e.Labels {
		h.Scores = append(h.Scores, report.ClassScore{Name: l.Label, Images: l.Images, Precision: l.Precision, Recall: l.Recall, AP: l.AP, F1: l.F1})
	}
	for i, v := range e.Values {
		h.Values = append(h.Values, report.Value{Name: v.Name, RMSE: v.RMSE, MAE: v.MAE, R2: v.R2, Truth: e.Truth[i], Guess: e.Guess[i]})
	}
	r.Heads = append(r.Heads, h)
	wrong, right, file, of := "Worst mistakes: the surest of the wrong answers", "Surest right answers", "", ""
	if e.Kind != data.Class {
		wrong, right = "Farthest from the truth", "Nearest to the truth"
	}
	if e.Head != "" {
		file, of = "_"+report.FileName(e.Head), e.Head+": "
	}
	r.Sheets = append(r.Sheets, judgedSheet("mistakes"+file, of+wrong, s, e.Wrong(samples)), judgedSheet("rights"+file, of+right, s, e.Right(samples)))
}

// record is what the page of a training shows.
func (t *trainingView) record(r *finetune.Result, proof *finetune.Proof, d *data.Data, args []string, output string) (report.Run, error) {
	c, plan := r.Plan.Config, r.Plan
	run := report.Run{Title: "Fine-tuning of " + filepath.Base(args[0]), Epochs: t.records, Measure: t.measure, Rates: t.lr, Warnings: append([]string{}, plan.Warnings...), Made: time.Now()}
	fact := func(name, value string) { run.Facts = append(run.Facts, [2]string{name, value}) }
	if b := r.BestEpoch(); b != nil {
		fact("best validation "+t.measure.Name(), t.measure.Format(b.ValScore))
		fact("in epoch", fmt.Sprintf("%d of %d", b.N, len(r.Epochs)))
	}
	if t.folds != nil {
		fact("cross-validation", told(t.folds, plan.Metric())+" folds")
	}
	if proof.Evaluation != nil {
		score, metric := proof.Score()
		fact("written model's "+string(metric), metric.Format(score))
	}
	if d := proof.Difference; d == 0 {
		fact("its outputs are", "the trained program's")
	} else if !math.IsNaN(d) {
		fact("its outputs are within", fmt.Sprintf("%.1e", d))
	}
	fact("frozen tensors unchanged", strconv.Itoa(proof.Frozen))
	fact("data", args[1])
	fact("training images", strconv.Itoa(d.Train.Len()))
	if d.Val != nil {
		fact("validation images", strconv.Itoa(d.Val.Len()))
	}
	if plan.Preprocess.Height > 0 {
		fact("input", plan.Preprocess.String())
	}
	fact("cut at", plan.Cut)
	fact("learnt tensors", strconv.Itoa(len(plan.Last().Learning.Params)))
	fact("optimizer", c.Optimizer.Name)
	fact("batch size", strconv.Itoa(c.Batch))
	fact("seed", strconv.FormatUint(c.Seed, 10))
	for _, ch := range plan.Choices {
		run.Choices = append(run.Choices, report.Choice(ch))
	}
	for _, f := range t.findings {
		run.Warnings = append(run.Warnings, f.Kind+": "+f.Text)
	}
	if t.rates != nil {
		run.Test = report.RateTest{LR: t.rates.LR, Loss: t.rates.Loss, Best: t.rates.Best}
	}
	if proof.Evaluation != nil {
		addEvaluation(&run, proof.Evaluation, d.Val)
	}
	run.Sheets = append(run.Sheets, seenSheet(plan.Preprocess, d.Train, data.Shuffle(d.Train.Len(), c.Seed, 0), func(i int) data.View {
		return plan.Last().Augment.View(c.Seed, 0, i)
	}))
	changes, err := r.Changes()
	for _, ch := range changes {
		run.Changes = append(run.Changes, report.Change{Layer: strconv.Itoa(ch.Layer) + " " + ch.Tensor, Share: ch.Share})
	}
	run.Commands = []string{"graft predict " + inShell(output) + " PHOTO.jpg", "graft eval " + inShell(output) + " " + inShell(args[1])}
	return run, err
}

// writeReport writes a run's page, and its pictures as PNG and SVG, into a folder.
func writeReport(dir string, run report.Run) error {
	into := func(name string, write func(w io.Writer) error) error {
		return writeFile(filepath.Join(dir, name), write)
	}
	for _, f := range run.Figures() {
		if err := into(f.Name+".png", f.PNG); err != nil {
			return err
		}
		if err := into(f.Name+".svg", f.SVG); err != nil {
			return err
		}
	}
	for _, s := range run.Sheets {
		if len(s.Samples) == 0 {
			continue
		}
		if err := into(s.Name+".png", s.PNG); err != nil {
			return err
		}
	}
	return into(serve.ReportFile, run.HTML)
}
