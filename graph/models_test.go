package graph_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"graft/graph"
	"graft/graph/check"
	"graft/onnx"
)

// shared reads one of the real models beside the repository.
func shared(t testing.TB, name string) *onnx.ModelProto {
	t.Helper()
	path := fmt.Sprintf("../../shared/data/models/%s/%s.onnx", name, name)
	m, err := onnx.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is not here", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func analyse(t testing.TB, m *onnx.ModelProto) *graph.Structure {
	t.Helper()
	s, err := graph.Analyse(m, graph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The numbers of layers and cut points are the same in every dialect of a network:
// resnet20's two projections are convolutions or slices and pads.
func TestCutPointsOfSharedModels(t *testing.T) {
	for _, w := range []struct {
		model       string
		layers, cut int
		last        string // tensor of the last cut point before the final layer
	}{
		{"squeezenet1_1", 26, 18, "fire9/concat_1"},
		{"squeezenet1_1_opset7", 26, 18, "fire9/concat_2"},
		{"squeezenet1_1_fp16", 26, 18, "fire9/concat_2"},
		{"resnet20_cifar10", 22, 11, "/Flatten_output_0"},
		{"resnet20_cifar10_dynamo", 20, 11, "view"},
		{"resnet20_cifar10_slicepad", 20, 11, "/Reshape_output_0"},
		{"efficientnet_lite0", 50, 32, "features"},
		{"mnist_cntk", 3, 3, "Pooling160_Output_0_reshape0"},
	} {
		t.Run(w.model, func(t *testing.T) {
			s := analyse(t, shared(t, w.model))
			if len(s.Layers) != w.layers || len(s.CutPoints) != w.cut {
				t.Errorf("%d layers, %d cut points, want %d, %d", len(s.Layers), len(s.CutPoints), w.layers, w.cut)
			}
			if got, err := s.LastCut(); got != w.last || err != nil {
				t.Errorf("last cut %q, %v, want %q", got, err, w.last)
			}
			for i, c := range s.CutPoints {
				if c.N != i+1 || i > 0 && (c.Layers <= s.CutPoints[i-1].Layers || c.Params < s.CutPoints[i-1].Params || c.MACs < s.CutPoints[i-1].MACs) {
					t.Errorf("cut point %+v does not lie above %+v", c, s.CutPoints[max(i-1, 0)])
				}
			}
			if c := s.CutPoints[w.cut-1]; c.Layers != w.layers {
				t.Errorf("the last cut point has %d layers below, want all %d", c.Layers, w.layers)
			}
		})
	}
}

// picture is a random input for the only input of m.
func picture(t testing.TB, m *onnx.ModelProto, batch int, seed uint64) *onnx.Tensor {
	t.Helper()
	size, err := graph.InputSize(m)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(seed, 1))
	shape := []int{batch, size[0], size[1], size[2]}
	v := make([]float32, batch*size[0]*size[1]*size[2])
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	x := onnx.FromFloats(shape, v)
	x.Type = onnx.TensorProto_DataType(m.Graph.Input[slices.IndexFunc(m.Graph.Input, func(v *onnx.ValueInfoProto) bool {
		return v.GetName() == graph.InputNames(m)[0]
	})].GetType().GetTensorType().GetElemType())
	return x
}

func infer(t testing.TB, m *onnx.ModelProto, x ...*onnx.Tensor) []*onnx.Tensor {
	t.Helper()
	y, err := check.Infer(m, x, 2)
	if err != nil {
		t.Fatal(err)
	}
	return y
}

// activations runs the whole model and gives the named tensors.
func activations(t testing.TB, m *onnx.ModelProto, x *onnx.Tensor, names []string) []*onnx.Tensor {
	t.Helper()
	p, err := graph.Compile(m, graph.Config{Outputs: names, Threads: 2,
		Options: graph.Options{Shapes: map[string][]int{graph.InputNames(m)[0]: x.Shape}}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.SetInput(0, x); err != nil {
		t.Fatal(err)
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	var r []*onnx.Tensor
	for i := range names {
		r = append(r, p.Output(i).Clone())
	}
	return r
}

func equal(a, b *onnx.Tensor) error {
	if !slices.Equal(a.Shape, b.Shape) || a.Type != b.Type {
		return fmt.Errorf("%v %v against %v %v", a.Type, a.Shape, b.Type, b.Shape)
	}
	x, _ := a.Floats()
	y, _ := b.Floats()
	if !slices.Equal(x, y) {
		return errors.New("the values differ")
	}
	return nil
}

// A body gives bit for bit the activation that the whole model has there, and the
// tail above it the whole model's output.
func TestCutAtEveryCutPoint(t *testing.T) {
	for _, name := range []string{"squeezenet1_1", "resnet20_cifar10", "resnet20_cifar10_slicepad", "mnist_cntk"} {
		t.Run(name, func(t *testing.T) {
			m := shared(t, name)
			s := analyse(t, m)
			x := picture(t, m, 1, 1)
			out := m.Graph.Output[0].GetName()
			names := []string{out}
			for _, c := range s.CutPoints {
				names = append(names, c.Tensor)
			}
			if testing.Short() {
				s.CutPoints, names = s.CutPoints[:2], names[:3]
			}
			want := activations(t, m, x, names)
			for i, c := range s.CutPoints {
				body, err := graph.Cut(m, c.Tensor, graph.Options{})
				if err != nil {
					t.Fatal(err)
				}
				if err := onnx.Check(body); err != nil {
					t.Fatalf("cut point %d: %v", c.N, err)
				}
				y := infer(t, body, x)[0]
				if err := equal(y, want[1+i]); err != nil {
					t.Errorf("cut point %d: %v", c.N, err)
				}
				if c.Tensor == out {
					continue
				}
				tail, err := graph.Tail(m, c.Tensor, graph.Options{})
				if err != nil {
					t.Fatal(err)
				}
				if err := onnx.Check(tail); err != nil {
					t.Fatalf("tail above %d: %v", c.N, err)
				}
				if err := equal(infer(t, tail, y)[0], want[0]); err != nil {
					t.Errorf("tail above %d: %v", c.N, err)
				}
			}
		})
	}
}

func TestCutKeepsBytes(t *testing.T) {
	m := shared(t, "squeezenet1_1_opset7")
	onnx.SetMetadata(m, "graft.labels", "a\nb")
	before := onnx.Clone(m)
	body, err := graph.Cut(m, analyse(t, m).CutPoints[8].Tensor, graph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(m, before) {
		t.Error("Cut changed the model it was given")
	}
	if v, _ := onnx.Metadata(body, "graft.labels"); v != "a\nb" || body.GetIrVersion() != 3 || onnx.Opset(body, "") != 7 {
		t.Error("metadata, IR version or opset changed")
	}
	for _, p := range body.Graph.Initializer {
		i := slices.IndexFunc(m.Graph.Initializer, func(q *onnx.TensorProto) bool { return q.GetName() == p.GetName() })
		if i < 0 || !proto.Equal(p, m.Graph.Initializer[i]) {
			t.Errorf("initializer %s changed", p.GetName())
		}
	}
}

func TestFindPlaces(t *testing.T) {
	m := shared(t, "resnet20_cifar10")
	s := analyse(t, m)
	branch := s.Layers[1] // the first convolution of the first block
	for _, w := range []struct {
		at      string
		partial bool
		want    string // the tensor
		err     string // what the message and its hint say
	}{
		{at: "1", want: s.CutPoints[0].Tensor},
		{at: "11", want: "logits"},
		{at: s.CutPoints[4].Tensor, want: s.CutPoints[4].Tensor},
		{at: s.CutPoints[4].Node, want: s.CutPoints[4].Tensor},
		{at: "layer:1", want: s.CutPoints[0].Tensor},
		{at: "layer:22", want: "logits"},
		{at: branch.Tensor, partial: true, want: branch.Tensor},
		{at: branch.Tensor, err: `lies on a branch; cut at 1 ("` + s.CutPoints[0].Tensor + `") or 2 ("` + s.CutPoints[1].Tensor + `"), or say --allow-partial-cut`},
		{at: "layer:2", err: "lies on a branch"},
		{at: "0", err: "no cut point 0; it has cut points 1 to 11"},
		{at: "12", err: "no cut point 12"},
		{at: "layer:23", err: `no layer "23"; it has layers 1 to 22`},
		{at: "layer:x", err: `no layer "x"`},
		{at: "nonsense", err: `no layer, tensor or node "nonsense"; use 1 to 11`},
		{at: "", err: `no layer, tensor or node ""`},
	} {
		got, err := s.Find(w.at, w.partial)
		if w.err == "" {
			if err != nil || got != w.want {
				t.Errorf("Find(%q): %q, %v, want %q", w.at, got, err, w.want)
			}
			continue
		}
		var e *graph.Error
		if !errors.As(err, &e) {
			t.Errorf("Find(%q): %q, %v, want a graph.Error", w.at, got, err)
			continue
		}
		text := strings.Replace(err.Error(), ": other paths lead past it to the output", "", 1) + "; " + e.Hint()
		if !strings.Contains(text, w.err) {
			t.Errorf("Find(%q): %s, want %s", w.at, text, w.err)
		}
	}
}

// A cut inside a residual branch is a model too, but its tail is none.
func TestPartialCut(t *testing.T) {
	m := shared(t, "resnet20_cifar10")
	branch := analyse(t, m).Layers[1].Tensor
	body, err := graph.Cut(m, branch, graph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := onnx.Check(body); err != nil {
		t.Error(err)
	}
	if _, err := graph.Tail(m, branch, graph.Options{}); err == nil || !strings.Contains(err.Error(), "does not carry all") {
		t.Errorf("Tail inside a branch: %v", err)
	}
	if _, err := graph.Cut(m, "nowhere", graph.Options{}); err == nil || !strings.Contains(err.Error(), `"nowhere"`) {
		t.Errorf("Cut at an unknown tensor: %v", err)
	}
}
