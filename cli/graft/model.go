package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"graft/finetune"
	"graft/graph"
	"graft/onnx"
)

// readModel reads the model at path, or the pulled one of that name, and refuses one
// that breaks the standard's rules.
func readModel(path string) (*onnx.ModelProto, error) {
	m, err := cachedModel(path)
	if m == nil && err == nil {
		m, err = onnx.ReadFile(path)
	}
	if err != nil {
		return nil, err
	}
	if err = onnx.Sort(m); err == nil {
		err = onnx.Check(m)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", quote(path), err)
	}
	return m, nil
}

// openModel reads the model at path and finds its layers and cut points.
func openModel(c *cli.Context, path string) (*onnx.ModelProto, *graph.Structure, error) {
	m, err := readModel(path)
	if err != nil {
		return nil, nil, err
	}
	whole := m
	if _, ok := onnx.Metadata(m, finetune.HeadsKey); ok && c.String("output-name") == "" { // several heads are one structure
		if whole, err = graph.Join(m); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", quote(path), err)
		}
	}
	s, err := graph.Analyse(whole, graph.Options{Output: c.String("output-name")})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", quote(path), err)
	}
	return m, s, nil
}

// A port is an input or output of a model.
type port struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Shape []any  `json:"shape"` // a number, or the name of an open dimension
}

// ports describes the inputs or outputs vs; those that are initializers, as in
// files before IR version 4, are none.
func ports(m *onnx.ModelProto, vs []*onnx.ValueInfoProto) []port {
	list := []port{}
	for _, v := range vs {
		isConstant := slices.ContainsFunc(m.GetGraph().GetInitializer(),
			func(t *onnx.TensorProto) bool { return t.GetName() == v.GetName() })
		if isConstant {
			continue
		}
		t := v.GetType().GetTensorType()
		p := port{v.GetName(), typeName(onnx.TensorProto_DataType(t.GetElemType())), []any{}}
		for _, d := range t.GetShape().GetDim() {
			switch x := d.GetValue().(type) {
			case *onnx.TensorShapeProto_Dimension_DimValue:
				p.Shape = append(p.Shape, x.DimValue)
			case *onnx.TensorShapeProto_Dimension_DimParam:
				p.Shape = append(p.Shape, x.DimParam)
			default:
				p.Shape = append(p.Shape, "?")
			}
		}
		list = append(list, p)
	}
	return list
}

// typeName is the standard's name of a type in lower case, as ONNX's text form has it: float, int64.
func typeName(t onnx.TensorProto_DataType) string { return strings.ToLower(t.String()) }

// shape writes 1x3x224x224.
func shape[D any](dims []D) string {
	var s []string
	for _, d := range dims {
		s = append(s, fmt.Sprint(d))
	}
	return strings.Join(s, "x")
}
