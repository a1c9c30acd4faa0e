package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

// aStudyRecord has networks of every kind, made up: transfer falls towards the top.
func aStudyRecord() Study {
	s := Study{Depth: 6, Overlay: &Study{Name: "another study"}}
	add := func(to *[]Network, label string, n int, top1 float64) { *to = append(*to, Network{label, n, top1}) }
	for i := range 3 {
		shift := 0.01 * float64(i)
		add(&s.Networks, "base", 0, 0.7+shift)
		for n := 1; n < s.Depth; n++ {
			k := float64(n)
			add(&s.Networks, "BnB", n, 0.7+shift-0.02*k*(6-k)/9)
			add(&s.Networks, "BnB+", n, 0.7+shift)
			add(&s.Networks, "AnB", n, 0.7+shift-0.004*k*k)
			add(&s.Networks, "AnB+", n, 0.71+shift+0.002*k)
		}
	}
	for i := range s.Given {
		add(&s.Given[i], "base", 0, 0.65+0.1*float64(i))
		for n := 1; n < s.Depth; n++ {
			add(&s.Given[i], "AnB", n, 0.65+0.1*float64(i)-0.01*float64(n*n))
		}
	}
	add(&s.Random, "base", 0, 0.6)
	for n := 1; n < s.Depth; n++ {
		add(&s.Random, "random", n, 0.6-0.1*float64(n))
		add(&s.Overlay.Networks, "AnB", n, 0.6-0.01*float64(n))
	}
	add(&s.Overlay.Networks, "base", 0, 0.6)
	for _, n := range []int{1, 10, 100, 1000} {
		add(&s.Reduced, "reduced", n, 0.1+0.15*math.Log10(float64(n)))
	}
	return s
}

func aStudy() StudyPage {
	table := Table{Title: "Top-1 & more", Header: []string{"of", "treatment", "n", "networks", "top-1", "spread", "interval", "gain", "spread", "interval"}}
	for range 12 {
		table.Rows = append(table.Rows, []string{"random halves", "AnB+", "3", "4", "81.23", "0.51", "80.42 to 82.04", "+1.20", "0.40", "0.56 to 1.84"})
	}
	return StudyPage{Title: "How transferable are the layers of <caffenet-32>?", Facts: [][2]string{{"network", "caffenet-32"}, {"epochs", "15"}},
		Reading: []string{"General layers: the first 2."}, Figures: aStudyRecord().Figures(), Tables: []Table{table}, Commands: []string{"graft sweep run study/plan.json"}}
}

// The page has all that the study has, is well-formed, and escapes what it is given.
func TestStudyPage(t *testing.T) {
	var b bytes.Buffer
	if err := aStudy().HTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for what, want := range map[string]int{"<figure>": 7, "<svg": 7, "General layers: the first 2.": 1, "80.42 to 82.04": 12, "&lt;caffenet-32&gt;": 2, "<script": 0, "graft sweep run study/plan.json": 1} {
		if got := strings.Count(page, what); got != want {
			t.Errorf("%d times %q, want %d", got, what, want)
		}
	}
	var empty bytes.Buffer
	if err := (StudyPage{Title: "none"}).HTML(&empty); err != nil || !strings.Contains(empty.String(), "The intervals support no sentence.") {
		t.Errorf("a study without findings: %v", err)
	}
}

// What is missing of a study is left out of its figures; the pictures are whole files,
// equal for equal studies.
func TestStudyFigures(t *testing.T) {
	draw := func(s Study) (names []string, files string) {
		for _, f := range s.Figures() {
			var png, svg bytes.Buffer
			if err := errors.Join(f.PNG(&png), f.SVG(&svg)); err != nil {
				t.Fatal(err)
			}
			for d := xml.NewDecoder(&svg); ; {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%s: %v", f.Name, err)
				}
			}
			names, files = append(names, f.Name), files+png.String()
		}
		return names, files
	}
	all := aStudyRecord()
	names, files := draw(all)
	if got, want := strings.Join(names, " "), "figure2_networks figure2_means figure3_dissimilar figure3_random figure3_relative examples examples_log"; got != want {
		t.Errorf("figures %s, want %s", got, want)
	}
	if _, again := draw(aStudyRecord()); again != files {
		t.Error("equal studies have other pictures")
	}
	for want, s := range map[string]Study{
		"":                                {},
		"figure2_networks":                {Depth: 3, Networks: []Network{{"base", 0, 0.5}}},
		"figure2_networks figure2_means":  {Depth: 6, Networks: all.Networks},
		"figure3_random":                  {Depth: 6, Random: all.Random},
		"figure3_dissimilar":              {Depth: 6, Given: all.Given},
		"examples examples_log":           {Reduced: all.Reduced},
		"figure2_networks figure2_means ": {Depth: 3, Networks: []Network{{"base", 0, 0.5}, {"AnB", 1, math.NaN()}, {"AnB", 2, 0.4}}},
	} {
		if names, _ := draw(s); strings.Join(names, " ") != strings.TrimSpace(want) {
			t.Errorf("figures %v, want %s", names, want)
		}
	}
}
