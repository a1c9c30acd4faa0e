package check

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"graft/graph"
	"graft/graph/ops"
	"graft/onnx"
)

// Status is the outcome of a case.
type Status string

const (
	Pass        Status = "pass"
	Fail        Status = "fail"
	Unsupported Status = "unsupported" // graft lacks something the model needs; counts as failed
)

// Case is one test folder and its outcome.
type Case struct {
	Name   string  `json:"name"`
	Model  string  `json:"model"`
	Status Status  `json:"status"`
	Reason string  `json:"reason,omitempty"`
	MaxAbs float64 `json:"max_abs"` // largest |got-want| over all outputs, of those that are finite
	MaxRel float64 `json:"max_rel"` // largest |got-want|/|want| where want is not 0, likewise

	Dir      string        `json:"-"` // the test folder
	Duration time.Duration `json:"-"`
}

// Tolerance is met where |got-want| <= Atol + Rtol*|want|, as in numpy.allclose.
type Tolerance struct{ Rtol, Atol float64 }

// Tolerances unless the user sets one. Half is for float16 outputs: other runtimes
// compute in half precision.
var (
	Default = Tolerance{1e-3, 1e-4}
	Half    = Tolerance{2e-2, 2e-2}
)

// Find returns the test folders at or below path, sorted.
func Find(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("check: %q: %w", path, errors.Unwrap(err))
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("check: %q: not a folder, want a test folder or one that holds some", path)
	}
	var found []string
	// The separator makes WalkDir enter a path that is a link.
	err = filepath.WalkDir(path+string(filepath.Separator), func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		models, sets := contents(p)
		if len(models) > 0 && len(sets) > 0 {
			found = append(found, filepath.Clean(p))
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("check: %q: %w", path, err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("check: %q: holds no test folder, which is one .onnx file beside test_data_set_0", path)
	}
	return found, nil
}

// contents lists the models and data sets directly in a folder.
func contents(dir string) (models, sets []string) {
	models, _ = filepath.Glob(filepath.Join(escape(dir), "*.onnx"))
	sets, _ = filepath.Glob(filepath.Join(escape(dir), "test_data_set_*"))
	return models, sets
}

// escape makes a path literal for Glob.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `[`, `\[`, `*`, `\*`, `?`, `\?`).Replace(path)
}

// Run runs every data set of a test folder, to the tolerance half where an output is
// float16 and to tol elsewhere. 0 threads means all cores.
func Run(dir string, tol, half Tolerance, threads int) Case {
	start := time.Now()
	c := run(dir, tol, half, threads)
	c.Dir, c.Duration = dir, time.Since(start)
	return c
}

func run(dir string, tol, half Tolerance, threads int) (c Case) {
	c = Case{Name: filepath.Base(dir), Status: Pass}
	defer func() {
		if r := recover(); r != nil { // one case must not end the others
			c.fail(fmt.Errorf("internal error: %v", r))
		}
	}()
	models, sets := contents(dir)
	if len(models) != 1 {
		c.fail(fmt.Errorf("%q holds %d .onnx files, want one", dir, len(models)))
		return c
	}
	c.Model = models[0]
	m, err := onnx.ReadFile(models[0])
	if err == nil {
		err = onnx.Check(m)
	}
	if err != nil {
		c.fail(err)
		return c
	}
	slices.Sort(sets)
	for _, s := range sets {
		if err := c.dataSet(m, s, tol, half, threads); err != nil {
			c.fail(fmt.Errorf("%s: %w", filepath.Base(s), err))
			return c
		}
	}
	return c
}

func (c *Case) fail(err error) {
	c.Status, c.Reason = Fail, err.Error()
	var u *ops.UnsupportedError
	if errors.As(err, &u) {
		c.Status = Unsupported
	}
}

func (c *Case) dataSet(m *onnx.ModelProto, dir string, tol, half Tolerance, threads int) error {
	in, err := tensors(dir, "input")
	if err != nil {
		return err
	}
	want, err := tensors(dir, "output")
	if err != nil {
		return err
	}
	got, err := Infer(m, in, threads)
	if err != nil {
		return err
	}
	if len(got) != len(want) { // none expected is no test either
		return fmt.Errorf("the model has %d outputs, the folder expects %d", len(got), len(want))
	}
	for i, w := range want {
		t := tol
		if w.Type == onnx.TensorProto_FLOAT16 {
			t = half
		}
		if err := c.compare(got[i], w, t); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
	}
	return nil
}

// Infer runs a model once on the given inputs, in the order of the graph inputs.
func Infer(m *onnx.ModelProto, in []*onnx.Tensor, threads int) ([]*onnx.Tensor, error) {
	names := graph.InputNames(m)
	if len(in) != len(names) {
		return nil, fmt.Errorf("the model has %d inputs, got %d", len(names), len(in))
	}
	shapes, known, given := map[string][]int{}, map[string]*onnx.Tensor{}, map[string]*onnx.Tensor{}
	for i, n := range names {
		shapes[n], given[n] = in[i].Shape, in[i]
		if maySayShape(in[i]) {
			known[n] = in[i]
		}
	}
	p, err := graph.Compile(m, graph.Config{Options: graph.Options{Shapes: shapes}, Known: known, Threads: threads})
	if err != nil {
		return nil, err
	}
	defer p.Close()
	for i, port := range p.Inputs() {
		if err := p.SetInput(i, given[port.Name]); err != nil {
			return nil, err
		}
	}
	if err := p.Run(); err != nil {
		return nil, err
	}
	out := make([]*onnx.Tensor, len(p.Outputs()))
	for i := range out {
		out[i] = p.Output(i).Clone()
		out[i].Round()
	}
	return out, nil
}

// maySayShape says whether an operator could take t as a shape, axes, pads or a
// ratio, which must be known when the model is compiled.
func maySayShape(t *onnx.Tensor) bool {
	return len(t.Shape) <= 1 && (t.Len() == 1 || !ops.IsFloat(t.Type))
}

// tensors reads KIND_0.pb, KIND_1.pb, … of a data set.
func tensors(dir, kind string) ([]*onnx.Tensor, error) {
	var r []*onnx.Tensor
	for i := 0; ; i++ {
		t, _, err := onnx.ReadTensorFile(filepath.Join(dir, fmt.Sprintf("%s_%d.pb", kind, i)))
		if errors.Is(err, fs.ErrNotExist) {
			return r, nil
		}
		if err != nil {
			return nil, err
		}
		r = append(r, t)
	}
}

// compare holds got against want and notes the largest differences.
func (c *Case) compare(got, want *onnx.Tensor, tol Tolerance) error {
	if got.Type != want.Type {
		return fmt.Errorf("got type %v, want %v", got.Type, want.Type)
	}
	if !slices.Equal(got.Shape, want.Shape) {
		return fmt.Errorf("got shape %v, want %v", got.Shape, want.Shape)
	}
	g, w, err := numbers(got, want)
	if err != nil {
		return err
	}
	worst, at, bad := -1.0, 0, 0
	for i := range w {
		if g[i] == w[i] || g[i] != g[i] && w[i] != w[i] {
			continue
		}
		d := math.Abs(g[i] - w[i])
		c.MaxAbs = maxFinite(c.MaxAbs, d)
		c.MaxRel = maxFinite(c.MaxRel, d/math.Abs(w[i]))
		if math.IsInf(w[i], 0) || !(d <= tol.Atol+tol.Rtol*math.Abs(w[i])) { // no tolerance is a share of infinity
			bad++
			if !(d <= worst) {
				worst, at = d, i
			}
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d elements differ, most at %d: got %g, want %g", bad, len(w), at, g[at], w[at])
	}
	return nil
}

// maxFinite is the larger of two numbers, or a where b is none.
func maxFinite(a, b float64) float64 {
	if b-b != 0 {
		return a
	}
	return max(a, b)
}

// numbers widens two tensors of one type to float64.
func numbers(a, b *onnx.Tensor) (x, y []float64, err error) {
	if s, ok := a.Data.([]string); ok {
		if !slices.Equal(s, b.Data.([]string)) {
			return nil, nil, errors.New("the strings differ")
		}
		return nil, nil, nil
	}
	if x, err = widen(a); err != nil {
		return nil, nil, err
	}
	y, err = widen(b)
	return x, y, err
}

func widen(t *onnx.Tensor) ([]float64, error) {
	switch v := t.Data.(type) {
	case []float64:
		return v, nil
	case []float32:
		r := make([]float64, len(v))
		for i, x := range v {
			r[i] = float64(x)
		}
		return r, nil
	}
	v, err := t.Ints()
	r := make([]float64, len(v))
	for i, x := range v {
		r[i] = float64(x)
	}
	return r, err
}
