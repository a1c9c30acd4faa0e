package onnxgo

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"

	decoder "github.com/owulveryck/onnx-go"

	"graft/graph"
	"graft/onnx"
)

// compiled is a program of the model for inputs of certain shapes.
type compiled struct {
	program *graph.Program
	inputs  []*value
	given   []*onnx.Tensor // that it was compiled for
	cleanup runtime.Cleanup
}

// fits says whether the program takes these inputs.
func (c *compiled) fits(inputs []*value, given []*onnx.Tensor) bool {
	return c != nil && slices.Equal(c.inputs, inputs) && slices.EqualFunc(c.given, given, func(was, is *onnx.Tensor) bool {
		return was.Type == is.Type && slices.Equal(was.Shape, is.Shape) && (!graph.MaySayShape(is) || reflect.DeepEqual(was.Data, is.Data))
	})
}

// Run computes the results from the inputs. It compiles the model at the first call,
// and again when the shape of an input changes.
func (b *Backend) Run() error {
	var inputs []*value
	var given []*onnx.Tensor
	for _, v := range b.values {
		if v.computed || v.tensor == nil || v.set < len(b.operations) {
			continue
		}
		t, err := tensorFrom(v.tensor)
		if err == nil {
			t, err = as(types[v.declared], t)
		}
		if err != nil {
			return fmt.Errorf("onnxgo: input %q: %w", v.name, err)
		}
		inputs, given = append(inputs, v), append(given, t)
	}
	results := b.results()
	if !b.compiled.fits(inputs, given) {
		p, err := b.compile(inputs, given, results)
		if err != nil {
			return err
		}
		if b.compiled != nil {
			b.compiled.cleanup.Stop()
			b.compiled.program.Close()
		}
		// onnx-go's interface has no word for closing.
		b.compiled = &compiled{p, inputs, given, runtime.AddCleanup(b, (*graph.Program).Close, p)}
	}
	p := b.compiled.program
	for i, port := range p.Inputs() {
		k := slices.IndexFunc(inputs, func(v *value) bool { return v.name == port.Name })
		if err := p.SetInput(i, given[k]); err != nil {
			return fmt.Errorf("onnxgo: %w", err)
		}
	}
	if err := p.Run(); err != nil {
		return fmt.Errorf("onnxgo: %w", err)
	}
	for i, v := range results {
		v.tensor = tensorOf(p.Output(i).Clone())
	}
	return nil
}

// oldest and newest are the versions of the operator set that are tried.
const oldest, newest = 9, 28

// compile makes a program of the model.
func (b *Backend) compile(inputs []*value, given []*onnx.Tensor, results []*value) (*graph.Program, error) {
	c := graph.Config{Threads: b.Threads, Known: map[string]*onnx.Tensor{}}
	for i, v := range inputs {
		if graph.MaySayShape(given[i]) {
			c.Known[v.name] = given[i]
		}
	}
	m, err := b.model(inputs, given)
	if err != nil {
		return nil, fmt.Errorf("onnxgo: %w", err)
	}
	for _, v := range results {
		c.Outputs = append(c.Outputs, v.name)
	}
	first, last := oldest, newest
	if b.Opset != 0 {
		first, last = b.Opset, b.Opset
	}
	for opset := first; ; opset++ {
		m.OpsetImport = []*onnx.OperatorSetIdProto{{Version: ref(int64(opset))}}
		if err = onnx.Check(m); err == nil {
			var p *graph.Program
			if p, err = graph.Compile(m, c); err == nil {
				return p, nil
			}
		}
		if opset >= last {
			return nil, notImplemented(err)
		}
	}
}

// notImplemented is an error as onnx-go wants it where an operator is missing.
func notImplemented(err error) error {
	var at *graph.Error
	if errors.Is(err, errors.ErrUnsupported) && errors.As(err, &at) {
		return &decoder.ErrNotImplemented{Operator: at.Op, Message: err.Error()}
	}
	return fmt.Errorf("onnxgo: %w", err)
}

func ref[T any](v T) *T { return &v }

// model writes what onnx-go has handed over as a model.
func (b *Backend) model(inputs []*value, given []*onnx.Tensor) (*onnx.ModelProto, error) {
	g := &onnx.GraphProto{Name: ref("onnx-go")}
	for i, v := range inputs {
		dims := make([]any, len(given[i].Shape))
		for k, d := range given[i].Shape {
			dims[k] = d
		}
		g.Input = append(g.Input, onnx.TensorInfo(v.name, given[i].Type, dims...))
	}
	for _, v := range b.values {
		if v.computed || v.tensor == nil || v.set == len(b.operations) {
			continue
		}
		t, err := tensorFrom(v.tensor)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", v.name, err)
		}
		g.Initializer = append(g.Initializer, t.Proto(v.name))
	}
	for _, op := range b.operations {
		op.node.Input, op.node.Output = names(op.in), names(op.out)
		if len(op.in) == 1 && op.in[0].isAbsent() {
			op.node.Input = nil
		}
		g.Node = append(g.Node, op.node)
	}
	for _, v := range b.results() {
		// Their types are not known before the shape rules run; the check wants one.
		g.Output = append(g.Output, &onnx.ValueInfoProto{Name: ref(v.name), Type: &onnx.TypeProto{
			Value: &onnx.TypeProto_TensorType{TensorType: &onnx.TypeProto_Tensor{ElemType: ref(int32(onnx.TensorProto_FLOAT))}}}})
	}
	m := &onnx.ModelProto{IrVersion: ref(int64(4)), Graph: g}
	return m, onnx.Sort(m)
}

// isAbsent says whether a value is the operand that onnx-go invents for an operation
// that has none.
func (v *value) isAbsent() bool {
	return v != nil && !v.computed && v.tensor == nil && strings.HasSuffix(v.name, "/input")
}

func names(vs []*value) []string {
	r := make([]string, len(vs))
	for i, v := range vs {
		if v != nil {
			r[i] = v.name
		}
	}
	return r
}
