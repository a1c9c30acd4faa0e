package graph_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"graft/graph"
	"graft/onnx"
)

// Local response normalisation and its gradient are PyTorch's; testdata/lrn.py made the
// goldens.
func TestLRNEqualsTorch(t *testing.T) {
	file, err := os.ReadFile("testdata/lrn.json")
	if err != nil {
		t.Fatal(err)
	}
	var goldens []struct {
		Shape          []int
		Size           int64
		Alpha, Beta, K float32
		Y, DX          []float64
	}
	if err := json.Unmarshal(file, &goldens); err != nil {
		t.Fatal(err)
	}
	for i, g := range goldens {
		c := one("LRN", fmt.Sprint(i), 13, []*onnx.AttributeProto{onnx.IntAttr("size", g.Size), onnx.FloatAttr("alpha", g.Alpha),
			onnx.FloatAttr("beta", g.Beta), onnx.FloatAttr("bias", g.K)}, onnx.FromFloats(g.Shape, make([]float32, len(g.Y))))
		x := drawFloats(fmt.Sprintf("lrn x %d", i), len(g.Y))
		for k := range x {
			x[k] *= 3
		}
		c.model.Graph.Initializer = []*onnx.TensorProto{onnx.FromFloats(g.Shape, x).Proto("a")}
		p := stepped(t, c.model, graph.Learning{Params: []string{"a"}}, drawFloats(fmt.Sprintf("lrn dy %d", i), len(x)))
		y, _ := p.Output(0).Floats()
		if err := near(widen(y), g.Y, 1e-6); err != nil {
			t.Errorf("case %d: y: %v", i, err)
		}
		if err := near(widen(p.Params()[0].Grad()), g.DX, 2e-6); err != nil {
			t.Errorf("case %d: dx: %v", i, err)
		}
	}
}
