package onnx

import (
	"fmt"
	"strings"
)

// The versions that Check knows, those of onnx 1.23.
const (
	minIR, maxIR       = int64(Version_IR_VERSION_2017_11_3), int64(Version_IR_VERSION)
	minOpset, maxOpset = 1, 28
)

// maxSubgraphs is how deep graphs may nest; readers of protobuf written in other
// languages stop near there too.
const maxSubgraphs = 32

// Check reports the first structural fault of a model: what the ONNX checker
// demands of any model whatever its operators mean, and that nothing is defined
// twice or ambiguous. Values must have one definition that comes before their use,
// tensors as many bytes as their shape needs, attributes the field of their type,
// and each operator's domain an imported version. Stricter than the checker: IR
// versions from 3, default operator sets to 28, no value in two fields. Laxer:
// inputs and outputs need a type, but no shape. Not looked at: training_info,
// device configurations, annotations.
//
// External data must have been loaded, as [ReadFile] does.
func Check(m *ModelProto) error {
	if err := checkModel(m); err != nil {
		return fmt.Errorf("onnx: %w", err)
	}
	return nil
}

func checkModel(m *ModelProto) error {
	if v := m.GetIrVersion(); v < minIR || v > maxIR {
		return fmt.Errorf("IR version %d: want %d to %d", v, minIR, maxIR)
	}
	if m.Graph == nil {
		return fmt.Errorf("model has no graph")
	}
	opsets, err := checkOpsets(m.OpsetImport)
	if err != nil {
		return err
	}
	if err := unique("metadata key", m.MetadataProps, (*StringStringEntryProto).GetKey); err != nil {
		return err
	}
	if err := unique("function", m.Functions, functionKey); err != nil {
		return err
	}
	for _, f := range m.Functions {
		if err := checkFunction(f); err != nil {
			return fmt.Errorf("function %s: %w", quote(f.GetName()), err)
		}
	}
	c := graphCheck{ir: m.GetIrVersion(), opsets: opsets}
	return c.graph(m.Graph, nil)
}

// checkOpsets returns the imported domains.
func checkOpsets(imports []*OperatorSetIdProto) (map[string]bool, error) {
	if len(imports) == 0 {
		return nil, fmt.Errorf("no opset_import")
	}
	domains := map[string]bool{}
	for _, o := range imports {
		domain, v := canonical(o.GetDomain()), o.GetVersion()
		switch {
		case domains[domain]:
			return nil, fmt.Errorf("opset_import: domain %s: given twice", quote(domain))
		case domain == "" && (v < minOpset || v > maxOpset):
			return nil, &UnsupportedError{fmt.Sprintf("opset %d: want %d to %d", v, minOpset, maxOpset)}
		case v < 1:
			return nil, fmt.Errorf("opset_import: domain %s: version %d", quote(domain), v)
		}
		domains[domain] = true
	}
	return domains, nil
}

func checkFunction(f *FunctionProto) error {
	if f.GetName() == "" {
		return fmt.Errorf("no name")
	}
	opsets, err := checkOpsets(f.OpsetImport)
	if err != nil {
		return err
	}
	c := graphCheck{ir: maxIR, opsets: opsets, refs: map[string]bool{}}
	for _, name := range f.Attribute {
		if c.refs[name] {
			return fmt.Errorf("attribute %s: declared twice", quote(name))
		}
		c.refs[name] = true
	}
	for _, a := range f.AttributeProto {
		if c.refs[a.GetName()] {
			return fmt.Errorf("attribute %s: declared twice", quote(a.GetName()))
		}
		c.refs[a.GetName()] = true
		if err := c.attribute(a, nil, nil); err != nil {
			return fmt.Errorf("attribute %s: %w", quote(a.GetName()), err)
		}
	}
	s := newScope(nil)
	for _, name := range f.Input {
		if err := s.define(name); err != nil {
			return fmt.Errorf("input %w", err)
		}
	}
	if err := c.nodes(f.Node, s); err != nil {
		return err
	}
	for _, name := range f.Output {
		if !s.has(name) {
			return fmt.Errorf("output %s: not defined", quote(name))
		}
	}
	return unique("output", f.Output, func(s string) string { return s })
}

func functionKey(f *FunctionProto) string {
	key := canonical(f.GetDomain()) + "." + f.GetName()
	return strings.TrimSuffix(key+":"+f.GetOverload(), ":")
}

// unique refuses two items of the same key.
func unique[T any](what string, items []T, key func(T) string) error {
	seen := make(map[string]bool, len(items))
	for _, item := range items {
		k := key(item)
		if seen[k] {
			return fmt.Errorf("%s %s: given twice", what, quote(k))
		}
		seen[k] = true
	}
	return nil
}
