package onnxgo_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	decoder "github.com/owulveryck/onnx-go"
	"google.golang.org/protobuf/proto"
	"gorgonia.org/tensor"

	"graft/graph/check"
	"graft/graph/onnxgo"
	"graft/onnx"
)

func Example() {
	b, err := os.ReadFile("../../models/base.onnx") // a network that tells the digits 0 to 4
	if err != nil {
		panic(err)
	}
	backend := onnxgo.New()
	model := decoder.NewModel(backend)
	if err := model.UnmarshalBinary(b); err != nil {
		panic(err)
	}
	if err := model.SetInput(0, tensor.New(tensor.WithShape(1, 1, 16, 16), tensor.Of(tensor.Float32))); err != nil {
		panic(err)
	}
	if err := backend.Run(); err != nil {
		panic(err)
	}
	out, err := model.GetOutputTensors()
	if err != nil {
		panic(err)
	}
	fmt.Println(out[0].Shape(), out[0].Dtype())
	// Output: (1, 5) float32
}

// TestEqualsGraph compares a network through onnx-go's decoder with the same file read
// by graft, at two batch sizes.
func TestEqualsGraph(t *testing.T) {
	m, err := onnx.ReadFile("../../models/base.onnx")
	if err != nil {
		t.Fatal(err)
	}
	backend, model := decoded(t, m)
	for _, batch := range []int{1, 3} {
		x := make([]float32, batch*16*16)
		for i := range x {
			x[i] = float32(i%7) - 3
		}
		got := infer(t, backend, model, tensor.New(tensor.WithShape(batch, 1, 16, 16), tensor.WithBacking(x)))
		want, err := check.Infer(m, []*onnx.Tensor{onnx.FromFloats([]int{batch, 1, 16, 16}, x)}, 0)
		if err != nil {
			t.Fatal(err)
		}
		if w, _ := want[0].Floats(); !slices.Equal(got.Data().([]float32), w) {
			t.Errorf("batch %d: got %v, want %v", batch, got, w)
		}
	}
}

// TestInputs takes tensors as Gorgonia may have them.
func TestInputs(t *testing.T) {
	backend, model := decoded(t, network("Identity", nil, onnx.TensorProto_FLOAT))
	x := tensor.New(tensor.WithShape(2, 3), tensor.WithBacking([]float32{1, 2, 3, 4, 5, 6}))
	turned := x.Clone().(*tensor.Dense)
	if err := turned.T(); err != nil {
		t.Fatal(err)
	}
	column, err := x.Slice(nil, tensor.S(1, 3))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		x    tensor.Tensor
		want []float32
	}{
		{"plain", x, []float32{1, 2, 3, 4, 5, 6}},
		{"transposed", turned, []float32{1, 4, 2, 5, 3, 6}},
		{"a slice", column, []float32{2, 3, 5, 6}},
		{"column-major", tensor.New(tensor.WithShape(2, 3), tensor.AsFortran([]float32{1, 2, 3, 4, 5, 6})), []float32{1, 2, 3, 4, 5, 6}},
		{"whole numbers", tensor.New(tensor.WithShape(2), tensor.WithBacking([]int32{7, 8})), []float32{7, 8}},
	} {
		got := infer(t, backend, model, c.x)
		if !slices.Equal(got.Data().([]float32), c.want) || !slices.Equal(got.Shape(), c.x.Shape()) {
			t.Errorf("%s: got %v of shape %v, want %v", c.name, got.Data(), got.Shape(), c.want)
		}
	}
}

// TestRefuses names what is wrong, in one line.
func TestRefuses(t *testing.T) {
	x := tensor.New(tensor.WithShape(1), tensor.WithBacking([]float32{0.5}))
	for _, c := range []struct {
		name  string
		m     *onnx.ModelProto
		opset int
		want  string
	}{
		{"an operator that is missing", network("Frobnicate", nil, onnx.TensorProto_FLOAT), 0, "operator \"Frobnicate\" is not supported"},
		{"a fraction for an integer", network("Identity", nil, onnx.TensorProto_INT64), 0, "the model declares INT64, which does not hold 0.5"},
		{"an attribute of an older opset", network("Squeeze", []*onnx.AttributeProto{onnx.IntsAttr("axes", 0)}, onnx.TensorProto_FLOAT), 13, "axes"},
		{"an attribute of a kind that is not handed over", network("Identity", []*onnx.AttributeProto{{Name: proto.String("g"), Type: onnx.AttributeProto_GRAPH.Enum(), G: &onnx.GraphProto{}}}, onnx.TensorProto_FLOAT), 0, "GRAPH"},
	} {
		backend := onnxgo.New()
		backend.Opset = c.opset
		err := load(backend, c.m, x)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// TestOpset finds the oldest version that knows all, unless it is told.
func TestOpset(t *testing.T) {
	m := network("Softmax", nil, onnx.TensorProto_FLOAT) // over all axes from 1 on before opset 13, over the last one since
	x := tensor.New(tensor.WithShape(1, 2, 2), tensor.WithBacking([]float32{0, 0, 0, 0}))
	for opset, want := range map[int]float32{0: 0.25, 12: 0.25, 13: 0.5} {
		backend, model := decoded(t, m)
		backend.Opset = opset
		if got := infer(t, backend, model, x).Data().([]float32)[0]; got != want {
			t.Errorf("opset %d: got %v, want %v", opset, got, want)
		}
	}
}

// network is a model of one node from x to y.
func network(op string, attrs []*onnx.AttributeProto, kind onnx.TensorProto_DataType) *onnx.ModelProto {
	return &onnx.ModelProto{IrVersion: proto.Int64(4), OpsetImport: []*onnx.OperatorSetIdProto{{Version: proto.Int64(9)}}, Graph: &onnx.GraphProto{
		Node:   []*onnx.NodeProto{onnx.NewNode(op, "", []string{"x"}, []string{"y"}, attrs...)},
		Input:  []*onnx.ValueInfoProto{onnx.TensorInfo("x", kind, "N")},
		Output: []*onnx.ValueInfoProto{onnx.TensorInfo("y", kind, "N")},
	}}
}

func decoded(t *testing.T, m *onnx.ModelProto) (*onnxgo.Backend, *decoder.Model) {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	backend := onnxgo.New()
	model := decoder.NewModel(backend)
	if err := model.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	return backend, model
}

func infer(t *testing.T, backend *onnxgo.Backend, model *decoder.Model, x tensor.Tensor) tensor.Tensor {
	t.Helper()
	if err := model.SetInput(0, x); err != nil {
		t.Fatal(err)
	}
	if err := backend.Run(); err != nil {
		t.Fatal(err)
	}
	out, err := model.GetOutputTensors()
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

func load(backend *onnxgo.Backend, m *onnx.ModelProto, x tensor.Tensor) error {
	b, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	model := decoder.NewModel(backend)
	if err := model.UnmarshalBinary(b); err != nil {
		return err
	}
	if err := model.SetInput(0, x); err != nil {
		return err
	}
	return backend.Run()
}
