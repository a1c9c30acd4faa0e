package graph_test

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"graft/graph"
	"graft/onnx"
)

func TestTrainableOfSharedModels(t *testing.T) {
	for _, w := range []struct {
		model  string
		slots  map[string]int // how many of each
		norms  bool
		params int // elements
	}{
		{"squeezenet1_1", map[string]int{"weight": 26, "bias": 26}, false, 1235496},
		{"squeezenet1_1_opset7", map[string]int{"weight": 26, "bias": 26}, false, 1235496},
		{"resnet20_cifar10", map[string]int{"weight": 22, "bias": 20, "scale": 19}, true, 272282},
		{"resnet20_cifar10_dynamo", map[string]int{"weight": 20, "bias": 20}, false, 269034},
		{"mnist_cntk", map[string]int{"weight": 3, "operand": 3}, false, 5994},
	} {
		t.Run(w.model, func(t *testing.T) {
			s := analyse(t, shared(t, w.model))
			slots, params := map[string]int{}, 0
			for _, p := range s.Trainable() {
				slots[p.Slot]++
				n := 1
				for _, d := range p.Shape {
					n *= d
				}
				params += n
				if p.Uses != 1 {
					t.Errorf("%s has %d uses", p.Name, p.Uses)
				}
			}
			if params != w.params || s.CutPoints[len(s.CutPoints)-1].Params != w.params {
				t.Errorf("%d parameters, by the last cut point %d, want %d", params, s.CutPoints[len(s.CutPoints)-1].Params, w.params)
			}
			for slot, n := range w.slots {
				if slots[slot] != n {
					t.Errorf("%d of %s, want %d", slots[slot], slot, n)
				}
			}
			if kept, folded := s.BatchNorms(); (kept > 0) != w.norms || (folded > 0) != strings.HasSuffix(w.model, "_dynamo") {
				t.Errorf("%d BatchNormalizations, %d folded", kept, folded)
			}
		})
	}
}

// freezable has a normalisation below and above "mid", a tensor that both sides
// share through Identity, and constants that must not learn.
func freezable() *onnx.ModelProto {
	c := net("Conv", "freezable", 13, map[string]any{
		"w": floats{3, 3, 1, 1}, "s1": floats{3}, "b1": floats{3}, "m1": floats{3}, "v1": row(1, 2, 3),
		"w2": floats{3, 3, 1, 1}, "s2": floats{3}, "b2": floats{3}, "m2": floats{3}, "v2": row(1, 2, 3),
		"scaling": floats{3, 1, 1}, "sixth": scalar(1. / 6), "layer": floats{3, 1, 1}},
		node("Mul", "x scaling", "in"), node("Conv", "in w", "c1"), node("BatchNormalization", "c1 s1 b1 m1 v1", "mid"),
		node("Identity", "w", "alias"), node("Conv", "mid alias", "c2"), node("Mul", "c2 sixth", "c3"), node("Mul", "c3 layer", "c4"),
		node("Conv", "c4 w2", "c5"), node("BatchNormalization", "c5 s2 b2 m2 v2", "c6"),
		node("GlobalAveragePool", "c6", "pool"), node("Flatten", "pool", "y"))
	c.model.Graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", 3, 4, 4)}
	c.model.Graph.Output = []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT, "N", 3)}
	return c.model
}

func TestLearning(t *testing.T) {
	s := analyse(t, freezable())
	for _, w := range []struct {
		f     graph.Freezing
		learn string
		batch string
	}{
		{graph.Freezing{}, "w s1 b1 layer w2 s2 b2", ""},
		{graph.Freezing{BatchStatistics: true}, "w s1 b1 layer w2 s2 b2", "mid c6"},
		{graph.Freezing{Below: "mid", BatchStatistics: true}, "layer w2 s2 b2", "c6"}, // w is shared: any use below fixes it
		{graph.Freezing{Below: "y"}, "", ""},
		{graph.Freezing{Below: "y", Also: []string{"scaling"}}, "scaling", ""},
	} {
		l, err := s.Learning(w.f)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(l.Params, " "); got != w.learn {
			t.Errorf("%+v: %s learn, want %s", w.f, got, w.learn)
		}
		if got := strings.Join(l.BatchStatistics, " "); got != w.batch {
			t.Errorf("%+v: %s on batch statistics, want %s", w.f, got, w.batch)
		}
	}
	for _, f := range []graph.Freezing{{Below: "nowhere"}, {Also: []string{"nothing"}}, {Also: []string{"y"}}} {
		if _, err := s.Learning(f); err == nil {
			t.Errorf("%+v is accepted", f)
		}
	}
	i := slices.IndexFunc(s.Trainable(), func(p graph.Trainable) bool { return p.Name == "w" })
	if p := s.Trainable()[i]; p.Uses != 2 || p.Layer != 1 {
		t.Errorf("the shared tensor: %+v, want 2 uses from layer 1", p)
	}
}

func TestFrontier(t *testing.T) {
	s := analyse(t, freezable())
	for _, w := range []struct {
		f    graph.Freezing
		want string
	}{
		{graph.Freezing{Below: "mid"}, "c3"}, {graph.Freezing{Below: "c5"}, "c5"}, {graph.Freezing{}, "in"},
	} {
		l, err := s.Learning(w.f)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Frontier(l); got != w.want {
			t.Errorf("%+v: the frontier is %q, want %q", w.f, got, w.want)
		}
	}
}

// tokens is a small transformer's beginning: patches, a class token that is repeated for
// each image, and a table of biases of which every position takes a row.
func tokens() *onnx.ModelProto {
	c := net("Concat", "tokens", 14, map[string]any{
		"w": floats{4, 3, 2, 2}, "token": floats{1, 1, 4}, "rows": ints(0, 4, -1), "table": floats{3, 4}, "w2": floats{4, 3},
		"places": onnx.FromInts([]int{5}, []int64{0, 2, 1, 2, 0}), "each": ints(1, 5, 4)},
		node("Conv", "x w", "patches", "strides", list(2, 2)), node("Reshape", "patches rows", "flat"), node("Transpose", "flat", "t", "perm", list(0, 2, 1)),
		node("Shape", "x", "shape"), node("Gather", "shape first", "n"), node("Concat", "n one four", "size", "axis", 0),
		node("Expand", "token size", "expanded"), node("Concat", "expanded t", "all", "axis", 1),
		node("Gather", "table places", "picked"), node("Reshape", "picked each", "biases"), node("Add", "all biases", "sum"),
		node("Softmax", "sum", "p", "axis", 1), node("ReduceMean", "p", "mean", "axes", list(1), "keepdims", 0), node("MatMul", "mean w2", "m"),
		node("ReduceMax", "sum", "largest", "axes", list(1), "keepdims", 0), node("MatMul", "largest w2", "l"), node("Add", "m l", "y"))
	for name, v := range map[string]int64{"first": 0, "one": 1, "four": 4} {
		c.model.Graph.Initializer = append(c.model.Graph.Initializer, onnx.FromInts([]int{1}, []int64{v}).Proto(name))
	}
	c.model.Graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", 3, 4, 4)}
	c.model.Graph.Output = []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT, "N", 3)}
	return c.model
}

// TestTrainableOfTokens follows what learns through Expand and Gather, in the shape that
// the file has it, and differentiates the whole.
func TestTrainableOfTokens(t *testing.T) {
	shapes := map[string][]int{}
	for _, p := range analyse(t, tokens()).Trainable() {
		shapes[p.Name] = p.Shape
	}
	want := map[string][]int{"w": {4, 3, 2, 2}, "token": {1, 1, 4}, "table": {3, 4}, "w2": {4, 3}}
	if !reflect.DeepEqual(shapes, want) {
		t.Fatalf("%v can learn, want %v", shapes, want)
	}
	p := trainer(t, tokens(), 4, 1, graph.Freezing{})
	loss := func() float64 {
		if err := p.Step(0); err != nil {
			t.Fatal(err)
		}
		return float64(p.LossValue())
	}
	const h = 1e-2
	for _, q := range p.Params() {
		loss()
		got := slices.Clone(q.Grad())
		for i, v := range q.Value() {
			q.Value()[i] = v + h
			above := loss()
			q.Value()[i] = v - h
			below := loss()
			q.Value()[i] = v
			if n := (above - below) / (2 * h); math.Abs(n-float64(got[i])) > 2e-3 {
				t.Errorf("%s[%d]: gradient %g, by differences %g", q.Name, i, got[i], n)
			}
		}
	}
}
