package graph_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"graft/graph"
	"graft/models"
	"graft/onnx"
)

// A gray image gives what it gives as three equal channels, in both directions and layouts.
func TestWithChannels(t *testing.T) {
	gray, err := models.Base()
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, 2*256)
	for i := range x {
		x[i] = float32(math.Sin(float64(i)))
	}
	want := infer(t, gray, onnx.FromFloats([]int{2, 1, 16, 16}, x))[0].Data.([]float32)
	rgb, conv, err := graph.WithChannels(gray, 3, 1, graph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if size, _ := graph.InputSize(rgb); size != [3]int{3, 16, 16} || conv == "" {
		t.Errorf("size %v, convolution %q", size, conv)
	}
	if err := onnx.Check(rgb); err != nil {
		t.Fatal(err)
	}
	var three, last []float32
	for n := range 2 {
		for range 3 {
			three = append(three, x[n*256:(n+1)*256]...)
		}
		for _, v := range x[n*256 : (n+1)*256] {
			last = append(last, v, v, v)
		}
	}
	same := func(what string, got []float32) {
		t.Helper()
		for i := range want {
			if math.Abs(float64(got[i]-want[i])) > 1e-5 {
				t.Fatalf("%s: output %d is %v, want %v", what, i, got[i], want[i])
			}
		}
	}
	same("three equal channels", infer(t, rgb, onnx.FromFloats([]int{2, 3, 16, 16}, three))[0].Data.([]float32))

	nhwc := onnx.Clone(rgb)
	g := nhwc.GetGraph()
	first := g.GetNode()[slices.IndexFunc(g.GetNode(), func(n *onnx.NodeProto) bool { return n.GetOpType() == "Conv" })]
	g.Node = append([]*onnx.NodeProto{onnx.NewNode("Transpose", "", []string{"x"}, []string{first.GetInput()[0]}, onnx.IntsAttr("perm", 0, 3, 1, 2))}, g.GetNode()...)
	g.Input[0] = onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", 16, 16, 3)
	same("channels last", infer(t, nhwc, onnx.FromFloats([]int{2, 16, 16, 3}, last))[0].Data.([]float32))
	one, _, err := graph.WithChannels(nhwc, 1, 3, graph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	same("gray again", infer(t, one, onnx.FromFloats([]int{2, 16, 16, 1}, x))[0].Data.([]float32))
}

func TestWithChannelsRefuses(t *testing.T) {
	base, err := models.Base()
	if err != nil {
		t.Fatal(err)
	}
	conv := func(m *onnx.ModelProto) *onnx.NodeProto {
		return m.Graph.Node[slices.IndexFunc(m.Graph.Node, func(n *onnx.NodeProto) bool { return n.GetOpType() == "Conv" })]
	}
	for _, c := range []struct {
		name   string
		change func(m *onnx.ModelProto)
		want   string
	}{
		{"scaled first", func(m *onnx.ModelProto) {
			m.Graph.Node = append([]*onnx.NodeProto{onnx.NewNode("Neg", "", []string{"x"}, []string{conv(m).Input[0]})}, m.Graph.Node...)
			m.Graph.Input[0].Name = new("x")
		}, "it reads the input, want a convolution"},
		{"read twice", func(m *onnx.ModelProto) {
			m.Graph.Node = append(m.Graph.Node, onnx.NewNode("Neg", "", []string{conv(m).Input[0]}, []string{"y"}))
		}, "2 nodes read "},
		{"computed filters", func(m *onnx.ModelProto) {
			m.Graph.Node = append([]*onnx.NodeProto{onnx.NewNode("Neg", "", []string{conv(m).Input[1]}, []string{"w"})}, m.Graph.Node...)
			conv(m).Input[1] = "w"
		}, "its filters are computed, not stored"},
	} {
		m := onnx.Clone(base)
		c.change(m)
		if _, _, err := graph.WithChannels(m, 3, 1, graph.Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}
