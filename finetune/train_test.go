package finetune

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"graft/finetune/data"
	"graft/graph"
	"graft/graph/optim"
	"graft/models"
	"graft/onnx"
)

// digits is a small training and validation set of the embedded digits 5 to 9.
func digits(t testing.TB, train, val int) (tr, va *data.Set) {
	t.Helper()
	x, y, err := models.Digits()
	if err != nil {
		t.Fatal(err)
	}
	in := models.DigitsInput(x)
	labels := make([]int, len(y))
	for i, v := range y {
		labels[i] = v - 5
	}
	s := data.FromArrays(in, [3]int{1, 16, 16}, labels, []string{"5", "6", "7", "8", "9"})
	order := data.Shuffle(len(y), 1, 0)
	return s.Subset(order[:train]), s.Subset(order[train : train+val])
}

func base(t testing.TB) *onnx.ModelProto {
	t.Helper()
	m, err := models.Base()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustTrain(t *testing.T, c Config) *Result {
	t.Helper()
	tr, va := digits(t, 60, 100)
	r, err := Train(context.Background(), base(t), tr, va, c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func marshal(t *testing.T, m *onnx.ModelProto) []byte {
	t.Helper()
	b, err := onnx.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSameBytes: the same call gives the same model, whatever the number of threads
// and workers.
func TestSameBytes(t *testing.T) {
	for name, c := range map[string]Config{
		"head":  {Freeze: "all", Epochs: 3, Batch: 16, Augment: "flip"},
		"tuned": {Epochs: 2, Batch: 16, Freeze: "0", Augment: "flip", Optimizer: optim.Settings{Name: "sgd", Momentum: 0.9}},
		"mlp":   {Epochs: 2, Batch: 25, Head: "mlp:12,7", Dropout: 0.3, Freeze: "2"},
	} {
		t.Run(name, func(t *testing.T) {
			c.Seed, c.Threads, c.Workers = 7, 1, 1
			one := marshal(t, mustTrain(t, c).Last)
			c.Threads, c.Workers = 3, 4
			if !slices.Equal(one, marshal(t, mustTrain(t, c).Last)) {
				t.Error("three threads give another model than one")
			}
			c.Seed = 8
			if slices.Equal(one, marshal(t, mustTrain(t, c).Last)) {
				t.Error("another seed gives the same model")
			}
		})
	}
}

// TestCacheChangesNothing: training on features kept in memory is training.
func TestCacheChangesNothing(t *testing.T) {
	c := Config{Epochs: 2, Batch: 16, Freeze: "3", Augment: "flip", Seed: 3}
	kept := mustTrain(t, c)
	c.Cache = "off"
	again := mustTrain(t, c)
	if !kept.Cached || again.Cached {
		t.Fatalf("cached %v and %v", kept.Cached, again.Cached)
	}
	if !slices.Equal(marshal(t, kept.Last), marshal(t, again.Last)) {
		t.Error("the features kept in memory give another model")
	}
}

// TestFrozenStays: what is frozen keeps its bytes, and everything else learns.
func TestFrozenStays(t *testing.T) {
	m := base(t)
	for _, c := range []struct {
		freeze  string
		bn      string
		changed int // initializers of the base that changed
	}{{"all", "", 0}, {"0", "batch", 25}, {"0", "frozen", 15}, {"3", "batch", 10}, {"3", "frozen", 6}} {
		r := mustTrain(t, Config{Epochs: 1, Batch: 16, Freeze: c.freeze, BatchNorm: c.bn})
		before := map[string]*onnx.TensorProto{}
		for _, i := range m.GetGraph().GetInitializer() {
			before[i.GetName()] = i
		}
		changed := 0
		for _, i := range r.Last.GetGraph().GetInitializer() {
			if b := before[i.GetName()]; b != nil && !proto.Equal(b, i) {
				changed++
			}
		}
		if changed != c.changed {
			t.Errorf("--freeze %s --bn %q: %d tensors of the base changed, want %d", c.freeze, c.bn, changed, c.changed)
		}
	}
}

// TestHeadIsFolded: the written model, run as a whole, does what the head did on
// standardised features.
func TestHeadIsFolded(t *testing.T) {
	tr, va := digits(t, 100, 200)
	for _, head := range []string{"linear", "mlp:16"} {
		r, err := Train(context.Background(), base(t), tr, va, Config{Freeze: "all", Epochs: 10, Head: head, Dropout: 0.1, Optimizer: optim.Settings{Name: "adam", LR: 0.02}})
		if err != nil {
			t.Fatal(err)
		}
		if err := onnx.Check(r.Best); err != nil {
			t.Fatal(err)
		}
		k, err := NewClassifier(r.Best, ClassifierConfig{Data: va})
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		e, err := k.Evaluate(context.Background(), va, nil)
		if err != nil {
			t.Fatal(err)
		}
		b := r.BestEpoch()
		if e.Top1 != b.ValScore || math.Abs(e.Loss-b.ValLoss) > 1e-4*b.ValLoss {
			t.Errorf("%s: the written model has top-1 %.4f and loss %.6f, training measured %.4f and %.6f", head, e.Top1, e.Loss, b.ValScore, b.ValLoss)
		}
		if b.ValScore < 0.7 {
			t.Errorf("%s: top-1 %.3f", head, b.ValScore)
		}
	}
}

// TestWrittenModel: labels, lineage, opset and IR version.
func TestWrittenModel(t *testing.T) {
	m := base(t)
	r := mustTrain(t, Config{Epochs: 1})
	if a, b := onnx.Opset(m, ""), onnx.Opset(r.Best, ""); a != b || m.GetIrVersion() != r.Best.GetIrVersion() {
		t.Errorf("opset %d, IR %d became %d, %d", a, m.GetIrVersion(), b, r.Best.GetIrVersion())
	}
	labels, err := StoredLabels(r.Best, 5)
	if err != nil || !slices.Equal(labels, []string{"5", "6", "7", "8", "9"}) {
		t.Errorf("labels %q, %v", labels, err)
	}
	s, _ := onnx.Metadata(r.Best, LineageKey)
	var history []map[string]any
	if err := json.Unmarshal([]byte(s), &history); err != nil || len(history) == 0 || history[len(history)-1]["tool"] != "graft finetune" {
		t.Errorf("lineage %s, %v", s, err)
	}
	was, _ := onnx.Metadata(m, InputKey)
	if is, _ := onnx.Metadata(r.Best, InputKey); was == "" || is != was {
		t.Errorf("what the model says of images was %q, is %q", was, is)
	}
	if r.Plan.Model == m || m.GetGraph().GetOutput()[0].GetName() != "logits" {
		t.Error("the base itself was changed")
	}
}

func TestRedrawAndKeep(t *testing.T) {
	r := mustTrain(t, Config{Epochs: 1, Head: "redraw", After: "3", Freeze: "all"})
	s, err := graph.Analyse(r.Best, graph.Options{})
	if err != nil || s.Classes() != 5 {
		t.Fatalf("%d classes, %v", s.Classes(), err)
	}
	r = mustTrain(t, Config{Epochs: 1, Head: "keep", Freeze: "0", BatchNorm: "frozen"})
	if len(r.Best.GetGraph().GetNode()) != len(base(t).GetGraph().GetNode()) {
		t.Error("--head keep changed the graph")
	}
}

func TestRefusals(t *testing.T) {
	tr, va := digits(t, 40, 40)
	three := data.FromArrays(make([]float32, 6*256), [3]int{1, 16, 16}, []int{0, 1, 2, 0, 1, 2}, []string{"a", "b", "c"})
	for _, c := range []struct {
		name   string
		set    *data.Set
		config Config
		want   string
	}{
		{"wrong head", tr, Config{Head: "conv"}, `head "conv" is not known`},
		{"wrong mlp", tr, Config{Head: "mlp:0"}, `"0" is no width`},
		{"unknown layer", tr, Config{After: "17"}, "no cut point 17"},
		{"freeze above the cut", tr, Config{After: "2", Freeze: "4"}, "leaves out"},
		{"keep with other classes", three, Config{Head: "keep"}, "tells 5 classes apart, the data have 3"},
		{"optimizer", tr, Config{Optimizer: optim.Settings{Name: "lion"}}, `"lion" is not known`},
		{"rate too high", tr, Config{Freeze: "0", Optimizer: optim.Settings{Name: "sgd", LR: 1e30}}, "the loss is"},
		{"nothing learns", tr, Config{Head: "keep", Freeze: "6"}, "nothing of the model is left to learn"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Train(context.Background(), base(t), c.set, va, c.config)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestInterruption: what finished epochs have made comes back with the error.
func TestInterruption(t *testing.T) {
	tr, va := digits(t, 40, 40)
	ctx, stop := context.WithCancel(context.Background())
	r, err := Train(ctx, base(t), tr, va, Config{Epochs: 50, OnEpoch: func(e Epoch) {
		if e.N == 2 {
			stop()
		}
	}})
	if !errors.Is(err, context.Canceled) || r == nil || len(r.Epochs) != 2 || r.Last == nil {
		t.Fatalf("got %v, %v", r, err)
	}
	if err := onnx.Check(r.Last); err != nil {
		t.Error(err)
	}
	if r, err := Train(ctx, base(t), tr, va, Config{}); r != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("before the first epoch: %v, %v", r, err)
	}
}

func TestNoValidation(t *testing.T) {
	tr, _ := digits(t, 40, 40)
	r, err := Train(context.Background(), base(t), tr, nil, Config{Epochs: 2})
	if err != nil {
		t.Fatal(err)
	}
	if r.BestEpoch() != nil || r.Best != r.Last || !math.IsNaN(r.Epochs[1].ValScore) {
		t.Errorf("%+v", r.Epochs)
	}
}

// TestDot: the Gorgonia graph that ran, with no backward kernels below the frontier.
func TestDot(t *testing.T) {
	head := string(mustTrain(t, Config{Freeze: "all", Epochs: 1, Cache: "off"}).Dot)
	if strings.Contains(head, "Conv.d") || !strings.Contains(head, "Gemm") {
		t.Error("a head alone must have no backward convolution")
	}
	part := string(mustTrain(t, Config{Epochs: 1, Cache: "off", Freeze: "4", BatchNorm: "frozen"}).Dot)
	if n := strings.Count(part, "Conv.dw"); n == 0 {
		t.Error("no weight gradient above the frozen part")
	}
	if strings.Contains(part, "Conv.dx") {
		t.Error("a convolution just above the frozen part passes no gradient on")
	}
}

func TestEvaluate(t *testing.T) {
	e := &Evaluation{Confusion: [][]int{{3, 1}, {0, 4}}}
	e.scores([]string{"a", "b"})
	want := []ClassScore{{"a", 4, 1, 0.75}, {"b", 4, 0.8, 1}}
	if !slices.Equal(e.Classes, want) {
		t.Errorf("got %v, want %v", e.Classes, want)
	}
}

// TestBiasMult: a bias moves twice as far at twice the rate, a weight as before.
func TestBiasMult(t *testing.T) {
	moved := func(name string, mult float64) float64 {
		r := mustTrain(t, Config{Head: "keep", Freeze: "0", Epochs: 1, Batch: 60, BiasMult: mult, Augment: "none", Schedule: "constant", LabelSmoothing: None,
			Optimizer: optim.Settings{Name: "sgd", LR: 0.1, WeightDecay: None}})
		was, err := graph.Constant(r.Plan.Model, name)
		if err != nil {
			t.Fatal(err)
		}
		is, err := graph.Constant(r.Last, name)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for i := range is {
			sum += math.Abs(float64(is[i] - was[i]))
		}
		return sum
	}
	for name, want := range map[string]float64{"fc.bias": 2, "fc.weight": 1} {
		if got := moved(name, 2) / moved(name, 0); math.Abs(got-want) > 1e-4 {
			t.Errorf("%s moves %g times as far, want %g", name, got, want)
		}
	}
}
