package finetune

import (
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"graft/onnx"
)

// dequantized is a model whose first weight is kept as 8-bit integers, as quantizers write it.
func dequantized(t *testing.T, m *onnx.ModelProto) *onnx.ModelProto {
	t.Helper()
	c := onnx.Clone(m)
	for i, p := range c.Graph.Initializer {
		v, err := onnx.TensorOf(p)
		if err != nil {
			t.Fatal(err)
		}
		x, ok := v.Data.([]float32)
		if !ok || len(v.Shape) != 4 {
			continue
		}
		whole := make([]int8, len(x))
		for j, f := range x {
			whole[j] = int8(math.Round(max(-127, min(127, float64(f)*100))))
		}
		name := p.GetName()
		c.Graph.Initializer[i] = (&onnx.Tensor{Type: onnx.TensorProto_INT8, Shape: v.Shape, Data: whole}).Proto("whole")
		c.Graph.Initializer = append(c.Graph.Initializer, (&onnx.Tensor{Type: onnx.TensorProto_FLOAT, Shape: []int{}, Data: []float32{0.01}}).Proto("scale"))
		n := &onnx.NodeProto{Name: proto.String("dequantize"), OpType: proto.String("DequantizeLinear"), Input: []string{"whole", "scale"}, Output: []string{name}}
		c.Graph.Node = append([]*onnx.NodeProto{n}, c.Graph.Node...)
		return c
	}
	t.Fatal("the model has no convolution")
	return nil
}

// TestQuantizedIsRefused: what cannot learn is told, with the node, whatever is frozen; a
// head alone must not learn in silence where all was to.
func TestQuantizedIsRefused(t *testing.T) {
	tr, _ := digits(t, 20, 20)
	m := dequantized(t, base(t))
	for _, freeze := range []string{"0", "all", "2"} {
		_, err := Graft(m, tr, Config{Freeze: freeze})
		if err == nil || !strings.Contains(err.Error(), `quantized (node "dequantize", DequantizeLinear): its weights are integers, which cannot learn`) {
			t.Errorf("freeze %s: got %v", freeze, err)
		}
	}
}
