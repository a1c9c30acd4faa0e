package check_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"graft/graph/check"
	"graft/onnx"
)

// write makes a test folder around a model y = op(x) with the expected y.
func write(t *testing.T, dir, op string, x, y *onnx.Tensor) {
	t.Helper()
	set := filepath.Join(dir, "test_data_set_0")
	if err := os.MkdirAll(set, 0o755); err != nil {
		t.Fatal(err)
	}
	opset, ir := int64(13), int64(8)
	dims := func(v *onnx.Tensor) []any {
		var d []any
		for _, n := range v.Shape {
			d = append(d, n)
		}
		return d
	}
	m := &onnx.ModelProto{IrVersion: &ir, OpsetImport: []*onnx.OperatorSetIdProto{{Domain: new(""), Version: &opset}},
		Graph: &onnx.GraphProto{Name: new("g"), Node: []*onnx.NodeProto{onnx.NewNode(op, "n", []string{"x"}, []string{"y"})},
			Input:  []*onnx.ValueInfoProto{onnx.TensorInfo("x", x.Type, dims(x)...)},
			Output: []*onnx.ValueInfoProto{onnx.TensorInfo("y", y.Type, dims(y)...)}}}
	if err := onnx.WriteFile(filepath.Join(dir, "model.onnx"), m, onnx.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]*onnx.Tensor{"input_0.pb": x, "output_0.pb": y} {
		if err := onnx.WriteTensorFile(filepath.Join(set, name), name, v); err != nil {
			t.Fatal(err)
		}
	}
}

func floats(v ...float32) *onnx.Tensor { return onnx.FromFloats([]int{1, len(v)}, v) }

func TestRun(t *testing.T) {
	nan := float32(math.NaN())
	inf := float32(math.Inf(1))
	half := func(v ...float32) *onnx.Tensor {
		h := floats(v...)
		h.Type = onnx.TensorProto_FLOAT16
		return h
	}
	tol := check.Tolerance{Rtol: 1e-3, Atol: 1e-5}
	for _, w := range []struct {
		name, op string
		x, y     *onnx.Tensor
		status   check.Status
		reason   string
	}{
		{"equal", "Relu", floats(-1, 2), floats(0, 2), check.Pass, ""},
		{"within rtol", "Relu", floats(-1, 2), floats(0, 2.001), check.Pass, ""},
		{"beyond rtol", "Relu", floats(-1, 2), floats(0, 2.01), check.Fail, "1 of 2 elements differ, first at [0 1]: got 2, want 2.01, off by 0.01 where 0.00202 is allowed"},
		{"within atol", "Relu", floats(9e-6, 2), floats(0, 2), check.Pass, ""},
		{"nan", "Relu", floats(nan, inf), floats(nan, inf), check.Pass, ""},
		{"nan wanted", "Relu", floats(1, 2), floats(nan, 2), check.Fail, "got 1, want NaN"},
		{"nan got", "Relu", floats(nan, 2), floats(1, 2), check.Fail, "got NaN, want 1"},
		{"inf wanted", "Relu", floats(1, 2), floats(inf, 2), check.Fail, "want +Inf"},
		{"shape", "Relu", floats(1, 2), onnx.FromFloats([]int{2}, []float32{1, 2}), check.Fail, "got shape [1 2], want [2]"},
		{"type", "Relu", floats(1, 2), &onnx.Tensor{Type: onnx.TensorProto_DOUBLE, Shape: []int{1, 2}, Data: []float64{1, 2}}, check.Fail, "got type FLOAT, want DOUBLE"},
		{"half", "Relu", half(1, 2), half(1.01, 2), check.Pass, ""},
		{"beyond half", "Relu", half(1, 2), half(1.05, 2), check.Fail, "1 of 2"},
		{"unsupported", "NonMaxSuppression", floats(1, 2), floats(0, 1), check.Unsupported, `operator "NonMaxSuppression" is not supported`},
	} {
		t.Run(w.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "case")
			write(t, dir, w.op, w.x, w.y)
			c := check.Run(dir, check.Options{Tolerance: tol, Half: check.Half, Threads: 1})
			if c.Status != w.status || !strings.Contains(c.Reason, w.reason) || c.Name != "case" || c.Model != filepath.Join(dir, "model.onnx") {
				t.Errorf("got %+v, want %s %s", c, w.status, w.reason)
			}
		})
	}
}

func TestRunReportsDifferences(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "Relu", floats(1, 4, 0), floats(1.5, 5, 0))
	c := check.Run(dir, check.Options{Tolerance: check.Tolerance{Rtol: 1}, Threads: 1})
	if c.Status != check.Pass || c.MaxAbs != 1 || math.Abs(c.MaxRel-1./3) > 1e-6 {
		t.Errorf("%+v, want a largest difference of 1, relative 1/3", c)
	}
}

func TestRunRefuses(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "Relu", floats(1), floats(1))
	if err := os.Remove(filepath.Join(dir, "test_data_set_0", "input_0.pb")); err != nil {
		t.Fatal(err)
	}
	if c := check.Run(dir, check.Options{Threads: 1}); c.Status != check.Fail || !strings.Contains(c.Reason, "the model has 1 inputs, got 0") {
		t.Errorf("a missing input: %+v", c)
	}
	if err := os.WriteFile(filepath.Join(dir, "b.onnx"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if c := check.Run(dir, check.Options{Threads: 1}); c.Status != check.Fail || !strings.Contains(c.Reason, "holds 2 .onnx files") {
		t.Errorf("two models: %+v", c)
	}
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	var want []string
	for _, name := range []string{"a", "b/c", "[d]*"} {
		dir := filepath.Join(root, name)
		write(t, dir, "Relu", floats(1), floats(1))
		want = append(want, dir)
	}
	slices.Sort(want)
	got, err := check.Find(root)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if got, err := check.Find(filepath.Join(root, "a")); err != nil || len(got) != 1 {
		t.Errorf("a test folder itself: %q, %v", got, err)
	}
	for path, want := range map[string]string{filepath.Join(root, "none"): "no such file", filepath.Join(root, "a", "model.onnx"): "neither a folder nor a *.check.yaml file",
		filepath.Join(root, "a", "test_data_set_0"): "holds neither a *.check.yaml file nor a test folder"} {
		if _, err := check.Find(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

func ExampleInfer() {
	opset, ir := int64(13), int64(8)
	m := &onnx.ModelProto{IrVersion: &ir, OpsetImport: []*onnx.OperatorSetIdProto{{Version: &opset}}, Graph: &onnx.GraphProto{
		Node:   []*onnx.NodeProto{onnx.NewNode("Relu", "", []string{"x"}, []string{"y"})},
		Input:  []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", 3)},
		Output: []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT, "N", 3)}}}
	y, err := check.Infer(m, []*onnx.Tensor{onnx.FromFloats([]int{1, 3}, []float32{-1, 0, 2})}, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(y[0].Shape, y[0].Data)
	// Output: [1 3] [0 0 2]
}

// In what a fine-tuned model differs from the one it comes from.
func ExampleDiff() {
	a, err := onnx.ReadFile("../../models/base.onnx")
	if err != nil {
		fmt.Println(err)
		return
	}
	b := onnx.Clone(a)
	onnx.SetMetadata(b, "graft.labels", `["a","b","c","d","e"]`)
	changes, err := check.Diff(a, b)
	for _, c := range changes {
		fmt.Println(c.Kind, c.Name, c.What)
	}
	fmt.Println(err)
	// Output:
	// metadata graft.labels ["0","1","2","3","4"] -> ["a","b","c","d","e"]
	// <nil>
}

// What a model does now is written down as a check file, which it then passes.
func ExampleRecord() {
	dir, err := os.MkdirTemp("", "check")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	model, file := filepath.Join(dir, "base.onnx"), filepath.Join(dir, "base"+check.Suffix)
	m, err := onnx.ReadFile("../../models/base.onnx")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := onnx.WriteFile(model, m, onnx.WriteOptions{}); err != nil {
		fmt.Println(err)
		return
	}
	o := check.Options{Tolerance: check.Default, Half: check.Half}
	f, _, err := check.Record(context.Background(), check.Recording{Options: o, Model: model, File: file})
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := f.Marshal()
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := os.WriteFile(file, text, 0o666); err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range check.RunFile(context.Background(), file, o) {
		fmt.Println(c.Name, c.Status)
	}
	// Output:
	// base/opset pass
	// base/metadata graft.input pass
	// base/metadata graft.labels pass
	// base/metadata graft.lineage pass
	// base/input input pass
	// base/output logits pass
	// base/recorded/logits pass
	// base/batch pass
	// base/memory pass
}
