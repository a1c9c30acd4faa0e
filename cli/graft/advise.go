package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/urfave/cli/v2"

	"graft/finetune"
	"graft/finetune/data"
	"graft/onnx"
)

// runAdvise is finetune --advise.
func runAdvise(c *cli.Context, args []string) error {
	u := newUI(c)
	m, err := readModel(args[0])
	if err != nil {
		return err
	}
	d, err := openData(c, args[1], c.String("val"))
	if err != nil {
		return err
	}
	defer d.Close()
	config, err := finetuneConfig(c, m, d.Train)
	if err != nil {
		return fmt.Errorf("%s: %w", quote(args[0]), err)
	}
	t := &trainingView{u: u}
	config.Progress = t.progress
	a, err := finetune.Advise(c.Context, m, d.Train, d.Val, config)
	t.done()
	if err != nil {
		return fmt.Errorf("%s: %w", quote(args[0]), err)
	}
	return u.result("", advised(a), func(w io.Writer) error { return writeAdvice(w, a) })
}

// adviceJSON is what --advise shows, as --json gives it.
type adviceJSON struct {
	After  int           `json:"after"`
	Freeze string        `json:"freeze"`
	Why    string        `json:"why"`
	Points []advisedJSON `json:"cut_points"`
}

type advisedJSON struct {
	N      int     `json:"n"`
	Layers int     `json:"layers"`
	Tensor string  `json:"tensor"`
	Params int     `json:"params"` // with the head
	MACs   int     `json:"macs"`
	Top1   float64 `json:"val_top1"`
	Loss   float64 `json:"val_loss"`
}

func advised(a *finetune.Advice) adviceJSON {
	j := adviceJSON{After: a.Cut, Freeze: a.Freeze, Why: a.Why}
	for _, p := range a.Points {
		j.Points = append(j.Points, advisedJSON{p.N, p.Layers, p.Tensor, p.CutPoint.Params + p.Params, p.MACs, p.Top1, p.Loss})
	}
	return j
}

func writeAdvice(w io.Writer, a *finetune.Advice) error {
	header := []string{">n", ">layers", "tensor", ">params", ">MACs", ">top-1", ">loss", ""}
	var rows [][]string
	for _, p := range a.Points {
		mark := ""
		if p.N == a.Cut {
			mark = "best"
		}
		rows = append(rows, []string{strconv.Itoa(p.N), strconv.Itoa(p.Layers), p.Tensor, count(int64(p.CutPoint.Params + p.Params)),
			macs(int64(p.MACs)), percent(p.Top1), fmt.Sprintf("%.4f", p.Loss), mark})
	}
	if err := writeTable(w, header, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n--after %d --freeze %s: %s\n", a.Cut, a.Freeze, escape(a.Why))
	return err
}

// findRate is --lr auto.
func (t *trainingView) findRate(c *cli.Context, m *onnx.ModelProto, train *data.Set, config *finetune.Config) error {
	quiet := *config
	quiet.OnPlan, quiet.OnStep, quiet.OnEpoch, quiet.Save, quiet.Resume, quiet.OnData = nil, nil, nil, nil, nil, nil
	r, err := finetune.FindRate(c.Context, m, train, quiet)
	t.done()
	if err != nil {
		return err
	}
	config.Optimizer.LR = r.Best
	t.rates = r
	t.u.infof("--lr %.3g: found by a test of %d rates, from %.0e up to %.0e", r.Best, len(r.LR), r.LR[0], r.LR[len(r.LR)-1])
	return nil
}

// foldsFile keeps the result of --folds for a run that goes on.
const foldsFile = "folds.json"

// crossValidate is --folds: the trainings before that on all of the data.
func (t *trainingView) crossValidate(c *cli.Context, m *onnx.ModelProto, set *data.Set, k int, config finetune.Config) error {
	if b, err := readSmall(t.run.path(foldsFile), maxConfig); c.String("resume") != "" && err == nil && json.Unmarshal(b, &t.folds) == nil {
		return nil
	}
	quiet := config
	quiet.OnPlan, quiet.OnStep, quiet.OnEpoch, quiet.OnSkip, quiet.Progress = nil, nil, nil, nil, nil
	p := t.u.progress("cross-validation", k, "folds")
	defer p.done()
	at, epochs := 0, 0
	quiet.OnPlan = func(plan *finetune.Plan) { epochs = plan.Config.Epochs }
	quiet.OnEpoch = func(e finetune.Epoch) {
		if e.N == epochs {
			at++
			p.add(1)
			t.u.debugf("fold %d: top-1 %s", at, percent(e.ValScore))
		}
	}
	var err error
	if t.folds, err = finetune.CrossValidate(c.Context, m, set, k, quiet); err != nil {
		return err
	}
	return writeFile(t.run.path(foldsFile), func(w io.Writer) error { return writeJSON(w, t.folds) })
}
