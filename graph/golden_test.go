package graph_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"graft/graph"
	"graft/graph/optim"
	"graft/onnx"
)

// wave is sin(phase + 1.3 k), as testdata/three_steps.py has it.
func wave(phase float64, shape ...int) *onnx.Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	v := make([]float32, n)
	for k := range v {
		v[k] = float32(math.Sin(phase + 1.3*float64(k)))
	}
	return onnx.FromFloats(shape, v)
}

// TestThreeSteps holds three steps of training against PyTorch's (testdata/three_steps.py).
func TestThreeSteps(t *testing.T) {
	golden := map[string][]float64{}
	b, err := os.ReadFile("testdata/three_steps.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	variance := wave(8, 5)
	for i, v := range variance.Data.([]float32) {
		variance.Data.([]float32)[i] = v*v + 0.5
	}
	c := net("Conv", "three steps", 13, map[string]any{"w": wave(1, 5, 3, 3, 3), "b": wave(2, 5), "scale": wave(3, 5), "shift": wave(4, 5),
		"fc": wave(5, 4, 80), "fcb": wave(6, 4), "mean": wave(7, 5), "var": variance},
		node("Conv", "x w b", "c", "pads", list(1, 1, 1, 1)), node("BatchNormalization", "c scale shift mean var", "n"), node("Relu", "n", "r"),
		node("MaxPool", "r", "p", "kernel_shape", list(2, 2), "strides", list(2, 2)), node("Flatten", "p", "f"), node("Gemm", "f fc fcb", "y", "transB", 1))
	c.model.Graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", 3, 8, 8)}
	p := trainer(t, c.model, 4, 2, graph.Freezing{BatchStatistics: true})
	copy(p.Input(0), wave(9, 4, 3, 8, 8).Data.([]float32))
	clear(p.Target())
	for i, label := range []int{0, 3, 1, 2} {
		p.Target()[i*4+label] = 1
	}
	s, err := optim.New(optim.Settings{Name: "sgd", LR: 0.05, Momentum: 0.9, WeightDecay: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	var losses []float32
	for i := range 3 {
		if err := p.Step(uint64(i)); err != nil {
			t.Fatal(err)
		}
		losses = append(losses, p.LossValue())
		if err := s.Step(p.ValueGrads()); err != nil {
			t.Fatal(err)
		}
	}
	if err := near(widen(losses), golden["losses"], 1e-4); err != nil {
		t.Errorf("losses: %v", err)
	}
	state := p.State()
	if len(state) != len(golden)-1 {
		t.Errorf("%d tensors changed, PyTorch has %d", len(state), len(golden)-1)
	}
	for name, v := range state {
		if err := near(widen(v), golden[name], 1e-4); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
