// Package graft_test holds what is true of the module as a whole: who imports whom,
// and that the pages at its root say what the code does.
package graft_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// listed is what go list tells of a package.
type listed struct {
	ImportPath                         string
	Name                               string
	Standard                           bool
	Module                             *struct{ Path string }
	CgoFiles                           []string
	Imports, TestImports, XTestImports []string
}

// goList runs go list with cgo enabled, since without it cgo files are passed over.
func goList(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Name,Standard,Module,CgoFiles,Imports,TestImports,XTestImports"}, args...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var list []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

// page reads a file at the root of the module.
func page(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// quoted are the words in backquotes.
func quoted(s string) []string {
	var words []string
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(s, -1) {
		words = append(words, m[1])
	}
	return words
}

// allowed reads the table of packages in ARCHITECTURE.md: what each may import, in
// the words of its third and fourth column.
func allowed(t *testing.T) map[string][]string {
	rows := map[string][]string{}
	for _, line := range strings.Split(page(t, "ARCHITECTURE.md"), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || len(quoted(cells[1])) != 1 {
			continue
		}
		name := quoted(cells[1])[0]
		rows[name] = append(quoted(cells[3]), quoted(cells[4])...)
		if strings.TrimSpace(cells[3]) == "all of these" {
			rows[name] = append(rows[name], "*")
		}
	}
	return rows
}

// TestImports holds the table of ARCHITECTURE.md. Tests may import whatever some
// package may.
func TestImports(t *testing.T) {
	table := allowed(t)
	module := goList(t, ".")[0].Module.Path
	own := func(path string) (string, bool) {
		return strings.CutPrefix(path, module+"/")
	}
	foreign := foreignModules(t)
	anyones := slices.Concat(slices.Collect(maps.Values(table))...)
	among := func(path string, list []string) bool {
		return slices.ContainsFunc(list, func(m string) bool { return path == m || strings.HasPrefix(path, m+"/") })
	}
	for _, p := range goList(t, "./...") {
		name, ok := own(p.ImportPath)
		if !ok {
			continue // the root, these tests
		}
		if strings.HasPrefix(name, "examples/") { // as a user's program: whatever one can import
			for _, path := range p.Imports {
				if strings.Contains(path, "/internal/") || foreign[path] != "" {
					t.Errorf("%s imports %s, which its readers cannot or need not", name, path)
				}
			}
			continue
		}
		may, ok := table[name]
		if !ok {
			t.Errorf("%s has no row in ARCHITECTURE.md", name)
			continue
		}
		delete(table, name)
		for _, path := range p.Imports {
			if o, ours := own(path); ours && !slices.Contains(may, o) && !slices.Contains(may, "*") {
				t.Errorf("%s imports %s, and its row in ARCHITECTURE.md does not", name, o)
			}
		}
		for _, path := range p.Imports {
			if foreign[path] != "" && !among(path, may) {
				t.Errorf("%s imports %s, and its row in ARCHITECTURE.md does not", name, path)
			}
		}
		for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
			if foreign[path] != "" && !among(path, anyones) {
				t.Errorf("a test of %s imports %s, which is in no row of ARCHITECTURE.md", name, path)
			}
		}
	}
	for name := range table {
		t.Errorf("ARCHITECTURE.md has a row for %s, which is no package", name)
	}
}

// foreignModules are the packages of other modules that anything here is made
// or tested with, and their modules.
func foreignModules(t *testing.T) map[string]string {
	modules := map[string]string{}
	for _, p := range goList(t, "-deps", "-test", "./...") {
		if !p.Standard && p.Module != nil {
			modules[p.ImportPath] = p.Module.Path
		}
	}
	main := goList(t, ".")[0].Module.Path
	maps.DeleteFunc(modules, func(_, module string) bool { return module == main })
	return modules
}

// TestDependencies: each module that a package here imports, or that go.mod names as
// a direct one, has its line of reason in ARCHITECTURE.md, and no line is left over.
func TestDependencies(t *testing.T) {
	foreign := foreignModules(t)
	direct := map[string]bool{}
	for _, p := range goList(t, "./...") {
		for _, path := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if m := foreign[path]; m != "" {
				direct[m] = true
			}
		}
	}
	mod := page(t, "go.mod")
	for _, m := range regexp.MustCompile(`(?m)^(?:require |\t)(\S+) v\S+$`).FindAllStringSubmatch(mod, -1) {
		direct[m[1]] = true
	}
	_, reasons, ok := strings.Cut(page(t, "ARCHITECTURE.md"), "## Dependencies\n")
	if !ok {
		t.Fatal("ARCHITECTURE.md has no section Dependencies")
	}
	reasons, _, _ = strings.Cut(reasons, "\n## ")
	have := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^- `([^`]+)`: \\S+").FindAllStringSubmatch(reasons, -1) {
		have[m[1]] = true
		if !strings.Contains(mod, m[1]+" v") {
			t.Errorf("ARCHITECTURE.md gives a reason for %s, which go.mod does not name", m[1])
		}
	}
	for m := range direct {
		if !have[m] {
			t.Errorf("ARCHITECTURE.md gives no reason for %s", m)
		}
	}
}

// TestNoCgo: neither graft nor what it is linked with is written in C.
func TestNoCgo(t *testing.T) {
	for _, p := range goList(t, "-deps", "./...") {
		if !p.Standard && len(p.CgoFiles) > 0 {
			t.Errorf("%s uses cgo: %v", p.ImportPath, p.CgoFiles)
		}
	}
}

// TestNamedTests: every test that the pages name exists.
func TestNamedTests(t *testing.T) {
	have := map[string]bool{}
	for _, p := range goList(t, "./...") {
		dir := "." + strings.TrimPrefix(p.ImportPath, p.Module.Path)
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.HasSuffix(f.Name(), "_test.go") {
				for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example|Benchmark)\w+)\(`).FindAllStringSubmatch(page(t, dir+"/"+f.Name()), -1) {
					have[m[1]] = true
				}
			}
		}
	}
	for _, m := range regexp.MustCompile("`((?:Test|Fuzz|Example|Benchmark)[A-Z]\\w+)`").FindAllStringSubmatch(all(t, "*.md"), -1) {
		if !have[m[1]] {
			t.Errorf("the pages name %s, which is no test", m[1])
		}
	}
}
