package sweep

import (
	"math"
	"os"
	"testing"
)

// authorsRows are the results of the authors' 148 networks.
func authorsRows(t *testing.T) []Row {
	t.Helper()
	b, err := os.ReadFile("../../../shared/notes/paper_results.json")
	if err != nil {
		t.Skip("the authors' results are not here: ", err)
	}
	rows, err := ParseAuthors(b)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// Table 1 of the paper, recomputed from the logs, in points; the paper itself gives
// 1.6/1.4, 1.8/1.4 and 2.1/1.7.
func TestTable1OfAuthors(t *testing.T) {
	a := Analyse(authorsRows(t), "best10")
	want := []Boost{{1, 7, 1.67, 1.56}, {3, 7, 1.88, 1.50}, {5, 7, 2.06, 1.76}}
	got := a.Boosts()
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i, b := range got {
		w := want[i]
		if b.From != w.From || b.To != w.To || math.Abs(100*b.OverBase-w.OverBase) > 0.005 || math.Abs(100*b.OverSelffer-w.OverSelffer) > 0.005 {
			t.Errorf("layers %d-%d: %.3f over the base, %.3f over BnB+; want %.2f and %.2f", b.From, b.To, 100*b.OverBase, 100*b.OverSelffer, w.OverBase, w.OverSelffer)
		}
	}
}

// The means that are built in are those of the authors' networks.
func TestPaperMeans(t *testing.T) {
	a := Analyse(authorsRows(t), "best10")
	if len(a.Layers) != 7 {
		t.Fatalf("layers %v, want 1 to 7", a.Layers)
	}
	for label, means := range PaperMeans {
		for n, want := range means {
			l := label
			if n == 0 {
				l = Base
			}
			s, ok := a.Of(Halves, l, n)
			if !ok || math.Abs(s.Top1.Mean-want) > 0.00006 {
				t.Errorf("%s at %d: %.5f, want %.4f", l, n, s.Top1.Mean, want)
			}
		}
	}
	for n, want := range paperRandom {
		l := Random
		if n == 0 {
			l = Base
		}
		if s, ok := a.Of(Whole, l, n); !ok || math.Abs(s.Top1.Mean-want) > 0.00006 {
			t.Errorf("random filters at %d: %.5f, want %.4f", n, s.Top1.Mean, want)
		}
	}
	for _, r := range a.Rows {
		if r.Split != givenSplit {
			continue
		}
		i := int(r.Target[len(r.Target)-1] - 'A')
		if want := paperGiven[i][r.N]; math.Abs(r.Best10-want) > 0.00006 {
			t.Errorf("%s: %.5f, want %.4f", r.Cell, r.Best10, want)
		}
	}
	for _, c := range []struct {
		group, label string
		n, count     int
		want         float64
	}{
		{Halves, Base, 0, 8, 0.6251}, {Halves, Selffer, 3, 4, 0.6211}, {Halves, Transfer, 7, 8, 0.5425}, {Given, Base, 0, 2, (0.5372 + 0.6534) / 2},
		{Given, Transfer, 7, 2, (0.2914 + 0.3990) / 2}, {Whole, Base, 0, 1, 0.5763}, {Whole, Random, 2, 1, 0.4026},
	} {
		s, ok := a.Of(c.group, c.label, c.n)
		if !ok || s.Top1.Count != c.count || math.Abs(s.Top1.Mean-c.want) > 0.00011 {
			t.Errorf("%s of %s at %d: %d networks of %.5f, want %d of %.4f", c.label, c.group, c.n, s.Top1.Count, s.Top1.Mean, c.count, c.want)
		}
	}
}

func TestEstimate(t *testing.T) {
	e := estimate([]float64{1, 2, 3, 4})
	// Student's t at 0.975 with 3 degrees of freedom is 3.182446; 3.182446 x 1.290994 / 2 = 2.054260.
	if e.Mean != 2.5 || math.Abs(e.Spread-1.2909944) > 1e-6 || math.Abs(e.Half-2.0542603) > 1e-6 {
		t.Errorf("%+v", e)
	}
	if one := estimate([]float64{0.5}); one.Mean != 0.5 || !math.IsNaN(one.Half) || one.Above() || one.Below() {
		t.Errorf("one value: %+v", one)
	}
}
