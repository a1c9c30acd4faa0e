package onnxgo

import (
	"fmt"
	"maps"
	"slices"

	decoder "github.com/owulveryck/onnx-go"
	"github.com/owulveryck/onnx-go/backend"
	"gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/simple"
	"gorgonia.org/tensor"

	"graft/onnx"
)

var _ backend.ComputationBackend = (*Backend)(nil)

// Backend receives one model from onnx-go and runs it. It is used by one goroutine at
// a time.
type Backend struct {
	*simple.WeightedDirectedGraph // of values; an edge leads from a result to an operand

	// Opset is the model's version of the default operator set, which onnx-go does not
	// hand over. 0 means the oldest from 9 on that knows every operator, operand and
	// attribute of the model.
	Opset int
	// Threads that Run computes on. 0 means all cores.
	Threads int

	values     []*value
	operations []*operation
	compiled   *compiled
}

// New returns a backend for one model.
func New() *Backend {
	return &Backend{WeightedDirectedGraph: simple.NewWeightedDirectedGraph(0, 0)}
}

// value is a node of the graph: what an operation computes, or a tensor that is given.
type value struct {
	graph.Node
	backend  *Backend
	name     string
	tensor   tensor.Tensor
	declared tensor.Dtype // by the file, where it declares the value
	set      int          // operations there were when the tensor was set
	operands []*value     // of the operation that computes it, as the edges tell them
	computed bool
	read     bool
}

// SetName names the value as the file does.
func (v *value) SetName(name string) { v.name = name }

// GetName is the value's name in the file.
func (v *value) GetName() string { return v.name }

// GetTensor is the tensor that was set, or computed by Run.
func (v *value) GetTensor() tensor.Tensor { return v.tensor }

// SetTensor gives the value a tensor. What is set after the last operation is an
// input, what was set before it belongs to the model.
func (v *value) SetTensor(t tensor.Tensor) error {
	if v.tensor == nil {
		v.declared = t.Dtype()
	}
	v.tensor, v.set = t, len(v.backend.operations)
	return nil
}

// operation is a node of the model.
type operation struct {
	node    *onnx.NodeProto
	in, out []*value // nil where an operand or a result is left out
}

// NewNode makes a value, which AddNode adds.
func (b *Backend) NewNode() graph.Node {
	return &value{Node: b.WeightedDirectedGraph.NewNode(), backend: b}
}

// AddNode adds a value that NewNode has made.
func (b *Backend) AddNode(n graph.Node) {
	b.WeightedDirectedGraph.AddNode(n)
	b.values = append(b.values, n.(*value))
}

// SetWeightedEdge tells an operand, to, of the operation that computes from; its
// weight is the operand's place. Two operands may be one value: where the graph keeps
// one edge, the list of operands keeps both.
func (b *Backend) SetWeightedEdge(e graph.WeightedEdge) {
	from, to := e.From().(*value), e.To().(*value)
	from.operands = append(from.operands, to)
	if from != to {
		b.WeightedDirectedGraph.SetWeightedEdge(e)
	}
}

// ApplyOperation adds an operation that computes results from the operands that the
// edges have told.
func (b *Backend) ApplyOperation(o decoder.Operation, results ...graph.Node) error {
	op := &operation{node: onnx.NewNode(o.Name, "", nil, nil)}
	var operands []*value
	for _, n := range results {
		v := n.(*value)
		operands, v.operands = v.operands, nil
		if v.name == "" { // left out; all of these are one value
			v = nil
		} else if v.computed {
			return fmt.Errorf("onnxgo: operator %s: the value %q is computed twice", o.Name, v.name)
		} else {
			v.computed = true
		}
		op.out = append(op.out, v)
	}
	for _, v := range operands {
		if v.name == "" {
			v = nil
		} else {
			v.read = true
		}
		op.in = append(op.in, v)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Attributes)) {
		a, err := attribute(name, o.Attributes[name])
		if err != nil {
			return &decoder.ErrNotImplemented{Operator: o.Name, AttributeName: name, AttributeValue: o.Attributes[name], Message: err.Error()}
		}
		op.node.Attribute = append(op.node.Attribute, a)
	}
	b.operations = append(b.operations, op)
	return nil
}

// results are the values that Run computes: those that nothing reads, and those that
// the file declares.
func (b *Backend) results() []*value {
	var r []*value
	for _, v := range b.values {
		if v.computed && (!v.read || v.tensor != nil) {
			r = append(r, v)
		}
	}
	return r
}
