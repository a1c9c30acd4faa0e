package graph_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"graft/graph"
	"graft/graph/optim"
	"graft/onnx"
)

// wired is a model of nodes over x [1,4] and a weight w [4,4], the identity.
func wired(nodes ...*onnx.NodeProto) *onnx.ModelProto {
	opset, ir := int64(13), int64(8)
	eye := make([]float32, 16)
	for i := range 4 {
		eye[5*i] = 1
	}
	last := nodes[len(nodes)-1].Output[0]
	return &onnx.ModelProto{IrVersion: &ir, OpsetImport: []*onnx.OperatorSetIdProto{{Version: &opset}}, Graph: &onnx.GraphProto{
		Name: new("g"), Node: nodes, Initializer: []*onnx.TensorProto{onnx.FromFloats([]int{4, 4}, eye).Proto("w")},
		Input:  []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, 1, 4)},
		Output: []*onnx.ValueInfoProto{onnx.TensorInfo(last, onnx.TensorProto_FLOAT, 1, nil)}}}
}

// chain is n nodes of an operator, each reading the one before and what more names.
func chain(op string, n int, more ...string) []*onnx.NodeProto {
	nodes := make([]*onnx.NodeProto, n)
	from := "x"
	for i := range nodes {
		to := fmt.Sprintf("t%d", i)
		nodes[i] = onnx.NewNode(op, fmt.Sprintf("n%d", i), append([]string{from}, more...), []string{to})
		from = to
	}
	return nodes
}

// TestLargeGraphs: graphs far beyond any network, deep, wide or with paths without
// end, are analysed, cut and run in seconds, with the right numbers.
func TestLargeGraphs(t *testing.T) {
	diamond := chain("Add", 60)
	for _, n := range diamond { // 2^60 paths from x to y
		n.Input = append(n.Input, n.Input[0])
	}
	var parallel []*onnx.NodeProto // 20,000 layers beside each other, that meet
	all := onnx.NewNode("Concat", "", nil, []string{"y"}, onnx.IntAttr("axis", 1))
	for i := range 20000 {
		y := fmt.Sprintf("p%d", i)
		parallel = append(parallel, onnx.NewNode("MatMul", "", []string{"x", "w"}, []string{y}))
		all.Input = append(all.Input, y)
	}
	renamed := chain("Identity", 100000) // a weight under 100,000 names
	renamed[0].Input[0] = "w"
	wide := onnx.NewNode("Concat", "", nil, []string{"y"}, onnx.IntAttr("axis", 1))
	for range 100000 {
		wide.Input = append(wide.Input, "x")
	}
	for _, c := range []struct {
		name   string
		model  *onnx.ModelProto
		layers int
		first  float32 // of the output, for x of ones
		cut    string
	}{
		{"chain", wired(chain("Relu", 100000)...), 0, 1, "t50000"},
		{"layers", wired(chain("MatMul", 20000, "w")...), 20000, 1, "10000"},
		{"diamond", wired(diamond...), 0, float32(math.Pow(2, 60)), "t30"},
		{"parallel", wired(append(parallel, all)...), 20000, 1, "1"},
		{"renamed", wired(append(renamed, onnx.NewNode("MatMul", "", []string{"x", "t99999"}, []string{"y"}))...), 1, 1, "layer:1"},
		{"wide", wired(wide), 0, 1, "y"},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now()
			if err := errors.Join(onnx.Sort(c.model), onnx.Check(c.model)); err != nil {
				t.Fatal(err)
			}
			s, err := graph.Analyse(c.model, graph.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Layers) != c.layers {
				t.Errorf("%d layers, want %d", len(s.Layers), c.layers)
			}
			if k := len(s.CutPoints); k > 0 && (s.CutPoints[k-1].Layers != c.layers || s.CutPoints[k-1].MACs != 16*c.layers) {
				t.Errorf("last cut point %+v", s.CutPoints[k-1])
			}
			if len(s.Trainable()) > 1 {
				t.Errorf("%d tensors can learn", len(s.Trainable()))
			}
			at, err := s.Find(c.cut, false)
			if err != nil {
				t.Fatal(err)
			}
			cut, err := graph.Cut(c.model, at, graph.Options{})
			if err != nil || onnx.Check(cut) != nil {
				t.Errorf("cut: %v, %v", err, onnx.Check(cut))
			}
			p, err := graph.Compile(c.model, graph.Config{Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			for range 2 {
				copy(p.Input(0), []float32{1, 1, 1, 1})
				if err := p.Run(); err != nil {
					t.Fatal(err)
				}
				if y, _ := p.Output(0).Floats(); y[0] != c.first {
					t.Errorf("got %g, want %g", y[0], c.first)
				}
			}
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

// TestLargeTraining: what can be run but not trained says so at once.
func TestLargeTraining(t *testing.T) {
	m := wired(chain("MatMul", 20000, "w")...)
	_, err := graph.Compile(m, graph.Config{Threads: 1, Training: &graph.Training{Learning: graph.Learning{Params: []string{"w"}}, Loss: optim.CrossEntropy}})
	if err == nil || !strings.Contains(err.Error(), "a network of 20000 nodes can be run, but not trained") || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%v", err)
	}
}

// TestInterpreterEqualsGraph: both ways to run a plan give the same numbers.
func TestInterpreterEqualsGraph(t *testing.T) {
	small, large := smallNet(true), smallNet(true)
	y := large.Graph.Output[0].GetName()
	last := y
	for i := range 15000 { // what changes nothing, until the plan is too large for a graph
		to := fmt.Sprintf("same%d", i)
		large.Graph.Node = append(large.Graph.Node, onnx.NewNode("Identity", "", []string{last}, []string{to}))
		last = to
	}
	large.Graph.Output[0] = onnx.TensorInfo(last, onnx.TensorProto_FLOAT, nil, nil)
	var out [2][]float32
	for i, m := range []*onnx.ModelProto{small, large} {
		p, err := graph.Compile(m, graph.Config{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		for k := range p.Input(0) {
			p.Input(0)[k] = float32(k%7) - 3
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		out[i], _ = p.Output(0).Floats()
	}
	for i := range out[0] {
		if d := math.Abs(float64(out[0][i] - out[1][i])); !(d <= 1e-5*math.Max(1, math.Abs(float64(out[0][i])))) {
			t.Errorf("element %d: %g and %g", i, out[0][i], out[1][i])
		}
	}
}

// TestMaxMemory: what takes more than allowed is refused before it is taken.
func TestMaxMemory(t *testing.T) {
	padded := func(n int) *onnx.ModelProto {
		m := wired(onnx.NewNode("Pad", "pad", []string{"x", "pads"}, []string{"y"}))
		m.Graph.Initializer = append(m.Graph.Initializer, onnx.FromInts([]int{4}, []int64{0, 0, 0, int64(n)}).Proto("pads"))
		return m
	}
	for _, c := range []struct {
		model *onnx.ModelProto
		limit int64
		want  string
	}{
		{padded(1000), 1 << 20, ""},
		{padded(1 << 20), 1 << 20, `node 0 "pad" (Pad): output of shape [1 1048580] takes 4.194 MB, at most 1.049 MB are allowed`},
		{padded(1 << 32), 2e9, "pads 0 and 4294967296"},
		{padded(1 << 62), 2e9, "pads 0 and 4611686018427387904"},
		{wired(chain("Relu", 20000)...), 10, "at most 1e-05 MB are allowed"},
		{smallNet(true), 200, "at most 0.0002 MB are allowed"},
	} {
		p, err := graph.Compile(c.model, graph.Config{Threads: 1, Options: graph.Options{MaxMemory: c.limit}})
		if err == nil {
			p.Close()
		}
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// TestMaxMemoryOfVariants: programs that share weights share the limit too.
func TestMaxMemoryOfVariants(t *testing.T) {
	m := smallNet(true)
	p, err := graph.Compile(m, graph.Config{Threads: 1, Options: graph.Options{Batch: 8}})
	if err != nil {
		t.Fatal(err)
	}
	need := p.Memory().Arena
	p.Close()
	p, err = graph.Compile(m, graph.Config{Threads: 1, Options: graph.Options{Batch: 8, MaxMemory: need + 3*need/4}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Variant(8, true); err == nil || !strings.Contains(err.Error(), "are allowed") {
		t.Errorf("a second program of the size: %v", err)
	}
	for range 3 { // what a closed one took is free again
		small, err := p.Variant(2, true)
		if err != nil {
			t.Fatal(err)
		}
		small.Close()
	}
}
