package graph_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"graft/graph"
	"graft/graph/check"
	"graft/onnx"
)

// invertedNet is a stem with a pool and an inverted residual block, at a size at which
// both run as cascades.
func invertedNet() *onnx.ModelProto {
	c := net("Conv", "inverted", 13, map[string]any{
		"w0": floats{16, 3, 3, 3}, "b0": floats{16}, "w1": floats{64, 16, 1, 1}, "s1": floats{64}, "b1": floats{64}, "m1": floats{64}, "v1": onnx.FromFloats([]int{64}, slices.Repeat([]float32{2}, 64)),
		"w2": floats{64, 1, 3, 3}, "w3": floats{16, 64, 1, 1}, "b3": floats{16}, "lo": scalar(0), "hi": scalar(6)},
		node("Conv", "x w0 b0", "c0", "pads", list(1, 1, 1, 1)), node("Relu", "c0", "r0"),
		node("MaxPool", "r0", "p0", "kernel_shape", list(3, 3), "strides", list(2, 2), "pads", list(1, 1, 1, 1)),
		node("Conv", "p0 w1", "c1"), node("BatchNormalization", "c1 s1 b1 m1 v1", "n1"), node("Clip", "n1 lo hi", "r1"),
		node("Conv", "r1 w2", "c2", "pads", list(1, 1, 1, 1), "group", 64), node("Clip", "c2 lo hi", "r2"),
		node("Conv", "r2 w3 b3", "c3"), node("Add", "p0 c3", "y"))
	c.model.Graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", 3, 64, 64)}
	c.model.Graph.Output = []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT, "N", 16, 32, 32)}
	return c.model
}

// fireNet joins two convolutions and an image that is copied between them.
func fireNet() *onnx.ModelProto {
	c := net("Conv", "fire", 13, map[string]any{"w": floats{32, 3, 3, 3}, "b": floats{32}, "w1": floats{16, 32, 1, 1}, "w3": floats{40, 32, 3, 3}},
		node("Conv", "x w b", "c", "pads", list(1, 1, 1, 1)), node("Relu", "c", "s"),
		node("Conv", "s w1", "e1"), node("Relu", "e1", "r1"), node("Conv", "s w3", "e3", "pads", list(1, 1, 1, 1)), node("Relu", "e3", "r3"),
		node("Concat", "r1 s r3", "y", "axis", 1))
	c.model.Graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", 3, 20, 20)}
	c.model.Graph.Output = []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT, "N", 88, 20, 20)}
	return c.model
}

// Layers that run as one, band by band or into a Concat, compute the numbers that they compute
// by themselves, where what lies between them is asked for, bit for bit.
func TestComposingChangesNothing(t *testing.T) {
	for _, c := range []struct {
		kernel  string
		model   *onnx.ModelProto
		between []string
		forms   int // that are part of such a kernel
	}{
		{"Cascade", invertedNet(), []string{"r0", "r1", "r2"}, 5},
		{"Concat", fireNet(), []string{"r1", "r3"}, 2},
	} {
		t.Run(c.kernel, func(t *testing.T) {
			run := func(outputs ...string) (y []float32, forms int) {
				p, err := graph.Compile(c.model, graph.Config{Options: graph.Options{Batch: 3}, Threads: 2, Outputs: outputs})
				if err != nil {
					t.Fatal(err)
				}
				defer p.Close()
				r := rand.New(rand.NewPCG(8, 9))
				for i := range p.Input(0) {
					p.Input(0)[i] = float32(r.NormFloat64())
				}
				p.Clock(true)
				if err := p.Run(); err != nil {
					t.Fatal(err)
				}
				for _, k := range p.Timings() {
					if k.Kernel == c.kernel && k.How != "" {
						forms += len(strings.Split(k.How, ", "))
					}
				}
				return slices.Clone(p.Output(0).Data.([]float32)), forms
			}
			together, forms := run("y")
			apart, none := run(append([]string{"y"}, c.between...)...)
			if forms != c.forms || none != 0 {
				t.Errorf("%d and %d forms run within a %s, want %d and none", forms, none, c.kernel, c.forms)
			}
			if !slices.Equal(together, apart) {
				t.Error("the numbers differ")
			}
		})
	}
}

// Exact leaves Winograd's algorithm out, and is nearer to float64.
func TestExact(t *testing.T) {
	c := net("Conv", "exact", 13, map[string]any{"w": floats{64, 32, 3, 3}}, node("Conv", "x w", "y", "pads", list(1, 1, 1, 1)))
	c.model.Graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", 32, 16, 16)}
	c.model.Graph.Output = []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT, "N", 64, 16, 16)}
	wide, _ := opened(t, c.model, nil, true) // which the reference computes in double precision
	wide.Graph.Input[0].Type = onnx.TensorInfo("x", onnx.TensorProto_DOUBLE, "N", 32, 16, 16).Type
	wide.Graph.Output[0].Type = onnx.TensorInfo("y", onnx.TensorProto_DOUBLE, "N", 64, 16, 16).Type
	r := rand.New(rand.NewPCG(8, 9))
	x, x64 := make([]float32, 32*16*16), make([]float64, 32*16*16)
	for i := range x {
		x[i] = float32(r.NormFloat64())
		x64[i] = float64(x[i])
	}
	y, err := check.Infer(wide, []*onnx.Tensor{{Type: onnx.TensorProto_DOUBLE, Shape: []int{1, 32, 16, 16}, Data: x64}}, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := y[0].Data.([]float64)
	distance := func(exact bool) (square float64) {
		p, err := graph.Compile(c.model, graph.Config{Options: graph.Options{Exact: exact}, Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		copy(p.Input(0), x)
		p.Clock(true)
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		for _, k := range p.Timings() {
			if k.Kernel == "Conv" && strings.HasPrefix(k.How, "Winograd") == exact {
				t.Errorf("exact %v runs %s", exact, k.How)
			}
		}
		for i, v := range p.Output(0).Data.([]float32) {
			square += (float64(v) - want[i]) * (float64(v) - want[i])
		}
		return square
	}
	if fast, exact := distance(false), distance(true); exact > fast/9 {
		t.Errorf("squared errors: exact %.2g, else %.2g", exact, fast)
	}
}
