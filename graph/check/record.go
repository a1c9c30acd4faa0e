package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"graft/graph"
	"graft/onnx"
)

// Recording says what Record runs.
type Recording struct {
	Options                   // threads and memory
	Model   string            // path
	File    string            // the check file that will be written: paths in it start at its folder
	Inputs  map[string]string // files by input; inputs that are not named are drawn from Seed
	Seed    uint64            // of the drawn inputs, as check files have it
}

// maxInline is the largest output whose values stand in the check file itself.
const maxInline = 1024

// Record runs a model and describes what it does: a check file that it passes. Outputs
// too large for the file are returned by the name of the .npy file, beside the check
// file, that they belong into.
func Record(ctx context.Context, r Recording) (*File, map[string]*onnx.Tensor, error) {
	m, err := readModel(r.Model)
	if err != nil {
		return nil, nil, err
	}
	dir := filepath.Dir(r.File)
	f := &File{Metadata: map[string]*string{}, Inputs: map[string]string{}, Outputs: map[string]string{}}
	if f.Model, err = relative(dir, r.Model); err != nil {
		return nil, nil, fmt.Errorf("check: record: %w", err)
	}
	f.Model = filepath.ToSlash(f.Model)
	v := onnx.Opset(m, "")
	f.Opset = &Bounds{v, v}
	for _, e := range m.GetMetadataProps() {
		value := e.GetValue()
		f.Metadata[e.GetKey()] = &value
	}
	names := graph.InputNames(m)
	for _, i := range m.GetGraph().GetInput() {
		if contains(names, i.GetName()) {
			f.Inputs[i.GetName()] = declared(i).String()
		}
	}
	for _, o := range m.GetGraph().GetOutput() {
		f.Outputs[o.GetName()] = declared(o).String()
	}
	large, err := f.record(ctx, m, r)
	if err != nil {
		return nil, nil, fmt.Errorf("check: record %s: %w", quote(r.Model), err)
	}
	return f, large, nil
}

// record adds the case, and what else the model is found to do.
func (f *File) record(ctx context.Context, m *onnx.ModelProto, r Recording) (map[string]*onnx.Tensor, error) {
	s := Script{Name: "recorded", Inputs: map[string]Value{}, Outputs: map[string]Output{}}
	var in []*onnx.Tensor
	for _, name := range graph.InputNames(m) {
		t, err := f.recordInput(&s, m, name, r)
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", quote(name), err)
		}
		in = append(in, t)
	}
	for name := range r.Inputs {
		if _, ok := s.Inputs[name]; !ok {
			return nil, fmt.Errorf("the model has no input %s", quote(name))
		}
	}
	p, err := compile(m, in, r.Options)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	if err := p.Run(); err != nil {
		return nil, err
	}
	large := map[string]*onnx.Tensor{}
	for i, o := range m.GetGraph().GetOutput() {
		t := p.Output(i).Clone()
		t.Round()
		out, err := recordOutput(t)
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", quote(o.GetName()), err)
		}
		if out.Values == nil && t.Len() > 0 {
			out.File = fmt.Sprintf("%s.%d.npy", strings.TrimSuffix(filepath.Base(r.File), Suffix), i)
			out.Type, out.Shape = "", nil
			large[out.File] = t
		}
		s.Outputs[o.GetName()] = out
	}
	f.Cases = []Script{s}
	megabytes := math.Ceil(1.25*memory(m, p, in)*10) / 10
	f.Limits = &Limits{MemoryMB: &megabytes}
	f.Batch = (&run{ctx: ctx, model: m, first: in, Options: r.Options}).batch() == nil
	return large, ctx.Err()
}

func (f *File) recordInput(s *Script, m *onnx.ModelProto, name string, r Recording) (*onnx.Tensor, error) {
	if file, ok := r.Inputs[name]; ok {
		t, err := ReadInput(m, name, file, nil)
		if err != nil {
			return nil, err
		}
		rel, err := relative(filepath.Dir(r.File), file)
		if err != nil {
			return nil, err
		}
		s.Inputs[name] = Value{Given{File: filepath.ToSlash(rel)}}
		return t, nil
	}
	shape, err := closedShape(m, name)
	if err != nil {
		return nil, err
	}
	v := Given{Seed: &r.Seed, Shape: shape}
	s.Inputs[name] = Value{v}
	return v.input(m, name, place{}, nil)
}

// recordOutput writes a small tensor out; of a larger one only type and shape.
func recordOutput(t *onnx.Tensor) (Output, error) {
	o := Output{Given: Given{Type: strings.ToLower(t.Type.String()), Shape: t.Shape}}
	if t.Type == onnx.TensorProto_STRING {
		return o, errors.New("strings cannot be recorded")
	}
	if t.Len() <= maxInline && t.Len() > 0 {
		v, err := widen(t)
		if err != nil {
			return o, err
		}
		o.Values = slices.Clone(v)
		if _, ok := t.Floats(); ok { // the shortest text that gives the same float32
			for i, x := range o.Values {
				o.Values[i], _ = strconv.ParseFloat(strconv.FormatFloat(x, 'g', -1, 32), 64)
			}
		}
	}
	return o, nil
}

// Marshal writes a check file; the first line names its schema to editors.
func (f *File) Marshal() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("# yaml-language-server: $schema=check.schema.json (graft check --schema writes it)\n")
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(f); err != nil {
		return nil, fmt.Errorf("check: %w", err)
	}
	return b.Bytes(), e.Close()
}
