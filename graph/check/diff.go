package check

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"graft/onnx"
)

// Change is one thing in which two models differ.
type Change struct {
	Kind string `json:"kind"` // model, metadata, input, output, node or tensor
	Name string `json:"name"`
	What string `json:"what"` // added, removed, or what changed, from -> to

	// Of a tensor of the same type and shape in both: how far its values are apart.
	Elements int      `json:"elements,omitempty"` // that differ
	MaxAbs   *float64 `json:"max_abs,omitempty"`
	MaxRel   *float64 `json:"max_rel,omitempty"`
}

// Diff lists in what model b differs from a: versions, metadata, inputs and outputs,
// nodes, and tensors by value. Nodes are matched by the tensor they compute first,
// initializers by name. Two models without differences compute the same.
func Diff(a, b *onnx.ModelProto) ([]Change, error) {
	d := &differ{list: []Change{}}
	d.text("model", "ir_version", fmt.Sprint(a.GetIrVersion()), fmt.Sprint(b.GetIrVersion()))
	d.pairs("model", "opset_import", imports(a), imports(b))
	d.pairs("metadata", "", properties(a), properties(b))
	d.pairs("input", "", declarations(a.GetGraph().GetInput()), declarations(b.GetGraph().GetInput()))
	d.pairs("output", "", declarations(a.GetGraph().GetOutput()), declarations(b.GetGraph().GetOutput()))
	d.nodes(a.GetGraph().GetNode(), b.GetGraph().GetNode())
	return d.list, d.tensors(a, b)
}

type differ struct{ list []Change }

func (d *differ) add(kind, name, format string, args ...any) {
	d.list = append(d.list, Change{Kind: kind, Name: name, What: fmt.Sprintf(format, args...)})
}

func (d *differ) text(kind, name, a, b string) {
	if a != b {
		d.add(kind, name, "%s -> %s", shorten(a), shorten(b))
	}
}

// shorten cuts a value at 60 bytes.
func shorten(s string) string {
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}

// pairs compares two lists of name and text, in the order of the first.
func (d *differ) pairs(kind, prefix string, a, b [][2]string) {
	name := func(s string) string { return strings.TrimSpace(prefix + " " + s) }
	for _, p := range a {
		i := slices.IndexFunc(b, func(q [2]string) bool { return q[0] == p[0] })
		if i < 0 {
			d.add(kind, name(p[0]), "removed")
			continue
		}
		d.text(kind, name(p[0]), p[1], b[i][1])
	}
	for _, q := range b {
		if !slices.ContainsFunc(a, func(p [2]string) bool { return p[0] == q[0] }) {
			d.add(kind, name(q[0]), "added")
		}
	}
}

func imports(m *onnx.ModelProto) (list [][2]string) {
	for _, o := range m.GetOpsetImport() {
		domain := o.GetDomain()
		if domain == "ai.onnx" || domain == "" {
			domain = "default"
		}
		list = append(list, [2]string{domain, fmt.Sprint(o.GetVersion())})
	}
	return list
}

func properties(m *onnx.ModelProto) (list [][2]string) {
	for _, e := range m.GetMetadataProps() {
		list = append(list, [2]string{e.GetKey(), e.GetValue()})
	}
	return list
}

func declarations(vs []*onnx.ValueInfoProto) (list [][2]string) {
	for _, v := range vs {
		list = append(list, [2]string{v.GetName(), declared(v).String()})
	}
	return list
}

// nodes compares by the first tensor that a node computes.
func (d *differ) nodes(a, b []*onnx.NodeProto) {
	index := func(nodes []*onnx.NodeProto) map[string]*onnx.NodeProto {
		m := make(map[string]*onnx.NodeProto, len(nodes))
		for _, n := range nodes {
			m[computes(n)] = n
		}
		return m
	}
	inA, inB := index(a), index(b)
	for _, n := range a {
		other := inB[computes(n)]
		if other == nil {
			d.add("node", computes(n), "removed: %s", n.GetOpType())
			continue
		}
		d.node(n, other)
	}
	for _, n := range b {
		if inA[computes(n)] == nil {
			d.add("node", computes(n), "added: %s", n.GetOpType())
		}
	}
}

// computes is the name of the first output that has one.
func computes(n *onnx.NodeProto) string {
	for _, o := range n.GetOutput() {
		if o != "" {
			return o
		}
	}
	return n.GetName()
}

func (d *differ) node(a, b *onnx.NodeProto) {
	name := computes(a)
	d.text("node", name, operator(a), operator(b))
	for _, l := range []struct {
		what string
		a, b []string
	}{{"inputs", a.GetInput(), b.GetInput()}, {"outputs", a.GetOutput(), b.GetOutput()}} {
		if !slices.Equal(l.a, l.b) {
			d.add("node", name, "%s %s -> %s", l.what, list(l.a), list(l.b))
		}
	}
	values := func(n *onnx.NodeProto) map[string]*onnx.AttributeProto {
		m := map[string]*onnx.AttributeProto{}
		for _, x := range n.GetAttribute() {
			m[x.GetName()] = x
		}
		return m
	}
	inA, inB := values(a), values(b)
	for key, x := range sorted(inA) {
		switch y := inB[key]; {
		case y == nil:
			d.add("node", name, "attribute %s removed", key)
		case !proto.Equal(x, y):
			d.add("node", name, "attribute %s %s -> %s", key, attribute(x), attribute(y))
		}
	}
	for key := range sorted(inB) {
		if inA[key] == nil {
			d.add("node", name, "attribute %s added", key)
		}
	}
}

func operator(n *onnx.NodeProto) string {
	if d := n.GetDomain(); d != "" && d != "ai.onnx" {
		return d + "." + n.GetOpType()
	}
	return n.GetOpType()
}

// attribute is a short form of an attribute's value.
func attribute(a *onnx.AttributeProto) string {
	switch a.GetType() {
	case onnx.AttributeProto_INT:
		return fmt.Sprint(a.GetI())
	case onnx.AttributeProto_FLOAT:
		return fmt.Sprint(a.GetF())
	case onnx.AttributeProto_STRING:
		return quote(string(a.GetS()))
	case onnx.AttributeProto_INTS:
		return shorten(fmt.Sprint(a.GetInts()))
	case onnx.AttributeProto_FLOATS:
		return shorten(fmt.Sprint(a.GetFloats()))
	}
	return "(" + strings.ToLower(a.GetType().String()) + ")"
}

// tensors compares the initializers by name.
func (d *differ) tensors(a, b *onnx.ModelProto) error {
	inB := map[string]*onnx.TensorProto{}
	for _, t := range b.GetGraph().GetInitializer() {
		inB[t.GetName()] = t
	}
	seen := map[string]bool{}
	for _, t := range a.GetGraph().GetInitializer() {
		seen[t.GetName()] = true
		other := inB[t.GetName()]
		if other == nil {
			d.add("tensor", t.GetName(), "removed: %s", tensorText(t))
			continue
		}
		if err := d.tensor(t, other); err != nil {
			return fmt.Errorf("check: diff: tensor %s: %w", quote(t.GetName()), err)
		}
	}
	for _, t := range b.GetGraph().GetInitializer() {
		if !seen[t.GetName()] {
			d.add("tensor", t.GetName(), "added: %s", tensorText(t))
		}
	}
	return nil
}

func tensorText(t *onnx.TensorProto) string {
	return strings.ToLower(onnx.TensorProto_DataType(t.GetDataType()).String()) + strings.ReplaceAll(fmt.Sprint(t.GetDims()), " ", ",")
}

func (d *differ) tensor(a, b *onnx.TensorProto) error {
	if x, y := tensorText(a), tensorText(b); x != y {
		d.text("tensor", a.GetName(), x, y)
		return nil
	}
	if proto.Equal(a, b) {
		return nil
	}
	x, err := onnx.TensorOf(a)
	if err != nil {
		return err
	}
	y, err := onnx.TensorOf(b)
	if err != nil {
		return err
	}
	v, w, err := numbers(y, x)
	if err != nil {
		d.add("tensor", a.GetName(), "%v", err)
		return nil
	}
	m := Tolerance{}.measure(v, w)
	if m.bad > 0 {
		d.list = append(d.list, Change{Kind: "tensor", Name: a.GetName(), Elements: m.bad, MaxAbs: &m.maxAbs, MaxRel: &m.maxRel,
			What: fmt.Sprintf("%d of %d elements, at most %.3g, first at %v: %s -> %s", m.bad, len(v), m.maxAbs,
				position(m.first, x.Shape), number(x, w[m.first]), number(x, v[m.first]))})
	}
	return nil
}
