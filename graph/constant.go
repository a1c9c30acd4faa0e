package graph

import (
	"slices"

	"graft/graph/ops"
	"graft/onnx"
)

// WithConstant returns the model with t in the place of a tensor that it computes: an
// initializer, which a Training can name among its Params to get the gradient by that
// tensor. What the tensor alone was computed from is gone.
func WithConstant(m *onnx.ModelProto, tensor string, t *onnx.Tensor) (*onnx.ModelProto, error) {
	m, err := inlined(m)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(m.GetGraph().GetNode(), func(n *onnx.NodeProto) bool { return slices.Contains(n.GetOutput(), tensor) })
	if at < 0 {
		return nil, failf("", "no node computes %s", quote(tensor))
	}
	b := newGrafting(shallow(m), "before")
	c, g := b.m, b.m.Graph
	n := copyFields(g.Node[at])
	n.Output = slices.Clone(n.GetOutput())
	n.Output[slices.Index(n.Output, tensor)] = b.prefix + ".constant"
	g.Node[at] = n
	g.Initializer = append(g.Initializer, t.Proto(tensor))
	var outputs []string
	for _, v := range g.Output {
		outputs = append(outputs, v.GetName())
	}
	nodes, needed, err := ancestors(g, outputs)
	if err != nil {
		return nil, err
	}
	all := g.Node
	g.Node = nil
	for _, i := range nodes {
		g.Node = append(g.Node, all[i])
	}
	g.Initializer = filter(g.Initializer, func(t *onnx.TensorProto) bool { return needed[t.GetName()] })
	g.Input = filter(g.Input, func(v *onnx.ValueInfoProto) bool { return needed[v.GetName()] })
	g.ValueInfo = nil
	return c, nil
}

// Map is the last tensor [N,C,H,W] of more than one pixel that every path crosses, as
// convolutions and what follows them compute it: where in an image a network has seen
// what. "" where there is none.
func (s *Structure) Map() string {
	maps := map[*ops.Value]bool{}
	last := ""
	for _, st := range s.plan.steps {
		if !s.keepsPlaces(st, maps) {
			continue
		}
		for _, v := range st.out {
			maps[v] = len(v.Shape) == 4
		}
		if v := st.out[0]; maps[v] && v.Shape[2]*v.Shape[3] > 1 && slices.Contains(s.dominators, v) {
			last = v.Name
		}
	}
	return last
}

// keepsPlaces says whether a step gives images [N,C,H,W]: one of a convolution, or from
// others without moving their axes.
func (s *Structure) keepsPlaces(st *step, maps map[*ops.Value]bool) bool {
	switch st.node.GetOpType() {
	case "Conv", "ConvTranspose", "QLinearConv":
		return true
	case "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "MatMul", "Einsum":
		return false
	}
	return slices.ContainsFunc(st.in, func(v *ops.Value) bool { return maps[v] })
}
