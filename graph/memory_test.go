package graph_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"gorgonia.org/gorgonia"

	"graft/graph"
	"graft/graph/ops"
	"graft/graph/optim"
	"graft/onnx"
)

// hooked is cross-entropy that shows the builder to f first.
func hooked(f func(b *ops.Builder)) graph.Loss {
	return func(b *ops.Builder, y *gorgonia.Node) (target, loss *gorgonia.Node, err error) {
		f(b)
		return optim.CrossEntropy(b, y)
	}
}

func hookedTrainer(t *testing.T, m *onnx.ModelProto, f func(b *ops.Builder)) *graph.Program {
	t.Helper()
	s := analyse(t, m)
	freezing := graph.Freezing{BatchStatistics: true}
	if s.Shape("single") != nil { // below it the mixed model has no gradients
		freezing.Below = "single"
	}
	l, err := s.Learning(freezing)
	if err != nil {
		t.Fatal(err)
	}
	p, err := graph.Compile(m, graph.Config{Options: graph.Options{Batch: 4}, Threads: 2,
		Training: &graph.Training{Learning: l, Loss: hooked(f), Seed: 7}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	fill(p)
	return p
}

// mixed has nodes of the reference evaluation between kernels, below what learns:
// their results are not the plan's, and what they pass through may be.
func mixed() *onnx.ModelProto {
	c := net("Conv", "mixed", 13, map[string]any{"k": onnx.FromFloats([]int{3, 3, 1, 1}, []float32{1, 2, 3, 4, 5, 6, 7, 8, 9}),
		"pads": ints(0, 0, 1, 1, 0, 0, 1, 1), "axes": ints(0), "order": ints(2, 0, 1), "w": floats{3, 3, 3, 3}, "fc": floats{3, 4}, "b": floats{4}},
		node("Conv", "x k", "c"), node("Sigmoid", "c", "s"), node("Pad", "s pads", "p", "mode", "edge"), node("Gather", "p order", "g", "axis", 1),
		node("Cast", "g", "double", "to", int(onnx.TensorProto_DOUBLE)), node("Identity", "double", "same"), node("Cast", "same", "single", "to", int(onnx.TensorProto_FLOAT)),
		node("Unsqueeze", "single axes", "five"), node("Squeeze", "five axes", "four"), node("Add", "four p", "sum"),
		node("Conv", "sum w", "d"), node("Relu", "d", "r"), node("Add", "r s", "t"), node("GlobalAveragePool", "t", "pool"),
		node("Flatten", "pool", "f"), node("Gemm", "f fc b", "y"))
	c.model.Graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", 3, 6, 6)}
	c.model.Graph.Output = []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT, "N", 4)}
	return c.model
}

// Values that share memory by the plan, or are computed once more, are the ones that values
// with memory of their own have: the plan's order is the run's.
func TestMemoryPlanChangesNothing(t *testing.T) {
	models := map[string]func(testing.TB) *onnx.ModelProto{
		"small":            func(testing.TB) *onnx.ModelProto { return smallNet(true) },
		"mixed":            func(testing.TB) *onnx.ModelProto { return mixed() },
		"freezable":        func(testing.TB) *onnx.ModelProto { return freezable() },
		"resnet20_cifar10": func(t testing.TB) *onnx.ModelProto { return shared(t, "resnet20_cifar10") },
	}
	for name, model := range models {
		t.Run(name, func(t *testing.T) {
			m := model(t)
			planned := hookedTrainer(t, m, func(*ops.Builder) {})
			separate := hookedTrainer(t, m, func(b *ops.Builder) { b.Separate = true })
			again := hookedTrainer(t, m, func(b *ops.Builder) { b.Recompute = true })
			losses := steps(t, separate, 3)
			for what, p := range map[string]*graph.Program{"planned": planned, "computed once more": again} {
				if a := steps(t, p, 3); !slices.Equal(a, losses) {
					t.Errorf("%s: losses %v, with separate memory %v", what, a, losses)
				}
				if !proto.Equal(stored(t, p), stored(t, separate)) {
					t.Errorf("%s: the weights differ", what)
				}
				for i, q := range p.Params() {
					if !slices.Equal(q.Grad(), separate.Params()[i].Grad()) {
						t.Errorf("%s: the gradients of %s differ", what, q.Name)
					}
				}
			}
			a, b := planned.Memory(), separate.Memory()
			if name == "resnet20_cifar10" && again.Memory().Arena > a.Arena*4/5 {
				t.Errorf("%d bytes with what is cheap computed once more, else %d", again.Memory().Arena, a.Arena)
			}
			if a.Arena >= a.Sum || a.Sum != b.Sum || b.Arena != b.Sum {
				t.Errorf("planned %+v, separate %+v", a, b)
			}
		})
	}
}

// A step allocates next to nothing: what the kernels do, and Step adds.
func TestStepAllocations(t *testing.T) {
	var b *ops.Builder
	p := hookedTrainer(t, smallNet(true), func(x *ops.Builder) { b = x })
	steps(t, p, 2)
	var kernels float64
	for _, n := range b.Graph.AllNodes() {
		if n.Op() == nil {
			continue
		}
		var in []gorgonia.Value
		for it := b.Graph.From(n.ID()); it.Next(); {
			in = append(in, it.Node().(*gorgonia.Node).Value())
		}
		if len(in) == 0 {
			continue // the constant 1 that the gradient starts from
		}
		kernels += testing.AllocsPerRun(1, func() {
			if _, err := n.Op().Do(in...); err != nil {
				t.Fatal(err)
			}
		})
	}
	step := uint64(0)
	whole := testing.AllocsPerRun(10, func() {
		if err := p.Step(step); err != nil {
			t.Fatal(err)
		}
		step++
	})
	if whole-kernels > 10 {
		t.Errorf("%g allocations a step, %g of them in kernels: want 10 others at most", whole, kernels)
	}
}
