package graft_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"graft/graph/ops"
)

var update = flag.Bool("update", false, "rewrite the README's list of operators")

// operators is the list of the README, from the table.
func operators() string {
	var through, only []string
	for _, name := range ops.Names() {
		op := ops.Table[name]
		if op.Since > 7 {
			name = fmt.Sprintf("%s (%d)", name, op.Since)
		}
		if op.Differentiable {
			through = append(through, name)
		} else {
			only = append(only, name)
		}
	}
	return fmt.Sprintf("| | operators |\n|---|---|\n| run, and learn through | %s |\n| run | %s |\n",
		strings.Join(through, ", "), strings.Join(only, ", "))
}

// TestReadmeOperators: the README lists the table's operators, no more and no less.
func TestReadmeOperators(t *testing.T) {
	text := page(t, "README.md")
	list := regexp.MustCompile(`(?s)(<!-- operators.*? -->\n).*?(<!-- end -->)`)
	want := list.ReplaceAllString(text, "${1}"+operators()+"${2}")
	if !list.MatchString(text) {
		t.Fatal("README.md has no place for the operators")
	}
	if *update {
		if err := os.WriteFile("README.md", []byte(want), 0o666); err != nil {
			t.Fatal(err)
		}
	} else if text != want {
		t.Error("the operators of README.md are not those of the table; go test . -run ReadmeOperators -update")
	}
}

// TestReadmeExample: the Go that the README shows is the Example that runs.
func TestReadmeExample(t *testing.T) {
	block := regexp.MustCompile("(?s)```go\n(.*?)```").FindStringSubmatch(page(t, "README.md"))
	if block == nil {
		t.Fatal("README.md shows no Go")
	}
	source := page(t, "example_test.go")
	for _, line := range strings.Split(block[1], "\n") {
		if !strings.Contains(source, strings.TrimSpace(line)) {
			t.Errorf("README.md shows a line that example_test.go does not run: %s", line)
		}
	}
}

// TestReadmeVerbs: the README's table has the verbs of the command line's front page.
func TestReadmeVerbs(t *testing.T) {
	if testing.Short() {
		t.Skip("links the command line")
	}
	front, err := exec.Command("go", "run", "./cli/graft", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	verbs := func(pattern, text string) []string {
		var names []string
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			names = append(names, m[1])
		}
		slices.Sort(names)
		return names
	}
	got := verbs("(?m)^\\| `graft ([a-z]+)", page(t, "README.md"))
	want := verbs("(?m)^  ([a-z]+)  +[a-z]", string(front))
	if len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("README.md has the verbs %v, graft has %v", got, want)
	}
}
