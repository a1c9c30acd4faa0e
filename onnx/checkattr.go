package onnx

import "fmt"

// attribute checks that an attribute has the field of its type and no other. s is
// what subgraphs may capture, n the attribute's node; both nil for the default of
// a function's attribute.
func (c *graphCheck) attribute(a *AttributeProto, n *NodeProto, s *scope) error {
	if a.GetName() == "" {
		return fmt.Errorf("empty name")
	}
	t := a.GetType()
	if _, known := AttributeProto_AttributeType_name[int32(t)]; !known || t == AttributeProto_UNDEFINED {
		return fmt.Errorf("type %d: unknown", t)
	}
	present := false
	for _, f := range attributeFields(a) {
		if f.present && f.holds != t {
			return fmt.Errorf("value of type %s: type says %s", f.holds, t)
		}
		present = present || f.present
	}
	if ref := a.GetRefAttrName(); ref != "" {
		switch {
		case present:
			return fmt.Errorf("both a value and a reference to attribute %s", quote(ref))
		case !c.refs[ref]:
			return fmt.Errorf("reference to attribute %s: no function declares it here", quote(ref))
		}
		return nil
	}
	return c.attributeValue(a, n, s, present)
}

// attributeValue checks what is inside. A missing number, string or list is its
// zero value, as writers of protobuf 3 leave those out.
func (c *graphCheck) attributeValue(a *AttributeProto, n *NodeProto, s *scope, present bool) error {
	switch t := a.GetType(); t {
	case AttributeProto_TENSOR, AttributeProto_GRAPH, AttributeProto_SPARSE_TENSOR, AttributeProto_TYPE_PROTO:
		if !present {
			return fmt.Errorf("no value of type %s", t)
		}
	}
	tensors, sparse, graphs := a.Tensors, a.SparseTensors, a.Graphs
	if a.T != nil {
		tensors = []*TensorProto{a.T}
	}
	if a.SparseTensor != nil {
		sparse = []*SparseTensorProto{a.SparseTensor}
	}
	if a.G != nil {
		graphs = []*GraphProto{a.G}
	}
	for _, t := range tensors {
		if _, err := checkTensor(t); err != nil {
			return err
		}
	}
	for _, t := range sparse {
		if err := checkSparse(t); err != nil {
			return err
		}
	}
	for _, g := range graphs {
		if err := c.subgraph(g, n, a, s); err != nil {
			return err
		}
	}
	return nil
}

func (c *graphCheck) subgraph(g *GraphProto, n *NodeProto, a *AttributeProto, s *scope) error {
	if s == nil { // the default of a function's attribute captures nothing
		s = newScope(nil)
	}
	err := c.graph(g, s)
	if err == nil {
		return nil
	}
	if _, inner := err.(*subgraphError); inner {
		return err
	}
	return &subgraphError{fmt.Errorf("graph %s (attribute %s of node %s): %w",
		quote(g.GetName()), quote(a.GetName()), quote(n.GetName()), err)}
}

type attributeField struct {
	holds   AttributeProto_AttributeType
	present bool
}

func attributeFields(a *AttributeProto) [14]attributeField {
	return [14]attributeField{
		{AttributeProto_FLOAT, a.F != nil},
		{AttributeProto_INT, a.I != nil},
		{AttributeProto_STRING, a.S != nil},
		{AttributeProto_TENSOR, a.T != nil},
		{AttributeProto_GRAPH, a.G != nil},
		{AttributeProto_SPARSE_TENSOR, a.SparseTensor != nil},
		{AttributeProto_TYPE_PROTO, a.Tp != nil},
		{AttributeProto_FLOATS, len(a.Floats) > 0},
		{AttributeProto_INTS, len(a.Ints) > 0},
		{AttributeProto_STRINGS, len(a.Strings) > 0},
		{AttributeProto_TENSORS, len(a.Tensors) > 0},
		{AttributeProto_GRAPHS, len(a.Graphs) > 0},
		{AttributeProto_SPARSE_TENSORS, len(a.SparseTensors) > 0},
		{AttributeProto_TYPE_PROTOS, len(a.TypeProtos) > 0},
	}
}

// checkSparse holds for values [NNZ] and indices [NNZ] (linear) or [NNZ,rank].
func checkSparse(p *SparseTensorProto) error {
	dims, n, err := shapeOf(p.GetDims())
	if err != nil {
		return err
	}
	values, err := checkTensor(p.GetValues())
	if err != nil {
		return fmt.Errorf("values: %w", err)
	}
	if len(values) != 1 {
		return fmt.Errorf("values of shape %s: want one dimension", shapeText(values))
	}
	if t := p.GetIndices().GetDataType(); t != int32(TensorProto_INT64) {
		return fmt.Errorf("indices of type %s: want INT64", typeName(TensorProto_DataType(t)))
	}
	indices, err := tensorOf(p.GetIndices())
	if err != nil {
		return fmt.Errorf("indices: %w", err)
	}
	linear := len(indices.Shape) == 1
	if !linear && (len(indices.Shape) != 2 || indices.Shape[1] != len(dims)) || indices.Shape[0] != values[0] {
		return fmt.Errorf("indices of shape %s: values have shape %s in %d dimensions",
			shapeText(indices.Shape), shapeText(values), len(dims))
	}
	for i, v := range indices.Data.([]int64) {
		limit := n
		if !linear {
			limit = dims[i%len(dims)]
		}
		if v < 0 || v >= int64(limit) {
			return fmt.Errorf("index %d: out of range for shape %s", v, shapeText(dims))
		}
	}
	return nil
}
