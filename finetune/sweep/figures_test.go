package sweep

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The published figures 2 and 3 come from the authors' 148 networks by the plotting code
// of every study. GRAFT_FIGURES names a folder to look at them in.
func TestFiguresOfAuthors(t *testing.T) {
	a := Analyse(authorsRows(t), "best10")
	record := a.Record(8, true)
	// figure 2: 8 bases, 28 + 56 frozen and 11 + 11 tuned networks are public; figure 3: 2 bases and 14 networks
	// of the dissimilar halves, a base and 7 networks of random filters; and 12 of fewer pictures
	counts := map[string]int{}
	for _, n := range record.Networks {
		counts[n.Treatment]++
	}
	if counts[Base] != 8 || counts[Selffer] != 28 || counts[Transfer] != 56 || counts[Selffer+"+"]+counts[Transfer+"+"] != 20 {
		t.Errorf("networks of figure 2: %v", counts)
	}
	if len(record.Given[0]) != 8 || len(record.Given[1]) != 8 || len(record.Random) != 8 || len(record.Reduced) != 12 {
		t.Errorf("networks of figure 3: %d and %d dissimilar, %d random, %d of fewer pictures", len(record.Given[0]), len(record.Given[1]), len(record.Random), len(record.Reduced))
	}
	want := []string{"figure2_networks", "figure2_means", "figure3_dissimilar", "figure3_random", "figure3_relative", "examples", "examples_log"}
	figures := record.Figures()
	if len(figures) != len(want) {
		t.Fatalf("%d figures, want %d", len(figures), len(want))
	}
	for i, f := range figures {
		var png, svg bytes.Buffer
		if err := f.PNG(&png); err != nil {
			t.Fatal(err)
		}
		if err := f.SVG(&svg); err != nil {
			t.Fatal(err)
		}
		if f.Name != want[i] || !bytes.HasPrefix(png.Bytes(), []byte("\x89PNG")) || !strings.Contains(svg.String(), "<svg") {
			t.Errorf("figure %d is %s, want %s, a PNG and an SVG", i, f.Name, want[i])
		}
		if dir := os.Getenv("GRAFT_FIGURES"); dir != "" {
			if err := os.WriteFile(filepath.Join(dir, f.Name+".png"), png.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// The authors' own intervals support their conclusions.
func TestReadingOfAuthors(t *testing.T) {
	text := strings.Join(Analyse(authorsRows(t), "best10").Reading(), "\n")
	t.Log("\n" + text)
	for _, want := range []string{"General layers: the first 3", "cut after 4, 5 and 6", "Specificity sets in at layer", "Fine-tuning transferred layers gains"} {
		if !strings.Contains(text, want) {
			t.Errorf("the reading does not say %q", want)
		}
	}
}
