package graph

import (
	"fmt"
	"slices"

	"graft/onnx"
)

// maxInlined bounds the nodes that calls of functions within functions may grow to.
const maxInlined = 1 << 18

// inlined returns the model with each call of a local function replaced by the function's
// nodes, and without the functions. Names inside become unique; an attribute that refers
// to one of the function's takes the call's value, else the default, else is left out. A
// model without functions is returned as it is; of equal ones the results are equal, so
// that names found in one hold in the other.
func inlined(m *onnx.ModelProto) (*onnx.ModelProto, error) {
	if len(m.GetFunctions()) == 0 {
		return m, nil
	}
	c := shallow(m)
	c.Functions = nil
	n := &inlining{m: c, functions: map[string]*onnx.FunctionProto{}, used: names(m), last: map[string]int{}, left: maxInlined}
	for _, f := range m.GetFunctions() {
		n.functions[functionKey(f.GetDomain(), f.GetName(), f.GetOverload())] = f
	}
	var err error
	if c.Graph.Node, err = n.nodes(m.GetGraph().GetNode(), nil); err != nil {
		return nil, failf("", "%w", err)
	}
	return c, nil
}

func functionKey(domain, name, overload string) string {
	if domain == "ai.onnx" {
		domain = ""
	}
	return fmt.Sprintf("%q.%q:%q", domain, name, overload)
}

type inlining struct {
	m         *onnx.ModelProto // the result
	functions map[string]*onnx.FunctionProto
	used      map[string]bool // names of values and nodes
	last      map[string]int  // how many more names a name has led to
	left      int             // nodes that calls may still make
	within    []string        // functions being replaced, the outermost first
}

// call is one use of a function: what its names and attributes stand for.
type call struct {
	prefix     string
	names      map[string]string
	attributes map[string]*onnx.AttributeProto
}

// name is what a name of the function's body is outside.
func (n *inlining) name(c *call, name string) string {
	if c == nil || name == "" {
		return name
	}
	if _, ok := c.names[name]; !ok {
		c.names[name] = n.fresh(c.prefix + "/" + name)
	}
	return c.names[name]
}

// fresh is a name that nothing has.
func (n *inlining) fresh(name string) string {
	for base := name; n.used[name]; {
		n.last[base]++ // goes on where the base's last name was found
		name = fmt.Sprintf("%s_%d", base, n.last[base]+1)
	}
	n.used[name] = true
	return name
}

// nodes are the nodes of a graph, or of a function's body under a call, with the calls
// among them replaced.
func (n *inlining) nodes(list []*onnx.NodeProto, c *call) ([]*onnx.NodeProto, error) {
	var r []*onnx.NodeProto
	for _, node := range list {
		node, err := n.node(node, c)
		if err != nil {
			return nil, err
		}
		key := functionKey(node.GetDomain(), node.GetOpType(), node.GetOverload())
		f := n.functions[key]
		if f == nil {
			r = append(r, node)
			continue
		}
		if slices.Contains(n.within, key) {
			return nil, fmt.Errorf("function %s calls itself", quote(f.GetName()))
		}
		n.within = append(n.within, key)
		body, err := n.body(f, node)
		if err != nil {
			return nil, fmt.Errorf("function %s: %w", quote(f.GetName()), err)
		}
		n.within = n.within[:len(n.within)-1]
		r = append(r, body...)
	}
	if c != nil {
		if n.left -= len(r); n.left < 0 {
			return nil, fmt.Errorf("the functions make more than %d nodes", maxInlined)
		}
	}
	return r, nil
}

// node is a node as it stands outside of its function, and with what is replaced in its
// subgraphs.
func (n *inlining) node(node *onnx.NodeProto, c *call) (*onnx.NodeProto, error) {
	if c == nil && !slices.ContainsFunc(node.GetAttribute(), func(a *onnx.AttributeProto) bool { return a.GetG() != nil || len(a.GetGraphs()) > 0 }) {
		return node, nil
	}
	r := copyFields(node)
	r.Input, r.Output, r.Attribute = nil, nil, nil
	for _, in := range node.GetInput() {
		r.Input = append(r.Input, n.name(c, in))
	}
	for _, out := range node.GetOutput() {
		r.Output = append(r.Output, n.name(c, out))
	}
	if c != nil && node.GetName() != "" {
		r.Name = new(c.prefix + "/" + node.GetName())
	}
	for _, a := range node.GetAttribute() {
		a, err := n.attribute(a, c)
		if err != nil {
			return nil, err
		}
		if a != nil {
			r.Attribute = append(r.Attribute, a)
		}
	}
	return r, nil
}

// attribute is an attribute with its reference resolved; nil where that leads to nothing.
func (n *inlining) attribute(a *onnx.AttributeProto, c *call) (*onnx.AttributeProto, error) {
	if ref := a.GetRefAttrName(); ref != "" && c != nil {
		value := c.attributes[ref]
		if value == nil {
			return nil, nil
		}
		r := copyFields(value)
		r.Name = a.Name
		return r, nil
	}
	if a.GetG() == nil && len(a.GetGraphs()) == 0 {
		return a, nil
	}
	r := copyFields(a)
	var err error
	if a.GetG() != nil {
		if r.G, err = n.graph(a.GetG(), c); err != nil {
			return nil, err
		}
	}
	r.Graphs = nil
	for _, g := range a.GetGraphs() {
		if g, err = n.graph(g, c); err != nil {
			return nil, err
		}
		r.Graphs = append(r.Graphs, g)
	}
	return r, nil
}

// graph is a subgraph, which sees the names around it.
func (n *inlining) graph(g *onnx.GraphProto, c *call) (*onnx.GraphProto, error) {
	r := copyFields(g)
	infos := func(list []*onnx.ValueInfoProto) []*onnx.ValueInfoProto {
		var renamed []*onnx.ValueInfoProto
		for _, v := range list {
			v = copyFields(v)
			v.Name = new(n.name(c, v.GetName()))
			renamed = append(renamed, v)
		}
		return renamed
	}
	r.Input, r.Output, r.ValueInfo, r.Initializer = infos(g.GetInput()), infos(g.GetOutput()), infos(g.GetValueInfo()), nil
	for _, t := range g.GetInitializer() {
		t = copyFields(t)
		t.Name = new(n.name(c, t.GetName()))
		r.Initializer = append(r.Initializer, t)
	}
	var err error
	r.Node, err = n.nodes(g.GetNode(), c)
	return r, err
}

// body is what a function computes for one node that calls it.
func (n *inlining) body(f *onnx.FunctionProto, node *onnx.NodeProto) ([]*onnx.NodeProto, error) {
	in, out := node.GetInput(), node.GetOutput()
	if len(in) > len(f.GetInput()) || len(out) > len(f.GetOutput()) {
		return nil, fmt.Errorf("called with %d inputs and %d outputs, it has %d and %d", len(in), len(out), len(f.GetInput()), len(f.GetOutput()))
	}
	if err := n.imports(f); err != nil {
		return nil, err
	}
	prefix := node.GetName()
	if prefix == "" {
		prefix = f.GetName()
	}
	c := &call{prefix: prefix, names: map[string]string{}, attributes: map[string]*onnx.AttributeProto{}}
	for i, name := range f.GetInput() {
		c.names[name] = ""
		if i < len(in) {
			c.names[name] = in[i]
		}
	}
	var passed []*onnx.NodeProto // inputs that are outputs
	for i, name := range f.GetOutput() {
		if i >= len(out) || out[i] == "" {
			continue
		}
		if from, ok := c.names[name]; ok {
			passed = append(passed, onnx.NewNode("Identity", prefix+"/"+name, []string{from}, []string{out[i]}))
		} else {
			c.names[name] = out[i]
		}
	}
	for _, a := range f.GetAttributeProto() {
		c.attributes[a.GetName()] = a
	}
	for _, a := range node.GetAttribute() {
		if c.attributes[a.GetName()] == nil && !slices.Contains(f.GetAttribute(), a.GetName()) {
			return nil, fmt.Errorf("it has no attribute %s", quote(a.GetName()))
		}
		c.attributes[a.GetName()] = a
	}
	nodes, err := n.nodes(f.GetNode(), c)
	return append(nodes, passed...), err
}

// imports adds what operator sets a function needs to the model's; they must be of the
// same version.
func (n *inlining) imports(f *onnx.FunctionProto) error {
	for _, o := range f.GetOpsetImport() {
		switch have := onnx.Opset(n.m, o.GetDomain()); {
		case have == 0:
			n.m.OpsetImport = append(slices.Clip(n.m.OpsetImport), o)
		case have != o.GetVersion() && slices.ContainsFunc(f.GetNode(), func(node *onnx.NodeProto) bool {
			return functionKey(node.GetDomain(), "", "") == functionKey(o.GetDomain(), "", "") && n.functions[functionKey(node.GetDomain(), node.GetOpType(), node.GetOverload())] == nil
		}):
			return fmt.Errorf("it is of opset %d of domain %s, the model of %d", o.GetVersion(), quote(o.GetDomain()), have)
		}
	}
	return nil
}
