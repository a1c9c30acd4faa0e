package graph_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"graft/graph/check"
	"graft/onnx"
)

var update = flag.Bool("update", false, "bring the manifest of ONNX's node tests up to date; what must pass stays so")

const (
	manifestFile = "testdata/onnx_node_tests.txt"
	nodeTests    = "../../shared/data/onnx_tests/node_tests.tar.gz"
	bundledTests = "../../shared/data/onnx_tests/bundled_tests.tar.gz"

	// What the manifest must list, and how many of them must pass. The second number
	// only grows.
	manifestCases, manifestPasses = 1884, 1271
)

// manifest is ONNX's node tests, by the operator that each tests: "" in reasons for a
// case that must pass, else why it is left out.
type manifest struct {
	operator map[string]string // by case
	reasons  map[string]string
}

func (m manifest) passes() (n int) {
	for _, reason := range m.reasons {
		if reason == "" {
			n++
		}
	}
	return n
}

// TestManifest: no case is dropped, and none that must pass is let go.
func TestManifest(t *testing.T) {
	m := readManifest(t)
	if len(m.reasons) != manifestCases || m.passes() != manifestPasses {
		t.Errorf("%s lists %d cases, %d of which must pass; want %d and %d", manifestFile, len(m.reasons), m.passes(), manifestCases, manifestPasses)
	}
}

// TestONNXNodeTests runs all of the standard's own tests of operators. The manifest is
// data: a change of what passes is a line in a diff.
func TestONNXNodeTests(t *testing.T) {
	if testing.Short() {
		t.Skip("the node tests of ONNX take seconds")
	}
	root := unpack(t, nodeTests)
	want := readManifest(t)
	got := manifest{operator: map[string]string{}, reasons: map[string]string{}}
	folders, err := check.Find(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range folders {
		c := check.Run(dir, check.Options{Tolerance: check.Tolerance{Rtol: 1e-3, Atol: 1e-5}, Half: check.Half, Threads: 1})
		got.operator[c.Name] = tested(c.Ops)
		if got.reasons[c.Name] = reason(c.Reason); c.Status != check.Pass && got.reasons[c.Name] == "" {
			t.Errorf("%s fails without a reason", c.Name)
		}
		switch before, listed := want.reasons[c.Name]; {
		case listed && before == "" && c.Status != check.Pass:
			t.Errorf("%s must pass: %s", c.Name, c.Reason)
			got.reasons[c.Name] = ""
		case *update:
		case !listed:
			t.Errorf("%s is not in the manifest: run with -update", c.Name)
		case before != "" && c.Status == check.Pass:
			t.Errorf("%s passes, but the manifest does not ask for it: run with -update", c.Name)
		}
	}
	for name := range want.reasons {
		if _, ok := got.reasons[name]; !ok {
			t.Errorf("%s is in the manifest, but not among the tests", name)
		}
	}
	if *update {
		if err := os.WriteFile(manifestFile, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// tested is the operator that a case is about: its only one, or "several".
func tested(operators []string) string {
	if len(operators) == 1 {
		return operators[0]
	}
	return "several"
}

var place = regexp.MustCompile(`^(test_data_set_\d+: )?(onnx: "[^"]*": )?(graph: (node \d+ "[^"]*" \(\w+\): )?)?`)

// reason is what is wrong, without where it is in which file.
func reason(s string) string { return place.ReplaceAllString(s, "") }

func (m manifest) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# ONNX's node tests (onnx 1.23.2), all %d of them, by the operator that they test: %d must pass, the others are\n"+
		"# left out for the reason that follows. go test ./graph -run ONNXNodeTests -update rewrites this file.\n", len(m.reasons), m.passes())
	byOperator := map[string][]string{}
	for name, op := range m.operator {
		byOperator[op] = append(byOperator[op], name)
	}
	for _, op := range slices.Sorted(maps.Keys(byOperator)) {
		fmt.Fprintf(&b, "\n[%s]\n", op)
		slices.Sort(byOperator[op])
		for _, name := range byOperator[op] {
			if m.reasons[name] != "" {
				name += ": " + m.reasons[name]
			}
			fmt.Fprintln(&b, name)
		}
	}
	return b.String()
}

func readManifest(t *testing.T) manifest {
	t.Helper()
	b, err := os.ReadFile(manifestFile)
	if err != nil {
		t.Fatal(err)
	}
	m := manifest{operator: map[string]string{}, reasons: map[string]string{}}
	operator := ""
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			operator = strings.Trim(line, "[]")
		default:
			name, reason, _ := strings.Cut(line, ": ")
			if _, twice := m.reasons[name]; twice {
				t.Errorf("%s: %s is there twice", manifestFile, name)
			}
			m.operator[name], m.reasons[name] = operator, reason
		}
	}
	return m
}

// leftOut is why graft does not run some of the models that come with ONNX.
var leftOut = map[string]string{
	"ai.onnx.preview.training.Gradient": "differentiates inside of the model", "StringNormalizer": "works on strings",
	"SequenceEmpty": "makes a sequence", "SequenceConstruct": "makes a sequence", "SplitToSequence": "makes a sequence",
}

// TestONNXBundledTests runs the other tests that come with ONNX: layers as PyTorch exported
// them in opset 6, and small models.
func TestONNXBundledTests(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	root := unpack(t, bundledTests)
	passed := 0
	for _, folder := range []string{"pytorch-converted", "pytorch-operator", "simple"} {
		dirs, err := check.Find(filepath.Join(root, folder))
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range dirs {
			c := check.Run(dir, check.Options{Tolerance: check.Tolerance{Rtol: 1e-3, Atol: 1e-5}, Half: check.Half, Threads: 1})
			excused := slices.ContainsFunc(c.Ops, func(op string) bool { return leftOut[op] != "" })
			switch {
			case c.Status == check.Pass:
				passed++
			case !excused:
				t.Errorf("%s: %s", c.Name, c.Reason)
			}
		}
	}
	if passed != 124 {
		t.Errorf("%d cases pass, want 124 (ONNX Runtime: 98)", passed)
	}
}

// TestONNXLightNetworks runs nine networks whose weights ONNX has made constant, on the
// input that its own tests take: i/n at element i of n.
func TestONNXLightNetworks(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	models, err := filepath.Glob(filepath.Join(unpack(t, bundledTests), "light", "*.onnx"))
	if err != nil || len(models) != 9 {
		t.Fatalf("%d networks, %v", len(models), err)
	}
	for _, path := range models {
		t.Run(filepath.Base(path), func(t *testing.T) {
			m, err := onnx.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			x, _ := onnx.NewTensor(onnx.TensorProto_FLOAT, 1, 3, 224, 224)
			for i := range x.Len() {
				x.Data.([]float32)[i] = float32(float64(i) / float64(x.Len()))
			}
			y, err := check.Options{Threads: 2, MaxMemory: 4e9}.Infer(m, []*onnx.Tensor{x})
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(strings.TrimSuffix(path, ".onnx") + "_output_0.pb")
			if err != nil {
				t.Fatal(err)
			}
			var p onnx.TensorProto
			if err := proto.Unmarshal(b, &p); err != nil {
				t.Fatal(err)
			}
			want, err := onnx.TensorOf(&p)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range want.Data.([]float32) {
				if got := y[0].Data.([]float32)[i]; !(max(got-v, v-got) <= 1e-5+1e-3*max(v, -v)) {
					t.Fatalf("element %d: got %g, want %g", i, got, v)
				}
			}
		})
	}
}

// unpack extracts a .tar.gz into a temporary folder.
func unpack(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is not here", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return root
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg || !filepath.IsLocal(h.Name) {
			continue
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(root, h.Name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
