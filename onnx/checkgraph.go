package onnx

import "fmt"

// A graphCheck holds what is fixed while the graphs of a model, or a function's
// body, are walked.
type graphCheck struct {
	ir     int64
	opsets map[string]bool // imported domains
	refs   map[string]bool // attributes a function declares; nil outside of functions
	depth  int             // of the graph being walked
}

// graph checks one graph; outer is what a subgraph may capture, nil for the main graph.
func (c *graphCheck) graph(g *GraphProto, outer *scope) error {
	if g.GetName() == "" {
		return fmt.Errorf("graph has no name")
	}
	if c.depth++; c.depth > maxSubgraphs {
		return fmt.Errorf("graphs nested deeper than %d", maxSubgraphs)
	}
	defer func() { c.depth-- }()
	s := newScope(outer)
	for _, v := range g.Input {
		if err := s.define(v.GetName()); err != nil {
			return fmt.Errorf("graph input %w", err)
		}
		if err := checkType(v); err != nil && outer == nil {
			return fmt.Errorf("graph input %s: %w", quote(v.GetName()), err)
		}
	}
	if err := c.initializers(g, s); err != nil {
		return err
	}
	if err := c.nodes(g.Node, s); err != nil {
		return err
	}
	return checkOutputs(g, s, outer == nil)
}

func checkOutputs(g *GraphProto, s *scope, main bool) error {
	if main && len(g.Output) == 0 {
		return fmt.Errorf("graph %s: no outputs", quote(g.GetName()))
	}
	for _, v := range g.Output {
		if !s.has(v.GetName()) {
			return fmt.Errorf("graph output %s: not defined", quote(v.GetName()))
		}
		if err := checkType(v); err != nil && main {
			return fmt.Errorf("graph output %s: %w", quote(v.GetName()), err)
		}
	}
	return unique("graph output", g.Output, (*ValueInfoProto).GetName)
}

func checkType(v *ValueInfoProto) error {
	switch t := v.GetType().GetValue().(type) {
	case nil:
		return fmt.Errorf("no type")
	case *TypeProto_TensorType:
		return checkElem(t.TensorType.GetElemType())
	case *TypeProto_SparseTensorType:
		return checkElem(t.SparseTensorType.GetElemType())
	}
	return nil
}

func checkElem(t int32) error {
	if _, known := TensorProto_DataType_name[t]; !known || t == 0 {
		return fmt.Errorf("element type %s: unknown", typeName(TensorProto_DataType(t)))
	}
	return nil
}

// initializers checks the constants of a graph and defines their names. One that
// is also an input gives that input its default; below IR 4 all must be inputs.
func (c *graphCheck) initializers(g *GraphProto, s *scope) error {
	inputs := make(map[string]bool, len(g.Input))
	for _, v := range g.Input {
		inputs[v.GetName()] = true
	}
	seen := map[string]bool{}
	add := func(name string) error {
		switch {
		case seen[name]:
			return fmt.Errorf("initializer %s: given twice", quote(name))
		case c.ir < int64(Version_IR_VERSION_2019_1_22) && !inputs[name]:
			return fmt.Errorf("initializer %s: not among the graph inputs, as IR version %d demands", quote(name), c.ir)
		}
		seen[name] = true
		if inputs[name] {
			return nil
		}
		if err := s.define(name); err != nil {
			return fmt.Errorf("initializer %w", err)
		}
		return nil
	}
	for _, t := range g.Initializer {
		if err := add(t.GetName()); err != nil {
			return err
		}
		if _, err := checkTensor(t); err != nil {
			return fmt.Errorf("initializer %s: %w", quote(t.GetName()), err)
		}
	}
	for _, t := range g.SparseInitializer {
		name := t.GetValues().GetName()
		if err := add(name); err != nil {
			return err
		}
		if err := checkSparse(t); err != nil {
			return fmt.Errorf("sparse initializer %s: %w", quote(name), err)
		}
	}
	return nil
}

// nodes checks nodes in their order, which must be topological.
func (c *graphCheck) nodes(nodes []*NodeProto, s *scope) error {
	for i, n := range nodes {
		if err := c.node(n, s); err != nil {
			if _, inner := err.(*subgraphError); inner { // names its own node
				return err
			}
			return fmt.Errorf("node %d %s (%s): %w", i, quote(n.GetName()), cut(n.GetOpType()), err)
		}
	}
	return nil
}

func (c *graphCheck) node(n *NodeProto, s *scope) error {
	if n.GetOpType() == "" {
		return fmt.Errorf("no op_type")
	}
	if domain := canonical(n.GetDomain()); !c.opsets[domain] {
		return fmt.Errorf("domain %s: no opset_import", quote(domain))
	}
	for _, name := range n.Input {
		if name != "" && !s.has(name) {
			return fmt.Errorf("input %s: not defined before use", quote(name))
		}
	}
	if err := unique("attribute", n.Attribute, (*AttributeProto).GetName); err != nil {
		return err
	}
	for _, a := range n.Attribute {
		if err := c.attribute(a, n, s); err != nil {
			if _, inner := err.(*subgraphError); inner {
				return err
			}
			return fmt.Errorf("attribute %s: %w", quote(a.GetName()), err)
		}
	}
	for _, name := range n.Output {
		if name == "" {
			continue
		}
		if err := s.define(name); err != nil {
			return fmt.Errorf("output %w", err)
		}
	}
	return nil
}

// A subgraphError names the innermost graph only, so that messages stay short
// however deep graphs nest.
type subgraphError struct{ err error }

func (e *subgraphError) Error() string { return e.err.Error() }
func (e *subgraphError) Unwrap() error { return e.err }

// A scope is the set of names defined so far in a graph and those around it.
type scope struct {
	names map[string]bool
	outer *scope
}

func newScope(outer *scope) *scope { return &scope{map[string]bool{}, outer} }

func (s *scope) has(name string) bool {
	for ; s != nil; s = s.outer {
		if s.names[name] {
			return true
		}
	}
	return false
}

// define adds a name; every name has one definition, subgraphs included.
func (s *scope) define(name string) error {
	if name == "" {
		return fmt.Errorf("%s: empty name", quote(name))
	}
	if s.has(name) {
		return fmt.Errorf("%s: defined twice", quote(name))
	}
	s.names[name] = true
	return nil
}
