package sweep

import (
	"fmt"
	"slices"
	"strings"
)

// general is how much a layer may cost, at the most, to be called general: a point.
const general = 0.01

// Reading says in plain language what a study has found, one sentence a finding, each
// with the intervals that support it. What no interval supports is not said.
func (a *Analysis) Reading() []string {
	var list []string
	for _, find := range []func() string{a.generality, a.coadaptation, a.specificity, a.recovery, a.generalisation, a.distance, a.randomness} {
		if s := find(); s != "" {
			list = append(list, s)
		}
	}
	return list
}

// points writes an estimate of a difference: -2.0 ± 0.7.
func points(e Estimate) string { return fmt.Sprintf("%+.1f ± %.1f points", 100*e.Mean, 100*e.Half) }

// each lists the estimates of those n that a condition holds for.
func (a *Analysis) each(of func(n int) Estimate, holds func(Estimate) bool) (ns []int, words []string) {
	for _, n := range a.Layers {
		if e := of(n); e.Count > 1 && holds(e) {
			ns = append(ns, n)
			words = append(words, fmt.Sprintf("%s at %d", points(e), n))
		}
	}
	return ns, words
}

func (a *Analysis) gain(group, label string) func(n int) Estimate {
	return func(n int) Estimate { s, _ := a.Of(group, label, n); return s.Gain }
}

// generality: up to which n frozen layers of the other half cost less than a point.
func (a *Analysis) generality() string {
	ns, words := a.each(a.gain(Halves, Transfer), func(e Estimate) bool { return e.Mean-e.Half > -general })
	k := 0
	for k < len(ns) && k < len(a.Layers) && ns[k] == a.Layers[k] {
		k++
	}
	if k == 0 {
		return ""
	}
	return fmt.Sprintf("General layers: the first %d, copied from the other half and frozen, cost less than a point against the base (AnB - baseB: %s).", ns[k-1], strings.Join(words[:k], ", "))
}

// coadaptation: where layers cannot be relearnt above frozen ones of the same task.
func (a *Analysis) coadaptation() string {
	gain := a.gain(Halves, Selffer)
	ns, words := a.each(gain, Estimate.Below)
	if len(ns) == 0 {
		return ""
	}
	s := fmt.Sprintf("Co-adaptation: layers learnt together break where the network is cut after %s; learnt anew, the upper ones do not find back (BnB - baseB: %s).", numbers(ns), strings.Join(words, ", "))
	worst := slices.MinFunc(ns, func(x, y int) int {
		switch dx, dy := gain(x).Mean, gain(y).Mean; {
		case dx < dy:
			return -1
		case dx > dy:
			return 1
		}
		return 0
	})
	last := a.Layers[len(a.Layers)-1]
	if e := a.difference(Halves, Selffer, last, Selffer, worst); e.Count > 1 && e.Above() {
		s += fmt.Sprintf(" Near the output there is less to relearn: %s at %d against %d.", points(e), last, worst)
	}
	return s
}

// specificity: where layers of the other half are worse than those of the same one.
func (a *Analysis) specificity() string {
	of := func(n int) Estimate { return a.difference(Halves, Transfer, n, Selffer, n) }
	ns, words := a.each(of, Estimate.Below)
	if len(ns) == 0 {
		return ""
	}
	return fmt.Sprintf("Specificity sets in at layer %d: frozen layers of the other half are worse than the task's own (AnB - BnB: %s).", ns[0], strings.Join(words, ", "))
}

// recovery: what fine-tuning repairs of broken co-adaptation.
func (a *Analysis) recovery() string {
	broken, _ := a.each(a.gain(Halves, Selffer), Estimate.Below)
	of := func(n int) Estimate { return a.difference(Halves, Selffer+"+", n, Selffer, n) }
	ns, words := a.each(of, func(e Estimate) bool { return e.Above() })
	var some []string
	for i, n := range ns {
		if slices.Contains(broken, n) {
			some = append(some, words[i])
		}
	}
	if len(some) == 0 {
		return ""
	}
	return fmt.Sprintf("Fine-tuning repairs broken co-adaptation (BnB+ - BnB: %s).", strings.Join(some, ", "))
}

// generalisation: whether copied layers that learn on are better than none.
func (a *Analysis) generalisation() string {
	type key struct {
		target string
		repeat int
	}
	sums := map[key][]float64{}
	var order []key
	for _, r := range a.Rows {
		if base, ok := a.bases[r.Target]; ok && groupOf(r.Split) == Halves && r.Treatment == Transfer+"+" {
			k := key{r.Target, r.Repeat}
			if sums[k] == nil {
				order = append(order, k)
			}
			sums[k] = append(sums[k], r.top1(a.Measure)-base)
		}
	}
	var v []float64
	for _, k := range order {
		v = append(v, estimate(sums[k]).Mean)
	}
	switch e := estimate(v); {
	case e.Count > 1 && e.Above():
		return fmt.Sprintf("Fine-tuning transferred layers gains over learning from scratch: AnB+ - baseB is %s, the mean over all n, of %d targets.", points(e), e.Count)
	case e.Count > 1 && e.Below():
		return fmt.Sprintf("Fine-tuning transferred layers loses against learning from scratch here: AnB+ - baseB is %s, the mean over all n, of %d targets.", points(e), e.Count)
	}
	return ""
}

// distance: whether transfer between the given halves loses more than between random ones.
func (a *Analysis) distance() string {
	return a.apart(Given, Transfer, "Distant tasks: transfer between the given halves loses more than between random ones at %s (AnB - baseB %s).")
}

// randomness: whether random filters are worse than transferred ones.
func (a *Analysis) randomness() string {
	return a.apart(Whole, Random, "Random filters are worse than those of another task from n = %s on: relative to their own base they reach %s.")
}

// apart says where the interval of a group's loss lies below that of random halves.
func (a *Analysis) apart(group, label, format string) string {
	near := a.gain(Halves, Transfer)
	var ns []int
	var words []string
	for _, n := range a.Layers {
		far, close := a.gain(group, label)(n), near(n)
		if far.Count > 1 && close.Count > 1 && far.Mean+far.Half < close.Mean-close.Half {
			ns = append(ns, n)
			words = append(words, fmt.Sprintf("%s against %s at %d", points(far), points(close), n))
		}
	}
	if len(ns) == 0 {
		return ""
	}
	where := numbers(ns)
	if group == Whole {
		where = fmt.Sprint(ns[0])
	}
	return fmt.Sprintf(format, where, strings.Join(words, ", "))
}

// numbers lists layers: "4", "4 and 5", "3, 4 and 5".
func numbers(ns []int) string {
	var words []string
	for _, n := range ns {
		words = append(words, fmt.Sprint(n))
	}
	if last := len(words) - 1; last > 0 {
		return strings.Join(words[:last], ", ") + " and " + words[last]
	}
	return strings.Join(words, "")
}

// Advice is what the practical form recommends: where to cut the pretrained model, and
// whether to freeze what is kept.
type Advice struct {
	N      int      `json:"after"` // 0: from scratch
	Freeze bool     `json:"freeze"`
	Top1   Estimate `json:"-"`
}

// Advise takes the kind of network that did best, the frozen and then the smaller one of
// equals; ok is false where the table is not of the practical form.
func (a *Analysis) Advise() (best Advice, ok bool) {
	if !slices.ContainsFunc(a.Rows, func(r Row) bool { return r.Base == "model" }) {
		return best, false
	}
	for _, s := range a.Summaries {
		c := Advice{s.N, s.Treatment == Transfer, s.Top1}
		if !ok || c.Top1.Mean > best.Top1.Mean || c.Top1.Mean == best.Top1.Mean && c.Freeze && !best.Freeze {
			best, ok = c, true
		}
	}
	return best, ok
}
