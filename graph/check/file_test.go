package check

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestParseRefuses: every fault is one line that says where.
func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "the file is empty"},
		{"opset: 13", "model: missing"},
		{"model: [m", "did not find expected"},
		{"model: m\nmodels: n", "line 2: field models not found"},
		{"model: m\n---\nmodel: n", "more than one document"},
		{"model: m\nopset: new", "cannot unmarshal !!str `new` into int64"},
		{"model: m\nopset: {least: 3}", `line 2: unknown key "least"`},
		{"model: m\ninputs: {x: float}", `"x": "float": want a type and dimensions`},
		{"model: m\ninputs: {x: 'real[1]'}", `type "real"`},
		{"model: m\ninputs: {x: 'float[1,]'}", "a number, a name or ?"},
		{"model: m\ninputs: {x: 'float[-1]'}", "a number, a name or ?"},
		{"model: m\npreprocess: {size: [1, 1], crop: 3}", `unknown field "crop"`},
		{"model: m\ntolerance: {atol: -1}", "atol -1: want a number of 0 or more"},
		{"model: m\ntolerance: {rtol: .nan}", "rtol NaN"},
		{"model: m\ntolerance: {cosine: 2}", "cosine 2"},
		{"model: m\ncases: [{inputs: {x: a.npy}}]", "every case needs a name of its own"},
		{"model: m\ncases: [{name: a, inputs: {}, top: {classes: [x]}}, {name: a, inputs: {}, top: {classes: [x]}}]", `case 1 "a"`},
		{"model: m\ncases: [{name: a, inputs: {x: a.npy}}]", `case "a": expects nothing`},
		{"model: m\ncases: [{name: a, inputs: {x: {}}, top: {classes: [b]}}]", `input "x": want one of file, values and seed`},
		{"model: m\ncases: [{name: a, inputs: {x: {seed: 1, values: [1]}}, top: {classes: [b]}}]", "want one of file, values and seed"},
		{"model: m\ncases: [{name: a, inputs: {x: {seed: 1, from: 2}}, top: {classes: [b]}}]", `unknown key "from"`},
		{"model: m\ncases: [{name: a, inputs: {x: {seed: 1, low: 2}}, top: {classes: [b]}}]", "low 2, high 1"},
		{"model: m\ncases: [{name: a, inputs: {x: {seed: 1, shape: [4294967296, 4294967296]}}, top: {classes: [b]}}]", "overflows"},
		{"model: m\ncases: [{name: a, inputs: {x: {seed: 1, shape: [1073741824]}}, top: {classes: [b]}}]", "too large"},
		{"model: m\ncases: [{name: a, inputs: {x: {values: [1, 2], shape: [3]}}, top: {classes: [b]}}]", "2 values for shape [3]"},
		{"model: m\ncases: [{name: a, inputs: {}, outputs: {y: {}}}]", `output "y": expects nothing`},
		{"model: m\ncases: [{name: a, inputs: {}, outputs: {y: {seed: 1}}}]", "cannot be drawn from a seed"},
		{"model: m\ncases: [{name: a, inputs: {}, top: {classes: [a, b], within: 1}}]", "2 classes within the first 1"},
		{"model: m\naccuracy: {top1: 0.9}", "accuracy: data: missing"},
		{"model: m\naccuracy: {data: d}", "accuracy: no floor"},
		{"model: m\naccuracy: {data: d, top1: 90}", "top1 90: want a share from 0 to 1"},
		{"model: m\nagree: {model: n}", "agree: no limit"},
		{"model: m\nagree: {top1: 1}", "agree: model: missing"},
		{"model: m\nagree: {model: n, top1: 1, samples: -1}", "samples -1"},
		{"model: m\nlimits: {runs: -1}", "runs -1"},
		{"model: &a [*a]", "line 1: "},
		{strings.Repeat("[", 20000), "exceeded max depth"},
		{"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n" +
			"e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\nmetadata: *f", "line 1: "},
		{"model: m\n\x1b[31m: x", "control characters are not allowed"},
	} {
		_, err := Parse([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.ContainsAny(err.Error(), "\n\x1b") || len(err.Error()) > 600 {
			t.Errorf("%.80q: %.300v, want %s", c.text, err, c.want)
		}
	}
}

// TestFormsSurvive: what is written is read again as the same.
func TestFormsSurvive(t *testing.T) {
	text := `model: m.onnx
opset: {min: 13, max: 21}
metadata: {a: null, b: ""}
inputs: {x: "float[N,3,?,4]", s: "int64[]"}
preprocess: {size: [2, 3], mean: [1], resize: exact}
tolerance: {ulps: 4}
cases:
  - name: one
    inputs: {x: x.npy, s: {values: [1, -2, .inf]}, z: {seed: 0, low: 0, high: 255, shape: [1, 2]}}
    outputs: {y: y.pb, z: {values: [.nan], atol: 0, cosine: 0.99}}
    top: {classes: [7, cat], within: 5}
accuracy: {data: d, top1: 0, classes: {a: 1}}
agree: {model: n, max_abs: 0}
batch: true
limits: {latency_ms: 1.5, memory_mb: 2, runs: 3}
`
	f, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	b, err := f.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(b)
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	// NaN is not equal to itself.
	y := f.Cases[0].Outputs["z"].Values
	if y[0] == y[0] {
		t.Error("NaN was lost")
	}
	y[0], again.Cases[0].Outputs["z"].Values[0] = 0, 0
	if !reflect.DeepEqual(f, again) {
		t.Errorf("%+v became %+v in\n%s", f, again, b)
	}
	if s := f.Cases[0]; s.Top.Classes[0] != "7" || s.Inputs["x"].File != "x.npy" || *f.Cases[0].Outputs["z"].Cosine != 0.99 || f.Metadata["a"] != nil {
		t.Errorf("%+v", f)
	}
}

// TestSchema: the schema knows the fields of File, no more and no less, wherever there
// are some.
func TestSchema(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal(Schema, &root); err != nil {
		t.Fatal(err)
	}
	compareSchema(t, "", root, reflect.TypeFor[File]())
}

func compareSchema(t *testing.T, at string, schema map[string]any, typ reflect.Type) {
	t.Helper()
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
		typ = typ.Elem()
	}
	if items, ok := schema["items"].(map[string]any); ok {
		schema = items
	}
	if more, ok := schema["additionalProperties"].(map[string]any); ok {
		schema = more
	}
	if forms, ok := schema["oneOf"].([]any); ok {
		schema = forms[len(forms)-1].(map[string]any)
	}
	if typ.Kind() != reflect.Struct {
		return
	}
	properties, ok := schema["properties"].(map[string]any)
	if !ok {
		t.Errorf("%s: no properties for %v", at, typ)
		return
	}
	var have []string
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			name, rest, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if strings.Contains(rest, "inline") {
				walk(f.Type)
				continue
			}
			have = append(have, name)
			if p, ok := properties[name].(map[string]any); ok {
				compareSchema(t, at+"/"+name, p, f.Type)
			}
		}
	}
	walk(typ)
	for name := range properties {
		if !slices.Contains(have, name) {
			t.Errorf("%s/%s is in the schema alone", at, name)
		}
	}
	for _, name := range have {
		// An expected output is never drawn.
		if drawnOnly := slices.Contains([]string{"seed", "low", "high"}, name) && typ == reflect.TypeFor[Output](); properties[name] == nil && !drawnOnly {
			t.Errorf("%s/%s is not in the schema", at, name)
		}
	}
}

// TestPlace: a check file names regular files and folders below its root, whatever
// links lie there.
func TestPlace(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "checks")
	for _, d := range []string{filepath.Join(dir, "in"), filepath.Join(top, "other")} {
		if err := os.MkdirAll(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"secret", "checks/m.onnx", "checks/in/x.npy"} {
		if err := os.WriteFile(filepath.Join(top, f), []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"out": "../secret", "folder": "../other", "fine": "in/x.npy"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	own := place{dir, dir}
	for name, want := range map[string]string{"m.onnx": "", "./in/../m.onnx": "", "in/x.npy": "", "fine": "", "in": "",
		"../secret": "leads out of the folder", "out": "escapes", "folder": "escapes", "/etc/passwd": "relative", "m.onnx\x00": "relative",
		"none": "no such file"} {
		path, err := own.path(name)
		if want == "" && (err != nil || path != filepath.Join(dir, name)) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %q, %v, want %s", name, path, err, want)
		}
	}
	if _, err := (place{dir, top}).path("../secret"); err != nil {
		t.Errorf("below a wider root: %v", err)
	}
}

// FuzzParse: any text is read or refused in one line, and what is read survives.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"model: m", "model: m\nopset: {min: 1}\ninputs: {x: 'float[N,?]'}", "model: m\ncases:\n - {name: a, inputs: {x: {seed: 1}}, outputs: {y: {values: [1, .nan], rtol: 0}}}",
		"model: &a m\nmetadata: {a: *a}", "{model: m, preprocess: {size: [1, 2], resize: exact}, limits: {latency_ms: 1e3}}", "model: m\ntolerance:\n  <<: {rtol: 1}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Parse(b)
		if err != nil {
			if s := err.Error(); strings.ContainsAny(s, "\n\r\x1b") || len(s) > 2000 {
				t.Errorf("error of %d bytes: %.300q", len(s), s)
			}
			return
		}
		text, err := file.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(text); err != nil {
			t.Errorf("%v in what was written:\n%s", err, text)
		}
	})
}
