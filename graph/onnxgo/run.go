package onnxgo

import (
	"errors"
	"fmt"
	"maps"
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
	given   map[string]*onnx.Tensor // that it was compiled for
	takes   map[string]bool         // which of them it takes anew
	cleanup runtime.Cleanup
}

// fits says whether the program takes these inputs: those of the same shapes, and of the
// same values where it was compiled for these.
func (c *compiled) fits(given map[string]*onnx.Tensor) bool {
	return c != nil && maps.EqualFunc(c.given, given, func(was, is *onnx.Tensor) bool {
		return was.Type == is.Type && slices.Equal(was.Shape, is.Shape)
	}) && !slices.ContainsFunc(slices.Collect(maps.Keys(given)), func(name string) bool {
		return !c.takes[name] && !reflect.DeepEqual(c.given[name].Data, given[name].Data)
	})
}

// Run computes the results from the inputs. It compiles the model at the first call,
// and again when the shape of an input changes.
func (b *Backend) Run() error {
	given := map[string]*onnx.Tensor{}
	var inputs []*value
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
		inputs, given[v.name] = append(inputs, v), t
	}
	results := b.results()
	if !b.compiled.fits(given) {
		if err := b.compile(inputs, given, results); err != nil {
			return err
		}
	}
	p := b.compiled.program
	for i, port := range p.Inputs() {
		if err := p.SetInput(i, given[port.Name]); err != nil {
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

// compile makes a program of the model, by the first opset that fits.
func (b *Backend) compile(inputs []*value, given map[string]*onnx.Tensor, results []*value) error {
	m, err := b.model(inputs, given)
	if err != nil {
		return fmt.Errorf("onnxgo: %w", err)
	}
	first, last := oldest, newest
	if b.Opset != 0 {
		first, last = b.Opset, b.Opset
	}
	c := graph.Config{Threads: b.Threads, Outputs: names(results)}
	for opset := first; opset <= last; opset++ {
		m.OpsetImport = []*onnx.OperatorSetIdProto{{Version: ref(int64(opset))}}
		if err = onnx.Check(m); err != nil {
			continue
		}
		var p *graph.Program
		if p, err = graph.CompileFor(m, given, c); err == nil {
			b.replace(p, given)
			return nil
		}
	}
	return notImplemented(err)
}

// replace takes a new program and closes the one before. onnx-go's interface has no word
// for closing: the last one ends with the backend.
func (b *Backend) replace(p *graph.Program, given map[string]*onnx.Tensor) {
	if b.compiled != nil {
		b.compiled.cleanup.Stop()
		b.compiled.program.Close()
	}
	takes := map[string]bool{}
	for _, port := range p.Inputs() {
		takes[port.Name] = true
	}
	b.compiled = &compiled{p, given, takes, runtime.AddCleanup(b, (*graph.Program).Close, p)}
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
func (b *Backend) model(inputs []*value, given map[string]*onnx.Tensor) (*onnx.ModelProto, error) {
	g := &onnx.GraphProto{Name: ref("onnx-go")}
	for _, v := range inputs {
		t := given[v.name]
		dims := make([]any, len(t.Shape))
		for k, d := range t.Shape {
			dims[k] = d
		}
		g.Input = append(g.Input, onnx.TensorInfo(v.name, t.Type, dims...))
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
