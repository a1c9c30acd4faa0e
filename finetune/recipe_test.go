package finetune

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"graft/finetune/data"
	"graft/graph"
	"graft/graph/optim"
	"graft/onnx"
)

func TestTargets(t *testing.T) {
	set := func(heads []data.Head, told ...[]float32) *data.Set {
		s := &data.Set{Heads: heads}
		for _, v := range told {
			s.Items = append(s.Items, data.Item{Label: -1, Told: v})
		}
		return s
	}
	three := set(nil)
	three.Classes = []string{"a", "b", "c"}
	for _, label := range []int{0, 1, 2} {
		three.Items = append(three.Items, data.Item{Label: label})
	}
	tags := data.Head{Name: "tags", Kind: data.Labels, Classes: []string{"x", "y"}}
	kind := data.Head{Name: "kind", Kind: data.Class, Classes: []string{"a", "b", "c"}}
	size := data.Head{Name: "size", Kind: data.Values, Classes: []string{"size"}}
	for _, c := range []struct {
		name   string
		set    *data.Set
		config Config
		counts []int
		index  []int
		want   string
	}{
		{"smoothed", three, Config{LabelSmoothing: 0.3}, nil, []int{2, 0}, "[0.10 0.10 0.80 0.80 0.10 0.10]"},
		// torch: weights 10/(2*2) and 10/(2*8), divided by their sum over the batch.
		{"balanced", three, Config{ClassWeights: "balanced"}, []int{2, 8, 0}, []int{0, 1}, "[1.60 0.00 0.00 0.00 0.40 0.00]"},
		{"labels", set([]data.Head{tags}, []float32{1, 0}), Config{LabelSmoothing: 0.2}, nil, []int{0}, "[0.90 0.10]"},
		// Numbers 10 and 30 lie one deviation about their mean.
		{"heads", set([]data.Head{kind, size, tags}, []float32{2, 10, 0, 1}, []float32{0, 30, 1, 1}), Config{}, nil, []int{0, 1},
			"[0.00 0.00 1.00 -1.00 0.00 1.00 1.00 0.00 0.00 1.00 1.00 1.00]"},
	} {
		p := &Plan{Heads: headsOf(c.set), Config: c.config}
		p.Classes = columnsOf(p.Heads)
		at := 0
		for _, h := range p.Heads {
			p.scaled = append(p.scaled, unscaled(len(h.Classes)))
			if h.Kind == data.Values {
				p.scaled[len(p.scaled)-1] = newScaled(c.set, at, 1)
			}
			at += h.Told()
		}
		rows := make([]float32, len(c.index)*len(p.Classes))
		newTargets(p, c.counts).fill(rows, c.set, c.index)
		if got := fmt.Sprintf("%.2f", rows); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestMixing(t *testing.T) {
	in := graph.Port{Shape: []int{4, 2, 8, 8}}
	for _, m := range []mixing{{mixup: 0.4, seed: 1}, {cutmix: 1, seed: 1}, {mixup: 0.2, cutmix: 1, seed: 2}} {
		shares := map[float32]bool{}
		for number := range uint64(50) {
			x, target := make([]float32, 4*128), make([]float32, 8)
			for i := range 4 {
				for k := range 128 {
					x[i*128+k] = float32(i)
				}
				target[2*i+i/2] = 1
			}
			m.mix(in, x, target, 4, number)
			share := target[0]
			shares[share] = true
			mean := float32(0)
			for _, v := range x[:128] {
				mean += v / 128
			}
			// Example 0 is paired with 3: its pixels are a share of 0 and the rest of 3.
			if math.Abs(float64(mean-3*(1-share))) > 1e-4 || math.Abs(float64(target[0]+target[1]-1)) > 1e-6 {
				t.Fatalf("%+v, batch %d: mean %v for a share of %v, target %v", m, number, mean, share, target[:2])
			}
		}
		if len(shares) < 10 {
			t.Errorf("%+v: only %d different shares of 50 draws", m, len(shares))
		}
	}
}

func TestBeta(t *testing.T) {
	for _, a := range []float64{0.2, 1, 3} {
		sum, squares := 0.0, 0.0
		for i := range 4000 {
			s := mixing{seed: uint64(i)}
			v := beta(randOf(s.seed), a)
			sum, squares = sum+v, squares+v*v
		}
		mean := sum / 4000
		variance := squares/4000 - mean*mean
		if want := 1 / (4 * (2*a + 1)); math.Abs(mean-0.5) > 0.03 || math.Abs(variance-want) > 0.1*want {
			t.Errorf("Beta(%g,%g): mean %.3f, variance %.4f, want 0.5 and %.4f", a, a, mean, variance, want)
		}
	}
}

// TestTwoPhases: the frozen part keeps its bytes in the first phase and learns in the
// second, on from what the head has learnt.
func TestTwoPhases(t *testing.T) {
	var first []byte
	c := Config{Freeze: "all", UnfreezeAt: 4, Epochs: 6, Batch: 16, Optimizer: optim.Settings{Name: "sgd", LR: 0.05, Momentum: 0.9}}
	r := mustTrain(t, c)
	if len(r.Plan.Phases) != 2 || r.Plan.Phases[0].Epochs != 3 || r.Plan.Phases[1].Frozen != "" {
		t.Fatalf("phases %+v", r.Plan.Phases)
	}
	c.UnfreezeAt, c.Epochs = 0, 3
	alone := mustTrain(t, c)
	for i, e := range alone.Epochs[:2] { // the schedule of the first phase ends after three epochs too
		if e.ValLoss != r.Epochs[i].ValLoss {
			t.Errorf("epoch %d: loss %v, of a head alone %v", e.N, r.Epochs[i].ValLoss, e.ValLoss)
		}
	}
	if drop := r.Epochs[2].ValLoss - r.Epochs[5].ValLoss; !(drop > 0) {
		t.Errorf("unfreezing brings nothing: losses %v", r.Epochs)
	}
	if first = marshal(t, r.Last); slices.Equal(first, marshal(t, alone.Last)) {
		t.Error("nothing was learnt after unfreezing")
	}
	if changed(t, base(t), r.Last) != 25 || changed(t, base(t), alone.Last) != 0 {
		t.Errorf("%d and %d tensors of the base changed", changed(t, base(t), r.Last), changed(t, base(t), alone.Last))
	}
}

// changed counts the initializers of a model that another one has with other values.
func changed(t *testing.T, was, is *onnx.ModelProto) (n int) {
	before := map[string]*onnx.TensorProto{}
	for _, i := range was.GetGraph().GetInitializer() {
		before[i.GetName()] = i
	}
	for _, i := range is.GetGraph().GetInitializer() {
		if b := before[i.GetName()]; b != nil {
			x, errX := onnx.TensorOf(b)
			y, errY := onnx.TensorOf(i)
			if errX != nil || errY != nil {
				t.Fatal(errX, errY)
			}
			if fmt.Sprint(x.Data) != fmt.Sprint(y.Data) {
				n++
			}
		}
	}
	return n
}

// TestAccumulation: two batches a step are one batch of twice the size.
func TestAccumulation(t *testing.T) {
	c := Config{Freeze: "0", BatchNorm: "frozen", Epochs: 2, Batch: 20, Seed: 1, Schedule: "constant",
		Optimizer: optim.Settings{Name: "sgd", LR: 0.01, Momentum: 0.9, ClipNorm: 1}}
	one := mustTrain(t, c)
	c.Batch, c.Accumulate = 10, 2
	two := mustTrain(t, c)
	for i := range one.Epochs {
		a, b := one.Epochs[i], two.Epochs[i]
		if math.Abs(a.TrainLoss-b.TrainLoss) > 1e-4*a.TrainLoss || math.Abs(a.ValLoss-b.ValLoss) > 1e-4*a.ValLoss {
			t.Errorf("epoch %d: losses %v %v, with one batch a step %v %v", a.N, b.TrainLoss, b.ValLoss, a.TrainLoss, a.ValLoss)
		}
	}
}

// TestRates: lower layers learn slower, the kept part as LRMult says, and decay leaves
// out what it shall.
func TestRates(t *testing.T) {
	tr, _ := digits(t, 60, 10)
	p, err := Graft(base(t), tr, Config{Freeze: "0", LRMult: 0.5, LayerDecay: 0.8, DecayExclude: []string{"norm", "bias"}})
	if err != nil {
		t.Fatal(err)
	}
	rates := map[float64]bool{}
	decayed := 0
	for name, g := range p.Last().groups {
		rates[math.Round(g.Rate*1e6)/1e6] = true
		if g.Decay == 1 {
			decayed++
		}
		if name == "head.logits.weight" && (g.Rate != 1 || g.Decay != 1) || name == "head.logits.bias" && (g.Rate != 1 || g.Decay != 0) {
			t.Errorf("%s: %+v", name, g)
		}
	}
	for k := range 5 { // layers 1 to 5 are kept, the head is layer 6
		if want := math.Round(0.5*math.Pow(0.8, float64(5-k))*1e6) / 1e6; !rates[want] {
			t.Errorf("no layer learns at %v: %v", want, rates)
		}
	}
	if len(rates) != 6 || decayed != 6 {
		t.Errorf("rates %v, %d tensors decay, want 6 and the 6 weights", rates, decayed)
	}
}

// TestRecipe: every part of a recipe takes part in the training, repeatably.
func TestRecipe(t *testing.T) {
	plain := Config{Freeze: "0", Epochs: 2, Batch: 16, Seed: 3, Schedule: "constant", Optimizer: optim.Settings{Name: "sgd", LR: 0.01, Momentum: 0.9}}
	without := mustTrain(t, plain)
	for name, change := range map[string]func(*Config){
		"warm-up":         func(c *Config) { c.Warmup = 1 },
		"one cycle":       func(c *Config) { c.Schedule = "onecycle" },
		"ema":             func(c *Config) { c.EMA = 0.9 },
		"mixup":           func(c *Config) { c.Mixup = 0.4 },
		"cutmix":          func(c *Config) { c.CutMix = 1 },
		"smoothing":       func(c *Config) { c.LabelSmoothing = 0.1 },
		"class weights":   func(c *Config) { c.ClassWeights = "balanced" },
		"sampling":        func(c *Config) { c.Sampling = "balanced" },
		"sequence":        func(c *Config) { c.Sampling = "sequential" },
		"clipping":        func(c *Config) { c.Optimizer.ClipNorm = 0.1 },
		"layer decay":     func(c *Config) { c.LayerDecay = 0.5 },
		"kept part":       func(c *Config) { c.LRMult = 0.1 },
		"decay":           func(c *Config) { c.Optimizer.WeightDecay = 0.1 },
		"decay, not norm": func(c *Config) { c.Optimizer.WeightDecay, c.DecayExclude = 0.1, []string{"norm"} },
		"rmsprop":         func(c *Config) { c.Optimizer = optim.Settings{Name: "rmsprop", LR: 1e-3} },
		"accumulation":    func(c *Config) { c.Accumulate = 3 },
		"dropout":         func(c *Config) { c.Dropout = 0.5 },
	} {
		t.Run(name, func(t *testing.T) {
			c := plain
			change(&c)
			one, again := mustTrain(t, c), mustTrain(t, c)
			if slices.Equal(marshal(t, one.Last), marshal(t, without.Last)) {
				t.Error("it changes nothing")
			}
			if !slices.Equal(marshal(t, one.Last), marshal(t, again.Last)) {
				t.Error("it does not repeat itself")
			}
			if l := one.Epochs[1].TrainLoss; !(l < 3) {
				t.Errorf("loss %v", l)
			}
		})
	}
}

func TestEarlyStop(t *testing.T) {
	r := mustTrain(t, Config{Freeze: "all", Epochs: 200, EarlyStop: 3, Optimizer: optim.Settings{Name: "adam", LR: 0.5}})
	if n := len(r.Epochs); n == 200 || n != r.BestEpoch().N+3 {
		t.Errorf("stopped after %d epochs, the best was %d", n, r.BestEpoch().N)
	}
}

// TestChoices: what is left out follows from the sizes of the set and the network, and
// what is given stays.
func TestChoices(t *testing.T) {
	few, _ := digits(t, 6, 10)
	many, _ := digits(t, 400, 10)
	for _, c := range []struct {
		name       string
		set        *data.Set
		config     Config
		phases     int
		opt        string
		freeze     string
		unfreezeAt int
	}{
		{"few images", few, Config{}, 1, "adam", "all", 0},
		{"many images", many, Config{}, 2, "sgd", "all", 21},
		{"one epoch", many, Config{Epochs: 1}, 1, "sgd", "0", 0},
		{"unfreezing given", few, Config{UnfreezeAt: 2, Epochs: 3}, 2, "sgd", "all", 2},
		{"freezing given", many, Config{Freeze: "2"}, 1, "sgd", "2", 0},
		{"optimizer given", many, Config{Freeze: "all", Optimizer: optim.Settings{Name: "adamw"}}, 1, "adamw", "all", 0},
		{"from scratch", few, Config{Head: "redraw", After: "0"}, 1, "sgd", "0", 0},
	} {
		p, err := Graft(base(t), c.set, c.config)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got := p.Config
		if len(p.Phases) != c.phases || got.Optimizer.Name != c.opt || got.Freeze != c.freeze || got.UnfreezeAt != c.unfreezeAt {
			t.Errorf("%s: %d phases, %s, freeze %s, unfreeze at %d; choices %v", c.name, len(p.Phases), got.Optimizer.Name, got.Freeze, got.UnfreezeAt, p.Choices)
		}
		for _, ch := range p.Choices {
			if ch.Name == "" || ch.Value == "" || ch.Why == "" {
				t.Errorf("%s: a choice without its reason: %+v", c.name, ch)
			}
		}
	}
}

// TestWarnings: what may surprise is said.
func TestWarnings(t *testing.T) {
	tr, _ := digits(t, 40, 10)
	p, err := Graft(base(t), tr, Config{Freeze: "0", BatchNorm: "batch", Batch: 4})
	if err != nil || len(p.Warnings) != 1 {
		t.Errorf("batches of 4: %v, %v", p.Warnings, err)
	}
	if p, err = Graft(base(t), tr, Config{Freeze: "0", Batch: 4}); err != nil || len(p.Warnings) != 0 {
		t.Errorf("with stored statistics: %v, %v", p.Warnings, err)
	}
}

func TestTrainTellsEachStep(t *testing.T) {
	tr, va := digits(t, 60, 20)
	var steps []Step
	_, err := Train(context.Background(), base(t), tr, va, Config{Freeze: "all", Epochs: 2, Batch: 16, OnStep: func(s Step) { steps = append(steps, s) }})
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) != 8 || steps[7].N != 8 || steps[7].Epoch != 2 || !(steps[7].LR < steps[0].LR) {
		t.Errorf("steps %+v", steps)
	}
}
