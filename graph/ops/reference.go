package ops

import (
	"fmt"
	"hash"
	"hash/fnv"
	"slices"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"graft/onnx"
)

// Reference adds a node that runs a form's Eval: the way of whatever has no fast
// form or is not float32. Further outputs are picked out of the first one's node.
func (b *Builder) Reference(name string, f Form, in, out []*Value) []*gorgonia.Node {
	op := &evalOp{id: b.nextID(), name: name, form: f, in: in, out: out, b: b, time: b.timing(name, "by reference", out[0].Shape, 0)}
	for _, v := range out {
		b.reference += 8 * int64(numel(v.Shape))
	}
	var args []*gorgonia.Node
	for _, v := range in {
		if v != nil && v.Const == nil {
			args = append(args, b.Node(v))
		}
	}
	for _, n := range args {
		op.types = append(op.types, denseType(n.Dtype(), n.Shape().Dims()))
	}
	nodes := []*gorgonia.Node{b.apply(op, args)}
	for i := 1; i < len(out); i++ {
		pick := &evalOp{id: b.nextID(), name: name, of: op, which: i, out: out, types: []func() hm.Type{op.outType(0)}}
		nodes = append(nodes, b.apply(pick, nodes[:1]))
	}
	return nodes
}

// evalOp is a form as Gorgonia sees it, run by its reference evaluation. It has no
// gradient and allocates its result.
type evalOp struct {
	id      int
	name    string
	form    Form
	of      *evalOp // picks output which of another evalOp
	which   int
	in, out []*Value
	types   []func() hm.Type
	result  []*onnx.Tensor
	b       *Builder
	time    *Timing
}

func denseType(dt tensor.Dtype, dims int) func() hm.Type {
	return func() hm.Type { return gorgonia.TensorType{Dims: dims, Of: dt} }
}

func (e *evalOp) outType(i int) func() hm.Type {
	return denseType(DtypeOf(e.out[i].Type), len(denseShape(e.out[i].Shape)))
}

func (e *evalOp) Arity() int { return len(e.types) }
func (e *evalOp) Type() hm.Type {
	var t []hm.Type
	for _, f := range append(slices.Clone(e.types), e.outType(e.which)) {
		t = append(t, f())
	}
	return hm.NewFnType(t...)
}
func (e *evalOp) InferShape(...gorgonia.DimSizer) (tensor.Shape, error) {
	return denseShape(e.out[e.which].Shape), nil
}
func (e *evalOp) ReturnsPtr() bool      { return true }
func (e *evalOp) CallsExtern() bool     { return false }
func (e *evalOp) OverwritesInput() int  { return -1 }
func (e *evalOp) WriteHash(h hash.Hash) { fmt.Fprintf(h, "%s#%d", e.name, e.id) }
func (e *evalOp) String() string        { return fmt.Sprintf("%s#%d", e.name, e.id) }
func (e *evalOp) Hashcode() uint32 {
	h := fnv.New32a()
	e.WriteHash(h)
	return h.Sum32()
}

// DiffWRT says that no input has a gradient. Without it Gorgonia takes the node for an
// end of the graph and refuses to differentiate what lies beside it.
func (e *evalOp) DiffWRT(inputs int) []bool { return make([]bool, inputs) }

func (e *evalOp) SymDiff(gorgonia.Nodes, *gorgonia.Node, *gorgonia.Node) (gorgonia.Nodes, error) {
	return nil, fmt.Errorf("ops: %s has no gradient", e.name)
}

func (e *evalOp) Do(in ...gorgonia.Value) (v gorgonia.Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &RunError{e.name, fmt.Errorf("%v", r)}
		}
	}()
	if e.of != nil {
		return Dense(e.of.result[e.which]), nil
	}
	args := make([]*onnx.Tensor, len(e.in))
	k := 0
	for i, v := range e.in {
		switch {
		case v == nil:
		case v.Const != nil:
			args[i] = v.Const
		default:
			args[i] = TensorOf(in[k], v)
			k++
		}
	}
	e.time.measure(e.b.Clock, func() { e.result, err = e.form.Eval(args) })
	if err != nil {
		return nil, &RunError{e.name, err}
	}
	for i, t := range e.result {
		if !slices.Equal(t.Shape, e.out[i].Shape) {
			return nil, &RunError{e.name, fmt.Errorf("output %d has shape %v, its shape rule says %v", i, t.Shape, e.out[i].Shape)}
		}
		t.Round()
	}
	return Dense(e.result[0]), nil
}

// TensorOf is a Gorgonia value as an ONNX tensor of v's type and shape, in shared memory.
func TensorOf(val gorgonia.Value, v *Value) *onnx.Tensor {
	if numel(v.Shape) == 0 { // the tensor package has no data to give then
		if t, err := onnx.NewTensor(v.Type, v.Shape...); err == nil {
			return t
		}
	}
	return &onnx.Tensor{Type: v.Type, Shape: v.Shape, Data: val.(*tensor.Dense).Data()}
}

// NewDense allocates a Gorgonia tensor for v.
func NewDense(v *Value) (*tensor.Dense, error) {
	t, err := onnx.NewTensor(v.Type, v.Shape...)
	if err != nil {
		return nil, err
	}
	return Dense(t), nil
}

// DtypeOf is the type of the elements that hold an ONNX type in memory.
func DtypeOf(t onnx.TensorProto_DataType) tensor.Dtype {
	if IsFloat(t) {
		return tensor.Float32
	}
	return dtypes[t]
}

var dtypes = map[onnx.TensorProto_DataType]tensor.Dtype{
	onnx.TensorProto_DOUBLE: tensor.Float64,
	onnx.TensorProto_INT4:   tensor.Int8, onnx.TensorProto_UINT4: tensor.Uint8,
	onnx.TensorProto_INT2: tensor.Int8, onnx.TensorProto_UINT2: tensor.Uint8,
	onnx.TensorProto_INT8: tensor.Int8, onnx.TensorProto_INT16: tensor.Int16,
	onnx.TensorProto_INT32: tensor.Int32, onnx.TensorProto_INT64: tensor.Int64,
	onnx.TensorProto_UINT8: tensor.Uint8, onnx.TensorProto_UINT16: tensor.Uint16,
	onnx.TensorProto_UINT32: tensor.Uint32, onnx.TensorProto_UINT64: tensor.Uint64,
	onnx.TensorProto_BOOL: tensor.Bool, onnx.TensorProto_STRING: tensor.String,
}
