package check_test

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"graft/graph/check"
	"graft/models"
	"graft/onnx"
)

// base writes the embedded network into a new folder.
func base(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	m, err := models.Base()
	if err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(dir, "base.onnx"), m)
	return dir
}

func save(t *testing.T, path string, m *onnx.ModelProto) {
	t.Helper()
	if err := onnx.WriteFile(path, m, onnx.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// runText runs a check file of this text in dir.
func runText(t *testing.T, dir, text string) []check.Case {
	t.Helper()
	path := filepath.Join(dir, "it.check.yaml")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return check.RunFile(context.Background(), path, check.Options{Tolerance: check.Default, Half: check.Half, Threads: 1})
}

// TestRunFile holds each thing that a file can ask for, met and not met. The text
// follows "model: base.onnx"; want is the reason of the failure, "" where all passes.
func TestRunFile(t *testing.T) {
	dir := base(t)
	draw(t, filepath.Join(dir, "photos"))
	// The network calls the dark picture right; wrong are two classes that it calls neither.
	right, light := predicted(t, dir, "dark"), predicted(t, dir, "light")
	var wrong []string
	for _, c := range []string{"0", "1", "2", "3"} {
		if c != right && c != light {
			wrong = append(wrong, c)
		}
	}
	for name, labels := range map[string][2]string{"labelled.csv": {right, wrong[0]}, "mislabelled.csv": {wrong[0], wrong[1]}} {
		text := "path,label\nphotos/dark/0.png," + labels[0] + "\nphotos/light/0.png," + labels[1] + "\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"opset", "opset: 13", ""},
		{"opset range", "opset: {min: 12, max: 14}", ""},
		{"other opset", "opset: {min: 14}", "opset: got opset 13, want 14 to"},
		{"metadata", `metadata: {graft.labels: '["0","1","2","3","4"]', graft.input: null}`, ""},
		{"other metadata", `metadata: {graft.labels: '["0","1"]'}`, `metadata graft.labels: got "[\"0\",\"1\",\"2\"`},
		{"no metadata", `metadata: {author: null}`, "metadata author: the model has no such key"},
		{"ports", "inputs: {input: 'float[n,1,?,16]'}\noutputs: {logits: 'float[?,5]'}", ""},
		{"fixed wanted", "inputs: {input: 'float[1,1,16,16]'}", "input input: got float[N,1,16,16], want float[1,1,16,16]"},
		{"open wanted", "inputs: {input: 'float[N,1,H,16]'}", "got float[N,1,16,16], want float[N,1,H,16]"},
		{"other type", "outputs: {logits: 'int64[N,5]'}", "output logits: got float[N,5], want int64[N,5]"},
		{"other name", "outputs: {y: 'float[N,5]'}", "output logits: got float[N,5], want no such output; output y: the model has no such output"},
		{"shape", "cases: [{name: a, inputs: {input: {seed: 1, shape: [3, 1, 16, 16]}}, outputs: {logits: {type: float, shape: [3, 5]}}}]", ""},
		{"other shape", "cases: [{name: a, inputs: {input: {seed: 1}}, outputs: {logits: {shape: [3, 5]}}}]", "a/logits: got shape [1 5], want [3 5]"},
		{"other output", "cases: [{name: a, inputs: {input: {seed: 1}}, outputs: {y: {shape: [3, 5]}}}]", `a/y: the model has no output "y", it has "logits"`},
		{"other input", "cases: [{name: a, inputs: {x: {seed: 1}}, outputs: {y: {shape: [3, 5]}}}]", `a: the model has no input "x", it has "input"`},
		{"values", "cases: [{name: a, inputs: {input: {seed: 1, low: 0, high: 1e-30}}, outputs: {logits: {values: [" + zeros(t, dir) + "]}}}]", ""},
		{"other values", "cases: [{name: a, inputs: {input: {seed: 1, low: 0, high: 1e-30}}, outputs: {logits: {values: [0, 0, 0, 0, 0]}}}]", "a/logits: 5 of 5 elements differ, first at [0 0]: got "},
		{"loose", "cases: [{name: a, inputs: {input: {seed: 1, low: 0, high: 1e-30}}, outputs: {logits: {values: [0, 0, 0, 0, 0], atol: 99}}}]", ""},
		{"loose for all", "tolerance: {atol: 99}\ncases: [{name: a, inputs: {input: {seed: 1, low: 0, high: 1e-30}}, outputs: {logits: {values: [0, 0, 0, 0, 0]}}}]", ""},
		{"other count", "cases: [{name: a, inputs: {input: {seed: 1}}, outputs: {logits: {values: [0]}}}]", "1 values for shape [1 5]"},
		{"picture", "cases: [{name: a, inputs: {input: photos/dark/0.png}, top: {classes: [" + right + "]}}]", ""},
		{"within", "cases: [{name: a, inputs: {input: photos/dark/0.png}, top: {classes: [4, 3, 2, 1, 0], within: 5}}]", ""},
		{"other class", "cases: [{name: a, inputs: {input: photos/dark/0.png}, top: {classes: [none]}}]", `want "none" at place 1`},
		{"no file", "cases: [{name: a, inputs: {input: photos/dark/9.png}, top: {classes: [0]}}]", `input "input": "photos/dark/9.png": no such file`},
		{"file outside", "cases: [{name: a, inputs: {input: ../x.npy}, top: {classes: [0]}}]", "leads out of the folder"},
		{"no model", "agree: {model: none.onnx, top1: 1}", `agree: "none.onnx": no such file`},
		{"agrees", "agree: {model: base.onnx, samples: 3, top1: 1, max_abs: 0}", ""},
		{"agrees on data", "agree: {model: base.onnx, data: photos, top1: 1, max_abs: 0}", ""},
		{"accuracy", "accuracy: {data: labelled.csv, top1: 0.5, top5: 1, classes: {'" + right + "': 1}}", ""},
		{"inaccurate", "accuracy: {data: mislabelled.csv, top1: 0.5, top5: 1, each: 0.25, classes: {'" + wrong[1] + "': 0.5}}",
			`accuracy top1: got 0.0000 on 2 images, want 0.5 or more; accuracy each: got 0.0000 for class "` + wrong[0] +
				`", want 0.25 or more for each; accuracy class ` + wrong[1] + `: got 0.0000 on 1 images, want 0.5 or more`},
		{"no such class", "accuracy: {data: labelled.csv, classes: {cat: 1}}", `accuracy class cat: the model has no class "cat"`},
		{"batch", "batch: true", ""},
		{"memory", "limits: {memory_mb: 100, latency_ms: 10000, runs: 2}", ""},
		{"too much", "limits: {memory_mb: 0.001, latency_ms: 0.000001, runs: 2}", "want at most 1e-06; memory: got 0."},
	} {
		t.Run(c.name, func(t *testing.T) {
			var failed []string
			cases := runText(t, dir, "model: base.onnx\n"+c.text)
			for _, k := range cases {
				if k.Status != check.Pass {
					failed = append(failed, strings.TrimPrefix(k.Name, "it/")+": "+k.Reason)
				}
			}
			got := strings.Join(failed, "; ")
			if len(cases) == 0 || (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("%d cases, failed: %s, want %s", len(cases), got, c.want)
			}
		})
	}
}

// TestDisagreement: another network is told from the first, on seeds and on pictures.
func TestDisagreement(t *testing.T) {
	dir := base(t)
	draw(t, filepath.Join(dir, "photos"))
	m, err := onnx.ReadFile(filepath.Join(dir, "base.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	other := proto.Clone(m).(*onnx.ModelProto)
	for _, w := range other.Graph.Initializer {
		v, err := onnx.TensorOf(w)
		if err != nil {
			t.Fatal(err)
		}
		if f, ok := v.Floats(); ok && len(v.Shape) == 2 { // the Gemm: every class is another
			for i := range f {
				f[i] = -f[i]
			}
			if err := onnx.SetData(w, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	save(t, filepath.Join(dir, "other.onnx"), other)
	for _, on := range []string{"samples: 4", "data: photos"} {
		cases := runText(t, dir, "model: base.onnx\nagree: {model: other.onnx, "+on+", top1: 0.9, max_abs: 0.01}")
		if len(cases) != 2 {
			t.Fatalf("%s: %+v", on, cases)
		}
		for i, want := range []string{"want 0.9 or more; first at", "want 0.01 or less"} {
			if cases[i].Status != check.Fail || !strings.Contains(cases[i].Reason, want) {
				t.Errorf("%s: %+v, want %s", on, cases[i], want)
			}
		}
	}
}

// TestBatchFails: a model that mixes the images of a batch is found out.
func TestBatchFails(t *testing.T) {
	dir := t.TempDir()
	opset, ir := int64(13), int64(8)
	axes := onnx.FromInts([]int{2}, []int64{1, -1})
	m := &onnx.ModelProto{IrVersion: &ir, OpsetImport: []*onnx.OperatorSetIdProto{{Version: &opset}}, Graph: &onnx.GraphProto{Name: new("g"),
		Initializer: []*onnx.TensorProto{axes.Proto("s")},
		Node: []*onnx.NodeProto{onnx.NewNode("Softmax", "mixes", []string{"x"}, []string{"y"}, onnx.IntAttr("axis", 0)),
			onnx.NewNode("Identity", "", []string{"y"}, []string{"z"})},
		Input:  []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N", 3)},
		Output: []*onnx.ValueInfoProto{onnx.TensorInfo("z", onnx.TensorProto_FLOAT, "N", 3)}}}
	save(t, filepath.Join(dir, "base.onnx"), m)
	cases := runText(t, dir, "model: base.onnx\nbatch: true")
	if len(cases) != 1 || cases[0].Status != check.Fail || !strings.Contains(cases[0].Reason, "of two inputs at once is not that of each: 6 of 6 elements differ") {
		t.Errorf("%+v", cases)
	}
}

// TestRecord: what is recorded passes, says what the model says, and fails for a
// model that does something else.
func TestRecord(t *testing.T) {
	dir := base(t)
	file := filepath.Join(dir, "base.check.yaml")
	f, large, err := check.Record(context.Background(), check.Recording{Model: filepath.Join(dir, "base.onnx"), File: file, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	text, err := f.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	out := f.Cases[0].Outputs["logits"]
	if len(large) != 0 || len(out.Values) != 5 || !f.Batch || f.Opset.Min != 13 || f.Limits.MemoryMB == nil || *f.Metadata["graft.labels"] == "" {
		t.Errorf("%s", text)
	}
	if err := os.WriteFile(file, text, 0o666); err != nil {
		t.Fatal(err)
	}
	o := check.Options{Tolerance: check.Default, Half: check.Half, Threads: 1}
	for _, c := range check.RunFile(context.Background(), file, o) {
		if c.Status != check.Pass || c.MaxAbs != 0 {
			t.Errorf("%+v", c)
		}
	}
	out.Values[2] += 1
	f.Cases[0].Outputs["logits"] = out
	failed := 0
	o.Model = filepath.Join(dir, "base.onnx")
	for _, c := range check.RunParsed(context.Background(), "x", f, o) {
		if c.Status == check.Fail {
			failed++
			if !strings.Contains(c.Reason, "1 of 5 elements differ, first at [0 2]: got ") || math.Abs(c.MaxAbs-1) > 1e-3 {
				t.Errorf("%+v", c)
			}
		}
	}
	if failed != 1 {
		t.Errorf("%d failed, want 1", failed)
	}
}

// draw makes a folder of two classes, dark and light, of a picture each.
func draw(t *testing.T, dir string) {
	t.Helper()
	for class, v := range map[string]uint8{"dark": 0, "light": 255} {
		im := image.NewGray(image.Rect(0, 0, 16, 16))
		for i := range im.Pix {
			im.Pix[i] = v
		}
		im.SetGray(8, 8, color.Gray{Y: 128})
		if err := os.MkdirAll(filepath.Join(dir, class), 0o777); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(filepath.Join(dir, class, "0.png"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := png.Encode(f, im); err != nil {
			t.Fatal(err)
		}
	}
}

// predicted is the class that the network gives the picture of a class.
func predicted(t *testing.T, dir, class string) string {
	t.Helper()
	m, err := onnx.ReadFile(filepath.Join(dir, "base.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "photos", class, "0.png")
	x, err := check.ReadInput(m, "input", path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return string('0' + rune(argmax(infer(t, m, x))))
}

// zeros are the logits of an input of zeros, as a list.
func zeros(t *testing.T, dir string) string {
	t.Helper()
	m, err := onnx.ReadFile(filepath.Join(dir, "base.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, v := range infer(t, m, onnx.FromFloats([]int{1, 1, 16, 16}, make([]float32, 256))) {
		list = append(list, fmt.Sprint(v))
	}
	return strings.Join(list, ", ")
}

func infer(t *testing.T, m *onnx.ModelProto, x *onnx.Tensor) []float32 {
	t.Helper()
	y, err := check.Infer(m, []*onnx.Tensor{x}, 1)
	if err != nil {
		t.Fatal(err)
	}
	v, _ := y[0].Floats()
	return v
}

func argmax(v []float32) int {
	best := 0
	for i, x := range v {
		if x > v[best] {
			best = i
		}
	}
	return best
}
