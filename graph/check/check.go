package check

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"graft/onnx"
)

// Status is the outcome of a case.
type Status string

const (
	Pass        Status = "pass"        // all that was expected came
	Fail        Status = "fail"        // something else came; Case.Reason says what
	Unsupported Status = "unsupported" // graft lacks something the model needs; counts as failed
)

// Case is one test folder, or one thing that a check file asks for, and its outcome.
type Case struct {
	Name   string   `json:"name"`
	Model  string   `json:"model"`
	Status Status   `json:"status"`
	Reason string   `json:"reason,omitempty"`
	MaxAbs float64  `json:"max_abs"`             // largest |got-want| over all outputs, of those that are finite
	MaxRel float64  `json:"max_rel"`             // largest |got-want|/|want| where want is not 0, likewise
	Ops    []string `json:"operators,omitempty"` // of the model

	Dir      string        `json:"-"` // the test folder
	Duration time.Duration `json:"-"`
}

// Find returns the test folders and check files at or below path, sorted. A path that
// is a file is a check file.
func Find(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("check: %q: %w", path, errors.Unwrap(err))
	}
	if info.Mode().IsRegular() && strings.HasSuffix(path, Suffix) {
		return []string{path}, nil
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("check: %q: neither a folder nor a *%s file", path, Suffix)
	}
	var found []string
	// The separator makes WalkDir enter a path that is a link.
	err = filepath.WalkDir(path+string(filepath.Separator), func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			if strings.HasSuffix(p, Suffix) && d.Type().IsRegular() {
				found = append(found, filepath.Clean(p))
			}
			return nil
		}
		models, sets := contents(p)
		if len(models) > 0 && len(sets) > 0 {
			found = append(found, filepath.Clean(p))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("check: %q: %w", path, err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("check: %q: holds neither a *%s file nor a test folder, which is one .onnx file beside test_data_set_0", path, Suffix)
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

// Run runs every data set of a test folder, to o.Half where an output is float16 and to
// o.Tolerance elsewhere.
func Run(dir string, o Options) Case {
	start := time.Now()
	c := runFolder(dir, o)
	c.Dir, c.Duration = dir, time.Since(start)
	return c
}

func runFolder(dir string, o Options) (c Case) {
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
	c.Ops = operators(m)
	if err == nil {
		err = onnx.Sort(m)
	}
	if err == nil {
		err = onnx.Check(m)
	}
	if err != nil {
		c.fail(err)
		return c
	}
	slices.Sort(sets)
	for _, s := range sets {
		if err := c.dataSet(m, s, o); err != nil {
			c.fail(fmt.Errorf("%s: %w", filepath.Base(s), err))
			return c
		}
	}
	return c
}

func (c *Case) fail(err error) {
	c.Status, c.Reason = Fail, err.Error()
	if errors.Is(err, errors.ErrUnsupported) {
		c.Status = Unsupported
	}
}

func (c *Case) dataSet(m *onnx.ModelProto, dir string, o Options) error {
	if err := onlyTensors(m); err != nil {
		return err
	}
	in, err := tensors(dir, "input")
	if err != nil {
		return err
	}
	want, err := tensors(dir, "output")
	if err != nil {
		return err
	}
	got, err := o.Infer(m, in)
	if err != nil {
		return err
	}
	if len(got) != len(want) { // none expected is no test either
		return fmt.Errorf("the model has %d outputs, the folder expects %d", len(got), len(want))
	}
	for i, w := range want {
		t := o.Tolerance
		if half(w.Type) {
			t = o.Half
		}
		if err := c.compare(got[i], w, t); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
	}
	return nil
}

// onlyTensors refuses a model with inputs or outputs of other kinds: their files hold
// no TensorProto.
func onlyTensors(m *onnx.ModelProto) error {
	for _, v := range slices.Concat(m.GetGraph().GetInput(), m.GetGraph().GetOutput()) {
		if v.GetType().GetTensorType() == nil {
			return &onnx.UnsupportedError{What: fmt.Sprintf("%s is not a tensor", quote(v.GetName()))}
		}
	}
	return nil
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
