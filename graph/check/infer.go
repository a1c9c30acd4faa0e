package check

import (
	"errors"
	"fmt"

	"graft/graph"
	"graft/graph/ops"
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
	shapes, known, given := map[string][]int{}, map[string]*onnx.Tensor{}, map[string]*onnx.Tensor{}
	ratios := ratios(m)
	for i, n := range names {
		shapes[n], given[n] = in[i].Shape, in[i]
		if maySayShape(in[i]) || ratios[n] {
			known[n] = in[i]
		}
	}
	c := graph.Config{Options: graph.Options{Shapes: shapes, MaxMemory: o.MaxMemory}, Known: known, Threads: o.Threads}
	p, err := graph.Compile(m, c)
	if errors.Is(err, errors.ErrUnsupported) {
		// Shapes that follow from the data are known where all of it is.
		c.Known = given
		if whole, err := graph.Compile(m, c); err == nil {
			return whole, nil
		}
	}
	if err != nil {
		return nil, err
	}
	for i, port := range p.Inputs() {
		if err := p.SetInput(i, given[port.Name]); err != nil {
			p.Close()
			return nil, err
		}
	}
	return p, nil
}

// ratios names what Resize and Upsample scale and crop by, which a shape follows from.
func ratios(m *onnx.ModelProto) map[string]bool {
	r := map[string]bool{}
	for _, n := range m.GetGraph().GetNode() {
		if op := n.GetOpType(); (op == "Resize" || op == "Upsample") && len(n.GetInput()) > 1 {
			for _, name := range n.GetInput()[1:] {
				r[name] = true
			}
		}
	}
	return r
}

// maySayShape says whether an operator could take t as a shape, axes, pads or a
// ratio, which must be known when the model is compiled.
func maySayShape(t *onnx.Tensor) bool {
	return len(t.Shape) <= 1 && (t.Len() == 1 || !ops.IsFloat(t.Type))
}
