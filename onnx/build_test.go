package onnx

import (
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"
)

func TestSetMetadata(t *testing.T) {
	m := &ModelProto{MetadataProps: []*StringStringEntryProto{entry("a", "1"), entry("k", "old"), entry("b", "2"), entry("k", "older")}}
	if v, ok := Metadata(m, "k"); v != "old" || !ok {
		t.Errorf("got %q, %v", v, ok)
	}
	SetMetadata(m, "k", "new")
	SetMetadata(m, "z", "")
	var got [][2]string
	for _, e := range m.MetadataProps {
		got = append(got, [2]string{e.GetKey(), e.GetValue()})
	}
	if want := [][2]string{{"a", "1"}, {"k", "new"}, {"b", "2"}, {"z", ""}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	DeleteMetadata(m, "a")
	if _, ok := Metadata(m, "a"); ok || len(m.MetadataProps) != 3 {
		t.Errorf("a is still there: %v", m.MetadataProps)
	}
	if v, ok := Metadata(m, "z"); v != "" || !ok {
		t.Errorf("empty value: got %q, %v", v, ok)
	}
	if _, ok := Metadata(m, "missing"); ok {
		t.Error("found a missing key")
	}
}

func TestOpset(t *testing.T) {
	m := &ModelProto{OpsetImport: []*OperatorSetIdProto{
		{Domain: proto.String("ai.onnx.ml"), Version: proto.Int64(3)},
		{Domain: proto.String("ai.onnx"), Version: proto.Int64(17)},
	}}
	for domain, want := range map[string]int64{"": 17, "ai.onnx": 17, "ai.onnx.ml": 3, "com.x": 0} {
		if got := Opset(m, domain); got != want {
			t.Errorf("%q: got %d, want %d", domain, got, want)
		}
	}
}

// TestBuiltAttributes holds the constructors to Check's rule of one field per type.
func TestBuiltAttributes(t *testing.T) {
	m := small(2)
	m.Graph.Node[0].Attribute = []*AttributeProto{
		IntAttr("i", 0), IntsAttr("is", 1, 2), FloatAttr("f", 0), FloatsAttr("fs", 1),
		StringAttr("s", ""), TensorAttr("t", FromInts(nil, []int64{1})),
	}
	if err := Check(m); err != nil {
		t.Error(err)
	}
	for _, a := range m.Graph.Node[0].Attribute {
		fields := 0
		for _, f := range attributeFields(a) {
			if f.present {
				fields++
			}
		}
		if fields != 1 {
			t.Errorf("%s: %d fields set", a.GetName(), fields)
		}
	}
}

func TestTensorInfo(t *testing.T) {
	dims := TensorInfo("x", TensorProto_FLOAT, "N", 3, int64(4), nil).Type.GetTensorType().Shape.Dim
	if len(dims) != 4 || dims[0].GetDimParam() != "N" || dims[1].GetDimValue() != 3 || dims[2].GetDimValue() != 4 || dims[3].Value != nil {
		t.Errorf("got %v", dims)
	}
}

func TestCloneModel(t *testing.T) {
	m := small(2)
	c := Clone(m)
	c.Graph.Initializer[0].RawData[0] = 9
	if proto.Equal(c, m) {
		t.Error("the clone shares data")
	}
}
