package graph_test

import (
	"maps"
	"slices"
	"testing"

	"graft/graph"
	"graft/graph/ops"
	"graft/graph/optim"
	"graft/onnx"
)

func TestUntrainable(t *testing.T) {
	const statistics, single, below = "running statistics, which follow the batches with --bn batch", "a single number, unless --train names it", "below the first layer, unless --train names it"
	got := map[string]string{}
	for _, u := range analyse(t, freezable()).Untrainable() {
		got[u.Name] = u.Reason
	}
	want := map[string]string{"m1": statistics, "v1": statistics, "m2": statistics, "v2": statistics, "scaling": below, "sixth": single}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestConstantsAreListedOnce holds that every float initializer of a network is said to
// learn, or not to and why, and none both.
func TestConstantsAreListedOnce(t *testing.T) {
	for _, name := range []string{"efficientnet_b0", "efficientnet_b0.dynamo", "densenet121", "shufflenet_v2_x1_0.eval"} {
		m := packed(t, name)
		s := analyse(t, m)
		listed := map[string]int{}
		for _, p := range s.Trainable() {
			listed[p.Name]++
		}
		for _, p := range s.Untrainable() {
			listed[p.Name]++
		}
		for _, p := range m.GetGraph().GetInitializer() {
			if ops.IsFloat(onnx.TensorProto_DataType(p.GetDataType())) && listed[p.GetName()] != 1 {
				t.Errorf("%s: %s is listed %d times", name, p.GetName(), listed[p.GetName()])
			}
		}
	}
}

func TestObstacles(t *testing.T) {
	c := net("Hardmax", "obstacle", 13, map[string]any{"w": floats{3, 4}, "w2": floats{3, 3}, "w3": floats{3, 2}},
		node("MatMul", "x w2", "a"), node("Hardmax", "a", "b"), node("MatMul", "b w", "c"), node("Relu", "c", "y"))
	c.model.Graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", 3)}
	c.model.Graph.Output = []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT, "N", 4)}
	s := analyse(t, c.model)
	if got, want := s.Obstacles(), []graph.Obstacle{{Node: "b", Op: "Hardmax", N: 1}}; !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	// what Obstacles says is what Compile does
	for freeze, ok := range map[string]bool{"": false, s.CutPoints[0].Tensor: true} {
		l, err := s.Learning(graph.Freezing{Below: freeze})
		if err != nil {
			t.Fatal(err)
		}
		p, err := compileFor(c.model, l)
		if err == nil {
			p.Close()
		}
		if (err == nil) != ok {
			t.Errorf("frozen up to %q: %v", freeze, err)
		}
	}
	if o := analyse(t, freezable()).Obstacles(); len(o) > 0 {
		t.Errorf("%+v where there is none", o)
	}
}

func TestQuantized(t *testing.T) {
	if _, op := analyse(t, freezable()).Quantized(); op != "" {
		t.Errorf("a float model is quantized: %s", op)
	}
	if _, ok := ops.Table["DequantizeLinear"]; !ok {
		t.Skip("DequantizeLinear has no row")
	}
	weight := &onnx.Tensor{Type: onnx.TensorProto_INT8, Shape: []int{3, 4}, Data: make([]int8, 12)}
	c := net("DequantizeLinear", "quantized", 13, map[string]any{"w": weight, "scale": scalar(0.1)},
		node("DequantizeLinear", "w scale", "d"), node("MatMul", "x d", "y"))
	c.model.Graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", 3)}
	c.model.Graph.Output = []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT, "N", 4)}
	if node, op := analyse(t, c.model).Quantized(); node != "d" || op != "DequantizeLinear" {
		t.Errorf("got node %q (%s)", node, op)
	}
}

func TestBatchNorms(t *testing.T) {
	for _, w := range []struct {
		model  string
		kept   int
		folded bool
	}{
		{"mobilenet_v2", 13, false}, {"mobilenet_v2.eval", 0, true}, {"mobilenet_v2.dynamo", 0, true},
		{"mobilenet_v3_small.eval", 0, true}, {"mobilenet_v3_small.dynamo", 0, true}, {"shufflenet_v2_x1_0.dynamo", 0, true},
	} {
		if kept, folded := analyse(t, packed(t, w.model)).BatchNorms(); kept != w.kept || (folded > 0) != w.folded {
			t.Errorf("%s: %d kept, %d folded, want %d and %v", w.model, kept, folded, w.kept, w.folded)
		}
	}
	if kept, folded := analyse(t, shared(t, "squeezenet1_1")).BatchNorms(); kept != 0 || folded != 0 {
		t.Errorf("squeezenet: %d kept, %d folded", kept, folded)
	}
}

func compileFor(m *onnx.ModelProto, l graph.Learning) (*graph.Program, error) {
	return graph.Compile(m, graph.Config{Options: graph.Options{Batch: 2}, Threads: 1, Training: &graph.Training{Learning: l, Loss: optim.CrossEntropy}})
}
