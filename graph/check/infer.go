package check

import (
	"fmt"

	"graft/graph"
	"graft/onnx"
)

// Infer runs a model once on the given inputs, in the order of the graph inputs. 0
// threads means all cores.
func Infer(m *onnx.ModelProto, in []*onnx.Tensor, threads int) ([]*onnx.Tensor, error) {
	return Options{Threads: threads}.Infer(m, in)
}

// Infer is the function of that name with the options' threads and memory.
func (o Options) Infer(m *onnx.ModelProto, in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	p, err := compile(m, in, o)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if err := p.Run(); err != nil {
		return nil, err
	}
	out := make([]*onnx.Tensor, len(p.Outputs()))
	for i := range out {
		out[i] = p.Output(i).Clone()
		out[i].Round()
	}
	return out, nil
}

// compile makes a program for inputs of these shapes, filled with them.
func compile(m *onnx.ModelProto, in []*onnx.Tensor, o Options) (*graph.Program, error) {
	names := graph.InputNames(m)
	if len(in) != len(names) {
		return nil, fmt.Errorf("the model has %d inputs, got %d", len(names), len(in))
	}
	given := map[string]*onnx.Tensor{}
	for i, n := range names {
		given[n] = in[i]
	}
	return graph.CompileFor(m, given, graph.Config{Options: graph.Options{MaxMemory: o.MaxMemory, Exact: o.Exact}, Threads: o.Threads})
}
