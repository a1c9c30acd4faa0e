package graph_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"graft/graph"
	"graft/onnx"
)

// TestFloat32 widens a model of every form in which a float type is written.
func TestFloat32(t *testing.T) {
	half := func(shape []int, v ...float32) *onnx.Tensor {
		return &onnx.Tensor{Type: onnx.TensorProto_FLOAT16, Shape: shape, Data: v}
	}
	c := net("Cast", "widened", 13, map[string]any{"w": half([]int{2, 2}, 1, 2, 3, 1./3),
		"d": &onnx.Tensor{Type: onnx.TensorProto_DOUBLE, Shape: []int{2}, Data: []float64{0.25, 8}}},
		node("Cast", "x", "h", "to", 10), onnx.NewNode("Constant", "k", nil, []string{"k"}, onnx.TensorAttr("value", half([]int{1}, 0.5))),
		node("MatMul", "h w", "m"), node("Mul", "m k", "n"), node("Cast", "n", "wide", "to", 11), node("Add", "wide d", "y"))
	c.model.Graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", 2)}
	c.model.Graph.Output = []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_DOUBLE, "N", 2)}
	before := onnx.Clone(c.model)
	m, err := graph.Float32(c.model)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(c.model, before) {
		t.Error("Float32 changed the model it was given")
	}
	if again, err := graph.Float32(m); err != nil || again != m {
		t.Errorf("a model in float32 is not returned as it is: %v", err)
	}
	y := infer(t, m, onnx.FromFloats([]int{1, 2}, []float32{1, 1}))[0]
	third, _ := onnx.TensorOf(before.Graph.Initializer[slices.IndexFunc(before.Graph.Initializer, func(p *onnx.TensorProto) bool { return p.GetName() == "w" })])
	want := []float32{2.25, (2+third.Data.([]float32)[3])/2 + 8}
	if y.Type != onnx.TensorProto_FLOAT || !slices.Equal(y.Data.([]float32), want) {
		t.Errorf("got %v %v, want %v", y.Type, y.Data, want)
	}
}
