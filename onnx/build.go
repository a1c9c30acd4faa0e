package onnx

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
)

// Clone returns a deep copy of a model.
func Clone(m *ModelProto) *ModelProto { return proto.Clone(m).(*ModelProto) }

// Size is the number of bytes that a model takes as a file of its own.
func Size(m *ModelProto) int64 { return int64(proto.Size(m)) }

// Opset returns the version of a domain's operator set that a model imports, 0 if
// it imports none. "" and "ai.onnx" are the same domain.
func Opset(m *ModelProto, domain string) int64 {
	for _, o := range m.GetOpsetImport() {
		if canonical(o.GetDomain()) == canonical(domain) {
			return o.GetVersion()
		}
	}
	return 0
}

// canonical maps the two names of the default domain to "".
func canonical(domain string) string {
	if domain == "ai.onnx" {
		return ""
	}
	return domain
}

// Metadata returns the metadata a model holds under key, the first if there are several.
func Metadata(m *ModelProto, key string) (string, bool) {
	for _, e := range m.GetMetadataProps() {
		if e.GetKey() == key {
			return e.GetValue(), true
		}
	}
	return "", false
}

// SetMetadata puts value under key, in the place of all that was there.
func SetMetadata(m *ModelProto, key, value string) {
	kept, found := m.MetadataProps[:0:0], false
	for _, e := range m.MetadataProps {
		switch {
		case e.GetKey() != key:
			kept = append(kept, e)
		case !found:
			kept, found = append(kept, entry(key, value)), true
		}
	}
	if !found {
		kept = append(kept, entry(key, value))
	}
	m.MetadataProps = kept
}

// DeleteMetadata takes away what is under key.
func DeleteMetadata(m *ModelProto, key string) {
	m.MetadataProps = slices.DeleteFunc(slices.Clone(m.MetadataProps), func(e *StringStringEntryProto) bool { return e.GetKey() == key })
}

// NewNode returns a node of the default domain. An empty string among in or out
// stands for an optional value left out.
func NewNode(op, name string, in, out []string, attrs ...*AttributeProto) *NodeProto {
	n := &NodeProto{OpType: proto.String(op), Input: in, Output: out, Attribute: attrs}
	if name != "" {
		n.Name = proto.String(name)
	}
	return n
}

// TensorInfo describes a graph input, output or intermediate value. A dimension is
// an int (known), a string (symbolic) or nil (unknown); anything else panics.
func TensorInfo(name string, t TensorProto_DataType, dims ...any) *ValueInfoProto {
	shape := new(TensorShapeProto)
	for _, d := range dims {
		dim := new(TensorShapeProto_Dimension)
		switch d := d.(type) {
		case nil:
		case int:
			dim.Value = &TensorShapeProto_Dimension_DimValue{DimValue: int64(d)}
		case int64:
			dim.Value = &TensorShapeProto_Dimension_DimValue{DimValue: d}
		case string:
			dim.Value = &TensorShapeProto_Dimension_DimParam{DimParam: d}
		default:
			panic(fmt.Sprintf("onnx: TensorInfo: dimension of type %T", d))
		}
		shape.Dim = append(shape.Dim, dim)
	}
	tensor := &TypeProto_Tensor{ElemType: proto.Int32(int32(t)), Shape: shape}
	return &ValueInfoProto{
		Name: proto.String(name),
		Type: &TypeProto{Value: &TypeProto_TensorType{TensorType: tensor}},
	}
}

// IntAttr returns an attribute of type INT.
func IntAttr(name string, v int64) *AttributeProto {
	a := attr(name, AttributeProto_INT)
	a.I = proto.Int64(v)
	return a
}

// IntsAttr returns an attribute of type INTS.
func IntsAttr(name string, v ...int64) *AttributeProto {
	a := attr(name, AttributeProto_INTS)
	a.Ints = v
	return a
}

// FloatAttr returns an attribute of type FLOAT.
func FloatAttr(name string, v float32) *AttributeProto {
	a := attr(name, AttributeProto_FLOAT)
	a.F = proto.Float32(v)
	return a
}

// FloatsAttr returns an attribute of type FLOATS.
func FloatsAttr(name string, v ...float32) *AttributeProto {
	a := attr(name, AttributeProto_FLOATS)
	a.Floats = v
	return a
}

// StringAttr returns an attribute of type STRING.
func StringAttr(name, v string) *AttributeProto {
	a := attr(name, AttributeProto_STRING)
	a.S = []byte(v)
	return a
}

// TensorAttr returns an attribute of type TENSOR.
func TensorAttr(name string, v *Tensor) *AttributeProto {
	a := attr(name, AttributeProto_TENSOR)
	a.T = v.Proto("")
	return a
}

func attr(name string, t AttributeProto_AttributeType) *AttributeProto {
	return &AttributeProto{Name: proto.String(name), Type: t.Enum()}
}
