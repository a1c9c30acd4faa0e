package finetune

import (
	"context"
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	"graft/onnx"
)

// halved is a model with its tensors, inputs and outputs in a 16-bit float type.
func halved(t *testing.T, m *onnx.ModelProto, kind onnx.TensorProto_DataType) *onnx.ModelProto {
	t.Helper()
	c := onnx.Clone(m)
	for i, p := range c.Graph.Initializer {
		v, err := onnx.TensorOf(p)
		if err != nil {
			t.Fatal(err)
		}
		if v.Type == onnx.TensorProto_FLOAT {
			v.Type = kind
			v.Round()
			c.Graph.Initializer[i] = v.Proto(p.GetName())
		}
	}
	for _, list := range [][]*onnx.ValueInfoProto{c.Graph.Input, c.Graph.Output, c.Graph.ValueInfo} {
		for _, v := range list {
			v.GetType().GetTensorType().ElemType = proto.Int32(int32(kind))
		}
	}
	return c
}

// TestHalf trains models of 16-bit floats: what is written is of their type, or float32
// where that is asked for, and computes what the training did; frozen tensors keep their
// values.
func TestHalf(t *testing.T) {
	tr, va := digits(t, 60, 100)
	single := mustTrain(t, Config{Epochs: 3, Batch: 16, Freeze: "2", Seed: 2})
	for _, kind := range []onnx.TensorProto_DataType{onnx.TensorProto_FLOAT16, onnx.TensorProto_BFLOAT16} {
		for _, wide := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, widened %v", kind, wide), func(t *testing.T) {
				m := halved(t, base(t), kind)
				r, err := Train(context.Background(), m, tr, va, Config{Epochs: 3, Batch: 16, Freeze: "2", Seed: 2, Float32: wide})
				if err != nil {
					t.Fatal(err)
				}
				want := kind
				if wide {
					want = onnx.TensorProto_FLOAT
				}
				for _, p := range r.Best.Graph.Initializer {
					if k := onnx.TensorProto_DataType(p.GetDataType()); k != want && k != onnx.TensorProto_INT64 {
						t.Errorf("%s is %v, want %v", p.GetName(), k, want)
					}
				}
				if k := r.Best.Graph.Output[0].GetType().GetTensorType().GetElemType(); onnx.TensorProto_DataType(k) != want {
					t.Errorf("the output is %v, want %v", onnx.TensorProto_DataType(k), want)
				}
				proof, err := Prove(context.Background(), r.Best, m, r, va, nil)
				if err != nil {
					t.Fatal(err)
				}
				if wide && proof.Difference > MaxDifference {
					t.Errorf("widened, the written model's outputs are %g away", proof.Difference)
				}
				if a, b := proof.Top1, single.BestEpoch().ValScore; a < b-0.1 {
					t.Errorf("top-1 is %g, in float32 %g", a, b)
				}
			})
		}
	}
}
