package onnx_test

import (
	"fmt"
	"os"
	"path/filepath"

	"graft/onnx"

	"google.golang.org/protobuf/proto"
)

// shift is a model y = x + w with a learnable w of three values.
func shift() *onnx.ModelProto {
	w := onnx.FromFloats([]int{3}, []float32{1, 2, 3})
	return &onnx.ModelProto{
		IrVersion:   proto.Int64(8),
		OpsetImport: []*onnx.OperatorSetIdProto{{Version: proto.Int64(13)}},
		Graph: &onnx.GraphProto{
			Name:        proto.String("shift"),
			Input:       []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", 3)},
			Output:      []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT, "N", 3)},
			Initializer: []*onnx.TensorProto{w.Proto("w")},
			Node:        []*onnx.NodeProto{onnx.NewNode("Add", "add", []string{"x", "w"}, []string{"y"})},
		},
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "onnx")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "shift.onnx")

	// Tensors of 12 bytes and more go to a file of their own.
	if err := onnx.WriteFile(path, shift(), onnx.WriteOptions{ExternalAbove: 12}); err != nil {
		panic(err)
	}
	m, err := onnx.ReadFile(path)
	if err != nil {
		panic(err)
	}
	w, err := onnx.TensorOf(m.Graph.Initializer[0])
	if err != nil {
		panic(err)
	}
	fmt.Println(m.Graph.GetName(), "opset", onnx.Opset(m, ""))
	fmt.Println(w.Type, w.Shape, w.Data)
	// Output:
	// shift opset 13
	// FLOAT [3] [1 2 3]
}

func ExampleCheck() {
	m := shift()
	fmt.Println(onnx.Check(m))
	m.Graph.Node[0].Input[1] = "v"
	fmt.Println(onnx.Check(m))
	// Output:
	// <nil>
	// onnx: node 0 "add" (Add): input "v": not defined before use
}

func ExampleSetData() {
	p := (&onnx.Tensor{Type: onnx.TensorProto_FLOAT16, Shape: []int{2}, Data: []float32{0, 0}}).Proto("scale")
	if err := onnx.SetData(p, onnx.FromFloats([]int{2}, []float32{0.5, 1.0 / 3})); err != nil {
		panic(err)
	}
	fmt.Printf("%s % x\n", p.GetName(), p.RawData)
	// Output:
	// scale 00 38 55 35
}

func ExampleSetMetadata() {
	m := shift()
	onnx.SetMetadata(m, "graft.labels", "ant\nbee")
	onnx.SetMetadata(m, "graft.labels", "ants\nbees")
	labels, ok := onnx.Metadata(m, "graft.labels")
	fmt.Printf("%q %v, %d entry\n", labels, ok, len(m.MetadataProps))
	// Output:
	// "ants\nbees" true, 1 entry
}
