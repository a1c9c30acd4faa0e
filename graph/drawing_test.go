package graph_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"graft/graph"
	"graft/onnx"
)

// drawn is the drawing of a network on x [1,4,8,8]. Weights whose names begin with w are
// those of 1x1 convolutions.
func drawn(t *testing.T, nodes ...*onnx.NodeProto) *graph.Drawing {
	t.Helper()
	weights := []*onnx.TensorProto{onnx.FromFloats([]int{4, 1, 3, 1}, make([]float32, 12)).Proto("d"), onnx.FromFloats([]int{4}, make([]float32, 4)).Proto("b")}
	known := map[string]bool{}
	for _, n := range nodes {
		for _, in := range n.GetInput() {
			if strings.HasPrefix(in, "w") && !known[in] {
				known[in] = true
				weights = append(weights, onnx.FromFloats([]int{4, 4, 1, 1}, make([]float32, 16)).Proto(in))
			}
		}
	}
	m := &onnx.ModelProto{IrVersion: new(int64(8)), OpsetImport: []*onnx.OperatorSetIdProto{{Version: new(int64(13))}}, Graph: &onnx.GraphProto{
		Node:        nodes,
		Initializer: weights,
		Input:       []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, 1, 4, 8, 8)},
		Output:      []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT)},
	}}
	return analyse(t, m).Draw(nil)
}

// lines are the rows of a drawing: a "|" where it reads the row above, its kind, its
// operators, its cut point, and its lanes as from>to, the box being "-", and "!" where it
// reads.
func lines(d *graph.Drawing) (list []string) {
	for _, r := range d.Rows {
		var b strings.Builder
		if r.Direct {
			b.WriteString("| ")
		}
		b.WriteString(r.Kind)
		for _, p := range r.Parts {
			b.WriteString(" " + p.Op)
			if p.Detail != "" {
				b.WriteString("(" + p.Detail + ")")
			}
		}
		if r.Cut > 0 {
			fmt.Fprintf(&b, " #%d", r.Cut)
		}
		end := func(i int) string {
			if i < 0 {
				return "-"
			}
			return fmt.Sprint(i)
		}
		for _, l := range r.Lanes {
			b.WriteString(" " + end(l.From) + ">" + end(l.To))
			if l.Read {
				b.WriteString("!")
			}
		}
		list = append(list, b.String())
	}
	return list
}

func TestDraw(t *testing.T) {
	conv := func(in, out string) *onnx.NodeProto { return node("Conv", in+" w b", out) }
	for _, c := range []struct {
		name  string
		nodes []*onnx.NodeProto
		want  []string
	}{
		{"chain", []*onnx.NodeProto{conv("x", "a"), node("Relu", "a", "c"), node("Conv", "c d", "e", "group", 4, "pads", list(1, 0, 1, 0), "strides", list(2, 2)), node("GlobalAveragePool", "e", "f"), node("Flatten", "f", "y")},
			[]string{"input", "| conv Conv(1×1) Relu #1", "| depthwise Conv(3×1, stride 2, depthwise)", "| pool GlobalAveragePool Flatten #2"}},
		{"residual", []*onnx.NodeProto{conv("x", "a"), conv("a", "c"), node("Relu", "c", "d"), conv("d", "e"), node("Add", "e a", "f"), node("Relu", "f", "y")},
			[]string{"input", "| conv Conv(1×1) #1 ->0", "| conv Conv(1×1) Relu 0>0", "| conv Conv(1×1) 0>0", "| sum Add Relu #2 0>-!"}},
		// What a branch has made waits in a lane for the others.
		{"branches", []*onnx.NodeProto{conv("x", "a"), conv("a", "c"), conv("a", "d"), conv("a", "e"), node("Concat", "c d e", "y", "axis", 1)},
			[]string{"input", "| conv Conv(1×1) #1 ->0", "| conv Conv(1×1) ->1 0>0", "conv Conv(1×1) ->1 0>0! 1>1", "conv Conv(1×1) 0>-! 1>1", "| concat Concat #2 1>-!"}},
		// What is read by the same boxes from here on runs in one lane.
		{"dense", []*onnx.NodeProto{conv("x", "a"), conv("a", "c"), node("Concat", "a c", "p", "axis", 1), node("MaxPool", "p", "q", "kernel_shape", list(1, 1)), node("Concat", "a c q", "z", "axis", 1), node("Relu", "z", "y")},
			[]string{"input", "| conv Conv(1×1) #1 ->0", "| conv Conv(1×1) ->1 0>0", "| concat Concat 0>0! 1>0", "| pool MaxPool(1×1) 0>0", "| concat Concat Relu #2 0>-!"}},
		// An activation that is several operators, or reads its input twice, is part of the box.
		{"swish", []*onnx.NodeProto{conv("x", "a"), node("Sigmoid", "a", "c"), node("Mul", "a c", "d"), node("Sigmoid", "d", "e"), node("Mul", "d e", "f"), conv("f", "y")},
			[]string{"input", "| conv Conv(1×1) Sigmoid Mul Sigmoid Mul #1", "| conv Conv(1×1) #2"}},
		// Branches that the file mixes are followed one after the other.
		{"mixed", []*onnx.NodeProto{conv("x", "a"), node("MaxPool", "a", "p", "kernel_shape", list(1, 1)), node("Sigmoid", "a", "q"), conv("p", "c"), conv("q", "d"), node("Relu", "c", "e"), node("Relu", "d", "f"), node("Add", "e f", "y")},
			[]string{"input", "| conv Conv(1×1) #1 ->0", "| pool MaxPool(1×1) 0>0", "| conv Conv(1×1) Relu ->1 0>0", "other Sigmoid 0>-! 1>1", "| conv Conv(1×1) Relu 1>1", "| sum Add #2 1>-!"}},
		{"split", []*onnx.NodeProto{conv("x", "a"), onnx.NewNode("Split", "", []string{"a"}, []string{"c", "d"}, onnx.IntAttr("axis", 1)), node("Relu", "d", "e"), node("Concat", "c e", "f", "axis", 1), conv("f", "y")},
			[]string{"input", "| conv Conv(1×1)", "| other Split ->0", "| other Relu 0>0", "| concat Concat #1 0>-!", "| conv Conv(1×1) #2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := drawn(t, c.nodes...)
			if got := lines(d); !slices.Equal(got, c.want) {
				t.Errorf("\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			follow(t, d)
		})
	}
}

// follow goes along the lanes of a drawing: what arrives at a box must be what it reads.
func follow(t *testing.T, d *graph.Drawing) {
	t.Helper()
	lanes := map[int]map[string]bool{}
	readers := map[string]int{}
	for _, r := range d.Rows {
		for _, name := range r.Reads {
			readers[name]++
		}
	}
	for i, r := range d.Rows {
		var arrived []string
		if r.Direct {
			for _, name := range d.Rows[i-1].Makes {
				if slices.Contains(r.Reads, name) {
					arrived = append(arrived, name)
				}
			}
			if len(arrived) == 0 {
				t.Fatalf("row %d reads nothing of the one above", i)
			}
		}
		below := map[int]map[string]bool{}
		for _, l := range r.Lanes {
			var here []string
			for name := range lanes[l.From] {
				here = append(here, name)
			}
			if l.From < 0 {
				for _, name := range r.Makes {
					n := readers[name]
					if i+1 < len(d.Rows) && slices.Contains(d.Rows[i+1].Reads, name) {
						n-- // without a lane
					}
					if n > 0 {
						here = append(here, name)
					}
				}
			} else if len(here) == 0 {
				t.Fatalf("row %d: nothing is in lane %d", i, l.From)
			}
			if l.Read {
				arrived = append(arrived, here...)
			}
			if l.To >= 0 {
				if below[l.To] == nil {
					below[l.To] = map[string]bool{}
				}
				for _, name := range here {
					below[l.To][name] = true
				}
			}
		}
		lanes = below
		slices.Sort(arrived)
		arrived = slices.Compact(arrived)
		want := slices.Sorted(slices.Values(r.Reads))
		if !slices.Equal(arrived, want) {
			t.Fatalf("row %d %v: %v arrive, it reads %v", i, r.Parts, arrived, want)
		}
	}
	if len(lanes) > 0 && d.Left == 0 {
		t.Errorf("lanes %v end nowhere", lanes)
	}
}

// Every layer, cut point and parameter of a network is in its drawing once.
func TestDrawIsWhole(t *testing.T) {
	for _, name := range []string{"squeezenet1_1", "squeezenet1_1_opset7", "squeezenet1_1_fp16", "resnet20_cifar10", "resnet20_cifar10_dynamo", "resnet20_cifar10_slicepad", "efficientnet_lite0", "mnist_cntk"} {
		t.Run(name, func(t *testing.T) { wholly(t, analyse(t, shared(t, name))) })
	}
	for seed := range uint64(30) {
		t.Run(fmt.Sprint("random ", seed), func(t *testing.T) {
			wholly(t, analyse(t, randomGraph(rand.New(rand.NewPCG(seed, 1)), 40)))
		})
	}
}

func wholly(t *testing.T, s *graph.Structure) {
	t.Helper()
	d := s.Draw(nil)
	cut, params, macs := 0, 0, 0
	layers := map[int]bool{}
	for _, r := range d.Rows {
		if r.Layer > 0 {
			layers[r.Layer] = true
		}
		if params, macs = params+r.Params, macs+r.MACs; r.Cut > 0 {
			cut++
			if c := s.CutPoints[cut-1]; r.Cut != cut || !slices.Equal(r.Makes, []string{c.Tensor}) || !slices.Equal(r.Shape, c.Shape) || params != c.Params || macs != c.MACs {
				t.Errorf("cut %d at %v %v with %d and %d, want %+v", r.Cut, r.Makes, r.Shape, params, macs, c)
			}
		}
	}
	if len(layers) != len(s.Layers) || cut != len(s.CutPoints) {
		t.Errorf("%d layers and %d cut points, want %d and %d", len(layers), cut, len(s.Layers), len(s.CutPoints))
	}
	follow(t, d)
}

// What repeats is folded from behind a cut point on, in all its sizes or but for channels.
func TestFolds(t *testing.T) {
	var nodes []*onnx.NodeProto
	at := "x"
	for i := range 30 { // of three rows each
		a, b, c := fmt.Sprint("a", i), fmt.Sprint("b", i), fmt.Sprint("c", i)
		nodes = append(nodes, node("Conv", fmt.Sprintf("%s wa%d", at, i), a), node("Conv", fmt.Sprintf("%s wb%d", a, i), b), node("Add", b+" "+at, c))
		at = c
	}
	nodes = append(nodes, node("Relu", at, "y"))
	d := drawn(t, nodes...)
	if len(d.Rows) != 91 || len(d.Folds) != 1 {
		t.Fatalf("%d rows, folds %v", len(d.Rows), d.Folds)
	}
	// The last sum begins no lane, and has the Relu: it repeats nothing.
	if f := d.Folds[0]; f != (graph.Fold{First: 4, Last: 87, Period: 3, Same: true}) {
		t.Errorf("%+v\n%s", f, strings.Join(lines(d), "\n"))
	}
	if d := drawn(t, append(nodes[:9:9], node("Relu", "c2", "y"))...); d.Folds != nil {
		t.Errorf("a small network has folds %v", d.Folds)
	}
}

// What learns is known where somebody says it.
func TestDrawLearning(t *testing.T) {
	s := analyse(t, freezable())
	l, err := s.Learning(graph.Freezing{Below: s.CutPoints[0].Tensor})
	if err != nil {
		t.Fatal(err)
	}
	states := func(d *graph.Drawing) (list []string) {
		for _, r := range d.Rows {
			if r.State != "" {
				list = append(list, r.State)
			}
		}
		return list
	}
	got := states(s.Draw(&l))
	if len(got) < 2 || got[0] != graph.Frozen || got[len(got)-1] != graph.Learns || states(s.Draw(nil)) != nil {
		t.Errorf("%v, unknown %v", got, states(s.Draw(nil)))
	}
}

// A drawing of however large a graph is bounded and soon done.
func TestDrawLarge(t *testing.T) {
	chain := make([]*onnx.NodeProto, 100_000)
	for i := range chain {
		chain[i] = node("Relu", fmt.Sprint("v", i), fmt.Sprint("v", i+1))
	}
	chain[0].Input[0], chain[len(chain)-1].Output[0] = "x", "y"
	var crossing []*onnx.NodeProto // as many lanes as there can be: read in the reverse order
	const n = 1500
	for i := range n {
		crossing = append(crossing, node("Conv", "x w", fmt.Sprint("a", i)))
	}
	at := "x"
	for i := range n {
		crossing = append(crossing, node("Add", fmt.Sprintf("%s a%d", at, n-1-i), fmt.Sprint("s", i)))
		at = fmt.Sprint("s", i)
	}
	crossing[len(crossing)-1].Output[0] = "y"
	for name, nodes := range map[string][]*onnx.NodeProto{"chain": chain, "crossing": crossing} {
		start := time.Now()
		d := drawn(t, nodes...)
		if len(d.Rows) > 2000 || d.Left == 0 || d.Lanes > 12 {
			t.Errorf("%s: %d rows and %d lanes, %d left", name, len(d.Rows), d.Lanes, d.Left)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: took %v", name, took)
		} else {
			t.Logf("%s: %v", name, took)
		}
	}
}

// The first convolution's filters are given where they can be seen, else it is named.
func TestFilters(t *testing.T) {
	for _, c := range []struct {
		w    []int
		in   []any
		want string
	}{
		{[]int{5, 3, 2, 2}, []any{1, 3, 8, 8}, ""},
		{[]int{5, 1, 2, 2}, []any{1, 1, 8, 8}, ""},
		{[]int{5, 4, 2, 2}, []any{1, 4, 8, 8}, `the first convolution "stem" reads 4 channels`},
		{[]int{5, 3, 2}, []any{1, 3, 8}, `"stem" have shape [5 3 2]`},
		{nil, []any{1, 3, 8, 8}, "no convolution"},
	} {
		m := &onnx.ModelProto{IrVersion: new(int64(8)), OpsetImport: []*onnx.OperatorSetIdProto{{Version: new(int64(13))}}, Graph: &onnx.GraphProto{
			Node:   []*onnx.NodeProto{onnx.NewNode("Relu", "", []string{"x"}, []string{"y"})},
			Input:  []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, c.in...)},
			Output: []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT)},
		}}
		if c.w != nil {
			n := 1
			for _, d := range c.w {
				n *= d
			}
			w := onnx.FromFloats(c.w, make([]float32, n))
			m.Graph.Initializer = []*onnx.TensorProto{w.Proto("w")}
			m.Graph.Node = []*onnx.NodeProto{onnx.NewNode("Conv", "stem", []string{"x", "w"}, []string{"y"})}
		}
		node, w, err := analyse(t, m).Filters()
		switch {
		case c.want == "":
			if err != nil || node != "stem" || !slices.Equal(w.Shape, c.w) {
				t.Errorf("%v: %q, %v", c.w, node, err)
			}
		case err == nil || !strings.Contains(err.Error(), c.want):
			t.Errorf("%v: %v, want %s", c.w, err, c.want)
		}
	}
}
