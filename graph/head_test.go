package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"graft/graph"
	"graft/onnx"
)

// body is a model of one Relu over x, in a given opset and IR version.
func body(opset, ir int64, dims ...any) *onnx.ModelProto {
	return &onnx.ModelProto{IrVersion: &ir, OpsetImport: []*onnx.OperatorSetIdProto{{Domain: new(""), Version: &opset}},
		Graph: &onnx.GraphProto{Name: new("body"), Node: []*onnx.NodeProto{node("Relu", "x", "y")},
			Input:  []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, dims...)},
			Output: []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT, dims...)}}}
}

func TestAddHeadInEveryOpset(t *testing.T) {
	for _, opset := range []int64{6, 7, 9, 11, 13, 18, 20} {
		for _, ir := range []int64{3, 8} {
			for _, dims := range [][]any{{"N", 5, 4, 3}, {"N", 6, 5}, {"N", 5}} {
				t.Run(fmt.Sprintf("opset %d, IR %d, %v", opset, ir, dims), func(t *testing.T) {
					m := body(opset, ir, dims...)
					for _, h := range []graph.Head{{Classes: 3}, {Classes: 2, Hidden: []int{7, 4}, Dropout: 0.5}} {
						c, err := graph.AddHead(m, h, graph.Options{})
						if err != nil {
							t.Fatal(err)
						}
						if c.GetIrVersion() != ir || onnx.Opset(c, "") != opset {
							t.Error("opset or IR version changed")
						}
						shape := []int{2}
						for _, d := range dims[1:] {
							shape = append(shape, d.(int))
						}
						x, _ := onnx.NewTensor(onnx.TensorProto_FLOAT, shape...)
						if y := infer(t, c, x)[0]; !slices.Equal(y.Shape, []int{2, h.Classes}) {
							t.Errorf("logits of shape %v", y.Shape)
						}
					}
				})
			}
		}
	}
}

// Several heads read the same features; joined, their outputs stand side by side.
func TestAddHeads(t *testing.T) {
	m, err := graph.AddHeads(body(13, 8, "N", 5, 4, 3), []graph.Head{{Name: "kind", Classes: 3}, {Name: "age", Classes: 1, Hidden: []int{4}}}, graph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, n := range m.GetGraph().GetNode() {
		names = append(names, n.GetName())
	}
	if got := strings.Join(names[1:], " "); got != "head.pool head.features kind.logits age.hidden1 age.relu1 age.logits" {
		t.Errorf("nodes %s", got)
	}
	x := onnx.FromFloats([]int{2, 5, 4, 3}, make([]float32, 120))
	for i := range 120 {
		x.Data.([]float32)[i] = float32(i%7) - 3
	}
	apart := infer(t, m, x)
	j, err := graph.Join(m)
	if err != nil {
		t.Fatal(err)
	}
	both := infer(t, j, x)[0]
	kind, age, got := apart[0].Data.([]float32), apart[1].Data.([]float32), both.Data.([]float32)
	want := slices.Concat(kind[:3], age[:1], kind[3:], age[1:])
	if !slices.Equal(both.Shape, []int{2, 4}) || !slices.Equal(got, want) {
		t.Errorf("joined %v %v, want %v", both.Shape, got, want)
	}
}

// A second head meets no name of the first, and the first keeps its bytes.
func TestAddHeadTwice(t *testing.T) {
	m := body(13, 3, "N", 5, 4, 3)
	one, err := graph.AddHead(m, graph.Head{Classes: 6, Seed: 1}, graph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	two, err := graph.AddHead(one, graph.Head{Classes: 2, Seed: 1}, graph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := onnx.Check(two); err != nil {
		t.Error(err)
	}
	for i, n := range one.Graph.Node {
		if !proto.Equal(n, two.Graph.Node[i]) {
			t.Errorf("node %d changed", i)
		}
	}
	again, err := graph.AddHead(m, graph.Head{Classes: 6, Seed: 1}, graph.Options{})
	if err != nil || !proto.Equal(one, again) {
		t.Errorf("the same seed gives another head: %v", err)
	}
	other, err := graph.AddHead(m, graph.Head{Classes: 6, Seed: 2}, graph.Options{})
	if err != nil || proto.Equal(one, other) {
		t.Errorf("another seed gives the same head: %v", err)
	}
}

func TestAddHeadRefuses(t *testing.T) {
	double := body(13, 8, "N", 4)
	for _, v := range []*onnx.ValueInfoProto{double.Graph.Input[0], double.Graph.Output[0]} {
		v.GetType().GetTensorType().ElemType = new(int32(onnx.TensorProto_DOUBLE))
	}
	two := body(13, 8, "N", 4)
	two.Graph.Output = append(two.Graph.Output, onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", 4))
	for _, w := range []struct {
		m    *onnx.ModelProto
		h    graph.Head
		want string
	}{
		{body(13, 8, "N"), graph.Head{Classes: 2}, `a head on "y" of shape [1]`},
		{body(13, 8, "N", 2, 2, 2, 2, 2), graph.Head{Classes: 2}, "a head on"},
		{body(13, 8, "N", 4), graph.Head{}, "a head for 0 classes"},
		{body(13, 8, "N", 4), graph.Head{Classes: 2, Hidden: []int{0}}, "hidden layer of 0"},
		{body(13, 8, "N", 4), graph.Head{Classes: 2, Dropout: 1}, "dropout 1"},
		{body(13, 8, "N", 1<<30), graph.Head{Classes: 2}, "a layer of 2 outputs on 1073741824 features: at most 268435456 weights are drawn"},
		{body(13, 8, "N", 4), graph.Head{Classes: 1 << 20, Hidden: []int{1 << 10}}, "a layer of 1048576 outputs on 1024 features"},
		{double, graph.Head{Classes: 2}, "the model computes in DOUBLE"},
		{two, graph.Head{Classes: 2}, "the model has 2 outputs"},
	} {
		if _, err := graph.AddHead(w.m, w.h, graph.Options{}); err == nil || !strings.Contains(err.Error(), w.want) {
			t.Errorf("got %v, want %s", err, w.want)
		}
	}
}

// What is kept has the same bytes, what is redrawn has others, and the last layer
// gives the new classes.
func TestRedraw(t *testing.T) {
	for _, w := range []struct {
		model string
		above int // cut point
	}{{"mnist_cntk", 1}, {"mnist_cntk", 0}, {"squeezenet1_1", 17}, {"squeezenet1_1_opset7", 16}, {"resnet20_cifar10", 9}, {"resnet20_cifar10_dynamo", 10}} {
		t.Run(fmt.Sprint(w.model, w.above), func(t *testing.T) {
			m := shared(t, w.model)
			s := analyse(t, m)
			above := ""
			if w.above > 0 {
				above = s.CutPoints[w.above-1].Tensor
			}
			before := onnx.Clone(m)
			c, err := graph.Redraw(m, above, 7, 3, graph.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(m, before) {
				t.Error("Redraw changed the model it was given")
			}
			learns, err := s.Learning(graph.Freezing{Below: above})
			if err != nil {
				t.Fatal(err)
			}
			kept, _ := s.BatchNorms()
			norms := kept > 0 // their statistics are reset too
			for i, p := range m.Graph.Initializer {
				if p.GetDataType() != int32(onnx.TensorProto_FLOAT) { // the shape of a Reshape above the weights
					continue
				}
				same := proto.Equal(p, c.Graph.Initializer[i])
				if learned := slices.Contains(learns.Params, p.GetName()); learned == same && !(learned && allEqual(p)) && !(norms && !learned) {
					t.Errorf("%s: learns %v, kept its bytes %v", p.GetName(), learned, same)
				}
			}
			y := infer(t, c, picture(t, c, 1, 2))[0]
			if y.Shape[1] != 7 {
				t.Errorf("output of shape %v, want 7 classes", y.Shape)
			}
			if above == "" {
				return
			}
			x := picture(t, m, 1, 4)
			if err := equal(activations(t, m, x, []string{above})[0], activations(t, c, x, []string{above})[0]); err != nil {
				t.Errorf("the kept part: %v", err)
			}
		})
	}
}

// allEqual says whether all elements are 0 or all are 1, as fresh biases and scales are.
func allEqual(p *onnx.TensorProto) bool {
	v, err := onnx.TensorOf(p)
	if err != nil {
		return false
	}
	f, _ := v.Floats()
	return !slices.ContainsFunc(f, func(x float32) bool { return x != f[0] })
}

// A factor that learns starts at 1, or nothing would pass.
func TestRedrawStartsFactorsAtOne(t *testing.T) {
	c := net("Mul", "layer scale", 13, map[string]any{"w": floats{2, 3, 1, 1}, "scale": floats{2, 1, 1}, "shift": floats{2, 1, 1}},
		node("Conv", "x w", "c"), node("Mul", "c scale", "d"), node("Add", "d shift", "y"))
	c.model.Graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", 3, 2, 2)}
	c.model.Graph.Output = []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT, "N", 2, 2, 2)}
	r, err := graph.Redraw(c.model, "", 0, 1, graph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Graph.Initializer {
		v, _ := onnx.TensorOf(p)
		f, _ := v.Floats()
		want := map[string][]float32{"scale": {1, 1}, "shift": {0, 0}}[p.GetName()]
		if want != nil && !slices.Equal(f, want) {
			t.Errorf("%s starts as %v, want %v", p.GetName(), f, want)
		}
	}
}

func TestRedrawRefuses(t *testing.T) {
	m := body(13, 8, "N", 4)
	if _, err := graph.Redraw(m, "", 2, 1, graph.Options{}); err == nil || !strings.Contains(err.Error(), "is left to redraw") {
		t.Errorf("a model without layers: %v", err)
	}
	head, err := graph.AddHead(m, graph.Head{Classes: 3}, graph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for above, want := range map[string]string{"nowhere": "no tensor", "head.logits": "is left to redraw"} {
		if _, err := graph.Redraw(head, above, 2, 1, graph.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("above %s: %v, want %s", above, err, want)
		}
	}
}
