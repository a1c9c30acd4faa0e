package report_test

import (
	"bytes"
	"flag"
	"image"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"graft/finetune/report"
)

var update = flag.Bool("update", false, "write the golden images anew")

// training is a plausible run: 20 epochs, validation lags behind.
func training(n int) []report.Epoch {
	var e []report.Epoch
	for i := 1; i <= n; i++ {
		t := float64(i)
		e = append(e, report.Epoch{N: i, TrainLoss: 0.05 + 1.6*math.Exp(-t/4), TrainScore: 0.99 - 0.55*math.Exp(-t/4),
			ValLoss: 0.31 + 1.2*math.Exp(-t/3) + 0.004*t + 0.02*math.Sin(2*t), ValScore: 0.92 - 0.4*math.Exp(-t/3) + 0.008*math.Sin(3*t),
			LR: 0.001, Seconds: 1.5})
	}
	return e
}

// digits are the figures of a 27-wide network with 5 images a class: the first
// n convolutions frozen, PyTorch, five seeds.
var digits = []report.Series{
	{Name: "first n layers frozen", X: []float64{0, 1, 2, 3, 4, 5},
		Mean: []float64{94.7, 95.7, 96.5, 96.8, 95.3, 77.9}, Spread: []float64{1.2, 0.9, 0.8, 0.7, 1.1, 2.4}},
	{Name: "random and frozen", X: []float64{1, 2, 3, 4, 5},
		Mean: []float64{94.1, 93.9, 92.2, 88.8, 83.4}, Spread: []float64{1.4, 1.1, 1.6, 2.0, 2.2}},
}

var baselines = []report.Line{
	{Name: "from scratch", Mean: 94.7, Spread: 1.2},
	{Name: "fine-tuned", Mean: 96.4, Spread: 0.8},
}

func TestGolden(t *testing.T) {
	absent := training(40)
	for i := range absent {
		absent[i].TrainScore = math.NaN()
		if i%3 != 2 {
			absent[i].ValLoss, absent[i].ValScore = math.NaN(), math.NaN()
		}
		if i > 9 && i < 15 {
			absent[i].TrainLoss = math.NaN()
		}
	}
	for _, c := range []struct {
		name string
		draw func(io.Writer) error
		w, h int
	}{
		{"curves", func(w io.Writer) error {
			return report.Curves(w, training(20), report.Top1, "squeezenet1_1 on hymenoptera, head only")
		}, 1728, 816},
		{"curves_absent", func(w io.Writer) error { return report.Curves(w, absent, report.Top1, "") }, 1728, 816},
		{"transfer", func(w io.Writer) error {
			return report.TransferCurve(w, "Digits 0 to 4 to digits 5 to 9, five images a class, five seeds",
				"layers taken from the base and frozen, n", "top-1 accuracy, %", digits, baselines)
		}, 1536, 960},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got, again bytes.Buffer
			if err := c.draw(&got); err != nil {
				t.Fatal(err)
			}
			if c.draw(&again); !bytes.Equal(got.Bytes(), again.Bytes()) {
				t.Error("equal records give other bytes")
			}
			img, err := png.Decode(&again)
			if err != nil || img.Bounds() != image.Rect(0, 0, c.w, c.h) {
				t.Fatalf("%v, %v", err, img)
			}
			golden := filepath.Join("testdata", c.name+".png")
			if *update {
				os.WriteFile(golden, got.Bytes(), 0o666)
			}
			f, err := os.Open(golden)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			want, err := png.Decode(f)
			if err != nil {
				t.Fatal(err)
			}
			// The tolerance is for the rounding of other processors.
			if share := unlike(img, want); share > 1e-4 {
				out := filepath.Join(t.ArtifactDir(), c.name+".png")
				os.WriteFile(out, got.Bytes(), 0o666)
				t.Errorf("%.2f %% of the dots differ from %s: see %s (go test -artifacts) or go test -update", 100*share, golden, out)
			}
		})
	}
}

// unlike is the share of dots where a colour differs by more than 10 %.
func unlike(a, b image.Image) float64 {
	if a.Bounds() != b.Bounds() {
		return 1
	}
	n, size := 0, a.Bounds().Size()
	for y := range size.Y {
		for x := range size.X {
			r, g, b1, _ := a.At(x, y).RGBA()
			r2, g2, b2, _ := b.At(x, y).RGBA()
			d := max(max(r, r2)-min(r, r2), max(g, g2)-min(g, g2), max(b1, b2)-min(b1, b2))
			if d > 0xffff/10 {
				n++
			}
		}
	}
	return float64(n) / float64(size.X*size.Y)
}

// TestOddRecords: every record gives a picture or an error, never a panic.
func TestOddRecords(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, e := range [][]report.Epoch{
		training(1), training(2), training(2000),
		{{N: 1, TrainLoss: nan, TrainScore: nan, ValLoss: nan, ValScore: nan}},
		{{N: 1, TrainLoss: inf, TrainScore: 0}, {N: 2, TrainLoss: -inf, TrainScore: 0}},
		{{N: 1, TrainLoss: 1e300, TrainScore: 1}, {N: 2, TrainLoss: 1e-300, TrainScore: 1}},
		{{N: 5, TrainLoss: 3, TrainScore: 1, ValLoss: 3, ValScore: 1}, {N: 5, TrainLoss: 3, TrainScore: 1, ValLoss: 3, ValScore: 1}},
	} {
		var b bytes.Buffer
		if err := report.Curves(&b, e, report.Top1, strings.Repeat("long ", 1000)); err != nil {
			t.Errorf("%d epochs: %v", len(e), err)
		}
	}
	for _, s := range []report.Series{
		{X: []float64{3}, Mean: []float64{50}},
		{X: []float64{0, 1, 2}, Mean: []float64{50, nan, 50}, Spread: []float64{nan, 1}},
		{X: []float64{0, 1, 2}, Mean: []float64{1, 2}, Spread: []float64{inf, 1e9}},
		{X: []float64{-1e9, 1e9}, Mean: []float64{-1e12, 1e12}},
		{X: []float64{0, 1e-9}, Mean: []float64{100, 100}},
	} {
		lines := []report.Line{{Name: "a", Mean: 50, Spread: nan}, {Name: "b", Mean: nan}, {Name: "c", Mean: 50}}
		if err := report.TransferCurve(io.Discard, "", "", "", []report.Series{s}, lines); err != nil {
			t.Errorf("%v: %v", s, err)
		}
		var b strings.Builder
		if err := report.Terminal(&b, []report.Series{s}, 0, 0, lines...); err != nil || b.Len() == 0 {
			t.Errorf("%v: %v", s, err)
		}
	}
	if err := report.Curves(io.Discard, nil, report.Top1, ""); err == nil {
		t.Error("no epochs: no error")
	}
	none := []report.Series{{X: []float64{1}, Mean: []float64{nan}}}
	if err := report.TransferCurve(io.Discard, "", "", "", none, baselines); err == nil {
		t.Error("no points: no error")
	}
	var b strings.Builder
	if report.Terminal(&b, none, 80, 20); b.Len() > 0 {
		t.Errorf("no points: drew %q", b.String())
	}
}

// TestTerminalFits: no line is wider and no picture higher than asked, and
// every point of a lone series is seen.
func TestTerminalFits(t *testing.T) {
	for _, c := range []struct{ width, height int }{{40, 6}, {41, 7}, {60, 12}, {80, 24}, {200, 50}} {
		for _, s := range [][]report.Series{digits, digits[:1]} {
			var b strings.Builder
			report.Terminal(&b, s, c.width, c.height, baselines...)
			lines := strings.Split(b.String(), "\n")
			rows := 0
			for strings.ContainsAny(lines[rows], "│┤") {
				rows++
			}
			if rows+2 > c.height || rows < 2 {
				t.Errorf("%v: %d rows:\n%s", c, rows, b.String())
			}
			for _, l := range lines {
				if utf8.RuneCountInString(l) > c.width {
					t.Errorf("%v: line of %d: %q", c, utf8.RuneCountInString(l), l)
				}
			}
			if n := strings.Count(b.String(), "●"); len(s) == 1 && n != 7 { // 6 and the key
				t.Errorf("%v: %d marks, want 7:\n%s", c, n, b.String())
			}
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestWriteErrors(t *testing.T) {
	for name, err := range map[string]error{
		"csv":      report.WriteCSV(full{}, training(1), report.Top1),
		"curves":   report.Curves(full{}, training(1), report.Top1, ""),
		"transfer": report.TransferCurve(full{}, "", "", "", digits, nil),
		"terminal": report.Terminal(full{}, digits, 80, 20),
	} {
		if err == nil {
			t.Errorf("%s: the error is lost", name)
		}
	}
}
