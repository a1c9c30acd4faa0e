package graft_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// all is the text of all files here and below whose names match.
func all(t *testing.T, match string) string {
	t.Helper()
	var text strings.Builder
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, d fs.DirEntry, err error) error {
		if ok, _ := filepath.Match(match, d.Name()); ok && err == nil {
			text.WriteString(page(t, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// TestGoOfPages: the Go that the pages show is that of Examples, which run.
func TestGoOfPages(t *testing.T) {
	source := all(t, "example_test.go")
	blocks := regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(all(t, "*.md"), -1)
	if len(blocks) < 2 {
		t.Fatalf("the pages have %d blocks of Go", len(blocks))
	}
	for _, block := range blocks {
		for line := range strings.Lines(block[1]) {
			if !strings.Contains(source, strings.TrimSpace(line)) {
				t.Errorf("no Example has the line %s", line)
			}
		}
	}
}

// TestMakeOfPages: make has the targets that the pages name.
func TestMakeOfPages(t *testing.T) {
	makefile := page(t, "Makefile")
	for _, m := range regexp.MustCompile("(?m)(?:^|`)make((?: [a-z0-9-]+)+)").FindAllStringSubmatch(all(t, "*.md"), -1) {
		for _, target := range strings.Fields(m[1]) {
			if !strings.Contains(makefile, "\n"+target+": ") && !strings.Contains(makefile, "\n"+target+":\n") {
				t.Errorf("the pages name make %s, which there is not", target)
			}
		}
	}
}

// TestReadmeIsShort: what a stranger reads first can be read in a sitting.
func TestReadmeIsShort(t *testing.T) {
	if n := len(page(t, "README.md")); n > 12<<10 {
		t.Errorf("README.md has %d bytes; details belong into docs/", n)
	}
}
