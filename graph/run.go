package graph

import (
	"fmt"
	"iter"
	"maps"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"graft/graph/internal/kernel"
	"graft/graph/ops"
	"graft/onnx"
)

func sorted[V any](m map[string]V) iter.Seq[string] {
	return slices.Values(slices.Sorted(maps.Keys(m)))
}

// Port is an input or output of a Program.
type Port struct {
	Name  string
	Type  onnx.TensorProto_DataType
	Shape []int
}

// Inputs lists what the program reads, in the order of the graph inputs.
func (p *Program) Inputs() []Port { return ports(p.plan.inputs) }

// Outputs lists what the program computes, in the order asked for.
func (p *Program) Outputs() []Port { return ports(p.plan.outputs) }

func ports(vs []*ops.Value) []Port {
	r := make([]Port, len(vs))
	for i, v := range vs {
		r[i] = Port{v.Name, v.Type, v.Shape}
	}
	return r
}

// Input is the memory of float input i, to be filled before Run or Step.
func (p *Program) Input(i int) []float32 {
	return p.inputs[i].Value().(*tensor.Dense).Float32s()
}

// SetInput copies a tensor of any type into input i.
func (p *Program) SetInput(i int, t *onnx.Tensor) error {
	v := p.plan.inputs[i]
	if t.Type != v.Type {
		return failf("", "input %s is %v, got %v", quote(v.Name), v.Type, t.Type)
	}
	if !slices.Equal(t.Shape, v.Shape) {
		return failf("", "input %s has shape %v, got %v", quote(v.Name), v.Shape, t.Shape)
	}
	if t.Len() == 0 {
		return nil
	}
	d, err := ops.NewDense(v)
	if err != nil {
		return err
	}
	if err := tensor.Copy(d, ops.Dense(t)); err != nil {
		return err
	}
	if ops.IsFloat(v.Type) {
		copy(p.Input(i), d.Float32s())
		return nil
	}
	return gorgonia.Let(p.inputs[i], d)
}

// Target is the memory of the loss's target, to be filled before Step.
func (p *Program) Target() []float32 { return p.target.Value().(*tensor.Dense).Float32s() }

// Run computes the outputs, and in training the loss and all gradients.
func (p *Program) Run() error {
	if p.interpreter != nil {
		return p.runInterpreter()
	}
	if err := p.builder.Run(); err != nil {
		return fmt.Errorf("graph: run: %w", err)
	}
	return nil
}

// Step is Run for a training program, with the Dropout of the given step; it then
// moves the running statistics. The caller's solver does the rest.
func (p *Program) Step(step uint64) error {
	p.builder.Seed = p.config.Training.Seed ^ (step+1)*0x9e3779b97f4a7c15
	if err := p.Run(); err != nil {
		return err
	}
	for _, s := range p.builder.Statistics {
		p.follow(s)
	}
	return nil
}

// follow moves running statistics towards the batch's, the variance unbiased, as
// torch.nn.BatchNorm2d does; its momentum is one minus ONNX's.
func (p *Program) follow(s ops.Statistics) {
	batch := s.Node.Value().(*tensor.Dense).Float32s()
	c := len(batch) / 2
	mean := p.builder.Node(s.Mean).Value().(*tensor.Dense).Float32s()
	variance := p.builder.Node(s.Var).Value().(*tensor.Dense).Float32s()
	keep, unbias := s.Momentum, float32(s.Count)/float32(max(s.Count-1, 1))
	for i := range c {
		mean[i] = keep*mean[i] + (1-keep)*batch[i]
		variance[i] = keep*variance[i] + (1-keep)*batch[c+i]*unbias
	}
}

// LossValue is the loss of the last Run.
func (p *Program) LossValue() float32 { return float32(*p.loss.Value().(*gorgonia.F32)) }

// Output is output i of the last Run. Its data is the program's memory: it is valid
// until the next Run.
func (p *Program) Output(i int) *onnx.Tensor {
	v := p.plan.outputs[i]
	if v.Const != nil {
		return v.Const
	}
	if p.interpreter != nil {
		return p.results[i]
	}
	return ops.TensorOf(p.outputs[i].Value(), v)
}

// State gives the learnt tensors and running statistics by name, in shared memory.
func (p *Program) State() map[string][]float32 {
	r := map[string][]float32{}
	for name, d := range p.state {
		r[name] = d.Float32s()
	}
	return r
}

// Store returns the model with what the program has learnt in it. All else is the
// same message, byte for byte.
func (p *Program) Store() (*onnx.ModelProto, error) { return WithValues(p.model, p.State()) }

// WithValues returns the model with new values in some of its constants, by name.
// Constants whose values are the same keep their bytes.
func WithValues(m *onnx.ModelProto, values map[string][]float32) (*onnx.ModelProto, error) {
	m, err := inlined(m)
	if err != nil {
		return nil, err
	}
	c := shallow(m)
	for name := range sorted(values) {
		old, err := constantFloats(m, name)
		if err != nil {
			return nil, err
		}
		if slices.Equal(old.Data.([]float32), values[name]) {
			continue
		}
		t := &onnx.Tensor{Type: old.Type, Shape: old.Shape, Data: slices.Clone(values[name])}
		if err := replaceConstant(c, name, t); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Constant is the content of a float constant of the model, an initializer or a Constant
// node's output, by name.
func Constant(m *onnx.ModelProto, name string) ([]float32, error) {
	m, err := inlined(m)
	if err != nil {
		return nil, err
	}
	t, err := constantFloats(m, name)
	if err != nil {
		return nil, err
	}
	return t.Data.([]float32), nil
}

// InputNames are the inputs a model must be fed, without those that initializers fill.
func InputNames(m *onnx.ModelProto) []string {
	var names []string
	for _, v := range trueInputs(m) {
		names = append(names, v.GetName())
	}
	return names
}

// Pool is the threads of the program, for [optim.Solver.On].
func (p *Program) Pool() *kernel.Pool { return p.pool.Pool }

// ValueGrads are the parameters as a gorgonia.Solver takes them.
func (p *Program) ValueGrads() []gorgonia.ValueGrad {
	if p.grads == nil {
		for _, q := range p.params {
			p.grads = append(p.grads, q.Node)
		}
	}
	return p.grads
}
