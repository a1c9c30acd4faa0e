package graph_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"graft/graph"
	"graft/onnx"
)

// fireNet joins two convolutions and an image that is copied between them.
func fireNet() *onnx.ModelProto {
	c := net("Conv", "fire", 13, map[string]any{"w": floats{32, 3, 3, 3}, "b": floats{32}, "w1": floats{16, 32, 1, 1}, "w3": floats{40, 32, 3, 3}},
		node("Conv", "x w b", "c", "pads", list(1, 1, 1, 1)), node("Relu", "c", "s"),
		node("Conv", "s w1", "e1"), node("Relu", "e1", "r1"), node("Conv", "s w3", "e3", "pads", list(1, 1, 1, 1)), node("Relu", "e3", "r3"),
		node("Concat", "r1 s r3", "y", "axis", 1))
	c.model.Graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", 3, 20, 20)}
	c.model.Graph.Output = []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT, "N", 88, 20, 20)}
	return c.model
}

// Convolutions that write where a Concat wants them compute what they compute by themselves,
// bit for bit.
func TestJoiningChangesNothing(t *testing.T) {
	run := func(outputs ...string) (y []float32, convolutions int) {
		p, err := graph.Compile(fireNet(), graph.Config{Options: graph.Options{Batch: 3}, Threads: 2, Outputs: outputs})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		r := rand.New(rand.NewPCG(8, 9))
		for i := range p.Input(0) {
			p.Input(0)[i] = float32(r.NormFloat64())
		}
		p.Clock(true)
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		for _, k := range p.Timings() {
			if k.Kernel == "Concat" && k.How != "" {
				convolutions += len(strings.Split(k.How, ", "))
			}
		}
		return slices.Clone(p.Output(0).Data.([]float32)), convolutions
	}
	together, joined := run("y")
	apart, none := run("y", "r1", "r3")
	if joined != 2 || none != 0 {
		t.Errorf("%d and %d convolutions in a Concat, want 2 and none", joined, none)
	}
	if !slices.Equal(together, apart) {
		t.Error("the numbers differ")
	}
}
