package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"graft/finetune"
	"graft/finetune/data"
	"graft/graph"
	"graft/onnx"
)

// Options say how checks are run.
type Options struct {
	Tolerance, Half Tolerance // of outputs whose file asks for none: of float16 ones, Half
	Threads         int       // 0: all cores
	MaxMemory       int64     // of a program, in bytes; 0: three quarters of the machine's
	Exact           bool      // see graph.Options
	Root            string    // the folder that check files may read from; "": each its own
	Model           string    // checked in the place of the model that the file names
}

// RunFile runs a check file. Each thing that it asks for is a Case of its own, called
// FILE/WHAT; where the file or its model cannot be read, a single case says so.
func RunFile(ctx context.Context, path string, o Options) []Case {
	r := &run{Options: o, ctx: ctx, at: place{filepath.Dir(path), o.Root},
		name: strings.TrimSuffix(filepath.Base(path), Suffix)}
	if r.at.root == "" {
		r.at.root = r.at.dir
	}
	f, err := ReadFile(path)
	if err != nil {
		r.expect("file", func(*Case) error { return err })
		return r.cases
	}
	r.file = f
	r.all()
	return r.cases
}

// RunParsed is RunFile for a File that is not on disk: its paths may lead anywhere.
func RunParsed(ctx context.Context, name string, f *File, o Options) []Case {
	r := &run{Options: o, ctx: ctx, name: name, file: f}
	r.all()
	return r.cases
}

// HasLatency says whether a check file measures time, and so wants the machine for
// itself.
func HasLatency(path string) bool {
	f, err := ReadFile(path)
	return err == nil && f.Limits != nil && f.Limits.LatencyMS != nil
}

// run is one check file on its way.
type run struct {
	Options
	ctx   context.Context
	at    place
	name  string
	file  *File
	path  string // of the model
	model *onnx.ModelProto
	pre   *data.Preprocess
	first []*onnx.Tensor // inputs of the first case that could be read
	cases []Case
}

// expect adds a case that passes where f returns nil.
func (r *run) expect(what string, f func(*Case) error) {
	c := Case{Name: r.name + "/" + what, Model: r.path, Status: Pass, Dir: filepath.Join(r.at.dir, r.name), Ops: operators(r.model)}
	start := time.Now()
	defer func() {
		if e := recover(); e != nil { // one case must not end the others
			c.fail(fmt.Errorf("internal error: %v", e))
		}
		c.Duration = time.Since(start)
		r.cases = append(r.cases, c)
	}()
	if err := cmp.Or(r.ctx.Err(), f(&c)); err != nil {
		c.fail(err)
	}
}

func (r *run) all() {
	if err := r.open(); err != nil {
		r.expect("model", func(*Case) error { return err })
		return
	}
	r.declarations()
	for _, s := range r.file.Cases {
		r.script(s)
	}
	if r.file.Batch {
		r.expect("batch", func(*Case) error { return r.batch() })
	}
	r.accuracy()
	r.agree()
	r.limits()
	if len(r.cases) == 0 {
		r.expect("model", func(*Case) error { return nil }) // it could be read, and is valid
	}
}

// open reads the model.
func (r *run) open() (err error) {
	if r.path = r.Model; r.path == "" {
		if r.path, err = r.at.path(r.file.Model); err != nil {
			return err
		}
	}
	if r.model, err = readModel(r.path); err != nil {
		return err
	}
	r.pre, err = r.file.preprocess()
	return err
}

func readModel(path string) (*onnx.ModelProto, error) {
	m, err := onnx.ReadFile(path)
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

// declarations checks what the model says of itself.
func (r *run) declarations() {
	f, m := r.file, r.model
	if f.Opset != nil {
		r.expect("opset", func(*Case) error {
			if v := onnx.Opset(m, ""); v < f.Opset.Min || v > f.Opset.Max {
				return fmt.Errorf("got opset %d, want %s", v, f.Opset)
			}
			return nil
		})
	}
	for key, want := range sorted(f.Metadata) {
		r.expect("metadata "+key, func(*Case) error {
			got, ok := onnx.Metadata(m, key)
			switch {
			case !ok:
				return errors.New("the model has no such key")
			case want != nil && *want != got:
				return fmt.Errorf("got %s, want %s, different from byte %d on", quote(got), quote(*want), common(got, *want))
			}
			return nil
		})
	}
	inputs := graph.InputNames(m)
	r.ports("input", f.Inputs, slices.DeleteFunc(slices.Clone(m.GetGraph().GetInput()),
		func(v *onnx.ValueInfoProto) bool { return !contains(inputs, v.GetName()) }))
	r.ports("output", f.Outputs, m.GetGraph().GetOutput())
}

func (b Bounds) String() string {
	if b.Min == b.Max {
		return strconv.FormatInt(b.Min, 10)
	}
	return fmt.Sprintf("%d to %d", b.Min, b.Max)
}

// common is the length of what two strings start with alike.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// ports holds the declared inputs or outputs against those of the file, which must be
// all, where it names any.
func (r *run) ports(kind string, want map[string]string, have []*onnx.ValueInfoProto) {
	if want == nil {
		return
	}
	got := map[string]port{}
	for _, v := range have {
		got[v.GetName()] = declared(v)
		if _, ok := want[v.GetName()]; !ok {
			r.expect(kind+" "+v.GetName(), func(*Case) error { return fmt.Errorf("got %v, want no such %s", got[v.GetName()], kind) })
		}
	}
	for name, text := range sorted(want) {
		r.expect(kind+" "+name, func(*Case) error {
			w, err := parsePort(text)
			if err != nil {
				return err
			}
			g, ok := got[name]
			switch {
			case !ok:
				return fmt.Errorf("the model has no such %s", kind)
			case !w.fits(g):
				return fmt.Errorf("got %v, want %v", g, w)
			}
			return nil
		})
	}
}

// script runs one case of the file and compares.
func (r *run) script(s Script) {
	in, err := s.inputs(r.model, r.at, r.pre)
	var out []*onnx.Tensor
	if err == nil {
		if r.first == nil {
			r.first = in
		}
		out, err = r.Options.Infer(r.model, in)
	}
	if err != nil {
		r.expect(s.Name, func(*Case) error { return err })
		return
	}
	for name, want := range sorted(s.Outputs) {
		r.expect(s.Name+"/"+name, func(c *Case) error {
			i, err := r.output(name)
			if err != nil {
				return err
			}
			return r.compare(c, out[i], want)
		})
	}
	if s.Top != nil {
		r.expect(s.Name+"/top", func(*Case) error { return r.top(s.Top, out) })
	}
}

// output is the index of an output; "" means the only one.
func (r *run) output(name string) (int, error) {
	var names []string
	for _, v := range r.model.GetGraph().GetOutput() {
		names = append(names, v.GetName())
	}
	if name == "" && len(names) == 1 {
		return 0, nil
	}
	if i := slices.Index(names, name); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("the model has no output %s, it has %s", quote(name), list(names))
}

func (r *run) compare(c *Case, got *onnx.Tensor, want Output) error {
	tol := r.Tolerance
	if half(got.Type) {
		tol = r.Half
	}
	tol = want.Nearness.over(r.file.Tolerance.over(tol))
	if want.File != "" {
		file, err := r.at.path(want.File)
		if err != nil {
			return err
		}
		t, err := readTensor(file)
		if t == nil && err == nil {
			err = fmt.Errorf("%s: an expected output is a .npy or .pb file", quote(want.File))
		}
		if err != nil {
			return err
		}
		return c.compare(got, t, tol)
	}
	kind, shape := got.Type, want.Shape
	if want.Type != "" {
		var err error
		if kind, err = typeOf(want.Type); err != nil {
			return err
		}
	}
	if shape == nil {
		shape = got.Shape
	}
	if want.Values == nil {
		switch {
		case kind != got.Type:
			return fmt.Errorf("got type %v, want %v", got.Type, kind)
		case !slices.Equal(shape, got.Shape):
			return fmt.Errorf("got shape %v, want %v", got.Shape, shape)
		}
		return nil
	}
	t, err := want.written(kind, shape)
	if err != nil {
		return err
	}
	return c.compare(got, t, tol)
}

// top holds the ranking of the first row of a classifier's output.
func (r *run) top(t *Top, out []*onnx.Tensor) error {
	i, err := r.output(t.Output)
	if err != nil {
		return err
	}
	y := out[i]
	v, err := widen(y)
	if err != nil {
		return err
	}
	if len(y.Shape) == 0 || y.Shape[0] == 0 || len(v)/y.Shape[0] < 2 {
		return fmt.Errorf("the output has shape %v, a classifier's is [N,C]", y.Shape)
	}
	v = v[:len(v)/y.Shape[0]]
	labels, err := finetune.StoredLabels(r.model, len(v))
	if err != nil {
		return err
	}
	k := max(t.Within, len(t.Classes))
	var got []string
	for _, i := range ranking(v)[:min(k, len(v))] {
		got = append(got, labels[i])
	}
	for i, want := range t.Classes {
		if n, err := strconv.Atoi(want); err == nil && n >= 0 && n < len(labels) && !contains(labels, want) {
			want = labels[n]
		}
		if t.Within == 0 && (i >= len(got) || got[i] != want) {
			return fmt.Errorf("got %s, want %s at place %d", list(got), quote(want), i+1)
		}
		if !contains(got, want) {
			return fmt.Errorf("got %s, want %s among the first %d", list(got), quote(want), k)
		}
	}
	return nil
}

// ranking orders indices by falling value, equal ones by number.
func ranking(v []float64) []int {
	order := make([]int, len(v))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(v[b], v[a]) })
	return order
}

// batch proves that two inputs at once give what each gives alone.
func (r *run) batch() error {
	m, err := graph.DynamicBatch(r.model, graph.Options{MaxMemory: r.MaxMemory})
	if err != nil {
		return err
	}
	var rows [2][]*onnx.Tensor
	for i := range rows {
		if rows[i], err = seeded(m, uint64(i)); err != nil {
			return err
		}
	}
	if r.first != nil && slices.IndexFunc(r.first, func(t *onnx.Tensor) bool { return len(t.Shape) == 0 || t.Shape[0] != 1 }) < 0 {
		rows[0] = r.first
		if rows[1], err = seededLike(m, r.first, 1); err != nil {
			return err
		}
	}
	var both []*onnx.Tensor
	for i, t := range rows[0] {
		joined, err := join(t, rows[1][i])
		if err != nil {
			return err
		}
		both = append(both, joined)
	}
	got, err := r.Options.Infer(m, both)
	if err != nil {
		return err
	}
	var alone [2][]*onnx.Tensor
	for i := range rows {
		if alone[i], err = r.Options.Infer(m, rows[i]); err != nil {
			return err
		}
	}
	for k, y := range got {
		want, err := join(alone[0][k], alone[1][k])
		if err != nil {
			return err
		}
		if !slices.Equal(y.Shape, want.Shape) {
			return fmt.Errorf("output %d of two inputs at once has shape %v, want %v", k, y.Shape, want.Shape)
		}
		// The sums of a batch may be ordered otherwise: 1e-5 of the largest value.
		g, w, err := numbers(y, want)
		if err != nil {
			return err
		}
		largest := 0.0
		for _, x := range w {
			largest = maxFinite(largest, math.Abs(x))
		}
		if err := new(Case).compare(y, want, Tolerance{Atol: 1e-5 * largest}); err != nil && len(g) > 0 {
			return fmt.Errorf("output %d of two inputs at once is not that of each: %w", k, err)
		}
	}
	return nil
}

// seeded draws one input for each port of a model.
func seeded(m *onnx.ModelProto, seed uint64) ([]*onnx.Tensor, error) {
	var in []*onnx.Tensor
	for _, name := range graph.InputNames(m) {
		t, err := Given{Seed: &seed}.input(m, name, place{}, nil)
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", quote(name), err)
		}
		in = append(in, t)
	}
	return in, nil
}

// seededLike draws inputs of the shapes of others.
func seededLike(m *onnx.ModelProto, like []*onnx.Tensor, seed uint64) ([]*onnx.Tensor, error) {
	var in []*onnx.Tensor
	for i, name := range graph.InputNames(m) {
		t, err := drawn(like[i].Type, like[i].Shape, seed, name, -1, 1)
		if err != nil {
			return nil, err
		}
		in = append(in, t)
	}
	return in, nil
}

// join puts two tensors behind each other along their first dimension.
func join(a, b *onnx.Tensor) (*onnx.Tensor, error) {
	if len(a.Shape) == 0 || len(a.Shape) != len(b.Shape) || !slices.Equal(a.Shape[1:], b.Shape[1:]) {
		return nil, fmt.Errorf("tensors of shape %v and %v have no batch in common", a.Shape, b.Shape)
	}
	x, y, err := numbers(a, b)
	if err != nil {
		return nil, err
	}
	shape := slices.Clone(a.Shape)
	shape[0] += b.Shape[0]
	return fill(a.Type, shape, slices.Concat(x, y))
}

// limits measures time and memory of one run.
func (r *run) limits() {
	l := r.file.Limits
	if l == nil {
		return
	}
	in, err := r.first, error(nil)
	if in == nil {
		in, err = seeded(r.model, 0)
	}
	var p *graph.Program
	if err == nil {
		p, err = compile(r.model, in, r.Options)
	}
	if err != nil {
		r.expect("limits", func(*Case) error { return err })
		return
	}
	defer p.Close()
	if l.LatencyMS != nil {
		r.expect("latency", func(*Case) error {
			got, err := latency(r.ctx, p, cmp.Or(l.Runs, 10))
			if err == nil && got > *l.LatencyMS {
				err = fmt.Errorf("got %.4g ms, want at most %g", got, *l.LatencyMS)
			}
			return err
		})
	}
	if l.MemoryMB != nil {
		r.expect("memory", func(*Case) error {
			if got := memory(r.model, p, in); got > *l.MemoryMB {
				return fmt.Errorf("got %.4g MB, want at most %g", got, *l.MemoryMB)
			}
			return nil
		})
	}
}

// latency is the median time of a run in milliseconds; the first does not count.
func latency(ctx context.Context, p *graph.Program, runs int) (float64, error) {
	var times []float64
	for i := range runs + 1 {
		start := time.Now()
		if err := cmp.Or(ctx.Err(), p.Run()); err != nil {
			return 0, err
		}
		if i > 0 {
			times = append(times, float64(time.Since(start).Nanoseconds())/1e6)
		}
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

// memory is what a run needs, in 10^6 bytes: weights, inputs and computed values. It
// is counted, not measured, so that it repeats.
func memory(m *onnx.ModelProto, p *graph.Program, in []*onnx.Tensor) float64 {
	n := p.Memory().Arena
	for _, t := range in {
		n += 4 * int64(t.Len())
	}
	for _, t := range m.GetGraph().GetInitializer() {
		size := int64(4)
		for _, d := range t.GetDims() {
			size *= d
		}
		n += size
	}
	return float64(n) / 1e6
}
