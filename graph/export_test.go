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

// Interpret runs a program's plan by the reference evaluations, on the program's inputs.
func Interpret(p *Program) ([]*onnx.Tensor, error) {
	in := make([]*onnx.Tensor, len(p.inputs))
	for i, n := range p.inputs {
		in[i] = ops.TensorOf(n.Value(), p.plan.inputs[i])
	}
	return newInterpreter(p.plan).run(in)
}
