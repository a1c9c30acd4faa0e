package graph_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"graft/graph/check"
	"graft/graph/ops"
	"graft/onnx"
)

var update = flag.Bool("update", false, "rewrite the manifest of ONNX's node tests")

const (
	manifestFile = "testdata/onnx_node_tests.txt"
	nodeTests    = "../../shared/data/onnx_tests/node_tests.tar.gz"
)

// manifest is what graft makes of ONNX's node tests: the cases that must pass, and
// those of the table's operators that do not, with the reason.
type manifest struct {
	pass    []string
	reasons map[string]string
}

// TestONNXNodeTests runs the standard's own tests of the operators in the table. The
// manifest is data: a change of what passes is a line in a diff.
func TestONNXNodeTests(t *testing.T) {
	if testing.Short() {
		t.Skip("the node tests of ONNX take seconds")
	}
	root := unpack(t, nodeTests)
	got := manifest{reasons: map[string]string{}}
	folders, err := check.Find(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range folders {
		if !known(t, filepath.Join(dir, "model.onnx")) {
			continue
		}
		c := check.Run(dir, check.Options{Tolerance: check.Tolerance{Rtol: 1e-3, Atol: 1e-5}, Half: check.Half, Threads: 1})
		if c.Status == check.Pass {
			got.pass = append(got.pass, c.Name)
		} else {
			got.reasons[c.Name] = strings.ReplaceAll(c.Reason, root, "")
		}
	}
	if *update {
		if err := os.WriteFile(manifestFile, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := readManifest(t)
	for _, name := range want.pass {
		if !slices.Contains(got.pass, name) {
			t.Errorf("%s must pass: %s", name, got.reasons[name])
		}
	}
	for _, name := range got.pass {
		if !slices.Contains(want.pass, name) {
			t.Errorf("%s passes, but the manifest does not ask for it: run with -update", name)
		}
	}
	for name, reason := range got.reasons {
		if want.reasons[name] == "" {
			t.Errorf("%s is not in the manifest: %s", name, reason)
		}
	}
}

// known says whether every operator of the model has a row in the table.
func known(t *testing.T, path string) bool {
	t.Helper()
	m, err := onnx.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range m.GetGraph().GetNode() {
		if _, ok := ops.Table[n.GetOpType()]; !ok || n.GetDomain() != "" {
			return false
		}
	}
	return len(m.GetGraph().GetNode()) > 0
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

func (m manifest) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# ONNX's node tests (onnx 1.23.2) whose operators graft's table has.\n# go test ./graph -run ONNXNodeTests -update rewrites this file.\n\n# must pass: %d\n", len(m.pass))
	for _, name := range m.pass {
		fmt.Fprintln(&b, name)
	}
	fmt.Fprintf(&b, "\n# do not pass: %d\n", len(m.reasons))
	names := make([]string, 0, len(m.reasons))
	for name := range m.reasons {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "%s: %s\n", name, m.reasons[name])
	}
	return b.String()
}

func readManifest(t *testing.T) manifest {
	t.Helper()
	b, err := os.ReadFile(manifestFile)
	if err != nil {
		t.Fatal(err)
	}
	m := manifest{reasons: map[string]string{}}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if name, reason, ok := strings.Cut(line, ": "); ok {
			m.reasons[name] = reason
		} else {
			m.pass = append(m.pass, line)
		}
	}
	if len(m.pass) == 0 {
		t.Fatalf("%s names no case", manifestFile)
	}
	return m
}
