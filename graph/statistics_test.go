package graph_test

import (
	"slices"
	"testing"

	"graft/graph"
	"graft/onnx"
)

// merged is a new network as exporters write it: two normalisations whose scales and
// variances are one tensor of ones, and whose shifts and means one of zeros; apart is
// the same with a tensor for each.
func merged() (m, apart *onnx.ModelProto) {
	build := func(norm1, norm2 string) *onnx.ModelProto {
		operands := map[string]any{"w1": wave(1, 3, 2, 1, 1), "w2": wave(2, 3, 3, 1, 1), "fc": wave(3, 4, 3)}
		for _, name := range []string{"ones", "s1", "v1", "s2", "v2"} {
			operands[name] = row(1, 1, 1)
		}
		for _, name := range []string{"zeros", "b1", "m1", "b2", "m2"} {
			operands[name] = row(0, 0, 0)
		}
		m := net("BatchNormalization", "merged", 13, operands,
			node("Conv", "x w1", "c1"), node("BatchNormalization", "c1 "+norm1, "n1"), node("Relu", "n1", "r1"),
			node("Conv", "r1 w2", "c2"), node("BatchNormalization", "c2 "+norm2, "n2"), node("Relu", "n2", "r2"),
			node("GlobalAveragePool", "r2", "p"), node("Flatten", "p", "f"), node("Gemm", "f fc", "y", "transB", 1)).model
		m.Graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", 2, 3, 3)}
		m.Graph.Output = []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT, "N", 4)}
		return m
	}
	return build("ones zeros zeros ones", "ones zeros zeros ones"), build("s1 b1 m1 v1", "s2 b2 m2 v2")
}

// threeMore takes three steps and returns the program.
func threeMore(t *testing.T, m *onnx.ModelProto, f graph.Freezing) *graph.Program {
	t.Helper()
	p := trainer(t, m, 6, 1, f)
	for i := range 3 {
		if err := p.Step(uint64(i)); err != nil {
			t.Fatal(err)
		}
		for _, q := range p.Params() {
			for k, g := range q.Grad() {
				q.Value()[k] -= 0.1 * g
			}
		}
	}
	return p
}

// bySlot gives what the normalisations of a model read after a training, in order.
func bySlot(t *testing.T, p *graph.Program) [][]float32 {
	t.Helper()
	m, err := p.Store()
	if err != nil {
		t.Fatal(err)
	}
	if err := onnx.Check(m); err != nil {
		t.Fatal(err)
	}
	var r [][]float32
	for _, n := range m.Graph.Node {
		if n.GetOpType() != "BatchNormalization" {
			continue
		}
		for _, in := range n.GetInput()[1:] {
			i := slices.IndexFunc(m.Graph.Initializer, func(p *onnx.TensorProto) bool { return p.GetName() == in })
			v, err := onnx.TensorOf(m.Graph.Initializer[i])
			if err != nil {
				t.Fatal(err)
			}
			r = append(r, v.Data.([]float32))
		}
	}
	return r
}

// Running statistics that an exporter has merged, with each other or with what
// learns, part in training; what learns stays one tensor.
func TestStatisticsPart(t *testing.T) {
	m, apart := merged()
	got := bySlot(t, threeMore(t, m, graph.Freezing{BatchStatistics: true}))
	if !slices.Equal(got[0], got[4]) || !slices.Equal(got[1], got[5]) {
		t.Error("the shared scale or shift has parted")
	}
	for _, pair := range [][2]int{{0, 3}, {1, 2}, {2, 6}, {3, 7}} {
		if slices.Equal(got[pair[0]], got[pair[1]]) {
			t.Errorf("operands %d and %d of the normalisations are still one tensor: %v", pair[0], pair[1], got[pair[0]])
		}
	}
	// The means follow the batch before anything has learnt, so that they do not
	// depend on what is shared.
	one, other := trainer(t, m, 6, 1, graph.Freezing{BatchStatistics: true}), trainer(t, apart, 6, 1, graph.Freezing{BatchStatistics: true})
	for _, p := range []*graph.Program{one, other} {
		if err := p.Step(0); err != nil {
			t.Fatal(err)
		}
	}
	a, b := bySlot(t, one), bySlot(t, other)
	for _, i := range []int{2, 3, 6, 7} {
		if !slices.Equal(a[i], b[i]) {
			t.Errorf("statistics %d are %v, with tensors of their own %v", i, a[i], b[i])
		}
	}
	stored := bySlot(t, threeMore(t, m, graph.Freezing{}))
	for _, i := range []int{2, 3, 6, 7} {
		if want := []float32{0, 1}[i%2]; !slices.Equal(stored[i], []float32{want, want, want}) {
			t.Errorf("stored statistics %d have become %v", i, stored[i])
		}
	}
}

// What is frozen holds every tensor it reads, as statistics too.
func TestFrozenStatisticsHold(t *testing.T) {
	_, apart := merged()
	for _, n := range apart.Graph.Node {
		if n.GetOutput()[0] == "n1" {
			n.Input[4] = "s2" // the frozen variance is the scale above
		}
	}
	l, err := analyse(t, apart).Learning(graph.Freezing{Below: "r1"})
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(l.Params, "s2") || !slices.Contains(l.Params, "b2") {
		t.Errorf("%v learn", l.Params)
	}
	m, _ := merged()
	redrawn, err := graph.Redraw(m, "r1", 0, 1, graph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	x := onnx.FromFloats([]int{1, 2, 3, 3}, drawFloats("held", 18))
	want, got := infer(t, rename(m, "r1"), x)[0], infer(t, rename(redrawn, "r1"), x)[0]
	if !slices.Equal(want.Data.([]float32), got.Data.([]float32)) {
		t.Error("redrawing changed what it keeps")
	}
}

// rename makes a tensor the output of a model.
func rename(m *onnx.ModelProto, tensor string) *onnx.ModelProto {
	m = onnx.Clone(m)
	m.Graph.Output = []*onnx.ValueInfoProto{{Name: new(tensor)}}
	return m
}

// A model that needs nothing is returned as it is.
func TestSeparateStatisticsOfOthers(t *testing.T) {
	_, apart := merged()
	l, err := analyse(t, apart).Learning(graph.Freezing{BatchStatistics: true})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := graph.SeparateStatistics(apart, l); err != nil || c != apart {
		t.Errorf("changed: %v", err)
	}
}
