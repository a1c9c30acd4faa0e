package finetune

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"graft/finetune/data"
	"graft/graph"
	"graft/graph/optim"
	"graft/onnx"
)

// toldDigits are the digits 5 to 9 with what heads tell of them instead of their class:
// labels (even, large) and a number, a hundred times the digit.
func toldDigits(t *testing.T, train, val int, heads ...string) (tr, va *data.Set) {
	tr, va = digits(t, train, val)
	for _, s := range []*data.Set{tr, va} {
		for i, it := range s.Items {
			digit := it.Label + 5
			s.Items[i].Label = -1
			for _, h := range heads {
				switch h {
				case "digit":
					s.Items[i].Told = append(s.Items[i].Told, float32(it.Label))
				case "tags":
					s.Items[i].Told = append(s.Items[i].Told, float32(1-digit%2), float32((digit-5)/3))
				case "value":
					s.Items[i].Told = append(s.Items[i].Told, float32(100*digit))
				}
			}
		}
		for _, h := range heads {
			s.Heads = append(s.Heads, map[string]data.Head{
				"digit": {Name: "digit", Kind: data.Class, Classes: s.Classes},
				"tags":  {Name: "tags", Kind: data.Labels, Classes: []string{"even", "large"}},
				"value": {Name: "value", Kind: data.Values, Classes: []string{"value"}},
			}[h])
		}
		if s.Classes = nil; heads[0] == "tags" {
			s.Classes = s.Heads[0].Classes
		}
	}
	return tr, va
}

// What is not a class is learnt as well, by frozen features and by all layers, and the
// written model does what the training measured.
func TestHeadsLearn(t *testing.T) {
	for _, c := range []struct {
		name   string
		heads  []string
		metric Metric
		least  []float64 // the features of the last layer were made for other digits
	}{
		{"labels", []string{"tags"}, MAP, []float64{0.6, 0.9}},
		{"numbers", []string{"value"}, R2, []float64{0.1, 0.6}},
		{"several", []string{"digit", "value", "tags"}, Mean, []float64{0.45, 0.7}},
	} {
		for i, config := range []Config{
			{Epochs: 12, Freeze: "all"},
			{Epochs: 8, Freeze: "all", UnfreezeAt: 5, Head: "mlp:16", Dropout: 0.1, Augment: "none", EMA: 0.9},
		} {
			t.Run(fmt.Sprintf("%s, unfrozen at %d", c.name, config.UnfreezeAt), func(t *testing.T) {
				t.Parallel()
				tr, va := toldDigits(t, 200, 100, c.heads...)
				config.Seed, config.Batch, config.Threads = 1, 16, 1
				r, err := Train(context.Background(), base(t), tr, va, config)
				if err != nil {
					t.Fatal(err)
				}
				if got := r.Plan.Metric(); got != c.metric {
					t.Errorf("metric %s, want %s", got, c.metric)
				}
				best := r.BestEpoch()
				if best.ValScore < c.least[i] || !math.IsNaN(best.TrainScore) {
					t.Errorf("%s of %.3f, want %.2f or more; in training %.3f", c.metric, best.ValScore, c.least[i], best.TrainScore)
				}
				b := marshal(t, r.Best)
				written, err := onnx.Unmarshal(b)
				if err != nil {
					t.Fatal(err)
				}
				p, err := Prove(context.Background(), written, base(t), r, va, nil)
				if err != nil {
					t.Fatal(err)
				}
				if score, _ := p.Score(); math.Abs(score-best.ValScore) > 1e-6 || math.IsNaN(p.Difference) {
					t.Errorf("read back it scores %.6f, trained %.6f; outputs %.2g apart", score, best.ValScore, p.Difference)
				}
				if len(written.GetGraph().GetOutput()) != len(c.heads) {
					t.Errorf("%d outputs", len(written.GetGraph().GetOutput()))
				}
			})
		}
	}
}

// A phase goes on from where the one before has led, scaled numbers too.
func TestScaledGoesOn(t *testing.T) {
	tr, va := toldDigits(t, 100, 100, "value")
	r, err := Train(context.Background(), base(t), tr, va, Config{Epochs: 7, Freeze: "all", UnfreezeAt: 7, Threads: 1, LRMult: 1e-6, Augment: "none", Schedule: "constant", BatchNorm: "frozen"})
	if err != nil {
		t.Fatal(err)
	}
	a, b := r.Epochs[5].ValLoss, r.Epochs[6].ValLoss
	if math.Abs(a-b) > 0.1*a {
		t.Errorf("validation loss %.4f before, %.4f after the phase's change", a, b)
	}
}

func TestHeadsResume(t *testing.T) {
	tr, va := toldDigits(t, 40, 20, "value", "digit")
	c := Config{Epochs: 4, Freeze: "all", UnfreezeAt: 3, Batch: 8, Threads: 1, Seed: 2}
	whole, err := Train(context.Background(), base(t), tr, va, c)
	if err != nil {
		t.Fatal(err)
	}
	for stop := range uint64(4) {
		one, saved := c, []byte(nil)
		ctx, cancel := context.WithCancel(context.Background())
		one.SaveEvery = 1
		one.Save = func(p *Checkpoint) error {
			var b bytes.Buffer
			if _, err := p.WriteTo(&b); err != nil {
				return err
			}
			if saved = b.Bytes(); p.Step() == 5*stop+1 {
				cancel()
			}
			return nil
		}
		Train(ctx, base(t), tr, va, one)
		cancel()
		two := c
		if two.Resume, err = ReadCheckpoint(saved); err != nil {
			t.Fatal(err)
		}
		again, err := Train(context.Background(), base(t), tr, va, two)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(marshal(t, again.Best), marshal(t, whole.Best)) {
			t.Errorf("stopped at step %d it ends with other bytes", 5*stop+1)
		}
	}
}

func TestHeadsRefused(t *testing.T) {
	for _, c := range []struct {
		heads  []string
		config Config
		want   string
	}{
		{[]string{"tags"}, Config{ClassWeights: "balanced"}, "classes are balanced where an image has one class"},
		{[]string{"value"}, Config{LabelSmoothing: 0.1}, "numbers have no labels to smooth"},
		{[]string{"value", "tags"}, Config{Head: "keep"}, "several heads are new ones"},
		{[]string{"tags"}, Config{Head: "redraw"}, "redrawn for classes alone"},
		{[]string{"tags", "value"}, Config{Heads: map[string]string{"tag": "linear"}}, `there is no head "tag", only tags, value`},
		{[]string{"tags", "value"}, Config{Heads: map[string]string{"tags": "keep"}}, `head "tags" of several cannot be "keep"`},
		{[]string{"tags", "tags"}, Config{}, "names two of them"},
	} {
		tr, _ := toldDigits(t, 20, 5, c.heads...)
		_, err := Graft(base(t), tr, c.config)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, %+v: %v, want %s", c.heads, c.config, err, c.want)
		}
	}
	tr, va := toldDigits(t, 20, 5, "tags")
	if _, err := Advise(context.Background(), base(t), tr, va, Config{}); err == nil {
		t.Error("cut points are compared by labels")
	}
}

// The average precision of scikit-learn's documentation, with ties, and of a label nobody has.
func TestScores(t *testing.T) {
	for _, c := range []struct {
		p    []float64
		has  []bool
		want string
	}{
		{[]float64{0.1, 0.4, 0.35, 0.8}, []bool{false, false, true, true}, "0.8333 1.0000 0.5000 0.6667"},
		{[]float64{0.5, 0.5, 0.5, 0.2}, []bool{true, false, false, true}, "0.4167 0.3333 0.5000 0.4000"},
		{[]float64{0.9, 0.1}, []bool{false, false}, "0.0000 0.0000 0.0000 0.0000"},
	} {
		s := labelScore("x", c.p, c.has)
		if got := fmt.Sprintf("%.4f %.4f %.4f %.4f", s.AP, s.Precision, s.Recall, s.F1); got != c.want {
			t.Errorf("%v %v: %s, want %s", c.p, c.has, got, c.want)
		}
	}
	// r2_score of scikit-learn's documentation.
	s := valueScore("x", []float64{2.5, 0, 2, 8}, []float64{3, -0.5, 2, 7})
	if got := fmt.Sprintf("%.4f %.4f %.4f", s.R2, s.MAE, s.RMSE); got != "0.9486 0.5000 0.6124" {
		t.Errorf("R2, MAE, RMSE: %s", got)
	}
	if s := valueScore("x", []float64{1, 2}, []float64{3, 3}); s.R2 != 0 {
		t.Errorf("R2 of a constant: %v", s.R2)
	}
}

func TestStoredHeads(t *testing.T) {
	tr, _ := toldDigits(t, 20, 5, "value", "tags")
	p, err := Graft(base(t), tr, Config{})
	if err != nil {
		t.Fatal(err)
	}
	heads, err := StoredHeads(p.Model, 3)
	if err != nil || len(heads) != 2 || heads[0].Output != "value.logits" || !slices.Equal(heads[1].Classes, []string{"even", "large"}) {
		t.Errorf("%+v, %v", heads, err)
	}
	for _, text := range []string{`{`, `[]`, `[{"kind":"x"}]`, `[{"name":"value","kind":"values","classes":["v"],"output":"gone"}]`,
		`[{"name":"tags","kind":"labels","classes":["a","b"],"output":"tags.logits"},{"name":"value","kind":"values","classes":["v"],"output":"value.logits"}]`,
		`[{"name":"value","kind":"values","classes":["v","w"],"output":"value.logits"},{"name":"tags","kind":"labels","classes":["a","b"],"output":"tags.logits"}]`} {
		m := onnx.Clone(p.Model)
		onnx.SetMetadata(m, HeadsKey, text)
		if _, err := StoredHeads(m, 3); err == nil {
			t.Errorf("%s is taken", text)
		}
		if k, err := NewClassifier(m, ClassifierConfig{Data: tr}); err == nil {
			k.Close()
			t.Errorf("a classifier takes %s", text)
		}
	}
}

// A feature that never varies in training gets no weight: whatever its weight began as, it
// would be multiplied where the feature does vary.
func TestStandardiseConstant(t *testing.T) {
	train := &features{plain: []float32{1, 5, 3, 5}, width: 2, labels: []int{0, 1}}
	val := &features{plain: []float32{3, 9}, width: 2, labels: []int{0}}
	s := standardise(train, val)
	if got := fmt.Sprintf("%.3f %.3f", train.plain, val.plain); got != "[-1.000 0.000 1.000 0.000] [1.000 0.000]" {
		t.Errorf("standardised: %s", got)
	}
	w, b := []float32{2, 7}, []float32{1}
	s.fold(w, b)
	if got := fmt.Sprintf("%.3f %.3f", w, b); got != "[2.000 0.000] [-3.000]" {
		t.Errorf("folded: %s", got)
	}
}

// A network for three channels learns gray images: its first convolution is adapted, which
// is told, and the written model takes gray ones.
func TestChannelsAdapted(t *testing.T) {
	rgb, _, err := graph.WithChannels(base(t), 3, 1, graph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	tr, va := digits(t, 100, 100)
	c := Config{Freeze: "all", Epochs: 10, Threads: 1, Optimizer: optim.Settings{Name: "adam", LR: 0.01}}
	r, err := Train(context.Background(), rgb, tr, va, c)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Plan.Choices) == 0 || r.Plan.Choices[0].Name != "channels" || !strings.Contains(r.Plan.Choices[0].Why, "the network takes 3") {
		t.Errorf("choices %+v", r.Plan.Choices)
	}
	if size, err := graph.InputSize(r.Best); err != nil || size != [3]int{1, 16, 16} {
		t.Errorf("input %v, %v", size, err)
	}
	direct, err := Train(context.Background(), base(t), tr, va, c)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := r.BestEpoch(), direct.BestEpoch(); math.Abs(a.ValLoss-b.ValLoss) > 0.01 {
		t.Errorf("loss %v, with the original's filters %v", a.ValLoss, b.ValLoss)
	}
	if _, err := Prove(context.Background(), r.Best, rgb, r, va, nil); err != nil {
		t.Error(err)
	}
	if _, err := NewClassifier(rgb, ClassifierConfig{Data: va}); err == nil {
		t.Error("a classifier takes images of other channels than its own")
	}
}
