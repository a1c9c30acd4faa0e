package check

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"graft/finetune"
	"graft/finetune/data"
	"graft/graph"
	"graft/onnx"
)

// accuracy measures the model on labelled images.
func (r *run) accuracy() {
	a := r.file.Accuracy
	if a == nil {
		return
	}
	e, err := r.evaluate(a.Data)
	if err != nil {
		r.expect("accuracy", func(*Case) error { return err })
		return
	}
	floor := func(what string, least *float64, got float64) {
		if least == nil {
			return
		}
		r.expect("accuracy "+what, func(*Case) error {
			if got < *least {
				return fmt.Errorf("got %.4f on %d images, want %g or more", got, e.Images, *least)
			}
			return nil
		})
	}
	floor("top1", a.Top1, e.Top1)
	floor("top5", a.Top5, e.Top5)
	if a.Each != nil {
		r.expect("accuracy each", func(*Case) error {
			with := slices.DeleteFunc(slices.Clone(e.Classes), func(s finetune.ClassScore) bool { return s.Images == 0 })
			worst := slices.MinFunc(with, func(a, b finetune.ClassScore) int { return cmp.Compare(a.Recall, b.Recall) })
			if worst.Recall < *a.Each {
				return fmt.Errorf("got %.4f for class %s, want %g or more for each", worst.Recall, quote(worst.Class), *a.Each)
			}
			return nil
		})
	}
	for name, least := range sorted(a.Classes) {
		r.expect("accuracy class "+name, func(*Case) error {
			i := slices.IndexFunc(e.Classes, func(s finetune.ClassScore) bool { return s.Class == name })
			switch {
			case i < 0:
				return fmt.Errorf("the model has no class %s", quote(name))
			case e.Classes[i].Images == 0:
				return fmt.Errorf("the data have no image of class %s", quote(name))
			case e.Classes[i].Recall < least:
				return fmt.Errorf("got %.4f on %d images, want %g or more", e.Classes[i].Recall, e.Classes[i].Images, least)
			}
			return nil
		})
	}
}

// labelled opens data; where it has a validation part, that is used, as by graft eval.
func (r *run) labelled(name string) (*data.Data, *data.Set, error) {
	path, err := r.at.path(name)
	if err != nil {
		return nil, nil, err
	}
	d, err := data.Open(path)
	if err != nil {
		return nil, nil, err
	}
	if d.Val != nil {
		return d, d.Val, nil
	}
	return d, d.Train, nil
}

func (r *run) evaluate(name string) (*finetune.Evaluation, error) {
	d, set, err := r.labelled(name)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	k, err := finetune.NewClassifier(r.model, finetune.ClassifierConfig{Preprocess: r.pre, Data: set, Threads: r.Threads, MaxMemory: r.MaxMemory, Exact: r.Exact})
	if err != nil {
		return nil, err
	}
	defer k.Close()
	return k.Evaluate(r.ctx, set, nil)
}

// agree compares with another model.
func (r *run) agree() {
	a := r.file.Agree
	if a == nil {
		return
	}
	g, err := r.agreement(a)
	if err != nil {
		r.expect("agree", func(*Case) error { return err })
		return
	}
	if a.Top1 != nil {
		r.expect("agree top1", func(*Case) error {
			if got := float64(g.same) / float64(max(g.rows, 1)); got < *a.Top1 {
				return fmt.Errorf("got %.4f (%d of %d inputs), want %g or more; first at %s", got, g.same, g.rows, *a.Top1, g.firstOther)
			}
			return nil
		})
	}
	if a.MaxAbs != nil {
		r.expect("agree max_abs", func(c *Case) error {
			c.MaxAbs, c.MaxRel = g.maxAbs, g.maxRel
			if !(g.maxAbs <= *a.MaxAbs) {
				return fmt.Errorf("got %.4g at %s, want %g or less", g.maxAbs, g.worst, *a.MaxAbs)
			}
			return nil
		})
	}
}

// agreement is how much two models agree.
type agreement struct {
	rows, same     int // inputs, and those with the same likeliest class
	maxAbs, maxRel float64
	worst          string // where maxAbs is
	firstOther     string // the first input with another class
}

func (r *run) agreement(a *Agree) (*agreement, error) {
	path, err := r.at.path(a.Model)
	if err != nil {
		return nil, err
	}
	other, err := readModel(path)
	if err != nil {
		return nil, err
	}
	if a.Data != "" {
		return r.agreeOnData(other, a)
	}
	return r.agreeOnSeeds(other, a)
}

// row takes in the outputs of both models for one input.
func (g *agreement) row(at string, got, want []float64) {
	g.rows++
	if len(got) > 0 && ranking(got)[0] == ranking(want)[0] {
		g.same++
	} else if g.firstOther == "" {
		g.firstOther = at
	}
	d := Tolerance{}.measure(got, want)
	for i := range got { // a NaN on one side alone is as far as can be
		if (got[i] != got[i]) != (want[i] != want[i]) {
			d.maxAbs = math.Inf(1)
		}
	}
	g.maxRel = max(g.maxRel, d.maxRel)
	if d.maxAbs > g.maxAbs || g.worst == "" {
		g.maxAbs, g.worst = d.maxAbs, at
	}
}

func (r *run) agreeOnSeeds(other *onnx.ModelProto, a *Agree) (*agreement, error) {
	g := new(agreement)
	if have, want := len(graph.InputNames(r.model)), len(graph.InputNames(other)); have != want {
		return nil, fmt.Errorf("the models have %d and %d inputs", have, want)
	}
	for i := range cmp.Or(a.Samples, 8) {
		if err := r.ctx.Err(); err != nil {
			return nil, err
		}
		in, err := seeded(r.model, a.Seed+uint64(i))
		if err != nil {
			return nil, err
		}
		got, err := r.Options.Infer(r.model, in)
		if err != nil {
			return nil, err
		}
		want, err := r.Options.Infer(other, in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", quote(a.Model), err)
		}
		if len(got) != len(want) {
			return nil, fmt.Errorf("the models have %d and %d outputs", len(got), len(want))
		}
		for k := range got {
			if !slices.Equal(got[k].Shape, want[k].Shape) {
				return nil, fmt.Errorf("output %d: got shape %v, want %v", k, got[k].Shape, want[k].Shape)
			}
			x, err := widen(got[k])
			if err != nil {
				return nil, err
			}
			y, err := widen(want[k])
			if err != nil {
				return nil, err
			}
			g.row(fmt.Sprintf("sample %d, output %d", i, k), x, y)
		}
	}
	return g, nil
}

// agreeOnData runs both models on the pictures, each by its own preprocessing unless
// the file gives one.
func (r *run) agreeOnData(other *onnx.ModelProto, a *Agree) (*agreement, error) {
	d, set, err := r.labelled(a.Data)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	var rows [2][][]float64
	for i, m := range []*onnx.ModelProto{r.model, other} {
		k, err := finetune.NewClassifier(m, finetune.ClassifierConfig{Preprocess: r.pre, Data: set, Threads: r.Threads, MaxMemory: r.MaxMemory, Exact: r.Exact})
		if err != nil {
			return nil, err
		}
		err = k.Scores(r.ctx, set, func(_ int, raw []float32, _ []float64) error {
			row := make([]float64, len(raw))
			for j, v := range raw {
				row[j] = float64(v)
			}
			rows[i] = append(rows[i], row)
			return nil
		})
		k.Close()
		if err != nil {
			return nil, err
		}
	}
	g := new(agreement)
	for i := range rows[0] {
		if len(rows[0][i]) != len(rows[1][i]) {
			return nil, fmt.Errorf("the models have %d and %d classes", len(rows[0][i]), len(rows[1][i]))
		}
		g.row(quote(set.Items[i].Name), rows[0][i], rows[1][i])
	}
	return g, nil
}
