package optim_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"graft/graph"
	"graft/graph/optim"
	"graft/onnx"
)

// golden is what PyTorch computes (testdata/optimizers.py).
func golden(t *testing.T) map[string][]float64 {
	t.Helper()
	b, err := os.ReadFile("testdata/optimizers.json")
	if err != nil {
		t.Fatal(err)
	}
	r := map[string][]float64{}
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// wave is sin(phase + 1.3 k), as the script has it.
func wave(phase float64, n int) []float32 {
	v := make([]float32, n)
	for k := range v {
		v[k] = float32(math.Sin(phase + 1.3*float64(k)))
	}
	return v
}

// param is a gorgonia.ValueGrad over two slices.
type param struct{ w, g []float32 }

func dense(v []float32) *tensor.Dense {
	return tensor.New(tensor.WithShape(len(v)), tensor.WithBacking(v))
}

func (p param) Value() gorgonia.Value         { return dense(p.w) }
func (p param) Grad() (gorgonia.Value, error) { return dense(p.g), nil }

func TestSolversEqualTorch(t *testing.T) {
	want := golden(t)
	for name, s := range map[string]optim.Settings{
		"sgd":              {Name: "sgd", LR: 0.1},
		"sgd decay":        {Name: "sgd", LR: 0.1, WeightDecay: 0.05},
		"sgd momentum":     {Name: "sgd", LR: 0.1, Momentum: 0.9},
		"sgd nesterov":     {Name: "sgd", LR: 0.1, Momentum: 0.8, Nesterov: true, WeightDecay: 0.05},
		"adam":             {Name: "adam", LR: 0.01},
		"adam decay":       {Name: "adam", LR: 0.01, Beta1: 0.8, Beta2: 0.99, Epsilon: 1e-3, WeightDecay: 0.1},
		"adamw":            {Name: "adamw", LR: 0.01},
		"adamw decay":      {Name: "adamw", LR: 0.01, WeightDecay: 0.2},
		"rmsprop":          {Name: "rmsprop", LR: 0.01},
		"rmsprop momentum": {Name: "rmsprop", LR: 0.01, Alpha: 0.9, Epsilon: 1e-3, Momentum: 0.8, WeightDecay: 0.1},
		"clipped":          {Name: "sgd", LR: 0.1, Momentum: 0.9, ClipNorm: 2},
		"groups":           {Name: "sgd", LR: 0.1, Momentum: 0.9, WeightDecay: 0.05},
	} {
		t.Run(name, func(t *testing.T) {
			var groups []optim.Group
			if name == "groups" {
				groups = []optim.Group{{Rate: 0.25, Decay: 0}, {Rate: 1, Decay: 1}}
			}
			o, err := optim.New(s, groups...)
			if err != nil {
				t.Fatal(err)
			}
			params := []param{{w: wave(1, 7)}, {w: wave(2, 40)}}
			for i := range 5 {
				if i == 3 { // the rate falls, the memory stays
					o.SetLR(s.LR / 10)
					// An optimizer made anew from the state goes on as the first would.
					again, err := optim.New(s, groups...)
					if err != nil {
						t.Fatal(err)
					}
					again.SetLR(s.LR / 10)
					again.SetState(o.State())
					o = again
				}
				var grads []gorgonia.ValueGrad
				for k := range params {
					params[k].g = wave(float64(10+i+5*k), len(params[k].w))
					grads = append(grads, params[k])
				}
				if err := o.Step(grads); err != nil {
					t.Fatal(err)
				}
				for k, p := range params {
					for j, g := range wave(float64(10+i+5*k), len(p.g)) {
						if p.g[j] != g && s.ClipNorm == 0 {
							t.Fatal("the step changed a gradient")
						}
					}
				}
			}
			got := append(params[0].w, params[1].w...)
			for i, w := range want[name] {
				if math.Abs(float64(got[i])-w) > 2e-6 {
					t.Errorf("element %d: got %g, PyTorch %g", i, got[i], w)
				}
			}
			if len(got) != len(want[name]) {
				t.Errorf("%d elements, PyTorch has %d", len(got), len(want[name]))
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for _, s := range []optim.Settings{{Name: "sdg"}, {Name: "sgd", LR: -1}, {Name: "sgd", Momentum: 1}, {Name: "adam", WeightDecay: -1},
		{Name: "sgd", LR: math.NaN()}, {Name: "sgd", LR: math.Inf(1)}, {Name: "adam", Beta1: 1}, {Name: "adam", Beta2: -0.1}, {Name: "adam", Epsilon: -1}, {Name: "rmsprop", Alpha: 1}, {Name: "sgd", ClipNorm: -1}} {
		if _, err := optim.New(s); err == nil {
			t.Errorf("%+v is accepted", s)
		}
	}
}

func TestStepRefusesOtherParameters(t *testing.T) {
	o, err := optim.New(optim.Settings{Name: "adam", LR: 1})
	if err != nil {
		t.Fatal(err)
	}
	two := []gorgonia.ValueGrad{param{wave(1, 2), wave(1, 2)}, param{wave(1, 3), wave(1, 3)}}
	if err := o.Step(two); err != nil {
		t.Fatal(err)
	}
	for _, list := range [][]gorgonia.ValueGrad{two[:1], {two[1], two[0]}, {param{wave(1, 2), wave(1, 1)}, two[1]}} {
		if err := o.Step(list); err == nil {
			t.Error("other parameters than in the step before are accepted")
		}
	}
}

func TestSchedules(t *testing.T) {
	want := golden(t)
	for _, s := range []optim.Schedule{{Name: "cosine", Steps: 10}, {Name: "step", Steps: 10}, {Name: "onecycle", Steps: 10}} {
		if len(want[s.Name]) != 10 {
			t.Fatalf("%d golden values of %s", len(want[s.Name]), s.Name)
		}
		for step, w := range want[s.Name] {
			if got, err := s.Factor(step); err != nil || math.Abs(got-w) > 1e-12 {
				t.Errorf("%s, step %d: %g, %v, PyTorch %g", s.Name, step, got, err, w)
			}
		}
	}
	for _, s := range []optim.Schedule{{}, {Name: "constant", Steps: 3}} {
		if got, err := s.Factor(2); got != 1 || err != nil {
			t.Errorf("%+v: %g, %v", s, got, err)
		}
	}
	for step, w := range []float64{0.25, 0.5, 0.75, 1, 0.5} {
		if got, err := (optim.Schedule{Name: "cosine", Steps: 5, Warmup: 3}).Factor(step); err != nil || math.Abs(got-w) > 1e-12 {
			t.Errorf("with warm-up, step %d: %g, %v, want %g", step, got, err, w)
		}
	}
	if _, err := (optim.Schedule{Name: "onecycle", Steps: 9, Warmup: 3}).Factor(0); err == nil {
		t.Error("onecycle takes a warm-up of its own and another one")
	}
	if _, err := (optim.Schedule{Name: "cosin"}).Factor(0); err == nil || !strings.Contains(err.Error(), `"cosin"`) {
		t.Errorf("an unknown schedule: %v", err)
	}
}

// The losses and their gradients by the outputs, for hard and soft targets: the
// outputs are a parameter w times 4.
func TestLossesEqualTorch(t *testing.T) {
	opset, ir := int64(13), int64(8)
	m := &onnx.ModelProto{IrVersion: &ir, OpsetImport: []*onnx.OperatorSetIdProto{{Domain: new(""), Version: &opset}}, Graph: &onnx.GraphProto{
		Node:        []*onnx.NodeProto{onnx.NewNode("Mul", "", []string{"w", "four"}, []string{"y"})},
		Initializer: []*onnx.TensorProto{onnx.FromFloats([]int{3, 5}, wave(3, 15)).Proto("w"), onnx.FromFloats(nil, []float32{4}).Proto("four")},
		Output:      []*onnx.ValueInfoProto{{Name: new("y")}}}}
	for _, l := range []struct {
		name string
		loss graph.Loss
	}{
		{"cross-entropy", optim.CrossEntropy}, {"bce", optim.BCE}, {"mse", optim.MSE},
		{"cross-entropy", optim.Sum(optim.Part{Loss: "ce", Columns: 5})}, {"bce", optim.Sum(optim.Part{Loss: "bce", Columns: 5})},
		{"mse", optim.Sum(optim.Part{Loss: "mse", Columns: 5})},
		{"sum", optim.Sum(optim.Part{Loss: "ce", Columns: 2}, optim.Part{Loss: "bce", Columns: 1}, optim.Part{Loss: "mse", Columns: 2})},
	} {
		name, loss := l.name, l.loss
		t.Run(name, func(t *testing.T) {
			p, err := graph.Compile(m, graph.Config{Threads: 1, Training: &graph.Training{Learning: graph.Learning{Params: []string{"w"}}, Loss: loss}})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			target := p.Target()
			target[1] = 1
			copy(target[5:], []float32{0.1, 0.2, 0.3, 0.4, 0})
			target[14] = 1
			if err := p.Step(0); err != nil {
				t.Fatal(err)
			}
			want := golden(t)[name]
			got := append([]float32{p.LossValue()}, p.Params()[0].Grad()...)
			if len(got) != len(want) {
				t.Fatalf("%d elements, PyTorch has %d", len(got), len(want))
			}
			for i := range got {
				if math.Abs(float64(got[i])-want[i]) > 1e-6*math.Max(1, math.Abs(want[i])) {
					t.Errorf("element %d: got %g, PyTorch %g", i, got[i], want[i])
				}
			}
		})
	}
}

func ExampleNew() {
	o, err := optim.New(optim.Settings{Name: "sgd", LR: 0.5})
	if err != nil {
		fmt.Println(err)
		return
	}
	w := []float32{1, 2}
	if err := o.Step([]gorgonia.ValueGrad{param{w, []float32{1, -1}}}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(w)
	// Output: [0.5 2.5]
}
