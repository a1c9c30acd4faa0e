package graph_test

import (
	"testing"

	"graft/graph"
	"graft/models"
	"graft/onnx"
)

// Redraw follows the metadata graft.init, also where it resizes the last layer.
func TestRedrawFollowsMetadata(t *testing.T) {
	m, err := models.New("convnet6", 4, 8)
	if err != nil {
		t.Fatal(err)
	}
	onnx.SetMetadata(m, graph.InitKey, `{"conv1.weight":{"deviation":1e-9},"conv2.weight":{"value":0.25},"logits.weight":{"deviation":1e-9},"logits.bias":{"value":3}}`)
	r, err := graph.Redraw(m, "", 7, 1, graph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, within := range map[string][2]float32{"conv1.weight": {-1e-8, 1e-8}, "conv2.weight": {0.25, 0.25}, "logits.weight": {-1e-8, 1e-8}, "logits.bias": {3, 3}} {
		v, err := graph.Constant(r, name)
		if err != nil {
			t.Fatal(err)
		}
		if name == "logits.bias" && len(v) != 7 {
			t.Errorf("%d biases, want 7", len(v))
		}
		for _, x := range v {
			if x < within[0] || x > within[1] {
				t.Fatalf("%s: %g, want %g to %g", name, x, within[0], within[1])
			}
		}
	}
	for text, want := range map[string]string{
		`{"a":`:                             "graph: metadata graft.init: unexpected end of JSON input",
		`{"a":{"deviation":-1}}`:            `graph: metadata graft.init: tensor "a": a deviation of -1 and a value of 0, want one of them`,
		`{"a":{"deviation":1,"value":0.5}}`: `graph: metadata graft.init: tensor "a": a deviation of 1 and a value of 0.5, want one of them`,
	} {
		onnx.SetMetadata(m, graph.InitKey, text)
		if _, err := graph.Redraw(m, "", 7, 1, graph.Options{}); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
