package main

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"time"

	"graft/finetune"
	"graft/finetune/data"
	"graft/finetune/report"
)

// samples is how many images a sheet shows.
const samples = 16

// judgedSamples are images with what a model makes of them.
func judgedSamples(s *data.Set, labels []string, list []finetune.Judged) []report.Sample {
	var out []report.Sample
	for _, j := range list {
		if im, ok, err := s.Picture(j.Index); ok && err == nil {
			out = append(out, report.Sample{Image: im.Go(), Name: s.Items[j.Index].Name, Label: labels[j.Label], Predicted: labels[j.Guess], Probability: j.Probability})
		}
	}
	return out
}

// seenSamples are the training images of the first batch as the network sees them.
func seenSamples(p *finetune.Plan, s *data.Set) []report.Sample {
	c := p.Config
	var out []report.Sample
	for _, i := range data.Shuffle(s.Len(), c.Seed, 0)[:min(samples, s.Len())] {
		im, ok, err := s.Picture(i)
		if !ok || err != nil {
			continue
		}
		if p.Preprocess.Height > 0 {
			if im, err = p.Preprocess.Seen(im, p.Last().Augment.View(c.Seed, 0, i)); err != nil {
				continue
			}
		}
		out = append(out, report.Sample{Image: im.Go(), Name: s.Items[i].Name, Label: s.Classes[s.Items[i].Label]})
	}
	return out
}

// addEvaluation puts an evaluation into a run's record.
func addEvaluation(r *report.Run, e *finetune.Evaluation, s *data.Set) {
	r.Confusion = e.Confusion
	r.Classes = nil
	for _, c := range e.Classes {
		r.Classes = append(r.Classes, c.Class)
		r.Scores = append(r.Scores, report.ClassScore{Name: c.Class, Images: c.Images, Precision: c.Precision, Recall: c.Recall})
	}
	r.Wrong, r.Right = judgedSamples(s, r.Classes, e.Wrong(samples)), judgedSamples(s, r.Classes, e.Right(samples))
}

// record is what the page of a training shows.
func (t *trainingView) record(r *finetune.Result, proof *finetune.Proof, d *data.Data, args []string, output string) (report.Run, error) {
	c, plan := r.Plan.Config, r.Plan
	run := report.Run{Title: "Fine-tuning of " + filepath.Base(args[0]), Epochs: t.records, Rates: t.lr, Warnings: append([]string{}, plan.Warnings...), Made: time.Now()}
	fact := func(name, value string) { run.Facts = append(run.Facts, [2]string{name, value}) }
	if b := r.BestEpoch(); b != nil {
		fact("best validation top-1", percent(b.ValScore))
		fact("in epoch", fmt.Sprintf("%d of %d", b.N, len(r.Epochs)))
	}
	if t.folds != nil {
		fact("cross-validation", fmt.Sprintf("%s ± %.1f over %d folds", percent(t.folds.Mean), 100*t.folds.Spread, len(t.folds.Top1)))
	}
	if proof.Evaluation != nil {
		fact("written model's top-1", percent(proof.Top1))
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
	run.Seen = seenSamples(plan, d.Train)
	changes, err := r.Changes()
	for _, ch := range changes {
		run.Changes = append(run.Changes, report.Change{Layer: strconv.Itoa(ch.Layer) + " " + ch.Tensor, Share: ch.Share})
	}
	run.Commands = []string{"graft predict " + output + " PHOTO.jpg", "graft eval " + output + " " + args[1]}
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
	for _, s := range []struct {
		name, title string
		samples     []report.Sample
	}{{"mistakes.png", "Worst mistakes", run.Wrong}, {"rights.png", "Surest right answers", run.Right}, {"seen.png", "Training images as the network sees them", run.Seen}} {
		if len(s.samples) == 0 {
			continue
		}
		if err := into(s.name, func(w io.Writer) error { return report.Sheet(w, s.samples, s.title) }); err != nil {
			return err
		}
	}
	return into("report.html", run.HTML)
}
