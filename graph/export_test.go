package graph

import (
	"graft/graph/ops"
	"graft/onnx"
)

// Elements is the number of elements of all values of the plan, which bounds what a
// fuzz test compiles.
func (s *Structure) Elements() int {
	n := 0
	for _, v := range s.plan.values {
		n += numel(v.Shape)
	}
	return n
}

// Interpret runs a program's model by the reference evaluations, on the program's inputs.
// It plans anew: the program's own steps have absorbed one another.
func Interpret(p *Program) ([]*onnx.Tensor, error) {
	in := make([]*onnx.Tensor, len(p.inputs))
	for i, n := range p.inputs {
		in[i] = ops.TensorOf(n.Value(), p.plan.inputs[i])
	}
	plan, err := newPlan(p.model, fixing{batch: p.config.Batch, shapes: p.config.Shapes, known: p.config.Known, want: p.config.Outputs})
	if err != nil {
		return nil, err
	}
	return newInterpreter(plan).run(in)
}
