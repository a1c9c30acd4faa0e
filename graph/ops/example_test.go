package ops_test

import (
	"fmt"

	"graft/graph/ops"
	"graft/onnx"
)

// A node is read, says what it makes of its input's shape, and computes it.
func ExampleRead() {
	f, err := ops.Read(onnx.NewNode("Relu", "act", []string{"x"}, []string{"y"}), 13)
	if err != nil {
		fmt.Println(err)
		return
	}
	x := onnx.FromFloats([]int{1, 3}, []float32{-1, 0, 2})
	out, err := f.Infer([]*ops.Value{{Name: "x", Type: onnx.TensorProto_FLOAT, Shape: []int{1, 3}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	y, err := f.Eval([]*onnx.Tensor{x})
	fmt.Println(out[0].Shape, y[0].Data, err)
	_, err = ops.Read(onnx.NewNode("Relu", "act", []string{"x"}, []string{"y"}, onnx.IntAttr("alpha", 1)), 13)
	fmt.Println(err)
	// Output:
	// [1 3] [0 0 2] <nil>
	// attribute "alpha" is not supported
}
