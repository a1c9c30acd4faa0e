package onnx

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"os"
	"path"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
)

func TestCheckRefuses(t *testing.T) {
	graph := func(change func(g *GraphProto)) func(*ModelProto) {
		return func(m *ModelProto) { change(m.Graph) }
	}
	node := func(change func(n *NodeProto)) func(*ModelProto) {
		return func(m *ModelProto) { change(m.Graph.Node[0]) }
	}
	attribute := func(a *AttributeProto) func(*ModelProto) {
		return node(func(n *NodeProto) { n.Attribute = []*AttributeProto{a} })
	}
	function := func(change func(f *FunctionProto)) func(*ModelProto) {
		return func(m *ModelProto) { change(addFunction(m)) }
	}
	sub := func(g *GraphProto) func(*ModelProto) {
		return attribute(&AttributeProto{Name: proto.String("body"), Type: AttributeProto_GRAPH.Enum(), G: g})
	}
	long := strings.Repeat("n", 100000)
	for _, c := range []struct {
		change func(*ModelProto)
		want   string
	}{
		{func(m *ModelProto) { m.IrVersion = nil }, "IR version 0: want 3 to 14"},
		{func(m *ModelProto) { m.IrVersion = proto.Int64(2) }, "IR version 2: want 3 to 14"},
		{func(m *ModelProto) { m.IrVersion = proto.Int64(15) }, "IR version 15: want 3 to 14"},
		{func(m *ModelProto) { m.Graph = nil }, "model has no graph"},
		{func(m *ModelProto) { m.OpsetImport = nil }, "no opset_import"},
		{func(m *ModelProto) { m.OpsetImport[0].Version = proto.Int64(29) }, "opset 29: want 1 to 28"},
		{func(m *ModelProto) { m.OpsetImport = append(m.OpsetImport, m.OpsetImport[0]) }, `domain "": given twice`},
		{func(m *ModelProto) { m.OpsetImport[0].Domain = proto.String("com.x") }, `domain "": no opset_import`},
		{func(m *ModelProto) {
			m.MetadataProps = []*StringStringEntryProto{entry("k", "1"), entry("k", "2")}
		}, `metadata key "k": given twice`},

		{graph(func(g *GraphProto) { g.Name = nil }), "graph has no name"},
		{graph(func(g *GraphProto) { g.Input[0].Name = nil }), `graph input "": empty name`},
		{graph(func(g *GraphProto) { g.Input[0].Type = nil }), `graph input "x": no type`},
		{graph(func(g *GraphProto) { g.Input[0] = TensorInfo("x", 999) }), `graph input "x": element type 999: unknown`},
		{graph(func(g *GraphProto) { g.Input = append(g.Input, g.Input[0]) }), `graph input "x": defined twice`},
		{graph(func(g *GraphProto) { g.Output = nil }), `graph "g": no outputs`},
		{graph(func(g *GraphProto) { g.Output[0].Name = proto.String("z") }), `graph output "z": not defined`},
		{graph(func(g *GraphProto) { g.Output[0].Type = nil }), `graph output "y": no type`},
		{graph(func(g *GraphProto) { g.Output = append(g.Output, g.Output[0]) }), `graph output "y": given twice`},
		{graph(func(g *GraphProto) { g.Initializer[0].Name = nil }), `initializer "": empty name`},
		{graph(func(g *GraphProto) { g.Initializer = append(g.Initializer, g.Initializer[0]) }), `initializer "w": given twice`},
		{graph(func(g *GraphProto) { g.Initializer[0].Dims[0] = 3 }), `initializer "w": raw_data has 8 bytes: FLOAT of shape [3] needs 12`},
		{graph(func(g *GraphProto) { g.Initializer[0].Dims[0] = 1 << 40 }), `initializer "w": raw_data has 8 bytes`},
		{func(m *ModelProto) { m.IrVersion = proto.Int64(3) }, `initializer "w": not among the graph inputs, as IR version 3 demands`},

		{node(func(n *NodeProto) { n.OpType = nil }), `node 0 "add" (): no op_type`},
		{node(func(n *NodeProto) { n.Input[0] = "y" }), `node 0 "add" (Add): input "y": not defined before use`},
		{node(func(n *NodeProto) { n.Output[0] = "x" }), `node 0 "add" (Add): output "x": defined twice`},
		{node(func(n *NodeProto) { n.Domain = proto.String("com.x") }), `domain "com.x": no opset_import`},
		{node(func(n *NodeProto) { n.Name, n.OpType, n.Input[0] = &long, &long, long }), "not defined before use"},

		{attribute(&AttributeProto{Type: AttributeProto_INT.Enum()}), `attribute "": empty name`},
		{attribute(&AttributeProto{Name: proto.String("a"), I: proto.Int64(1)}), `attribute "a": type 0: unknown`},
		{attribute(&AttributeProto{Name: proto.String("a"), Type: AttributeProto_AttributeType(77).Enum()}), "type 77: unknown"},
		{attribute(&AttributeProto{Name: proto.String("a"), Type: AttributeProto_INT.Enum(), F: proto.Float32(1)}), "value of type FLOAT: type says INT"},
		{attribute(&AttributeProto{Name: proto.String("a"), Type: AttributeProto_INT.Enum(), I: proto.Int64(1), Ints: []int64{1}}), "value of type INTS: type says INT"},
		{attribute(&AttributeProto{Name: proto.String("a"), Type: AttributeProto_TENSOR.Enum()}), "no value of type TENSOR"},
		{attribute(&AttributeProto{Name: proto.String("a"), Type: AttributeProto_TENSOR.Enum(), T: &TensorProto{}}), "data type UNDEFINED"},
		{attribute(&AttributeProto{Name: proto.String("a"), Type: AttributeProto_INT.Enum(), RefAttrName: proto.String("b")}), `reference to attribute "b": no function declares it here`},
		{node(func(n *NodeProto) { n.Attribute = []*AttributeProto{IntAttr("a", 1), IntAttr("a", 2)} }), `attribute "a": given twice`},

		{sub(&GraphProto{}), `graph "" (attribute "body" of node "add"): graph has no name`},
		{sub(&GraphProto{Name: proto.String("b"), Node: []*NodeProto{NewNode("Relu", "r", []string{"y"}, []string{"z"})}}),
			`graph "b" (attribute "body" of node "add"): node 0 "r" (Relu): input "y": not defined before use`},
		{sub(&GraphProto{Name: proto.String("b"), Node: []*NodeProto{NewNode("Relu", "r", []string{"x"}, []string{"w"})}}),
			`output "w": defined twice`},
		{sub(nested(long, 40)), "graphs nested deeper than 32"},

		{function(func(f *FunctionProto) { f.Name = nil }), `function "": no name`},
		{function(func(f *FunctionProto) { f.OpsetImport = nil }), `function "f": no opset_import`},
		{function(func(f *FunctionProto) { f.Output[0] = "w" }), `function "f": output "w": not defined`},
		{function(func(f *FunctionProto) { f.Node[0].Input[0] = "w" }), `function "f": node 0 "" (Elu): input "w": not defined before use`},
		{function(func(f *FunctionProto) { f.Attribute = nil }), `reference to attribute "a": no function declares it here`},
		{function(func(f *FunctionProto) { f.Attribute = []string{"a", "a"} }), `attribute "a": declared twice`},
		{func(m *ModelProto) { addFunction(m); addFunction(m) }, `function "com.x.f": given twice`},

		{graph(func(g *GraphProto) { g.SparseInitializer = []*SparseTensorProto{sparse([]int64{0, 4}, 2)} }), "index 4: out of range for shape [2 2]"},
		{graph(func(g *GraphProto) { g.SparseInitializer = []*SparseTensorProto{sparse([]int64{0, 0, 0, 2}, 2, 2)} }), "index 2: out of range"},
		{graph(func(g *GraphProto) { g.SparseInitializer = []*SparseTensorProto{sparse([]int64{0}, 1)} }), "indices of shape [1]: values have shape [2]"},
		{graph(func(g *GraphProto) { g.SparseInitializer = []*SparseTensorProto{{}} }), `initializer "": empty name`},
	} {
		m := small(2)
		c.change(m)
		err := Check(m)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "onnx: ") || len(err.Error()) > 1500 {
			t.Errorf("got %.500v, want %q", err, c.want)
		}
	}
}

// addFunction gives m a function com.x.f(x; a) and calls it.
func addFunction(m *ModelProto) *FunctionProto {
	elu := NewNode("Elu", "", []string{"x"}, []string{"y"},
		&AttributeProto{Name: proto.String("alpha"), Type: AttributeProto_FLOAT.Enum(), RefAttrName: proto.String("a")})
	f := &FunctionProto{
		Name: proto.String("f"), Domain: proto.String("com.x"), Attribute: []string{"a"},
		Input: []string{"x"}, Output: []string{"y"}, Node: []*NodeProto{elu},
		OpsetImport: []*OperatorSetIdProto{{Version: proto.Int64(13)}},
	}
	m.Functions = append(m.Functions, f)
	return f
}

// nested returns a graph with depth graphs inside each other, all called name.
func nested(name string, depth int) *GraphProto {
	g := &GraphProto{Name: &name}
	if depth > 0 {
		a := &AttributeProto{Name: proto.String("body"), Type: AttributeProto_GRAPH.Enum(), G: nested(name, depth-1)}
		g.Node = []*NodeProto{NewNode("Loop", name, nil, nil, a)}
	}
	return g
}

// sparse returns a [2,2] tensor "s" with two values at indices of the given shape.
func sparse(indices []int64, shape ...int) *SparseTensorProto {
	return &SparseTensorProto{
		Values:  FromFloats([]int{2}, []float32{1, 2}).Proto("s"),
		Indices: FromInts(shape, indices).Proto(""),
		Dims:    []int64{2, 2},
	}
}

func TestCheckAccepts(t *testing.T) {
	for name, change := range map[string]func(*ModelProto){
		"as is":             func(*ModelProto) {},
		"ai.onnx":           func(m *ModelProto) { m.Graph.Node[0].Domain = proto.String("ai.onnx") },
		"no names":          func(m *ModelProto) { m.Graph.Node[0].Name = nil },
		"optional input":    func(m *ModelProto) { m.Graph.Node[0].Input = []string{"x", "", "w"} },
		"optional outputs":  func(m *ModelProto) { m.Graph.Node[0].Output = []string{"y", "", ""} },
		"function":          func(m *ModelProto) { addFunction(m) },
		"overload":          func(m *ModelProto) { addFunction(m); addFunction(m).Overload = proto.String("2") },
		"subgraph captures": func(m *ModelProto) { addSubgraphs(m) },
		"sparse linear": func(m *ModelProto) {
			m.Graph.SparseInitializer = []*SparseTensorProto{sparse([]int64{0, 3}, 2)}
		},
		"sparse coordinates": func(m *ModelProto) {
			m.Graph.SparseInitializer = []*SparseTensorProto{sparse([]int64{0, 1, 1, 1}, 2, 2)}
		},
		"IR 3": func(m *ModelProto) {
			m.IrVersion = proto.Int64(3)
			m.Graph.Input = append(m.Graph.Input, TensorInfo("w", TensorProto_FLOAT, 2))
		},
		"output without a shape": func(m *ModelProto) { m.Graph.Output[0].Type.GetTensorType().Shape = nil },
		"proto3 zero": func(m *ModelProto) {
			m.Graph.Node[0].Attribute = []*AttributeProto{attr("i", AttributeProto_INT), attr("is", AttributeProto_INTS)}
		},
	} {
		m := small(2)
		change(m)
		if err := Check(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// addSubgraphs gives the first node two branches that define the same name.
func addSubgraphs(m *ModelProto) {
	for _, name := range []string{"then_branch", "else_branch"} {
		a := attr(name, AttributeProto_GRAPH)
		a.G = &GraphProto{
			Name:   proto.String(name),
			Node:   []*NodeProto{NewNode("Add", "", []string{"x", "w"}, []string{"inner"})},
			Output: []*ValueInfoProto{{Name: proto.String("inner")}},
		}
		m.Graph.Node[0].Attribute = append(m.Graph.Node[0].Attribute, a)
	}
}

// TestCheckNodeTests runs Check over the models of ONNX's own operator tests. Only
// those of operator sets before 7 may be refused.
func TestCheckNodeTests(t *testing.T) {
	f, err := os.Open(shared + "/onnx_tests/node_tests.tar.gz")
	if err != nil {
		t.Skip(shared + "/onnx_tests is missing")
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	models := 0
	for files := tar.NewReader(z); ; {
		h, err := files.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if path.Ext(h.Name) != ".onnx" {
			continue
		}
		b, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		models++
		m, err := Unmarshal(b)
		if err == nil {
			err = Check(m)
		}
		if err != nil && !(Opset(m, "") > 0 && Opset(m, "") < minOpset) {
			t.Errorf("%s: %v", h.Name, err)
		}
	}
	if models < 1800 {
		t.Errorf("only %d models found", models)
	}
}
