package graph_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"graft/graph"
	"graft/graph/optim"
	"graft/onnx"
)

// smallNet is conv - norm - relu - pool - depthwise conv - norm - relu - gemm over
// x [N,3,8,8], with every weight drawn.
func smallNet(dropout bool) *onnx.ModelProto {
	nodes := []*onnx.NodeProto{
		node("Conv", "x w1 wb1", "c1", "pads", list(1, 1, 1, 1)), node("BatchNormalization", "c1 s1 b1 m1 v1", "n1"), node("Relu", "n1", "r1"),
		node("MaxPool", "r1", "p1", "kernel_shape", list(2, 2), "strides", list(2, 2)),
		node("Conv", "p1 w2", "c2", "pads", list(1, 1, 1, 1), "group", 8), node("BatchNormalization", "c2 s2 b2 m2 v2", "n2"), node("Relu", "n2", "r2"),
		node("Add", "r2 p1", "sum"), node("GlobalAveragePool", "sum", "pool"), node("Flatten", "pool", "features"),
	}
	last := "features"
	if dropout {
		nodes = append(nodes, node("Dropout", "features half", "dropped"))
		last = "dropped"
	}
	nodes = append(nodes, node("Gemm", last+" w3 b3", "y", "transB", 1))
	c := net("Conv", "small", 13, map[string]any{
		"w1": floats{8, 3, 3, 3}, "wb1": floats{8}, "s1": floats{8}, "b1": floats{8}, "m1": floats{8}, "v1": row(1, 2, 3, 4, 5, 6, 7, 8),
		"w2": floats{8, 1, 3, 3}, "s2": floats{8}, "b2": floats{8}, "m2": floats{8}, "v2": row(8, 7, 6, 5, 4, 3, 2, 1),
		"w3": floats{4, 8}, "b3": floats{4}, "half": scalar(0.5)}, nodes...)
	if !dropout {
		c.model.Graph.Initializer = slices.DeleteFunc(c.model.Graph.Initializer, func(p *onnx.TensorProto) bool { return p.GetName() == "half" })
	}
	c.model.Graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", 3, 8, 8)}
	c.model.Graph.Output = []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT, "N", 4)}
	return c.model
}

// trainer compiles m for training and fills in a batch.
func trainer(t testing.TB, m *onnx.ModelProto, batch, threads int, f graph.Freezing) *graph.Program {
	t.Helper()
	l, err := analyse(t, m).Learning(f)
	if err != nil {
		t.Fatal(err)
	}
	p, err := graph.Compile(m, graph.Config{Options: graph.Options{Batch: batch}, Threads: threads,
		Training: &graph.Training{Learning: l, Loss: optim.CrossEntropy, Seed: 7}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	fill(p)
	return p
}

func fill(p *graph.Program) {
	r := rand.New(rand.NewPCG(8, 9))
	x := p.Input(0)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	target := p.Target()
	clear(target)
	batch := p.Inputs()[0].Shape[0]
	classes := len(target) / batch
	for i := range batch {
		target[i*classes+r.IntN(classes)] = 1
	}
}

func steps(t testing.TB, p *graph.Program, n int) []float32 {
	t.Helper()
	s, err := optim.New(optim.Settings{Name: "sgd", LR: 0.1, Momentum: 0.9})
	if err != nil {
		t.Fatal(err)
	}
	var losses []float32
	for i := range n {
		if err := p.Step(uint64(i)); err != nil {
			t.Fatal(err)
		}
		losses = append(losses, p.LossValue())
		if err := s.Step(p.ValueGrads()); err != nil {
			t.Fatal(err)
		}
	}
	return losses
}

func stored(t testing.TB, p *graph.Program) *onnx.ModelProto {
	t.Helper()
	m, err := p.Store()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestStoreWithoutTraining(t *testing.T) {
	models := map[string]*onnx.ModelProto{"small": smallNet(true), "freezable": freezable()}
	for name, m := range models {
		p := trainer(t, m, 2, 1, graph.Freezing{BatchStatistics: true})
		if !proto.Equal(stored(t, p), m) {
			t.Errorf("%s: Store changed the model", name)
		}
	}
	for _, name := range []string{"mnist_cntk", "resnet20_cifar10_slicepad", "squeezenet1_1_opset7", "squeezenet1_1_fp16"} {
		t.Run(name, func(t *testing.T) {
			m := shared(t, name)
			if !proto.Equal(stored(t, trainer(t, m, 1, 2, graph.Freezing{Below: analyse(t, m).CutPoints[1].Tensor})), m) {
				t.Error("Store changed the model")
			}
		})
	}
}

// Frozen means frozen, and what learns changes.
func TestFrozenStaysFrozen(t *testing.T) {
	m := smallNet(true)
	p := trainer(t, m, 4, 2, graph.Freezing{Below: "p1", BatchStatistics: true})
	steps(t, p, 3)
	after := stored(t, p)
	frozen := strings.Fields("w1 wb1 s1 b1 m1 v1 half")
	for i, was := range m.Graph.Initializer {
		if same := proto.Equal(was, after.Graph.Initializer[i]); same != slices.Contains(frozen, was.GetName()) {
			t.Errorf("%s: unchanged is %v", was.GetName(), same)
		}
	}
	stats := trainer(t, m, 4, 2, graph.Freezing{})
	steps(t, stats, 2)
	after = stored(t, stats)
	for i, was := range m.Graph.Initializer {
		if n := was.GetName(); (n[0] == 'm' || n[0] == 'v') && !proto.Equal(was, after.Graph.Initializer[i]) {
			t.Errorf("the stored statistics %s changed", n)
		}
	}
}

// The frozen part has no backward pass.
func TestFrozenHasNoBackward(t *testing.T) {
	for below, want := range map[string]int{"": 2, "p1": 1, "features": 0} {
		p := trainer(t, smallNet(false), 2, 1, graph.Freezing{Below: below})
		dot, err := p.Dot()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(string(dot), "Conv.dw#"); (got > 0) != (want > 0) {
			t.Errorf("frozen below %q: Conv.dw appears %d times", below, got)
		}
		ids := map[string]bool{}
		for _, kind := range []string{"Conv.dw#", "Conv.dx#"} {
			for rest := string(dot); ; {
				_, after, ok := strings.Cut(rest, kind)
				if !ok {
					break
				}
				ids[kind+strings.FieldsFunc(after, func(r rune) bool { return r < '0' || r > '9' })[0]] = true
				rest = after
			}
		}
		dw, dx := 0, 0
		for id := range ids {
			if strings.HasPrefix(id, "Conv.dw") {
				dw++
			} else {
				dx++
			}
		}
		// Of n convolutions that learn, the lowest needs no gradient of its input.
		if dw != want || dx != max(want-1, 0) {
			t.Errorf("frozen below %q: %d weight and %d data gradients, want %d and %d", below, dw, dx, want, max(want-1, 0))
		}
	}
}

// Twenty steps and what the trained network then answers are the same bytes on any
// number of threads: in residual, depthwise and grouped networks, and with Dropout.
func TestSameSeedSameBytes(t *testing.T) {
	models := map[string]func() *onnx.ModelProto{"small": func() *onnx.ModelProto { return smallNet(true) }}
	for _, name := range []string{"resnet18", "mobilenet_v2", "shufflenet_v2_x1_0"} {
		models[name] = func() *onnx.ModelProto { m, _ := parityGolden(t, name); return m }
	}
	for name, model := range models {
		t.Run(name, func(t *testing.T) {
			var losses, answers []float32
			var first *onnx.ModelProto
			for _, threads := range []int{1, 2, 5} {
				p := trainer(t, model(), 5, threads, graph.Freezing{BatchStatistics: true})
				l, m := steps(t, p, 20), stored(t, p)
				eval, err := p.Variant(3, true)
				if err != nil {
					t.Fatal(err)
				}
				defer eval.Close()
				copy(eval.Input(0), p.Input(0))
				if err := eval.Run(); err != nil {
					t.Fatal(err)
				}
				y, _ := eval.Output(0).Floats()
				if first == nil {
					first, losses, answers = m, l, slices.Clone(y)
				}
				if !proto.Equal(first, m) || !slices.Equal(losses, l) || !slices.Equal(answers, y) {
					t.Errorf("%d threads give other bytes than 1: losses %v and %v", threads, l, losses)
				}
			}
			if l := losses[19]; l != l || answers[0] != answers[0] {
				t.Errorf("losses %v, answers %v", losses, answers)
			}
		})
	}
}

// A variant sees the weights and statistics as they are now.
func TestVariantSharesWeights(t *testing.T) {
	p := trainer(t, smallNet(true), 4, 1, graph.Freezing{BatchStatistics: true})
	eval, err := p.Variant(2, true)
	if err != nil {
		t.Fatal(err)
	}
	defer eval.Close()
	steps(t, p, 3)
	x, _ := onnx.NewTensor(onnx.TensorProto_FLOAT, 2, 3, 8, 8)
	for i := range x.Data.([]float32) {
		x.Data.([]float32)[i] = float32(i%7) - 3
	}
	want := infer(t, stored(t, p), x)[0]
	got := run(t, eval, map[string]*onnx.Tensor{"x": x})
	// The stored model's program folds nothing else: the same kernels run.
	if err := equal(got, want); err != nil {
		t.Errorf("inference variant against the stored model: %v", err)
	}
	smaller, err := p.Variant(3, false)
	if err != nil {
		t.Fatal(err)
	}
	defer smaller.Close()
	fill(smaller)
	steps(t, smaller, 1)
	for i, q := range p.Params() {
		if !slices.Equal(q.Value(), smaller.Params()[i].Value()) {
			t.Errorf("%s differs between variants", q.Name)
		}
	}
}

// A model that ends in Softmax learns by its logits.
func TestTrainingThroughSoftmax(t *testing.T) {
	m := smallNet(false)
	plain := trainer(t, m, 4, 1, graph.Freezing{})
	s := onnx.Clone(m)
	s.Graph.Node = append(s.Graph.Node, node("Softmax", "y", "prob"))
	s.Graph.Output[0].Name = new("prob")
	soft := trainer(t, s, 4, 1, graph.Freezing{})
	if a, b := steps(t, plain, 2), steps(t, soft, 2); !slices.Equal(a, b) {
		t.Errorf("losses %v, with Softmax %v", a, b)
	}
	var sum float32
	for _, v := range soft.Output(0).Data.([]float32) {
		sum += v
	}
	if sum < 3.999 || sum > 4.001 {
		t.Errorf("the output is no probability: sums to %g over 4 images", sum)
	}
}

func TestTrainingLosesLoss(t *testing.T) {
	l := steps(t, trainer(t, smallNet(false), 6, 2, graph.Freezing{BatchStatistics: true}), 12)
	if !(l[11] < l[0]/2) {
		t.Errorf("losses %v", l)
	}
}

func TestCompileRefuses(t *testing.T) {
	loss := optim.CrossEntropy
	for _, w := range []struct {
		name  string
		train graph.Training
		out   string
		want  string
	}{
		{"nothing learns", graph.Training{Loss: loss}, "y", "nothing of the model is left to learn"},
		{"no batch norm", graph.Training{Loss: loss, Learning: graph.Learning{Params: []string{"w3"}, BatchStatistics: []string{"r1"}}}, "y", `"r1" is no BatchNormalization's output`},
		{"an image", graph.Training{Loss: loss, Learning: graph.Learning{Params: []string{"w1"}}}, "sum", "a classifier's is [N,C]"},
		{"unreachable", graph.Training{Loss: loss, Learning: graph.Learning{Params: []string{"w3"}}}, "features", ""},
	} {
		m := smallNet(false)
		m.Graph.Output[0] = &onnx.ValueInfoProto{Name: &w.out}
		if _, err := graph.Compile(m, graph.Config{Threads: 1, Training: &w.train}); err == nil || !strings.Contains(err.Error(), w.want) {
			t.Errorf("%s: %v, want %s", w.name, err, w.want)
		}
	}
}

// Programs without anything to compute run too.
func TestProgramsWithoutNodes(t *testing.T) {
	m := body(13, 8, "N", 2)
	m.Graph.Output = append(m.Graph.Output, onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", 2), onnx.TensorInfo("k", onnx.TensorProto_FLOAT, 1))
	m.Graph.Initializer = append(m.Graph.Initializer, row(4).Proto("k"))
	x := onnx.FromFloats([]int{1, 2}, []float32{-1, 2})
	for _, outputs := range [][]string{{"y", "x", "k"}, {"x"}, {"k"}, {"x", "x"}} {
		t.Run(fmt.Sprint(outputs), func(t *testing.T) {
			p, err := graph.Compile(m, graph.Config{Threads: 1, Outputs: outputs})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			for range 2 {
				run(t, p, map[string]*onnx.Tensor{"x": x})
			}
			want := map[string][]float32{"y": {0, 2}, "x": {-1, 2}, "k": {4}}
			for i, name := range outputs {
				if got := p.Output(i).Data.([]float32); !slices.Equal(got, want[name]) {
					t.Errorf("%s is %v, want %v", name, got, want[name])
				}
			}
		})
	}
}

// What a condition alone is computed from is no part of the gradient: a kernel there must
// not wait for one.
func TestConditionIsNotDifferentiated(t *testing.T) {
	c := net("Where", "condition", 13, map[string]any{"k": floats{2, 3}, "zero": scalar(0), "w": floats{3, 4}},
		node("Mul", "x k", "a"), node("Sigmoid", "a", "s"), node("Sub", "a s", "d"), node("Greater", "d zero", "c"), node("Where", "c a zero", "r"), node("MatMul", "r w", "y"))
	c.model.Graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, 2, 3)}
	c.model.Graph.Output = []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT, 2, 4)}
	p, err := graph.Compile(c.model, graph.Config{Threads: 1, Training: &graph.Training{Learning: graph.Learning{Params: []string{"k", "w"}}, Loss: weighted([]float32{1, 2, 3, 4, 5, 6, 7, 8})}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	x := onnx.FromFloats([]int{2, 3}, []float32{1, -2, 3, -4, 5, 0.5})
	if err := errors.Join(p.SetInput(0, x), p.Step(0)); err != nil {
		t.Fatal(err)
	}
	k, w := p.Params()[0].Value(), p.Params()[1].Value()
	var want []float64
	for i, v := range x.Data.([]float32) {
		a := float64(v * k[i])
		g := 0.0
		if a-1/(1+math.Exp(-a)) > 0 {
			for j := range 4 {
				g += float64(w[i%3*4+j]) * float64(i/3*4+j+1)
			}
		}
		want = append(want, g*float64(v))
	}
	if err := near(widen(p.Params()[0].Grad()), want, 1e-5); err != nil {
		t.Error(err)
	}
}

// A quantized model is refused with the reason where something below the rounding learns.
func TestTrainingRefusesQuantized(t *testing.T) {
	zero := &onnx.Tensor{Type: onnx.TensorProto_UINT8, Shape: []int{}, Data: []uint8{128}}
	c := net("Conv", "quantized", 13, map[string]any{"k": floats{4, 3, 1, 1}, "scale": scalar(0.1), "zero": zero, "fc": floats{4, 2}},
		node("Conv", "x k", "c"), node("QuantizeLinear", "c scale zero", "q"), node("DequantizeLinear", "q scale zero", "d"),
		node("GlobalAveragePool", "d", "p"), node("Flatten", "p", "f"), node("MatMul", "f fc", "y"))
	c.model.Graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, 1, 3, 4, 4)}
	c.model.Graph.Output = []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT, 1, 2)}
	train := func(params ...string) error {
		p, err := graph.Compile(c.model, graph.Config{Threads: 1, Training: &graph.Training{Learning: graph.Learning{Params: params}, Loss: optim.CrossEntropy}})
		if err == nil {
			p.Close()
		}
		return err
	}
	if err := train("k", "fc"); err == nil || !strings.Contains(err.Error(), `(DequantizeLinear)`) && !strings.Contains(err.Error(), `(QuantizeLinear)`) || !strings.Contains(err.Error(), "the model is quantized") {
		t.Errorf("got %v, want a refusal that names the quantization", err)
	}
	if err := train(); err == nil || !strings.Contains(err.Error(), "its weights are integers, which do not learn") {
		t.Errorf("got %v, want a refusal of a model without anything to learn", err)
	}
	if err := train("fc"); err != nil {
		t.Errorf("a head on a quantized body: %v", err)
	}
}

// What has no gradient is refused by name where something below it learns.
func TestTrainingRefusesWhatHasNoGradient(t *testing.T) {
	m := mixed()
	l, err := analyse(t, m).Learning(graph.Freezing{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = graph.Compile(m, graph.Config{Threads: 1, Training: &graph.Training{Learning: l, Loss: optim.CrossEntropy}})
	var e *graph.Error
	if !errors.As(err, &e) || e.Op != "Cast" || !strings.Contains(err.Error(), "it has no gradient; freeze at a layer above it") {
		t.Errorf("got %v, want an error of the Cast", err)
	}
}

// What a few bytes of a file can make graft fold is bounded, unless more memory is allowed.
func TestFoldedConstantsAreBounded(t *testing.T) {
	c := net("Add", "large", 13, map[string]any{"s": ints(1<<13, 1<<12), "from": ints(0, 0), "to": ints(1, 1)}, node("ConstantOfShape", "s", "k"), node("Slice", "k from to", "t"), node("Add", "x t", "y"))
	c.model.Graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, 1, 1)}
	c.model.Graph.Output = []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT, 1, 1)}
	for memory, want := range map[int64]string{0: "constant of shape [8192 4096] is too large", 1 << 20: "is too large", 2e9: ""} {
		p, err := graph.Compile(c.model, graph.Config{Options: graph.Options{MaxMemory: memory}, Threads: 1})
		if err == nil {
			p.Close()
		}
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d bytes allowed: %v, want %q", memory, err, want)
		}
	}
}
