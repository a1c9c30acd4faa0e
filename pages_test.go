package graft_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGoOfPages: the Go that the pages show is that of Examples, which run.
func TestGoOfPages(t *testing.T) {
	var source, text strings.Builder
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case d.Name() == "example_test.go":
			source.WriteString(page(t, path))
		case filepath.Ext(path) == ".md":
			text.WriteString(page(t, path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(text.String(), -1)
	if len(blocks) < 2 {
		t.Fatalf("the pages have %d blocks of Go", len(blocks))
	}
	for _, block := range blocks {
		for line := range strings.Lines(block[1]) {
			if !strings.Contains(source.String(), strings.TrimSpace(line)) {
				t.Errorf("no Example has the line %s", line)
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
