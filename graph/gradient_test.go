package graph_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"

	"graft/graph"
	"graft/graph/ops"
	"graft/onnx"
)

// weighted is the loss sum_i r_i y_i, whose gradient by y is r.
func weighted(r []float32) graph.Loss {
	return func(b *ops.Builder, y *gorgonia.Node) (target, loss *gorgonia.Node, err error) {
		return nil, b.Apply(ops.Kernel{Name: "weighted",
			Run: func(l []float32, x [][]float32) {
				var sum float64
				for i, v := range x[0] {
					sum += float64(v) * float64(r[i])
				}
				l[0] = float32(sum)
			},
			Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
				return []*gorgonia.Node{b.Apply(ops.Kernel{Name: "weighted.dx", Shape: in[0].Shape(), Run: func(dx []float32, x [][]float32) {
					for i := range dx {
						dx[i] = x[0][0] * r[i]
					}
				}}, dy)}
			}}, y), nil
	}
}

// flattened ends the model in an output of shape [1,n], as a loss needs it.
func flattened(m *onnx.ModelProto) *onnx.ModelProto {
	m = onnx.Clone(m)
	m.Graph.Node = append(m.Graph.Node, node("Flatten", "y", "flat", "axis", 0))
	m.Graph.Output = []*onnx.ValueInfoProto{{Name: new("flat")}}
	return m
}

// opened makes inputs of the named initializers and gives their values. double
// turns all float32 of the model into float64, which only the reference computes.
func opened(t testing.TB, m *onnx.ModelProto, names []string, double bool) (*onnx.ModelProto, map[string]*onnx.Tensor) {
	t.Helper()
	m = onnx.Clone(m)
	values := map[string]*onnx.Tensor{}
	kept := m.Graph.Initializer[:0]
	for _, p := range m.Graph.Initializer {
		v, err := onnx.TensorOf(p)
		if err != nil {
			t.Fatal(err)
		}
		if f, ok := v.Floats(); ok && double {
			w := make([]float64, len(f))
			for i, x := range f {
				w[i] = float64(x)
			}
			v = &onnx.Tensor{Type: onnx.TensorProto_DOUBLE, Shape: v.Shape, Data: w}
		}
		if !slices.Contains(names, p.GetName()) {
			kept = append(kept, v.Proto(p.GetName()))
			continue
		}
		values[p.GetName()] = v
		dims := make([]any, len(v.Shape))
		for i, d := range v.Shape {
			dims[i] = d
		}
		m.Graph.Input = append(m.Graph.Input, onnx.TensorInfo(p.GetName(), v.Type, dims...))
	}
	m.Graph.Initializer = kept
	for _, n := range m.Graph.Node {
		for _, a := range n.Attribute {
			if n.GetOpType() == "Cast" && a.GetName() == "to" && double {
				a.I = new(int64(onnx.TensorProto_DOUBLE))
			}
		}
	}
	return m, values
}

// function compiles m as a function of the named initializers.
func function(t *testing.T, m *onnx.ModelProto, names []string, double bool) (p *graph.Program, values map[string]*onnx.Tensor) {
	t.Helper()
	m, values = opened(t, m, names, double)
	p, err := graph.Compile(m, graph.Config{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p, values
}

// run evaluates the only output of p.
func run(t *testing.T, p *graph.Program, values map[string]*onnx.Tensor) *onnx.Tensor {
	t.Helper()
	for i, in := range p.Inputs() {
		if err := p.SetInput(i, values[in.Name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	return p.Output(0)
}

// numeric differentiates sum_i r_i y_i by every element of v, in place and restored.
func numeric(v []float64, r []float32, y func() []float64) []float64 {
	const h = 1e-5
	loss := func() float64 {
		var sum float64
		for i, x := range y() {
			sum += x * float64(r[i])
		}
		return sum
	}
	g := make([]float64, len(v))
	for i, x := range v {
		v[i] = x + h
		up := loss()
		v[i] = x - h
		g[i] = (up - loss()) / (2 * h)
		v[i] = x
	}
	return g
}

func TestGradientOfEveryOperator(t *testing.T) {
	have := map[string]int{}
	for _, c := range cases() {
		row, ok := ops.Table[c.op]
		if !ok || !row.Differentiable {
			t.Errorf("%s: the table has no differentiable row %s", c, c.op)
			continue
		}
		if !slices.ContainsFunc(c.model.Graph.Node, func(n *onnx.NodeProto) bool { return n.GetOpType() == c.op }) {
			t.Errorf("%s: no node of the case is a %s", c, c.op)
		}
		have[c.op]++
		if !c.kink {
			t.Run(c.String(), func(t *testing.T) { checkGradient(t, c) })
		}
	}
	for _, name := range ops.Names() {
		if ops.Table[name].Differentiable && have[name] == 0 {
			t.Errorf("row %s is differentiable, but the gradient check has no case for it", name)
		}
	}
}

// A row with kernels and no gradient would escape the cases.
func TestRowsWithoutGradientHaveNoKernels(t *testing.T) {
	for _, name := range ops.Names() {
		if ops.Table[name].Differentiable {
			continue
		}
		n := onnx.NewNode(name, "", nil, nil)
		if name == "Constant" {
			n.Attribute = []*onnx.AttributeProto{onnx.TensorAttr("value", scalar(1))}
		}
		f, err := ops.Read(n, 13)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := f.(ops.Lowerer); ok {
			t.Errorf("%s has kernels that no test compares", name)
		}
	}
}

func checkGradient(t *testing.T, c opCase) {
	random := rand.New(rand.NewPCG(3, 4))
	m := flattened(c.model)
	r := make([]float32, 4096)
	for i := range r {
		r[i] = float32(random.NormFloat64())
	}
	p, err := graph.Compile(m, graph.Config{Threads: 2, Training: &graph.Training{
		Learning: graph.Learning{Params: c.learn, BatchStatistics: c.batch}, Loss: weighted(r), Seed: 5}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Step(0); err != nil {
		t.Fatal(err)
	}
	if len(p.Params()) != len(c.learn) {
		t.Fatalf("%d parameters learn, want %v", len(p.Params()), c.learn)
	}
	f, values := function(t, m, c.learn, true)
	in := map[string][]float64{}
	for name, v := range values {
		in[name] = v.Data.([]float64)
	}
	y32 := slices.Clone(p.Output(0).Data.([]float32))
	y := func() []float64 { return run(t, f, values).Data.([]float64) }
	if c.reference != nil {
		y = func() []float64 { return c.reference(in, y32) }
	}
	if err := near(widen(y32), y(), 1e-5); err != nil {
		t.Errorf("y: %v", err)
	}
	for _, q := range p.Params() {
		if err := near(widen(q.Grad()), numeric(in[q.Name], r, y), 1e-4); err != nil {
			t.Errorf("gradient by %s: %v", q.Name, err)
		}
		if len(c.learn) > 1 && c.op != "Dropout" {
			checkAlone(t, c, m, q, r)
		}
	}
}

// checkAlone computes the gradient by one operand where the others are constants.
func checkAlone(t *testing.T, c opCase, m *onnx.ModelProto, q *graph.Param, r []float32) {
	t.Helper()
	p, err := graph.Compile(m, graph.Config{Threads: 1, Training: &graph.Training{
		Learning: graph.Learning{Params: []string{q.Name}, BatchStatistics: c.batch}, Loss: weighted(r), Seed: 5}})
	if err != nil {
		t.Errorf("%s alone: %v", q.Name, err)
		return
	}
	defer p.Close()
	if err := p.Step(0); err != nil {
		t.Errorf("%s alone: %v", q.Name, err)
		return
	}
	if err := near(widen(p.Params()[0].Grad()), widen(q.Grad()), 1e-6); err != nil {
		t.Errorf("gradient by %s alone: %v", q.Name, err)
	}
}

func widen(v []float32) []float64 {
	w := make([]float64, len(v))
	for i, x := range v {
		w[i] = float64(x)
	}
	return w
}

// near holds |got-want| against tol times the largest |want|, at least tol/100.
func near(got, want []float64, tol float64) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d elements, want %d", len(got), len(want))
	}
	scale := 0.01
	for _, w := range want {
		scale = math.Max(scale, math.Abs(w))
	}
	for i, w := range want {
		if !(math.Abs(got[i]-w) <= tol*scale) {
			return fmt.Errorf("element %d: got %g, want %g (largest %g)", i, got[i], w, scale)
		}
	}
	return nil
}

// Where several elements of a window are the largest, the first in row-major order
// gets the gradient, as in PyTorch.
func TestGradientOfTies(t *testing.T) {
	for _, c := range cases() {
		if !c.kink {
			continue
		}
		p, err := graph.Compile(flattened(c.model), graph.Config{Threads: 1, Training: &graph.Training{
			Learning: graph.Learning{Params: c.learn}, Loss: weighted([]float32{1, 2, 3, 4})}})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if err := p.Step(0); err != nil {
			t.Fatal(err)
		}
		if got, want := p.Params()[0].Grad(), []float32{1, 2, 0, 3, 4, 0, 0, 0, 0}; !slices.Equal(got, want) {
			t.Errorf("%s: gradient %v, want %v", c, got, want)
		}
	}
}

// The kernels compute what the reference evaluation does, and the shapes that the
// shape rule says.
func TestKernelsEqualReference(t *testing.T) {
	for _, c := range cases() {
		t.Run(c.String(), func(t *testing.T) {
			f32, in32 := function(t, c.model, c.learn, false)
			f64, in64 := function(t, c.model, c.learn, true)
			got, want := run(t, f32, in32), run(t, f64, in64)
			if !slices.Equal(got.Shape, want.Shape) || !slices.Equal(got.Shape, f32.Outputs()[0].Shape) {
				t.Fatalf("shape %v, reference %v, shape rule %v", got.Shape, want.Shape, f32.Outputs()[0].Shape)
			}
			if err := near(widen(got.Data.([]float32)), want.Data.([]float64), 1e-5); err != nil {
				t.Error(err)
			}
		})
	}
}
