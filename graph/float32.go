package graph

import (
	"google.golang.org/protobuf/proto"

	"graft/onnx"
)

// Float32 returns the model with everything in float32 that it has in float16, bfloat16
// or double: tensors, inputs, outputs, and the types that Casts give. Widened values are
// the same. A model that is in float32 already is returned as it is.
func Float32(m *onnx.ModelProto) (*onnx.ModelProto, error) {
	w := &widening{}
	c := shallow(m)
	g := c.Graph
	for i, t := range g.Initializer {
		g.Initializer[i] = w.tensor(t)
	}
	for _, list := range [][]*onnx.ValueInfoProto{g.Input, g.Output, g.ValueInfo} {
		for i, v := range list {
			list[i] = w.value(v)
		}
	}
	for i, n := range g.Node {
		g.Node[i] = w.node(n)
	}
	if w.err != nil || !w.changed {
		return m, w.err
	}
	return c, onnx.Check(c)
}

// widening makes copies of what is not in float32.
type widening struct {
	changed bool
	err     error
}

// other says whether t is a float type that is not float32.
func other(t onnx.TensorProto_DataType) bool {
	return t == onnx.TensorProto_FLOAT16 || t == onnx.TensorProto_BFLOAT16 || t == onnx.TensorProto_DOUBLE
}

func (w *widening) tensor(p *onnx.TensorProto) *onnx.TensorProto {
	if !other(onnx.TensorProto_DataType(p.GetDataType())) || w.err != nil {
		return p
	}
	t, err := onnx.TensorOf(p)
	if err != nil {
		w.err = failf("", "tensor %s: %w", quote(p.GetName()), err)
		return p
	}
	if v, ok := t.Data.([]float64); ok {
		narrow := make([]float32, len(v))
		for i, x := range v {
			narrow[i] = float32(x)
		}
		t.Data = narrow
	}
	t.Type, w.changed = onnx.TensorProto_FLOAT, true
	return t.Proto(p.GetName())
}

func (w *widening) value(v *onnx.ValueInfoProto) *onnx.ValueInfoProto {
	if !other(onnx.TensorProto_DataType(v.GetType().GetTensorType().GetElemType())) {
		return v
	}
	v, w.changed = proto.Clone(v).(*onnx.ValueInfoProto), true
	v.GetType().GetTensorType().ElemType = proto.Int32(int32(onnx.TensorProto_FLOAT))
	return v
}

// typeAttributes hold the type of what a node gives.
var typeAttributes = map[string]string{"Cast": "to", "EyeLike": "dtype"}

func (w *widening) node(n *onnx.NodeProto) *onnx.NodeProto {
	c := n
	for i, a := range n.GetAttribute() {
		b := a
		if t := w.tensor(a.GetT()); t != a.GetT() {
			b = proto.Clone(a).(*onnx.AttributeProto)
			b.T = t
		} else if a.GetName() == typeAttributes[n.GetOpType()] && other(onnx.TensorProto_DataType(a.GetI())) {
			b = onnx.IntAttr(a.GetName(), int64(onnx.TensorProto_FLOAT))
			w.changed = true
		}
		if b == a {
			continue
		}
		if c == n {
			c = proto.Clone(n).(*onnx.NodeProto)
		}
		c.Attribute[i] = b
	}
	return c
}
