package sweep

import (
	"fmt"
	"io"
	"math"
	"strconv"

	"graft/finetune/report"
)

// Record is the analysis as its figures need it; overlay draws the authors' means too.
func (a *Analysis) Record(depth int, overlay bool) report.Study {
	s := report.Study{Depth: depth}
	for _, r := range a.Rows {
		w := report.Network{Treatment: r.Treatment, N: r.N, Top1: r.top1(a.Measure)}
		switch group := groupOf(r.Split); {
		case group == Halves:
			s.Networks = append(s.Networks, w)
		case group == Given:
			i := 0
			if r.Target == givenSplit+"B" {
				i = 1
			}
			s.Given[i] = append(s.Given[i], w)
		case r.Treatment == Reduced:
			w.N = r.PerClass
			s.Reduced = append(s.Reduced, w)
		default:
			s.Random = append(s.Random, w)
		}
	}
	random := false
	for _, w := range s.Random {
		random = random || w.N > 0
	}
	if !random {
		s.Random = nil
	}
	if overlay {
		s.Overlay = Authors()
	}
	return s
}

// percents writes a share of one as percent, and nothing for what is not known.
func percents(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(100*v, 'f', 2, 64)
}

// around writes an estimate's mean, spread and interval.
func (e Estimate) around() []string {
	interval := ""
	if !math.IsNaN(e.Half) {
		interval = percents(e.Mean-e.Half) + " to " + percents(e.Mean+e.Half)
	}
	return []string{percents(e.Mean), percents(e.Spread), interval}
}

// Tables are the summaries, table 1 beside the paper's, and the failures.
func (a *Analysis) Tables() []report.Table {
	t := report.Table{Title: "Top-1 and what it is more than the own base's, in percent and points; 95 % intervals of the means over the networks",
		Header: []string{"of", "treatment", "n", "networks", "top-1", "spread", "interval", "gain", "spread", "interval"}}
	for _, s := range a.Summaries {
		row := append([]string{s.Group, s.Treatment, fmt.Sprint(s.N), fmt.Sprint(s.Top1.Count)}, s.Top1.around()...)
		t.Rows = append(t.Rows, append(row, s.Gain.around()...))
	}
	list := []report.Table{t}
	if boosts := a.Boosts(); len(boosts) > 0 {
		t := report.Table{Title: "Table 1: what transfer with fine-tuning gains, in points, the mean over the layers kept; beside it the authors' networks",
			Header: []string{"layers", "over baseB", "over BnB+", "authors", "authors"}}
		for _, b := range boosts {
			row := []string{fmt.Sprintf("%d-%d", b.From, b.To), percents(b.OverBase), percents(b.OverSelffer), "", ""}
			if b.To == 7 {
				row[3], row[4] = percents(paperMean(Transfer+"+", b.From)-PaperMeans[Transfer][0]), percents(paperMean(Transfer+"+", b.From)-paperMean(Selffer+"+", b.From))
			}
			t.Rows = append(t.Rows, row)
		}
		list = append(list, t)
	}
	if reduced := a.reduced(); len(reduced.Rows) > 0 {
		list = append(list, reduced)
	}
	if len(a.Failed) > 0 {
		t := report.Table{Title: "Networks that have come to no end", Header: []string{"network", "why"}}
		for _, r := range a.Failed {
			t.Rows = append(t.Rows, []string{r.Cell, r.Failed})
		}
		list = append(list, t)
	}
	return list
}

// paperMean is the mean of the authors' means from a layer on.
func paperMean(label string, from int) float64 {
	sum := 0.0
	for _, v := range PaperMeans[label][from:] {
		sum += v
	}
	return sum / float64(len(PaperMeans[label])-from)
}

func (a *Analysis) reduced() report.Table {
	t := report.Table{Title: "Bases on fewer pictures", Header: []string{"pictures a class", "networks", "top-1", "spread", "interval"}}
	var order []int
	of := map[int][]float64{}
	for _, r := range a.Rows {
		if r.Treatment == Reduced {
			if of[r.PerClass] == nil {
				order = append(order, r.PerClass)
			}
			of[r.PerClass] = append(of[r.PerClass], r.top1(a.Measure))
		}
	}
	for _, n := range order {
		e := estimate(of[n])
		t.Rows = append(t.Rows, append([]string{fmt.Sprint(n), fmt.Sprint(e.Count)}, e.around()...))
	}
	return t
}

// WriteSummary writes the summaries as CSV: shares of one, empty where not known.
func (a *Analysis) WriteSummary(w io.Writer) error {
	t := report.Table{Header: []string{"of", "treatment", "n", "networks", "top1", "top1_spread", "top1_low", "top1_high", "gain", "gain_spread", "gain_low", "gain_high"}}
	exact := func(v float64) string {
		if math.IsNaN(v) {
			return ""
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	for _, s := range a.Summaries {
		row := []string{s.Group, s.Treatment, fmt.Sprint(s.N), fmt.Sprint(s.Top1.Count)}
		for _, e := range []Estimate{s.Top1, s.Gain} {
			row = append(row, exact(e.Mean), exact(e.Spread), exact(e.Mean-e.Half), exact(e.Mean+e.Half))
		}
		t.Rows = append(t.Rows, row)
	}
	return t.WriteCSV(w)
}
