package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// update is the flag of the package's other tests, too.
func update() bool { return flag.Lookup("update").Value.String() == "true" }

// aDiagram is a small residual network with all that a diagram can have.
func aDiagram(name string) Diagram {
	some := func(text string, share float64) Amount { return Amount{text, share} }
	names := func(list ...string) (n [][2]string) {
		for _, s := range list {
			n = append(n, [2]string{s, name})
		}
		return n
	}
	boxes := []Box{
		{Kind: "input", Label: "input", Then: name, Shape: "3×32×32", Names: names("makes")},
		{Kind: "conv", Label: "Conv 3×3", Then: "BatchNorm · Relu", Shape: "16×32×32", Params: some("448", 0.19), Cost: some("442 kMACs", 0.19), Cut: 1, Frozen: true, Direct: true, Lanes: []Lane{{-1, 0, false}}, Names: names("Conv", "Relu", "makes")},
		{Kind: "conv", Label: "Conv 3×3", Then: "Relu", Shape: "16×32×32", Params: some("2.32 k", 1), Cost: some("2.36 MMACs", 1), Frozen: true, Direct: true, Lanes: []Lane{{0, 0, true}, {-1, 1, false}}, Names: names("Conv")},
		{Kind: "conv", Label: "Conv 1×1", Shape: "16×32×32", Params: some("272", 0.12), Cost: some("262 kMACs", 0.11), Lanes: []Lane{{0, -1, true}, {1, 0, false}}, Names: names("Conv")},
		{Kind: "sum", Label: "Add", Then: "Relu", Shape: "16×32×32", Cut: 2, Direct: true, Lanes: []Lane{{0, -1, true}}, Names: names("Add")},
		{Kind: "pool", Label: "MaxPool 2×2, stride 2", Shape: "16×16×16", Cut: 3, Direct: true, Names: names("MaxPool")},
		{Kind: "pool", Label: "MaxPool 2×2, stride 2", Shape: "16×8×8", Cut: 4, Direct: true, Names: names("MaxPool")},
		{Kind: "dense", Label: "Gemm", Then: strings.TrimSpace(strings.Repeat("Relu · ", 30)), Shape: "10", Params: some("10.3 k", 1), Cost: some("10.2 kMACs", 0.01), Cut: 5, Direct: true, Names: names("Gemm")},
	}
	return Diagram{Title: name, Facts: [][2]string{{"input", name}, {"size", "4 layers"}}, Boxes: boxes, Lanes: 2, Note: "and " + name,
		Folds: []Fold{{First: 6, Last: 6, Title: "the box above, once more", Cuts: "cut 4"}}}
}

func TestDiagramGolden(t *testing.T) {
	var b bytes.Buffer
	if err := aDiagram("small.onnx").SVG(&b); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "diagram.svg")
	if update() {
		os.WriteFile(golden, b.Bytes(), 0o666)
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), want) {
		out := filepath.Join(t.ArtifactDir(), "diagram.svg")
		os.WriteFile(out, b.Bytes(), 0o666)
		t.Errorf("the picture differs from %s: see %s (go test -artifacts) or go test -update", golden, out)
	}
}

// FuzzDiagram: whatever names are, the picture is well-formed XML, the page holds no tag of
// theirs, and neither asks for anything from outside.
func FuzzDiagram(f *testing.F) {
	for _, name := range []string{"net.onnx", "", `</title><script>alert(1)</script>`, `"onload="x`, "a\x00\x01\x1b[31m\xff\xfe", "\u202egnp.exe", "]]>&amp;&lt;{{.}}", strings.Repeat("W", 5000), "Größe 网络 🧠"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		d := aDiagram(name)
		for _, b := range d.Boxes {
			b.Kind, b.Label, b.Shape = name, name, name
			d.Boxes = append(d.Boxes, b)
		}
		var svg, page bytes.Buffer
		if err := errors.Join(d.SVG(&svg), d.HTML(&page)); err != nil {
			t.Fatal(err)
		}
		texts := 0
		for x := xml.NewDecoder(&svg); ; {
			token, err := x.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if e, ok := token.(xml.StartElement); ok {
				if !strings.Contains(" svg style rect text path g title ", " "+e.Name.Local+" ") {
					t.Fatalf("an element %s", e.Name.Local)
				}
				for _, a := range e.Attr {
					if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" {
						t.Fatalf("an attribute %s", a.Name.Local)
					}
				}
				texts++
			}
		}
		if texts < 50 {
			t.Errorf("%d elements", texts)
		}
		s := page.String()
		if n := strings.Count(s, "<details class=\"box "); n != len(d.Boxes) {
			t.Errorf("%d boxes, want %d", n, len(d.Boxes))
		}
		for _, bad := range []string{"<script", "http:", "https:", "ZgotmplZ", " onload="} {
			if strings.Contains(s, bad) && !strings.Contains(name, bad) {
				t.Errorf("the page holds %q", bad)
			}
		}
		if strings.Contains(s, "<script") {
			t.Error("a script")
		}
	})
}

// An unknown kind has the colour of others, and an empty network is drawn.
func TestDiagramEmpty(t *testing.T) {
	var b bytes.Buffer
	d := Diagram{Boxes: []Box{{Kind: "x", Label: "y"}}}
	if err := errors.Join(d.SVG(&b), Diagram{}.SVG(&b), d.HTML(&b), Diagram{}.HTML(&b)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `class="box other"`) {
		t.Error("an unknown kind is not one of others")
	}
}
