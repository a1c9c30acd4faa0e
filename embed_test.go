package graft_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEmbedding builds and runs a program of another module that uses graft as
// docs/howto/use-from-go.md says: with a replacement, and nothing but the modules graft needs itself.
func TestEmbedding(t *testing.T) {
	if testing.Short() {
		t.Skip("links a program")
	}
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	module := goList(t, ".")[0].Module.Path
	dir := t.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	// `go get .` would ask for the files of all modules that any of them names; a machine that has only what graft needs
	// to be built need not have those.
	write("go.mod", strings.Replace(page(t, "go.mod"), "module "+module, "module example.org/embedding", 1))
	write("go.sum", page(t, "go.sum"))
	write("main.go", strings.ReplaceAll(embedding, "GRAFT", module))
	command := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOPROXY=off", "GOWORK=off", "PWD="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	command("mod", "edit", "-require", module+"@v0.0.0", "-replace", module+"="+root)
	got := command("run", ".", filepath.Join(root, "models", "base.onnx"))
	if want := regexp.MustCompile(`^cut after 3: 1(x\d+){3}, logits 1x2\n$`); !want.MatchString(got) {
		t.Errorf("got %q, want %v", got, want)
	}
}

const embedding = `package main

import (
	"fmt"
	"os"

	"GRAFT/graph"
	"GRAFT/onnx"
)

func main() {
	m, err := onnx.ReadFile(os.Args[1])
	check(err)
	s, err := graph.Analyse(m, graph.Options{})
	check(err)
	cut := s.CutPoints[2]
	fmt.Printf("cut after %d: %s", cut.N, shape(cut.Shape))
	body, err := graph.Cut(m, cut.Tensor, graph.Options{})
	check(err)
	grafted, err := graph.AddHead(body, graph.Head{Classes: 2}, graph.Options{})
	check(err)
	p, err := graph.Compile(grafted, graph.Config{})
	check(err)
	defer p.Close()
	check(p.Run())
	fmt.Printf(", logits %s\n", shape(p.Output(0).Shape))
}

func shape(dims []int) string {
	s := ""
	for _, d := range dims {
		s += fmt.Sprintf("x%d", d)
	}
	return s[1:]
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
`
