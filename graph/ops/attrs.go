package ops

import (
	"fmt"

	"graft/onnx"
)

// Attrs reads the attributes of one node. The first wrong one is remembered and
// returned by finish, so that a row's Read is a plain struct literal.
type Attrs struct {
	Opset  int
	Inputs int // inputs that the node names
	Outs   int // outputs that the node names

	byName map[string]*onnx.AttributeProto
	read   map[string]bool
	err    error
}

func newAttrs(n *onnx.NodeProto, opset int) *Attrs {
	a := &Attrs{Opset: opset, Inputs: len(n.GetInput()), Outs: len(n.GetOutput()),
		byName: map[string]*onnx.AttributeProto{}, read: map[string]bool{}}
	for _, p := range n.GetAttribute() {
		if p.GetRefAttrName() != "" {
			a.fail("attribute %s refers to a function's attribute outside a function", quote(p.GetName()))
		}
		if a.byName[p.GetName()] != nil {
			a.fail("attribute %s is given twice", quote(p.GetName()))
		}
		a.byName[p.GetName()] = p
	}
	return a
}

func (a *Attrs) fail(format string, args ...any) {
	if a.err == nil {
		a.err = fmt.Errorf(format, args...)
	}
}

// get finds an attribute of the wanted kind. Files of old exporters leave the kind
// out; then the field that is present decides.
func (a *Attrs) get(name string, kind onnx.AttributeProto_AttributeType) *onnx.AttributeProto {
	a.read[name] = true
	p := a.byName[name]
	if p != nil && p.Type != nil && p.GetType() != kind && p.GetType() != onnx.AttributeProto_UNDEFINED {
		a.fail("attribute %s: got %v, want %v", quote(name), p.GetType(), kind)
		return nil
	}
	return p
}

// Has says whether the node gives the attribute; it does not count as read.
func (a *Attrs) Has(name string) bool { return a.byName[name] != nil }

// Int returns an integer attribute, or def.
func (a *Attrs) Int(name string, def int) int {
	if p := a.get(name, onnx.AttributeProto_INT); p != nil {
		return int(p.GetI())
	}
	return def
}

// Bool returns an integer attribute that means yes or no.
func (a *Attrs) Bool(name string) bool {
	v := a.Int(name, 0)
	if v != 0 && v != 1 {
		a.fail("attribute %s is %d, want 0 or 1", quote(name), v)
	}
	return v == 1
}

// Ints returns a list of integers, nil where absent.
func (a *Attrs) Ints(name string) []int {
	p := a.get(name, onnx.AttributeProto_INTS)
	if p == nil {
		return nil
	}
	v := make([]int, len(p.GetInts()))
	for i, x := range p.GetInts() {
		v[i] = int(x)
	}
	return v
}

// Float returns a float attribute, or def.
func (a *Attrs) Float(name string, def float32) float32 {
	if p := a.get(name, onnx.AttributeProto_FLOAT); p != nil {
		return p.GetF()
	}
	return def
}

// String returns a string attribute, or def.
func (a *Attrs) String(name, def string) string {
	if p := a.get(name, onnx.AttributeProto_STRING); p != nil {
		return string(p.GetS())
	}
	return def
}

// Tensor returns a tensor attribute, nil where absent.
func (a *Attrs) Tensor(name string) *onnx.Tensor {
	p := a.get(name, onnx.AttributeProto_TENSOR)
	if p == nil {
		return nil
	}
	t, err := onnx.TensorOf(p.GetT())
	if err != nil {
		a.fail("attribute %s: %w", quote(name), err)
	}
	return t
}

// Ignore marks attributes that carry no meaning at this opset.
func (a *Attrs) Ignore(names ...string) {
	for _, n := range names {
		a.read[n] = true
	}
}

func (a *Attrs) finish() error {
	for name := range a.byName {
		if !a.read[name] {
			a.fail("attribute %s is not supported", quote(name))
		}
	}
	return a.err
}

// Floats returns a list of floats, nil where absent.
func (a *Attrs) Floats(name string) []float32 {
	if p := a.get(name, onnx.AttributeProto_FLOATS); p != nil {
		return p.GetFloats()
	}
	return nil
}
