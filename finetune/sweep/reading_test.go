package sweep

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// madeUp is the table of a study of 4 targets whose networks have the base's accuracy and
// what effect adds, with noise.
func madeUp(noise float64, effect func(label string, n int) float64) []Row {
	random := rand.New(rand.NewPCG(5, 6))
	var rows []Row
	add := func(label, split, base, target string, n int) {
		top1 := 0.7 + effect(label, n) + noise*random.NormFloat64()
		rows = append(rows, Row{Cell: fmt.Sprint(base, n, target, label), Treatment: label, Split: split, Base: base, Target: target, N: n, Best10: top1, Last: top1, HeldOut: -1})
	}
	for _, split := range []string{"0", "1"} {
		for _, target := range []string{split + "A", split + "B"} {
			add(Base, split, "", target, 0)
			for n := 1; n < 8; n++ {
				for _, label := range []string{Selffer, Selffer + "+", Transfer, Transfer + "+"} {
					add(label, split, target, target, n)
				}
			}
		}
	}
	return rows
}

// What the intervals do not support is not said; what they do is said with them.
func TestReading(t *testing.T) {
	none := func(string, int) float64 { return 0 }
	if s := Analyse(madeUp(0.05, none), "last").Reading(); len(s) > 0 {
		t.Errorf("of noise: %q", s)
	}
	if s := Analyse(nil, "last").Reading(); len(s) > 0 {
		t.Errorf("of nothing: %q", s)
	}
	paper := func(label string, n int) float64 {
		switch {
		case label == Selffer && (n == 4 || n == 5):
			return -0.04
		case label == Transfer && n >= 4:
			return -0.02 * float64(n-1)
		case label == Transfer+"+":
			return 0.02
		}
		return 0
	}
	got := Analyse(madeUp(0.002, paper), "best10").Reading()
	for i, want := range []string{"General layers: the first 3, ", "cut after 4 and 5; ", "Specificity sets in at layer 4: ", "Fine-tuning repairs broken co-adaptation", "Fine-tuning transferred layers gains"} {
		if i >= len(got) || !strings.Contains(got[i], want) || !strings.Contains(got[i], " ± ") {
			t.Errorf("sentence %d does not say %q with its interval: %q", i, want, got)
		}
	}
	if len(got) != 5 {
		t.Errorf("%d sentences: %q", len(got), got)
	}
}

// The practical form takes the best mean; of equals the frozen one.
func TestAdvise(t *testing.T) {
	row := func(label string, n int, top1 float64) Row {
		return Row{Cell: fmt.Sprint(label, n), Treatment: label, Split: "0", Base: map[bool]string{true: "model"}[n > 0], Target: "all", N: n, Last: top1}
	}
	rows := []Row{row(Base, 0, 0.5), row(Transfer, 2, 0.8), row(Transfer, 4, 0.9), row(Transfer+"+", 4, 0.9), row(Transfer+"+", 5, 0.85)}
	if best, ok := Analyse(rows, "last").Advise(); !ok || best.N != 4 || !best.Freeze {
		t.Errorf("%+v, want 4, frozen", best)
	}
	rows = append(rows, row(Transfer+"+", 2, 0.95))
	if best, ok := Analyse(rows, "last").Advise(); !ok || best.N != 2 || best.Freeze {
		t.Errorf("%+v, want 2, learning", best)
	}
	rows = append(rows, row(Base, 0, 1.9))
	if best, ok := Analyse(rows, "last").Advise(); !ok || best.N != 0 {
		t.Errorf("%+v, want from scratch", best)
	}
	if _, ok := Analyse(madeUp(0, func(string, int) float64 { return 0 }), "last").Advise(); ok {
		t.Error("the study itself gives advice")
	}
}
