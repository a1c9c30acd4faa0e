package main

import (
	"fmt"
	"math"
	"strconv"

	"github.com/urfave/cli/v2"

	"graft/finetune"
	"graft/finetune/data"
	"graft/finetune/report"
)

// trainingView shows a training as it goes.
type trainingView struct {
	u           *ui
	run         *runFolder
	epochs      int
	intro       string              // shown once nothing can be refused any more: what is refused gets its one line alone
	folds       *finetune.Folds     // of --folds
	rates       *finetune.RateCurve // of --lr auto
	lr          []float64           // of each step
	tensorboard bool
	findings    []data.Finding // about the data
	saved       uint64         // the step of the last checkpoint
	stage       string
	bar         *progress
	records     []report.Epoch
	measure     report.Measure // of their scores
}

// watch lets a training keep its checkpoints, its log and its results in the run folder,
// and go on where --resume says.
func (t *trainingView) watch(c *cli.Context, config *finetune.Config) error {
	resumed := c.String("resume") != ""
	config.AllowChanges = c.Bool("allow-changes")
	if resumed {
		from, err := t.run.loadCheckpoint(t.u.warnf)
		if err != nil {
			return err
		}
		if from == nil {
			t.u.infof("no checkpoint yet: starting from step 0")
		} else {
			t.u.infof("going on from step %d", from.Step())
			config.Resume, t.saved = from, from.Step()
			for _, e := range from.Epochs() {
				t.records = append(t.records, epochOf(e))
			}
		}
	}
	config.OnPlan = func(p *finetune.Plan) { t.plan(p) }
	config.OnData = func(train, val []data.Sum) error {
		if err := t.run.sameData(train, val, resumed, config.AllowChanges, t.u.warnf); err != nil {
			return err
		}
		var err error
		t.lr, err = t.run.openLog(t.saved)
		return err
	}
	config.OnStep = func(s finetune.Step) {
		t.run.log.step(s)
		t.lr = append(t.lr, s.LR)
	}
	config.Progress, config.OnEpoch = t.progress, t.epoch
	config.OnSkip = func(name string, err error) { t.u.warnf("skipped: %v", err) }
	config.SaveEvery = c.Int("checkpoint-every")
	config.Save = func(s *finetune.Checkpoint) error {
		err := t.run.saveCheckpoint(s)
		if err == nil {
			t.saved = s.Step()
		}
		return err
	}
	return nil
}

// plan tells what will be trained, and what was chosen why.
func (t *trainingView) plan(p *finetune.Plan) {
	t.epochs, t.measure = p.Config.Epochs, report.Measure(p.Metric())
	t.u.infof("%s", t.intro)
	if p.Preprocess.Height > 0 {
		t.u.infof("input: %s", p.Preprocess)
	}
	for _, c := range p.Choices {
		t.u.infof("--%s %s: %s", c.Name, c.Value, c.Why)
	}
	for _, n := range p.Notes {
		t.u.infof("%s", n)
	}
	for _, w := range p.Warnings {
		t.u.warnf("%s", w)
	}
}

func (t *trainingView) progress(stage string, done, total int) {
	if stage != t.stage || t.bar == nil || done < t.bar.n {
		t.done()
		what := stage
		if stage == "training" || stage == "validation" {
			what = fmt.Sprintf("epoch %d/%d %s", len(t.records)+1, t.epochs, stage)
		}
		unit := "images"
		switch stage {
		case "rate test":
			unit = "steps"
		case "heads":
			unit = "cut points"
		}
		t.stage, t.bar = stage, t.u.progress(what, total, unit)
	}
	t.bar.add(done - t.bar.n)
}

func (t *trainingView) done() {
	if t.bar != nil {
		t.bar.done()
		t.bar = nil
	}
}

func (t *trainingView) epoch(e finetune.Epoch) {
	t.done()
	t.records = append(t.records, epochOf(e))
	score := func(v float64) string { return fmt.Sprintf("  %s %6s", t.measure.Name(), t.measure.Format(v)) }
	line := fmt.Sprintf("epoch %*d/%d  loss %.4f", len(strconv.Itoa(t.epochs)), e.N, t.epochs, e.TrainLoss)
	if !math.IsNaN(e.TrainScore) {
		line += score(e.TrainScore)
	}
	if !math.IsNaN(e.ValScore) {
		line += fmt.Sprintf("  validation: loss %.4f", e.ValLoss) + score(e.ValScore)
		if e.Best {
			line += "  best"
		}
	}
	t.u.infof("%s", line)
	if err := t.run.results(t.records, t.measure); err != nil {
		t.u.warnf("%v", err)
	}
	if t.tensorboard {
		if err := t.run.events(t.records, t.measure); err != nil {
			t.u.warnf("%v", err)
		}
	}
}

// epochOf is a training's record as the report takes it.
func epochOf(e finetune.Epoch) report.Epoch {
	return report.Epoch{N: e.N, TrainLoss: e.TrainLoss, TrainScore: e.TrainScore, ValLoss: e.ValLoss, ValScore: e.ValScore, LR: e.LR, Seconds: e.Seconds}
}
