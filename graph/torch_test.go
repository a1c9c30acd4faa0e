package graph_test

import (
	"encoding/json"
	"os"
	"testing"

	"graft/graph"
	"graft/onnx"
)

// torchCase is an operator with what PyTorch computes for it; testdata/gradients.py made them.
type torchCase struct {
	Op, Name   string
	Opset      int64
	Attributes map[string]any
	Operands   []*struct {
		Shape []int
		Data  []float32
		Ints  []int64
		Grad  []float64 // of operands that learn
	}
	Batch bool // BatchNormalization on batch statistics
	Y     struct {
		Shape []int
		Data  []float64
	}
	Dy []float32
}

// attributes are the values of a JSON file as ONNX has them: whole numbers are ints.
func (c torchCase) attributes() []*onnx.AttributeProto {
	var list []any
	for name, v := range c.Attributes {
		switch v := v.(type) {
		case float64:
			if list = append(list, name, v); v == float64(int(v)) {
				list[len(list)-1] = int(v)
			}
		case []any:
			var ints []int64
			for _, x := range v {
				ints = append(ints, int64(x.(float64)))
			}
			list = append(list, name, ints)
		default:
			list = append(list, name, v)
		}
	}
	return attrs(list...)
}

// TestGradientsEqualTorch compares outputs and gradients with PyTorch's, to 1e-4 of the
// largest value.
func TestGradientsEqualTorch(t *testing.T) {
	file, err := os.ReadFile("testdata/gradients.json")
	if err != nil {
		t.Fatal(err)
	}
	var goldens []torchCase
	if err := json.Unmarshal(file, &goldens); err != nil {
		t.Fatal(err)
	}
	for _, g := range goldens {
		t.Run(g.Op+"/"+g.Name, func(t *testing.T) {
			var in []any
			want := map[string][]float64{}
			var learn []string
			for i, o := range g.Operands {
				switch {
				case o == nil:
					in = append(in, nil)
				case o.Ints != nil:
					in = append(in, onnx.FromInts(o.Shape, o.Ints))
				default:
					in = append(in, onnx.FromFloats(o.Shape, o.Data))
				}
				if name := string(rune('a' + i)); o != nil && o.Grad != nil {
					learn, want[name] = append(learn, name), o.Grad
				}
			}
			c := one(g.Op, g.Name, g.Opset, g.attributes(), in...)
			l := graph.Learning{Params: learn}
			if g.Batch {
				l.BatchStatistics = []string{"y"}
			}
			p := stepped(t, c.model, l, g.Dy)
			y, _ := p.Output(0).Floats()
			if err := near(widen(y), g.Y.Data, 1e-4); err != nil {
				t.Errorf("y: %v", err)
			}
			if len(p.Params()) != len(want) {
				t.Fatalf("%d operands learn, want %d", len(p.Params()), len(want))
			}
			for _, q := range p.Params() {
				if err := near(widen(q.Grad()), want[q.Name], 1e-4); err != nil {
					t.Errorf("gradient by %s: %v", q.Name, err)
				}
			}
		})
	}
}

// stepped is m after one training step towards the sum of its output times dy.
func stepped(t *testing.T, m *onnx.ModelProto, l graph.Learning, dy []float32) *graph.Program {
	t.Helper()
	p, err := graph.Compile(flattened(m), graph.Config{Threads: 1, Training: &graph.Training{Learning: l, Loss: weighted(dy)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	if err := p.Step(0); err != nil {
		t.Fatal(err)
	}
	return p
}
