package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestManual: a page for graft and for every verb, with every flag, in macros that mandoc
// has nothing to say against.
func TestManual(t *testing.T) {
	pages := manPages(ownVerbs(), "2026-01-02")
	if len(pages) != len(ownVerbs())+1 {
		t.Errorf("%d pages of %d verbs", len(pages), len(ownVerbs()))
	}
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		t.Log("mandoc is not here")
	}
	for _, v := range ownVerbs() {
		page := pages["graft-"+v.Name+".1"]
		for _, f := range v.Flags {
			if !strings.Contains(page, "\\fB"+roff("--"+f.Names()[0])+"\\fR") {
				t.Errorf("%s: --%s is not in the manual", v.Name, f.Names()[0])
			}
		}
	}
	if mandoc == "" {
		return
	}
	for name, page := range pages {
		lint := exec.Command(mandoc, "-T", "lint", "-W", "all")
		lint.Stdin = strings.NewReader(page)
		if out, err := lint.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
