package graph

import (
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"graft/graph/ops"
	"graft/onnx"
)

// Cut returns the part of the model that computes a tensor, as a model with that
// one output. Opset, IR version, metadata and the kept tensors' bytes stay.
func Cut(m *onnx.ModelProto, tensor string, o Options) (*onnx.ModelProto, error) {
	m, err := inlined(m)
	if err != nil {
		return nil, err
	}
	info, err := outputInfo(m, tensor, o)
	if err != nil {
		return nil, err
	}
	c := shallow(m)
	g := c.Graph
	nodes, needed, err := ancestors(m.GetGraph(), []string{tensor})
	if err != nil {
		return nil, err
	}
	g.Node = nil
	made := map[string]bool{}
	for _, i := range nodes {
		n := m.GetGraph().GetNode()[i]
		g.Node = append(g.Node, n)
		for _, out := range n.GetOutput() {
			made[out] = true
		}
	}
	keep := func(name string) bool { return needed[name] }
	g.Initializer = filter(m.GetGraph().GetInitializer(), func(t *onnx.TensorProto) bool { return keep(t.GetName()) })
	g.Input = filter(m.GetGraph().GetInput(), func(v *onnx.ValueInfoProto) bool { return keep(v.GetName()) })
	g.ValueInfo = filter(m.GetGraph().GetValueInfo(), func(v *onnx.ValueInfoProto) bool {
		return v.GetName() != tensor && (made[v.GetName()] || keep(v.GetName()))
	})
	g.QuantizationAnnotation = filter(m.GetGraph().GetQuantizationAnnotation(), func(q *onnx.TensorAnnotation) bool { return keep(q.GetTensorName()) })
	g.Output = []*onnx.ValueInfoProto{info}
	return c, nil
}

// Tail returns the part of the model above a tensor, as a model with that tensor
// as its input. The tensor must be crossed by every path from the input.
func Tail(m *onnx.ModelProto, tensor string, o Options) (*onnx.ModelProto, error) {
	m, err := inlined(m)
	if err != nil {
		return nil, err
	}
	info, err := outputInfo(m, tensor, o)
	if err != nil {
		return nil, err
	}
	c := shallow(m)
	g := c.Graph
	below, _, err := ancestors(m.GetGraph(), []string{tensor})
	if err != nil {
		return nil, err
	}
	var outputs []string
	for _, v := range g.Output {
		outputs = append(outputs, v.GetName())
	}
	all, _, err := ancestors(m.GetGraph(), outputs)
	if err != nil {
		return nil, err
	}
	constant := constantNodes(m.GetGraph())
	have, read := map[string]bool{"": true, tensor: true}, outputs
	isBelow := map[int]bool{}
	for _, i := range below {
		isBelow[i] = true
	}
	g.Node = nil
	for _, i := range all {
		if isBelow[i] && !constant[i] {
			continue
		}
		n := m.GetGraph().GetNode()[i]
		g.Node = append(g.Node, n)
		read = append(read, n.GetInput()...)
		for _, out := range n.GetOutput() {
			have[out] = true
		}
	}
	isRead := map[string]bool{}
	for _, name := range read {
		isRead[name] = true
	}
	g.Initializer = filter(g.Initializer, func(t *onnx.TensorProto) bool { return isRead[t.GetName()] })
	own := map[string]bool{}
	for _, t := range g.Initializer {
		own[t.GetName()], have[t.GetName()] = true, true
	}
	for _, name := range read {
		if !have[name] {
			return nil, failf("", "%s does not carry all that is above it: %s is read there too", quote(tensor), quote(name))
		}
	}
	g.Input = append([]*onnx.ValueInfoProto{info}, filter(g.Input, func(v *onnx.ValueInfoProto) bool { return own[v.GetName()] })...)
	g.ValueInfo = nil
	return c, nil
}

// constantNodes are the nodes that depend on no input of the graph.
func constantNodes(g *onnx.GraphProto) map[int]bool {
	known := map[string]bool{"": true}
	for _, t := range g.GetInitializer() {
		known[t.GetName()] = true
	}
	nodes := map[int]bool{}
	for i, n := range g.GetNode() {
		if !slices.ContainsFunc(n.GetInput(), func(in string) bool { return !known[in] }) {
			nodes[i] = true
			for _, out := range n.GetOutput() {
				known[out] = true
			}
		}
	}
	return nodes
}

// shallow copies a model down to the lists of its graph; nodes and tensors are shared.
func shallow(m *onnx.ModelProto) *onnx.ModelProto {
	c := copyFields(m)
	c.Graph = copyFields(m.GetGraph())
	c.Graph.Node = slices.Clone(m.GetGraph().GetNode())
	c.Graph.Initializer = slices.Clone(m.GetGraph().GetInitializer())
	c.Graph.Input = slices.Clone(m.GetGraph().GetInput())
	c.Graph.Output = slices.Clone(m.GetGraph().GetOutput())
	c.Graph.ValueInfo = slices.Clone(m.GetGraph().GetValueInfo())
	c.MetadataProps = nil
	for _, p := range m.GetMetadataProps() {
		c.MetadataProps = append(c.MetadataProps, proto.Clone(p).(*onnx.StringStringEntryProto))
	}
	c.TrainingInfo = nil
	return c
}

// copyFields copies a message's fields, unknown ones included, but not what they
// point to.
func copyFields[M proto.Message](m M) M {
	src := m.ProtoReflect()
	dst := src.New()
	src.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		dst.Set(f, v)
		return true
	})
	dst.SetUnknown(src.GetUnknown())
	return dst.Interface().(M)
}

func filter[T any](list []T, keep func(T) bool) []T {
	var r []T
	for _, v := range list {
		if keep(v) {
			r = append(r, v)
		}
	}
	return r
}

// outputInfo declares a tensor of the model: its type, and its shape with the batch
// left open where it follows the input's.
func outputInfo(m *onnx.ModelProto, tensor string, o Options) (*onnx.ValueInfoProto, error) {
	var at [2]*ops.Value
	for i := range at {
		p, err := newPlan(m, fixing{batch: 2 + i, shapes: o.Shapes, want: []string{tensor}, memory: o.MaxMemory})
		if err != nil {
			return nil, err
		}
		at[i] = p.outputs[0]
	}
	if at[0].Const != nil {
		return nil, failf("", "%s does not depend on the input", quote(tensor))
	}
	var dims []any
	for i, d := range at[0].Shape {
		switch same := len(at[1].Shape) == len(at[0].Shape); {
		case same && at[1].Shape[i] == d:
			dims = append(dims, d)
		case same && d == 2 && at[1].Shape[i] == 3:
			dims = append(dims, batchName(m))
		default:
			dims = append(dims, nil) // changes with the batch in another way
		}
	}
	return onnx.TensorInfo(tensor, at[0].Type, dims...), nil
}

// batchName is what the model calls its batch dimension.
func batchName(m *onnx.ModelProto) string {
	for _, i := range trueInputs(m) {
		if d := i.GetType().GetTensorType().GetShape().GetDim(); len(d) > 0 && d[0].GetDimParam() != "" {
			return d[0].GetDimParam()
		}
	}
	return "N"
}
