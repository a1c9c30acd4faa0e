package graph_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"graft/graph"
	"graft/graph/optim"
	"graft/onnx"
)

// uniform draws n numbers of -1 to 1 that depend on a name alone: splitmix64, seeded
// by its FNV-1a hash, as testdata/parity.py has it.
func uniform(name string, n int) []float64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	seed, v := h.Sum64(), make([]float64, n)
	for i := range v {
		z := seed + uint64(i+1)*0x9e3779b97f4a7c15
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		v[i] = float64(z^z>>31)/(1<<63) - 1
	}
	return v
}

func drawFloats(name string, n int) []float32 {
	v := make([]float32, n)
	for i, u := range uniform(name, n) {
		v[i] = float32(u)
	}
	return v
}

// untrained is the value of a tensor before the steps of testdata/parity.py.
func untrained(draw, name string, shape []int) []float32 {
	n := 1
	for _, d := range shape {
		n *= d
	}
	v := make([]float32, n)
	for i, u := range uniform(draw+" "+name, n) {
		switch {
		case len(shape) > 1:
			u *= math.Sqrt(6 / float64(n/shape[0]))
		case strings.HasSuffix(name, "running_var"):
			u = 1 + 0.3*u
		case strings.HasSuffix(name, "weight"):
			u = 1 + 0.2*u
		default:
			u *= 0.1
		}
		v[i] = float32(u)
	}
	return v
}

// packed reads a network of testdata/parity.
func packed(t *testing.T, name string) *onnx.ModelProto {
	t.Helper()
	b, err := os.ReadFile("testdata/parity/" + name + ".onnx.gz")
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if b, err = io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// parityGolden reads a network as PyTorch has it after three steps, and returns it
// as it was before them, with the trained tensors by name.
func parityGolden(t *testing.T, name string) (m *onnx.ModelProto, trained map[string]*onnx.Tensor) {
	t.Helper()
	m = packed(t, name)
	trained = map[string]*onnx.Tensor{}
	var err error
	before := map[string][]float32{}
	for _, p := range m.GetGraph().GetInitializer() {
		v, err := onnx.TensorOf(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := v.Floats(); ok {
			trained[p.GetName()] = v
			before[p.GetName()] = untrained(metadata(t, m, "draw"), p.GetName(), v.Shape)
		}
	}
	if m, err = graph.WithValues(m, before); err != nil {
		t.Fatal(err)
	}
	return m, trained
}

func metadata(t *testing.T, m *onnx.ModelProto, key string) string {
	t.Helper()
	for _, p := range m.GetMetadataProps() {
		if p.GetKey() == key {
			return p.GetValue()
		}
	}
	t.Fatalf("the golden has no %s", key)
	return ""
}

// goldenLosses reads three losses from a model's metadata.
func goldenLosses(t *testing.T, m *onnx.ModelProto, key string) []float64 {
	t.Helper()
	losses := make([]float64, 3)
	if _, err := fmt.Sscan(metadata(t, m, key), &losses[0], &losses[1], &losses[2]); err != nil {
		t.Fatal(err)
	}
	return losses
}

// threeSteps trains on the images and labels of testdata/parity.py.
func threeSteps(t *testing.T, m *onnx.ModelProto, f graph.Freezing) (*graph.Program, []float64) {
	t.Helper()
	const batch, classes = 8, 5
	p := trainer(t, m, batch, 2, f)
	x := uniform(metadata(t, m, "draw")+" x", 3*len(p.Input(0)))
	s, err := optim.New(optim.Settings{Name: "sgd", LR: 0.01, Momentum: 0.9, WeightDecay: 1e-4})
	if err != nil {
		t.Fatal(err)
	}
	var losses []float64
	for step := range 3 {
		in, target := p.Input(0), p.Target()
		for i := range in {
			in[i] = float32(1.7 * x[step*len(in)+i])
		}
		clear(target)
		for k := range batch {
			i := step*batch + k
			target[k*classes+(i*i+i/3)%classes] = 1
		}
		if err := p.Step(uint64(step)); err != nil {
			t.Fatal(err)
		}
		losses = append(losses, float64(p.LossValue()))
		if err := s.Step(p.ValueGrads()); err != nil {
			t.Fatal(err)
		}
	}
	return p, losses
}

// TestParity holds what three steps change of small networks, all weights and running
// statistics together, to PyTorch in float64. float32 in PyTorch is off by up to 2e-6.
func TestParity(t *testing.T) {
	files, err := filepath.Glob("testdata/parity/*.onnx.gz")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".onnx.gz")
		if strings.Contains(name, ".") { // another dialect
			continue
		}
		count++
		t.Run(name, func(t *testing.T) {
			m, trained := parityGolden(t, name)
			p, losses := threeSteps(t, m, graph.Freezing{BatchStatistics: true})
			if err := near(losses, goldenLosses(t, m, "losses.batch"), 1e-5); err != nil {
				t.Errorf("losses on batch statistics: %v", err)
			}
			state := p.State()
			if len(state) != len(trained) {
				t.Errorf("%d tensors changed, PyTorch has %d", len(state), len(trained))
			}
			var off, all float64
			for tensor, want := range trained {
				have, old := state[tensor], untrained(metadata(t, m, "draw"), tensor, want.Shape)
				if have == nil {
					t.Errorf("%s did not learn", tensor)
					continue
				}
				for i, w := range want.Data.([]float32) {
					off += math.Pow(float64(have[i])-float64(w), 2)
					all += math.Pow(float64(w)-float64(old[i]), 2)
				}
			}
			if e := math.Sqrt(off / all); !(e < 1e-5) {
				t.Errorf("the change is off by %.2g of its norm", e)
			}
			_, losses = threeSteps(t, m, graph.Freezing{})
			if err := near(losses, goldenLosses(t, m, "losses.stored"), 1e-5); err != nil {
				t.Errorf("losses on stored statistics: %v", err)
			}
		})
	}
	if count < 5 {
		t.Errorf("%d networks, want 5 at least", count)
	}
}

// A network is the same in every exporter's dialect: its layers, its cut points and
// what it computes.
func TestDialects(t *testing.T) {
	for _, w := range []struct {
		name         string
		layers, cuts int
		folded       map[string]int // by dialect, where not 0
	}{
		{name: "mobilenet_v2", layers: 14, cuts: 12},
		{name: "mobilenet_v3_small", layers: 21, cuts: 15},
		{name: "shufflenet_v2_x1_0", layers: 24, cuts: 8, folded: map[string]int{"": 122, ".eval": 117}},
		{name: "efficientnet_b0", layers: 22, cuts: 13},
	} {
		t.Run(w.name, func(t *testing.T) {
			var want []float64
			for _, dialect := range []string{"", ".eval", ".dynamo"} {
				m := packed(t, w.name+dialect)
				s := analyse(t, m)
				if len(s.Layers) != w.layers || len(s.CutPoints) != w.cuts || s.Folded != w.folded[dialect] {
					t.Errorf("%q: %d layers, %d cut points, %d nodes folded; want %d, %d, %d", dialect,
						len(s.Layers), len(s.CutPoints), s.Folded, w.layers, w.cuts, w.folded[dialect])
				}
				if kept, folded := s.BatchNorms(); (dialect == "") != (kept > 0) || (dialect == "") != (folded == 0) {
					t.Errorf("%q: %d BatchNormalizations, %d folded", dialect, kept, folded)
				}
				x := onnx.FromFloats([]int{1, 3, 32, 32}, drawFloats("image", 3*32*32))
				y := widen(infer(t, m, x)[0].Data.([]float32))
				if want == nil {
					want = y
				}
				if err := near(y, want, 1e-5); err != nil {
					t.Errorf("%q: %v", dialect, err)
				}
			}
		})
	}
}
