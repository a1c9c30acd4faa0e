package graph_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"graft/graph"
	"graft/graph/optim"
	"graft/onnx"
)

// localFunction is a function of domain "own" in opset 13.
func localFunction(name string, in, out []string, nodes ...*onnx.NodeProto) *onnx.FunctionProto {
	return &onnx.FunctionProto{Name: &name, Domain: new("own"), Input: in, Output: out, Node: nodes,
		OpsetImport: []*onnx.OperatorSetIdProto{{Domain: new(""), Version: new(int64(13))}, {Domain: new("own"), Version: new(int64(1))}}}
}

func own(op, in, out string, a ...any) *onnx.NodeProto {
	n := node(op, in, out, a...)
	n.Domain = new("own")
	return n
}

// refers makes the attribute of a node refer to one of the function's.
func refers(n *onnx.NodeProto, name, to string, kind onnx.AttributeProto_AttributeType) *onnx.NodeProto {
	n.Attribute = append(n.Attribute, &onnx.AttributeProto{Name: &name, RefAttrName: &to, Type: &kind})
	return n
}

// functional is y = elu(x w1; 0.5) w2 + swap's second, by functions: "layer" multiplies and
// calls "bend", whose alpha it hands on; "swap" gives its inputs back.
func functional() *onnx.ModelProto {
	c := net("MatMul", "functional", 13, map[string]any{"w1": floats{3, 4}, "w2": floats{4, 2}},
		own("layer", "x w1", "h", "slope", 0.5), own("layer", "h w2", "y0"),
		onnx.NewNode("swap", "", []string{"y0", "y0"}, []string{"", "s"}), node("Add", "y0 s", "y"))
	m := c.model
	m.Graph.Node[2].Domain = new("own")
	m.Graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", 3)}
	m.Graph.Output = []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT, "N", 2)}
	m.OpsetImport = append(m.OpsetImport, &onnx.OperatorSetIdProto{Domain: new("own"), Version: new(int64(1))})
	layer := localFunction("layer", []string{"a", "w"}, []string{"b"}, node("MatMul", "a w", "h"), refers(own("bend", "h", "b"), "alpha", "slope", onnx.AttributeProto_FLOAT))
	layer.Attribute = []string{"slope"}
	bend := localFunction("bend", []string{"x"}, []string{"y"}, refers(node("Elu", "x", "y"), "alpha", "alpha", onnx.AttributeProto_FLOAT))
	bend.AttributeProto = []*onnx.AttributeProto{onnx.FloatAttr("alpha", 0.25)}
	m.Functions = []*onnx.FunctionProto{layer, bend, localFunction("swap", []string{"a", "b"}, []string{"b", "a"})}
	return m
}

// spelt is functional without functions.
func spelt() *onnx.ModelProto {
	m := onnx.Clone(functional())
	m.Functions, m.OpsetImport = nil, m.OpsetImport[:1]
	m.Graph.Node = []*onnx.NodeProto{node("MatMul", "x w1", "m1"), node("Elu", "m1", "h", "alpha", 0.5), node("MatMul", "h w2", "m2"),
		node("Elu", "m2", "y0", "alpha", 0.25), node("Add", "y0 y0", "y")}
	return m
}

func TestFunctionsAreInlined(t *testing.T) {
	x := onnx.FromFloats([]int{2, 3}, []float32{1, -2, 0.5, -1, 0.25, 3})
	compute := func(m *onnx.ModelProto) []float32 {
		t.Helper()
		p, err := graph.Compile(m, graph.Config{Options: graph.Options{Batch: 2}, Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		return slices.Clone(run(t, p, map[string]*onnx.Tensor{"x": x}).Data.([]float32))
	}
	if got, want := compute(functional()), compute(spelt()); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	a, b := analyse(t, functional()), analyse(t, spelt())
	if len(a.Layers) != len(b.Layers) || len(a.CutPoints) != len(b.CutPoints) || len(a.Trainable()) != 2 {
		t.Errorf("%d layers, %d cut points, %d tensors that can learn", len(a.Layers), len(a.CutPoints), len(a.Trainable()))
	}
	// What stands inside of a function is a place to cut at, and the cut model is complete.
	cut, err := graph.Cut(functional(), "h/h", graph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := onnx.Check(cut); err != nil || len(cut.Functions) > 0 || len(cut.Graph.Node) != 1 {
		t.Errorf("%v, %d functions, %d nodes", err, len(cut.Functions), len(cut.Graph.Node))
	}
	// A weight that a function takes learns, and is written back.
	p, err := graph.Compile(functional(), graph.Config{Options: graph.Options{Batch: 2}, Threads: 1,
		Training: &graph.Training{Learning: graph.Learning{Params: []string{"w1", "w2"}}, Loss: optim.CrossEntropy}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.Params()[0].Value()[0] = 7
	m, err := p.Store()
	if err != nil {
		t.Fatal(err)
	}
	if v, err := graph.Constant(m, "w1"); err != nil || v[0] != 7 || onnx.Check(m) != nil {
		t.Errorf("stored %v, %v, %v", v, err, onnx.Check(m))
	}
}

func TestFunctionsRefused(t *testing.T) {
	for _, w := range []struct {
		change func(m *onnx.ModelProto)
		want   string
	}{
		{func(m *onnx.ModelProto) { m.Functions[1].Node[0] = own("layer", "x x", "y") }, `function "layer": function "bend": function "layer" calls itself`},
		{func(m *onnx.ModelProto) { m.Functions[1].OpsetImport[0].Version = new(int64(14)) }, `it is of opset 14 of domain "", the model of 13`},
		{func(m *onnx.ModelProto) { m.Graph.Node[0].Attribute[0].Name = new("speed") }, `function "layer": it has no attribute "speed"`},
		{func(m *onnx.ModelProto) { m.Graph.Node[0].Input = append(m.Graph.Node[0].Input, "x") }, "called with 3 inputs and 1 outputs"},
		{func(m *onnx.ModelProto) { m.Functions[1].Node[0].OpType = new("Bend") }, `operator "Bend" is not supported`},
		{func(m *onnx.ModelProto) { // each calls the next twice
			for i := range 30 {
				name := fmt.Sprint("bend", i)
				m.Functions = append(m.Functions, localFunction(name, []string{"x"}, []string{"y"}, own(fmt.Sprint("bend", i+1), "x", "z"), own(fmt.Sprint("bend", i+1), "z", "y")))
			}
			m.Functions = append(m.Functions, localFunction("bend30", []string{"x"}, []string{"y"}, node("Relu", "x", "y")))
			m.Functions[1].Node[0] = own("bend0", "x", "y")
		}, "the functions make more than"},
	} {
		m := functional()
		w.change(m)
		_, err := graph.Analyse(m, graph.Options{})
		if err == nil || !strings.Contains(err.Error(), w.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want %s", err, w.want)
		}
	}
}
