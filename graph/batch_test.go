package graph_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"graft/graph"
	"graft/onnx"
)

func TestDynamicBatchOfSharedModels(t *testing.T) {
	for _, name := range []string{"mnist_cntk", "squeezenet1_1_opset7"} {
		t.Run(name, func(t *testing.T) {
			m := shared(t, name)
			before := onnx.Clone(m)
			c, err := graph.DynamicBatch(m, graph.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(m, before) {
				t.Error("DynamicBatch changed the model it was given")
			}
			in := slices.IndexFunc(c.Graph.Input, func(v *onnx.ValueInfoProto) bool { return v.GetName() == graph.InputNames(m)[0] })
			for _, v := range []*onnx.ValueInfoProto{c.Graph.Input[in], c.Graph.Output[0]} {
				if d := v.GetType().GetTensorType().GetShape().GetDim()[0]; d.GetDimParam() != "N" {
					t.Errorf("%s has first dimension %v", v.GetName(), d)
				}
			}
			y := infer(t, c, picture(t, m, 3, 1))[0]
			if one := infer(t, m, picture(t, m, 1, 1))[0]; y.Shape[0] != 3 || !slices.Equal(y.Shape[1:], one.Shape[1:]) {
				t.Errorf("output of shape %v", y.Shape)
			}
			if again, err := graph.DynamicBatch(c, graph.Options{}); err != nil || again != c {
				t.Errorf("an open model is not returned as it is: %v", err)
			}
		})
	}
}

// fixedAt1 is a model over x [1,4,2,2] with the given nodes, which end in y [1,…].
func fixedAt1(operands map[string]any, outs []any, nodes ...*onnx.NodeProto) *onnx.ModelProto {
	m := net("Reshape", "fixed", 14, operands, nodes...).model
	m.Graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, 1, 4, 2, 2)}
	m.Graph.Output = []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT, outs...)}
	return m
}

func TestDynamicBatch(t *testing.T) {
	for _, w := range []struct {
		name string
		m    *onnx.ModelProto
		err  string
	}{
		{"leading 1", fixedAt1(map[string]any{"s": ints(1, 16)}, []any{1, 16}, node("Reshape", "x s", "y")), ""},
		{"1 and the rest", fixedAt1(map[string]any{"s": ints(1, -1)}, []any{1, 16}, node("Reshape", "x s", "y")), ""},
		{"zero allowed", fixedAt1(map[string]any{"s": ints(1, 16)}, []any{1, 16}, node("Reshape", "x s", "y", "allowzero", 1)), ""},
		{"transposed", fixedAt1(map[string]any{"s": ints(1, 16)}, []any{1, 16},
			node("Transpose", "x", "t", "perm", list(1, 0, 2, 3)), node("Transpose", "t", "u", "perm", list(1, 0, 2, 3)), node("Reshape", "u s", "y")), ""},
		{"a shared shape", fixedAt1(map[string]any{"s": ints(1, 16), "w": floats{16}}, []any{1, 16},
			node("Reshape", "x s", "r"), node("Reshape", "w s", "v"), node("Add", "r v", "y")), ""},
		{"the computed shape", fixedAt1(map[string]any{"a": ints(1), "b": ints(16)}, []any{1, 16},
			node("Concat", "a b", "s", "axis", 0), node("Reshape", "x s", "y")), ""},
		{"a shape of the input's", fixedAt1(nil, []any{1, 4, 2, 2}, node("Shape", "x", "s"), node("Relu", "x", "r"), node("Reshape", "r s", "y")), ""},
		{"the mean of all", fixedAt1(nil, []any{1, 4, 2, 2}, node("ReduceMean", "x", "m", "keepdims", 1), node("Add", "x m", "y")), "node 0"},
		{"softmax over images", fixedAt1(nil, []any{1, 4, 2, 2}, node("Softmax", "x", "y", "axis", 0)), "it does not compute each image by itself"},
		{"a slice of the batch", fixedAt1(map[string]any{"a": ints(0), "b": ints(1)}, []any{1, 4, 2, 2}, node("Slice", "x a b", "y")), "it fixes the batch"},
		{"the batch merged", fixedAt1(map[string]any{"s": ints(16, 1)}, []any{16, 1}, node("Reshape", "x s", "y")), "node 0"},
	} {
		t.Run(w.name, func(t *testing.T) {
			c, err := graph.DynamicBatch(w.m, graph.Options{})
			if w.err != "" {
				var e *graph.Error
				if err == nil || !strings.Contains(err.Error(), w.err) || !errors.As(err, &e) || e.Node < 0 {
					t.Errorf("got %v, want an error that says %q of a node", err, w.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			x, _ := onnx.NewTensor(onnx.TensorProto_FLOAT, 5, 4, 2, 2)
			if y := infer(t, c, x)[0]; y.Shape[0] != 5 {
				t.Errorf("output of shape %v for 5 images", y.Shape)
			}
		})
	}
}

func TestDynamicBatchRefuses(t *testing.T) {
	for want, m := range map[string]*onnx.ModelProto{
		"made for 4 images":      body(13, 8, 4, 3),
		"has no first":           body(13, 8),
		"the model has no input": {Graph: &onnx.GraphProto{}},
	} {
		if _, err := graph.DynamicBatch(m, graph.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
