package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// ownVerbs are graft's verbs without that of the tests.
func ownVerbs() []*cli.Command {
	return slices.DeleteFunc(everyVerb(), func(v *cli.Command) bool { return v.Name == "probe" })
}

// wide is the first line of a page that is too wide for a terminal.
func wide(page string) string {
	for line := range strings.Lines(page) {
		if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > helpWidth {
			return line
		}
	}
	return ""
}

func TestFrontPage(t *testing.T) {
	var b strings.Builder
	frontPage(&b, ownVerbs())
	if n := strings.Count(b.String(), "\n"); n > 23 { // the shell's prompt is the 24th
		t.Errorf("%d lines", n)
	}
	if line := wide(b.String()); line != "" {
		t.Errorf("too wide: %s", line)
	}
	for _, v := range ownVerbs() {
		if v.Category != "" && !strings.Contains(b.String(), " "+v.Name+" ") {
			t.Errorf("%s is not on it", v.Name)
		}
	}
}

// TestVerbTables holds every verb to the same form: a group of the front page, or none,
// flags with distinct names and help, a page that begins with its examples.
func TestVerbTables(t *testing.T) {
	for _, v := range ownVerbs() {
		if v.Category != "" && !slices.Contains(groups, v.Category) || v.Usage == "" {
			t.Errorf("%s: group %q, usage %q", v.Name, v.Category, v.Usage)
		}
		seen := map[string]bool{}
		for _, f := range v.Flags {
			for _, n := range f.Names() {
				if seen[n] || n == "help" || n == "h" || n == "V" {
					t.Errorf("%s: two flags -%s", v.Name, n)
				}
				seen[n] = true
			}
			left, right := flagLine(f)
			if right == "" || takesValue(f) && strings.HasSuffix(left, " ") {
				t.Errorf("%s: no help: %q %q", v.Name, left, right)
			}
			if takesValue(f) && len(left) > 50 {
				t.Errorf("%s: %q is too wide for the help", v.Name, left)
			}
		}
		var b strings.Builder
		verbPage(&b, v)
		if line := wide(b.String()); line != "" {
			t.Errorf("%s: too wide: %s", v.Name, line)
		}
		if lines := strings.Split(b.String(), "\n"); lines[2] != "Examples:" || !strings.HasPrefix(lines[3], "  graft ") {
			t.Errorf("%s: begins %q", v.Name, lines[:4])
		}
	}
}

// accepted parses a command line with the real flags and their checks of values, and does
// nothing else.
func accepted(line string) error {
	line, _, _ = strings.Cut(line, "  ") // what it shows
	app := newApp(io.Discard, io.Discard)
	for _, v := range app.Commands {
		v.Action = func(*cli.Context) error { return nil }
	}
	rest, ours := strings.CutPrefix(line, "graft ")
	if !ours && line != "graft" {
		return fmt.Errorf("%q is none of graft's", line)
	}
	args, err := permute(app.Commands, strings.Fields(rest))
	if err != nil {
		return err
	}
	return app.Run(append([]string{"graft"}, args...))
}

// TestExamples: graft takes every command line that its help shows.
func TestExamples(t *testing.T) {
	for _, v := range ownVerbs() {
		if len(examples(v)) == 0 {
			t.Errorf("%s: no example", v.Name)
		}
		for _, e := range examples(v) {
			if err := accepted(e); err != nil {
				t.Errorf("%s: %s: %v", v.Name, e, err)
			}
		}
	}
}

// TestExamplesOfPages: and those that stand on a line of their own in the pages.
func TestExamplesOfPages(t *testing.T) {
	found := 0
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		pages, err := filepath.Glob("../../" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pages {
			b, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			fenced := false
			for line := range strings.Lines(string(b)) {
				if strings.HasPrefix(line, "```") {
					fenced = !fenced
				}
				code := fenced || strings.HasPrefix(line, "    ")
				line = strings.TrimPrefix(strings.TrimSpace(line), "./")
				if !code || !strings.HasPrefix(line, "graft ") || strings.ContainsAny(line, "…|`$\"'\\[") {
					continue // prose, or more than one command
				}
				found++
				if err := accepted(line); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a run to resume
					t.Errorf("%s: %s: %v", p, line, err)
				}
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d examples found", found)
	}
}
