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
		{"an axis split after the batch", fixedAt1(map[string]any{"a": ints(4, 2, 2), "s": ints(1, 4, 4)}, []any{1, 4, 4},
			node("Transpose", "x", "t", "perm", list(1, 0, 2, 3)), node("Reshape", "t a", "u"), node("Transpose", "u", "v", "perm", list(1, 0, 2)),
			node("Reshape", "v s", "w"), node("Relu", "w", "y")), ""},
		{"rows of tokens and images", fixedAt1(map[string]any{"rows": ints(4, 4), "apart": ints(4, 1, 3), "w": floats{4, 3}}, []any{1, 4, 3},
			node("Transpose", "x", "t", "perm", list(1, 0, 2, 3)), node("Reshape", "t rows", "r"), node("MatMul", "r w", "m"), node("Relu", "m", "n"),
			node("Reshape", "n apart", "u"), node("Transpose", "u", "y", "perm", list(1, 0, 2))), ""},
		{"heads beside the batch", fixedAt1(map[string]any{"tokens": ints(4, 1, 4), "heads": ints(4, 2, 2), "back": ints(4, 1, 4)}, []any{1, 4, 4},
			node("Transpose", "x", "t", "perm", list(1, 0, 2, 3)), node("Reshape", "t tokens", "u"), node("Reshape", "u heads", "v"),
			node("Softmax", "v", "p", "axis", 2), node("Reshape", "p back", "w"), node("Transpose", "w", "y", "perm", list(1, 0, 2))), ""},
		{"a class token", fixedAt1(map[string]any{"c": floats{1, 1, 4}, "s": ints(1, 4, 4)}, []any{1, 5, 4},
			node("Reshape", "x s", "t"), node("Concat", "c t", "y", "axis", 1)), ""},
		{"an expanded class token", fixedAt1(map[string]any{"c": floats{1, 1, 4}, "one": ints(1, -1, -1), "e": ints(1, 1, 4), "s": ints(1, 4, 4)}, []any{1, 5, 4},
			node("Reshape", "x s", "t"), node("Expand", "c e", "d"), node("Concat", "d t", "y", "axis", 1)), ""},
		{"an expansion of the images", fixedAt1(map[string]any{"s": ints(1, 4, 1, 1), "e": ints(1, 4, 2, 3)}, []any{1, 4, 2, 3},
			node("ReduceMean", "x", "m", "axes", list(2, 3)), node("Expand", "m e", "y")), ""},
		{"a view by strides", fixedAt1(map[string]any{"flat": ints(-1), "i": onnx.FromInts([]int{1, 2, 2}, []int64{3, 1, 2, 15})}, []any{1, 2, 2},
			node("Reshape", "x flat", "f"), node("Gather", "f i", "y", "axis", 0)), ""},
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

// A model that an exporter has made for two images is opened as well.
func TestDynamicBatchOfTwo(t *testing.T) {
	two := func(operands map[string]any, nodes ...*onnx.NodeProto) *onnx.ModelProto {
		m := fixedAt1(operands, []any{2, 4, 2, 2}, nodes...)
		m.Graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, 2, 4, 2, 2)}
		return m
	}
	shuffle := two(map[string]any{"apart": ints(2, 2, 2, 2, 2), "together": ints(2, 4, 2, 2)}, node("Reshape", "x apart", "a"),
		node("Transpose", "a", "b", "perm", list(0, 2, 1, 3, 4)), node("Reshape", "b together", "y"))
	c, err := graph.DynamicBatch(shuffle, graph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	x := onnx.FromFloats([]int{3, 4, 2, 2}, drawFloats("shuffled", 48))
	y := infer(t, c, x)[0].Data.([]float32)
	for i := range y {
		image, channel, pixel := i/16, i/4%4, i%4
		if want := x.Data.([]float32)[image*16+(channel%2*2+channel/2)*4+pixel]; y[i] != want {
			t.Fatalf("element %d is %v, want %v", i, y[i], want)
		}
	}
	mixed := two(nil, node("ReduceMean", "x", "m", "axes", list(0), "keepdims", 1), node("Sub", "x m", "y"))
	mixed.OpsetImport[0].Version = new(int64(13))
	if _, err := graph.DynamicBatch(mixed, graph.Options{}); err == nil || !strings.Contains(err.Error(), "each image by itself") {
		t.Errorf("a mean over the batch: %v", err)
	}
}

// What an exporter has repeated for each of two images is repeated for any number; what
// differs from image to image is refused.
func TestDynamicBatchOfTwoTokens(t *testing.T) {
	with := func(token []float32) *onnx.ModelProto {
		m := fixedAt1(map[string]any{"s": ints(2, 4, 4)}, []any{2, 5, 4}, node("Reshape", "x s", "t"), node("Concat", "c t", "y", "axis", 1))
		m.Graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, 2, 4, 2, 2)}
		m.Graph.Initializer = append(m.Graph.Initializer, onnx.FromFloats([]int{2, 1, 4}, token).Proto("c"))
		return m
	}
	c, err := graph.DynamicBatch(with([]float32{1, 2, 3, 4, 1, 2, 3, 4}), graph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	x, _ := onnx.NewTensor(onnx.TensorProto_FLOAT, 3, 4, 2, 2)
	y := infer(t, c, x)[0]
	if want := []float32{1, 2, 3, 4}; !slices.Equal(y.Shape, []int{3, 5, 4}) || !slices.Equal(y.Data.([]float32)[40:44], want) {
		t.Errorf("the third image's token is %v, want %v; shape %v", y.Data.([]float32)[40:44], want, y.Shape)
	}
	if _, err := graph.DynamicBatch(with([]float32{1, 2, 3, 4, 5, 6, 7, 8}), graph.Options{}); err == nil || !strings.Contains(err.Error(), "other values for each image") {
		t.Errorf("tokens that differ: %v", err)
	}
}

func TestDynamicBatchRefuses(t *testing.T) {
	for want, m := range map[string]*onnx.ModelProto{
		"made for 65 images":     body(13, 8, 65, 4, 3),
		"has no first":           body(13, 8),
		"the model has no input": {Graph: &onnx.GraphProto{}},
	} {
		if _, err := graph.DynamicBatch(m, graph.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
