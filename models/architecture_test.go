package models_test

import (
	"math"
	"testing"

	"graft/graph"
	"graft/models"
	"graft/onnx"
)

// The number of CaffeNet's parameters and multiply-adds is that of Caffe's
// bvlc_reference_caffenet, of which graft's is the same layers.
func TestArchitectures(t *testing.T) {
	if testing.Short() {
		t.Skip("the whole caffenet is large")
	}
	for _, c := range []struct {
		name                 string
		classes, size        int
		points, params, macs int
	}{
		{"caffenet", 1000, 227, 8, 60965224, 724406816},
		{"caffenet", 500, 63, 8, 0, 0},
		{"caffenet-32", 5, 32, 8, 415109, 9864448},
		{"caffenet-32", 5, 64, 8, 0, 0},
		{"convnet6", 5, 32, 6, 0, 0},
		{"resnet14", 10, 32, 8, 0, 0},
	} {
		m, err := models.New(c.name, c.classes, c.size)
		if err != nil {
			t.Fatal(err)
		}
		s, err := graph.Analyse(m, graph.Options{})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		last := s.CutPoints[len(s.CutPoints)-1]
		if len(s.CutPoints) != c.points || c.params > 0 && (last.Params != c.params || last.MACs != c.macs) {
			t.Errorf("%s of %d: %d cut points, %d parameters, %d multiply-adds; want %d, %d, %d", c.name, c.size, len(s.CutPoints), last.Params, last.MACs, c.points, c.params, c.macs)
		}
	}
}

// Weights and biases begin as the paper's do, and by the seed.
func TestCaffenetBegins(t *testing.T) {
	if testing.Short() {
		t.Skip("the whole caffenet is large")
	}
	m, err := models.New("caffenet", 20, 63)
	if err != nil {
		t.Fatal(err)
	}
	if m, err = graph.Redraw(m, "", 10, 1, graph.Options{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{"conv1.weight": 0.01, "conv4.weight": 0.01, "fc6.weight": 0.005, "fc7.weight": 0.005, "logits.weight": 0.01} {
		v, err := graph.Constant(m, name)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, x := range v {
			sum += float64(x) * float64(x)
		}
		if got := math.Sqrt(sum / float64(len(v))); math.Abs(got/want-1) > 0.02 {
			t.Errorf("%s: deviation %g of %d, want %g", name, got, len(v), want)
		}
	}
	for name, want := range map[string]float32{"conv1.bias": 0, "conv2.bias": 1, "conv3.bias": 0, "conv4.bias": 1, "conv5.bias": 1, "fc6.bias": 1, "fc7.bias": 1, "logits.bias": 0} {
		v, err := graph.Constant(m, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range v {
			if x != want {
				t.Fatalf("%s: %g, want %g", name, x, want)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		classes, size int
		want          string
	}{
		"alexnet":     {10, 32, `models: no architecture is called "alexnet", only caffenet, caffenet-32, convnet6, resnet14`},
		"caffenet":    {10, 32, "models: caffenet for pictures of 32 pixels and 10 classes, want 63 to 4096 pixels and 2 classes or more"},
		"caffenet-32": {1, 32, "models: caffenet-32 for pictures of 32 pixels and 1 classes, want 24 to 4096 pixels and 2 classes or more"},
	} {
		if _, err := models.New(name, c.classes, c.size); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// A network of every architecture passes the checks after its weights are drawn, and
// equal seeds give equal bytes, others other ones.
func TestNewIsDrawnBySeed(t *testing.T) {
	for _, a := range models.Architectures[1:] {
		var files [3]string
		for i, seed := range []uint64{1, 1, 2} {
			m, err := models.New(a.Name, 3, 0)
			if err != nil {
				t.Fatal(err)
			}
			if m, err = graph.Redraw(m, "", 0, seed, graph.Options{}); err != nil {
				t.Fatal(err)
			}
			b, err := onnx.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			files[i] = string(b)
		}
		if files[0] != files[1] || files[0] == files[2] {
			t.Errorf("%s: equal seeds give equal bytes: %v, other seeds other ones: %v", a.Name, files[0] == files[1], files[0] != files[2])
		}
	}
}
