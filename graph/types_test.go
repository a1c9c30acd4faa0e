package graph_test

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"graft/graph/check"
	"graft/onnx"
)

func of(t onnx.TensorProto_DataType, data any, shape ...int) *onnx.Tensor {
	return &onnx.Tensor{Type: t, Shape: shape, Data: data}
}

// Every type goes through the reference evaluation, by the standard's rules.
func TestTypesThroughReference(t *testing.T) {
	const (
		f64, i8, i32, i64 = onnx.TensorProto_DOUBLE, onnx.TensorProto_INT8, onnx.TensorProto_INT32, onnx.TensorProto_INT64
		u8, u16, u64      = onnx.TensorProto_UINT8, onnx.TensorProto_UINT16, onnx.TensorProto_UINT64
		boolean, text     = onnx.TensorProto_BOOL, onnx.TensorProto_STRING
		f32, f16          = onnx.TensorProto_FLOAT, onnx.TensorProto_FLOAT16
	)
	for _, w := range []struct {
		name string
		node *onnx.NodeProto
		want *onnx.Tensor
		in   []*onnx.Tensor // a, b, c
	}{
		{"sum", node("Add", "a b", "y"), of(i32, []int32{4, 5}, 1, 2), []*onnx.Tensor{of(i32, []int32{1, 2}, 1, 2), of(i32, []int32{3}, 1)}},
		{"wraps around", node("Add", "a b", "y"), of(u8, []uint8{4, 255}, 1, 2), []*onnx.Tensor{of(u8, []uint8{250, 0}, 1, 2), of(u8, []uint8{10, 255}, 2)}},
		{"divides towards zero", node("Div", "a b", "y"), of(i64, []int64{-3, 3}, 1, 2), []*onnx.Tensor{of(i64, []int64{-7, 7}, 1, 2), of(i64, []int64{2}, 1, 1)}},
		{"lowest by -1", node("Div", "a b", "y"), of(i8, []int8{-128}, 1, 1), []*onnx.Tensor{of(i8, []int8{-128}, 1, 1), of(i8, []int8{-1}, 1, 1)}},
		{"doubles", node("Mul", "a b", "y"), of(f64, []float64{1e300, 3e-300}, 1, 2), []*onnx.Tensor{of(f64, []float64{1e200, 1e-200}, 1, 2), of(f64, []float64{1e100, 3e-100}, 2)}},
		{"truths", node("Concat", "a a", "y", "axis", 1), of(boolean, []bool{true, false, true, false}, 1, 4), []*onnx.Tensor{of(boolean, []bool{true, false}, 1, 2)}},
		{"strings", node("Transpose", "a", "y"), of(text, []string{"a", "c", "b", "d"}, 2, 2), []*onnx.Tensor{of(text, []string{"a", "b", "c", "d"}, 2, 2)}},
		{"gathered strings", node("Gather", "a b", "y", "axis", 1), of(text, []string{"b", "b"}, 1, 2), []*onnx.Tensor{of(text, []string{"a", "b"}, 1, 2), of(i64, []int64{-1, 1}, 2)}},
		{"16 bits", node("Squeeze", "a", "y"), of(u16, []uint16{1, 65535}, 2), []*onnx.Tensor{of(u16, []uint16{1, 65535}, 1, 2)}},
		{"pads", node("Pad", "a b c", "y"), of(i64, []int64{9, 1 << 60, 9}, 1, 3), []*onnx.Tensor{of(i64, []int64{1 << 60}, 1, 1), of(i64, []int64{0, 1, 0, 1}, 4), of(i64, []int64{9}, 1)}},
		{"limits", node("Clip", "a b c", "y"), of(u64, []uint64{5, math.MaxUint64 - 1}, 1, 2), []*onnx.Tensor{of(u64, []uint64{1, math.MaxUint64}, 1, 2), of(u64, []uint64{5}, 1), of(u64, []uint64{math.MaxUint64 - 1}, 1)}},
		{"to truths", node("Cast", "a", "y", "to", int(boolean)), of(boolean, []bool{false, true, true}, 1, 3), []*onnx.Tensor{of(f32, []float32{0, -2, float32(math.NaN())}, 1, 3)}},
		{"to integers", node("Cast", "a", "y", "to", int(i32)), of(i32, []int32{-1, 2}, 1, 2), []*onnx.Tensor{of(f64, []float64{-1.9, 2.9}, 1, 2)}},
		{"to half", node("Cast", "a", "y", "to", int(f16)), of(f16, []float32{0.0999755859375, 65504}, 1, 2), []*onnx.Tensor{of(f32, []float32{0.1, 65504}, 1, 2)}},
		{"shape", node("Shape", "a", "y"), of(i64, []int64{1, 2}, 2), []*onnx.Tensor{of(boolean, []bool{true, false}, 1, 2)}},
		{"shape's part", node("Shape", "a", "y", "start", -1), of(i64, []int64{2}, 1), []*onnx.Tensor{of(boolean, []bool{true, false}, 1, 2)}},
		{"relu of doubles", node("Relu", "a", "y"), of(f64, []float64{0, 1e-310}, 1, 2), []*onnx.Tensor{of(f64, []float64{-1, 1e-310}, 1, 2)}},
		{"nine dimensions", node("Transpose", "a", "y"), of(f32, []float32{1, 3, 2, 4}, 2, 1, 1, 1, 1, 1, 1, 1, 2), []*onnx.Tensor{of(f32, []float32{1, 2, 3, 4}, 2, 1, 1, 1, 1, 1, 1, 1, 2)}},
		{"nothing at all", node("Add", "a b", "y"), of(f32, []float32{}, 0, 3), []*onnx.Tensor{of(f32, []float32{}, 0, 3), of(f32, []float32{1, 2, 3}, 3)}},
		{"nothing and something", node("Concat", "a b", "y", "axis", 0), of(f32, []float32{1, 2, 3}, 1, 3), []*onnx.Tensor{of(f32, []float32{}, 0, 3), of(f32, []float32{1, 2, 3}, 1, 3)}},
		{"product over nothing", node("MatMul", "a b", "y"), of(f32, []float32{0, 0, 0, 0}, 2, 2), []*onnx.Tensor{of(f32, []float32{}, 2, 0), of(f32, []float32{}, 0, 2)}},
		{"gemm over nothing", node("Gemm", "a b c", "y"), of(f32, []float32{1, 2, 1, 2}, 2, 2), []*onnx.Tensor{of(f32, []float32{}, 2, 0), of(f32, []float32{}, 0, 2), of(f32, []float32{1, 2}, 2)}},
	} {
		t.Run(w.name, func(t *testing.T) {
			y, err := check.Infer(typedModel(w.node, w.in), w.in, 1)
			if err != nil {
				t.Fatal(err)
			}
			if got := y[0]; got.Type != w.want.Type || !reflect.DeepEqual(got.Shape, w.want.Shape) || !reflect.DeepEqual(got.Data, w.want.Data) {
				t.Errorf("got %v %v %v, want %v %v %v", got.Type, got.Shape, got.Data, w.want.Type, w.want.Shape, w.want.Data)
			}
		})
	}
}

// typedModel is one node over inputs a, b, c of the given types and shapes.
func typedModel(n *onnx.NodeProto, in []*onnx.Tensor) *onnx.ModelProto {
	opset, ir := int64(15), int64(8)
	g := &onnx.GraphProto{Name: new("typed"), Node: []*onnx.NodeProto{n}, Output: []*onnx.ValueInfoProto{{Name: new("y")}}}
	for i, x := range in {
		dims := make([]any, len(x.Shape))
		for k, d := range x.Shape {
			dims[k] = d
		}
		g.Input = append(g.Input, onnx.TensorInfo(string(rune('a'+i)), x.Type, dims...))
	}
	return &onnx.ModelProto{IrVersion: &ir, OpsetImport: []*onnx.OperatorSetIdProto{{Domain: new(""), Version: &opset}}, Graph: g}
}

// What only the data shows to be wrong is an error of the run.
func TestRunErrors(t *testing.T) {
	i64 := onnx.TensorProto_INT64
	for _, w := range []struct {
		node *onnx.NodeProto
		in   []*onnx.Tensor
		want string
	}{
		{node("Div", "a b", "y"), []*onnx.Tensor{of(i64, []int64{1}, 1, 1), of(i64, []int64{0}, 1, 1)}, "division by zero"},
		{node("Gather", "a b", "y"), []*onnx.Tensor{of(i64, []int64{1}, 1, 1), of(i64, []int64{1}, 1, 1)}, "index 1 of axis 0"},
		{node("Gather", "a b", "y"), []*onnx.Tensor{of(i64, []int64{1}, 1, 1), of(i64, []int64{-2}, 1)}, "index -2 of axis 0"},
	} {
		_, err := check.Infer(typedModel(w.node, w.in), w.in, 1)
		if err == nil || !strings.Contains(err.Error(), w.want) || strings.Contains(err.Error(), "CPU") {
			t.Errorf("%s: %v, want one line with %s", w.node.GetOpType(), err, w.want)
		}
	}
}
