package check

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"graft/finetune/data"
	"graft/onnx"
)

// Suffix is how the names of check files end.
const Suffix = ".check.yaml"

// maxFile bounds a check file; large tensors belong into files beside it.
const maxFile = 16 << 20

// File is a check file: what a model must be and do. Every field but Model may be
// left out. check.schema.json describes it to editors.
type File struct {
	Model    string             `yaml:"model"`              // path, relative to the check file's folder
	Opset    *Bounds            `yaml:"opset,omitempty"`    // of the default domain
	Metadata map[string]*string `yaml:"metadata,omitempty"` // values by key; null: any value

	// Inputs and Outputs declare ports as "float[N,3,224,224]": the type in ONNX's words
	// and the dimensions; a name stands for an open one, "?" for any. Nothing but these
	// may be there.
	Inputs  map[string]string `yaml:"inputs,omitempty"`
	Outputs map[string]string `yaml:"outputs,omitempty"`

	Preprocess map[string]any `yaml:"preprocess,omitempty"` // of pictures, as in the metadata graft.input; else the model's own
	Tolerance  *Nearness      `yaml:"tolerance,omitempty"`  // of outputs that say nothing else

	Cases    []Script  `yaml:"cases,omitempty"`
	Accuracy *Accuracy `yaml:"accuracy,omitempty"`
	Agree    *Agree    `yaml:"agree,omitempty"`
	Batch    bool      `yaml:"batch,omitempty"` // two inputs at once give what each gives alone
	Limits   *Limits   `yaml:"limits,omitempty"`
}

// Script is one run of the model.
type Script struct {
	Name    string            `yaml:"name"`
	Inputs  map[string]Value  `yaml:"inputs,flow"`
	Outputs map[string]Output `yaml:"outputs,omitempty"`
	Top     *Top              `yaml:"top,omitempty"`
}

// Value is an input. A plain string is a file.
type Value struct {
	Given `yaml:",inline"`
}

// Given is a tensor: in a file (.npy, .pb or, for an input, a picture), written out, or
// drawn from a seed.
type Given struct {
	File   string    `yaml:"file,omitempty"`
	Values []float64 `yaml:"values,omitempty,flow"`
	Seed   *uint64   `yaml:"seed,omitempty"` // uniform in [Low, High), by default [-1, 1)
	Low    *float64  `yaml:"low,omitempty"`
	High   *float64  `yaml:"high,omitempty"`
	Type   string    `yaml:"type,omitempty"`       // the port's own unless given
	Shape  []int     `yaml:"shape,omitempty,flow"` // of Values and Seed
}

// Output is an expected tensor. A plain string is a file. Without File and Values only
// Type and Shape are held.
type Output struct {
	Given    `yaml:",inline"`
	Nearness `yaml:",inline"`
}

// Nearness is a Tolerance as it is written: what is left out is not asked for, and
// where all is left out the default holds.
type Nearness struct {
	Rtol   *float64 `yaml:"rtol,omitempty"`
	Atol   *float64 `yaml:"atol,omitempty"`
	Ulps   *int     `yaml:"ulps,omitempty"`
	Cosine *float64 `yaml:"cosine,omitempty"`
}

// Top are classes, by name or number, that the first row of a classifier's output
// must rank first, in this order; or in any order among the first Within.
type Top struct {
	Output  string   `yaml:"output,omitempty"` // where the model has several
	Classes []string `yaml:"classes,flow"`
	Within  int      `yaml:"within,omitempty"`
}

// Accuracy is the least that a classifier must reach on labelled data, as shares of 1.
type Accuracy struct {
	Data    string             `yaml:"data"`
	Top1    *float64           `yaml:"top1,omitempty"`
	Top5    *float64           `yaml:"top5,omitempty"`
	Each    *float64           `yaml:"each,omitempty"`    // recall of every class
	Classes map[string]float64 `yaml:"classes,omitempty"` // recall by class
}

// Agree compares the outputs with another model's, on the pictures of Data or else
// on Samples inputs drawn from Seed.
type Agree struct {
	Model   string   `yaml:"model"`
	Data    string   `yaml:"data,omitempty"`
	Samples int      `yaml:"samples,omitempty"` // 8
	Seed    uint64   `yaml:"seed,omitempty"`
	Top1    *float64 `yaml:"top1,omitempty"`    // share of the inputs with the same likeliest class
	MaxAbs  *float64 `yaml:"max_abs,omitempty"` // largest difference of two outputs
}

// Limits are ceilings for one run on the first case's inputs, or on seeded ones.
type Limits struct {
	LatencyMS *float64 `yaml:"latency_ms,omitempty"` // median over Runs, after one that does not count
	MemoryMB  *float64 `yaml:"memory_mb,omitempty"`  // weights and computed values, in 10^6 bytes
	Runs      int      `yaml:"runs,omitempty"`       // 10
}

// Bounds is a number or a range: 13, or {min: 13, max: 21}.
type Bounds struct {
	Min int64 `yaml:"min"`
	Max int64 `yaml:"max"`
}

// UnmarshalYAML reads either form.
func (b *Bounds) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		var v int64
		if err := n.Decode(&v); err != nil {
			return err
		}
		*b = Bounds{v, v}
		return nil
	}
	type plain Bounds
	p := plain{0, 1 << 40}
	if err := known(n, &p, "min", "max"); err != nil {
		return err
	}
	*b = Bounds(p)
	return nil
}

// MarshalYAML writes a single number where that is all.
func (b Bounds) MarshalYAML() (any, error) {
	if b.Min == b.Max {
		return b.Min, nil
	}
	type plain Bounds
	return plain(b), nil
}

// UnmarshalYAML takes a string for a file.
func (v *Value) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return n.Decode(&v.File)
	}
	return known(n, &v.Given, valueKeys...)
}

// UnmarshalYAML takes a string for a file.
func (o *Output) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return n.Decode(&o.File)
	}
	type plain Output
	return known(n, (*plain)(o), append([]string{"rtol", "atol", "ulps", "cosine"}, valueKeys...)...)
}

var valueKeys = []string{"file", "values", "seed", "low", "high", "type", "shape"}

// known decodes a mapping and refuses other keys: yaml's own check does not reach
// into types that decode themselves.
func known(n *yaml.Node, to any, keys ...string) error {
	if n.Kind == yaml.MappingNode {
		for i := 0; i < len(n.Content); i += 2 {
			k := n.Content[i]
			if !contains(keys, k.Value) && k.Value != "<<" {
				return fmt.Errorf("line %d: unknown key %s, want one of %s", k.Line, quote(k.Value), strings.Join(keys, ", "))
			}
		}
	}
	return n.Decode(to)
}

// ReadFile reads a check file and checks what it says, but opens none of the files
// that it names.
func ReadFile(path string) (*File, error) {
	b, err := readRegular(path)
	if err == nil {
		var f *File
		if f, err = Parse(b); err == nil {
			return f, nil
		}
	}
	return nil, fmt.Errorf("check: %s: %w", quote(path), err)
}

func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path) // opening a pipe would wait for its other end
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, errors.New("not a regular file")
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%d bytes, at most %d are read", info.Size(), maxFile)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// Parse reads the text of a check file.
func Parse(b []byte) (*File, error) {
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	f := new(File)
	if err := d.Decode(f); err != nil {
		return nil, oneLine(err)
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one document")
	}
	return f, f.check()
}

// goTypes are the words of yaml's messages that mean nothing to the reader.
var goTypes = regexp.MustCompile(` in type \S+| into \*?\[?\]?check\.\S+`)

// oneLine is the first of yaml's complaints, in words of the file.
func oneLine(err error) error {
	var t *yaml.TypeError
	text := err.Error()
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("the file is empty")
	case errors.As(err, &t) && len(t.Errors) > 0:
		text = t.Errors[0]
	}
	text = strings.TrimPrefix(text, "yaml: ")
	text = goTypes.ReplaceAllString(text, "")
	return errors.New(clean(text))
}

// check refuses what no run could pass or would not know how to read.
func (f *File) check() error {
	if f.Model == "" {
		return errors.New("model: missing; it names the .onnx file")
	}
	for _, ports := range []map[string]string{f.Inputs, f.Outputs} {
		for name, text := range sorted(ports) {
			if _, err := parsePort(text); err != nil {
				return fmt.Errorf("%s: %w", quote(name), err)
			}
		}
	}
	if _, err := f.preprocess(); err != nil {
		return err
	}
	if err := f.Tolerance.check(); err != nil {
		return fmt.Errorf("tolerance: %w", err)
	}
	names := map[string]bool{}
	for i, c := range f.Cases {
		if c.Name == "" || names[c.Name] {
			return fmt.Errorf("case %d %s: every case needs a name of its own", i, quote(c.Name))
		}
		names[c.Name] = true
		if err := c.check(); err != nil {
			return fmt.Errorf("case %s: %w", quote(c.Name), err)
		}
	}
	if err := f.Accuracy.check(); err != nil {
		return fmt.Errorf("accuracy: %w", err)
	}
	if err := f.Agree.check(); err != nil {
		return fmt.Errorf("agree: %w", err)
	}
	return f.Limits.check()
}

func (c Script) check() error {
	for name, v := range sorted(c.Inputs) {
		if err := v.check(true); err != nil {
			return fmt.Errorf("input %s: %w", quote(name), err)
		}
	}
	for name, o := range sorted(c.Outputs) {
		if err := cmp.Or(o.Given.check(false), o.Nearness.check()); err != nil {
			return fmt.Errorf("output %s: %w", quote(name), err)
		}
	}
	if c.Top != nil && len(c.Top.Classes) == 0 {
		return errors.New("top: no classes")
	}
	if c.Top != nil && c.Top.Within != 0 && c.Top.Within < len(c.Top.Classes) {
		return fmt.Errorf("top: %d classes within the first %d", len(c.Top.Classes), c.Top.Within)
	}
	if len(c.Outputs) == 0 && c.Top == nil {
		return errors.New("expects nothing; give outputs or top")
	}
	return nil
}

func (v Given) check(input bool) error {
	sources := 0
	for _, given := range []bool{v.File != "", v.Values != nil, v.Seed != nil} {
		if given {
			sources++
		}
	}
	if sources > 1 || input && sources == 0 {
		return errors.New("want one of file, values and seed")
	}
	if v.Type != "" {
		if _, err := typeOf(v.Type); err != nil {
			return err
		}
	}
	if v.File != "" && (v.Shape != nil || v.Type != "") && input {
		return errors.New("a file has its own type and shape")
	}
	if !input && sources == 0 && v.Type == "" && v.Shape == nil {
		return errors.New("expects nothing; give file, values, type or shape")
	}
	if (v.Low != nil || v.High != nil) && v.Seed == nil {
		return errors.New("low and high are for seed")
	}
	if v.Seed != nil && !input {
		return errors.New("an expected output cannot be drawn from a seed")
	}
	low, high := v.bounds()
	if !(low < high) || high-low > 1e30 {
		return fmt.Errorf("low %g, high %g", low, high)
	}
	n, err := onnx.Numel(v.Shape)
	switch {
	case err != nil:
		return err
	case v.Values != nil && v.Shape != nil && n != len(v.Values):
		return fmt.Errorf("%d values for shape %v", len(v.Values), v.Shape)
	case n > maxDrawn:
		return fmt.Errorf("shape %v is too large", v.Shape)
	}
	return nil
}

// maxDrawn bounds a tensor drawn from a seed: a line of text should not take gigabytes.
const maxDrawn = 1 << 26

func (v Given) bounds() (low, high float64) {
	low, high = -1, 1
	if v.Low != nil {
		low = *v.Low
	}
	if v.High != nil {
		high = *v.High
	}
	return low, high
}

func (n *Nearness) check() error {
	if n == nil {
		return nil
	}
	for name, v := range map[string]*float64{"rtol": n.Rtol, "atol": n.Atol} {
		if v != nil && !(*v >= 0 && *v-*v == 0) {
			return fmt.Errorf("%s %g: want a number of 0 or more", name, *v)
		}
	}
	if n.Ulps != nil && *n.Ulps < 0 {
		return fmt.Errorf("ulps %d: want 0 or more", *n.Ulps)
	}
	if n.Cosine != nil && !(*n.Cosine > 0 && *n.Cosine <= 1) {
		return fmt.Errorf("cosine %g: want more than 0, at most 1", *n.Cosine)
	}
	return nil
}

// over is n where it asks for anything, else the other.
func (n *Nearness) over(other Tolerance) Tolerance {
	if n == nil || *n == (Nearness{}) {
		return other
	}
	var t Tolerance
	for _, f := range []struct {
		from *float64
		to   *float64
	}{{n.Rtol, &t.Rtol}, {n.Atol, &t.Atol}, {n.Cosine, &t.Cosine}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if n.Ulps != nil {
		t.Ulps = *n.Ulps
	}
	return t
}

func (a *Accuracy) check() error {
	if a == nil {
		return nil
	}
	if a.Data == "" {
		return errors.New("data: missing; it names labelled images")
	}
	floors := 0
	for name, v := range sorted(a.floors()) {
		floors++
		if !(v >= 0 && v <= 1) {
			return fmt.Errorf("%s %g: want a share from 0 to 1", clean(name), v)
		}
	}
	if floors == 0 {
		return errors.New("no floor; give top1, top5, each or classes")
	}
	return nil
}

// floors are all shares that are asked for.
func (a *Accuracy) floors() map[string]float64 {
	r := map[string]float64{}
	for name, v := range map[string]*float64{"top1": a.Top1, "top5": a.Top5, "each": a.Each} {
		if v != nil {
			r[name] = *v
		}
	}
	for name, v := range a.Classes {
		r["class "+name] = v
	}
	return r
}

func (a *Agree) check() error {
	switch {
	case a == nil:
		return nil
	case a.Model == "":
		return errors.New("model: missing; it names the other .onnx file")
	case a.Samples < 0 || a.Samples > 10000:
		return fmt.Errorf("samples %d: want 1 to 10000", a.Samples)
	case a.Top1 == nil && a.MaxAbs == nil:
		return errors.New("no limit; give top1 or max_abs")
	}
	return nil
}

func (l *Limits) check() error {
	if l != nil && (l.Runs < 0 || l.Runs > 10000) {
		return fmt.Errorf("limits: runs %d: want 1 to 10000", l.Runs)
	}
	return nil
}

// preprocess is what the file says of pictures, nil where it says nothing.
func (f *File) preprocess() (*data.Preprocess, error) {
	if f.Preprocess == nil {
		return nil, nil
	}
	text, err := json.Marshal(f.Preprocess)
	if err != nil {
		return nil, errors.New("preprocess: its values are numbers, words and lists")
	}
	p := new(data.Preprocess)
	if err := json.Unmarshal(text, p); err != nil {
		return nil, err
	}
	return p, nil
}
