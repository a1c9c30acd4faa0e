package graph

import (
	"errors"

	"graft/graph/ops"
	"graft/onnx"
)

// CompileFor makes a program for one set of inputs, by name, and fills them in. What an
// operator could take as a shape, axes, pads or a ratio is known for the program's whole
// life, and no input of it; where shapes follow from the data everything is.
func CompileFor(m *onnx.ModelProto, given map[string]*onnx.Tensor, c Config) (*Program, error) {
	c.Shapes, c.Known = map[string][]int{}, map[string]*onnx.Tensor{}
	ratios := ratios(m)
	for name, t := range given {
		c.Shapes[name] = t.Shape
		if maySayShape(t) || ratios[name] {
			c.Known[name] = t
		}
	}
	p, err := Compile(m, c)
	if errors.Is(err, errors.ErrUnsupported) {
		c.Known = given
		if whole, err := Compile(m, c); err == nil {
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

// maySayShape says whether an operator could take t as a shape, axes, pads or a ratio.
func maySayShape(t *onnx.Tensor) bool {
	return len(t.Shape) <= 1 && (t.Len() == 1 || !ops.IsFloat(t.Type))
}
