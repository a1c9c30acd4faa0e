package sweep

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Estimate is a mean over repeats. With one value there is no spread and no interval:
// these are NaN.
type Estimate struct {
	Count  int
	Mean   float64
	Spread float64 // standard deviation of the values, n-1 in its divisor
	Half   float64 // of the 95 % interval of the mean, by Student's t: Mean ± Half
}

// estimate is the mean of values and how well it is known.
func estimate(values []float64) Estimate {
	e := Estimate{Count: len(values), Mean: math.NaN(), Spread: math.NaN(), Half: math.NaN()}
	if len(values) == 0 {
		return e
	}
	e.Mean, e.Spread = stat.MeanStdDev(values, nil)
	if n := float64(len(values)); n > 1 {
		e.Half = distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.Quantile(0.975) * e.Spread / math.Sqrt(n)
	} else {
		e.Spread = math.NaN()
	}
	return e
}

// Above reports whether the whole interval lies above 0.
func (e Estimate) Above() bool { return e.Mean-e.Half > 0 }

// Below reports whether the whole interval lies below 0.
func (e Estimate) Below() bool { return e.Mean+e.Half < 0 }

// Summary is what the networks of one treatment at one n have reached.
type Summary struct {
	Group     string // the kind of split: Halves, Given, Whole
	Treatment string
	N         int
	Top1      Estimate
	// Gain is each network's top-1 less its own base's, the mean over the base's repeats.
	Gain Estimate
}

// Groups of splits, whose networks are alike.
const (
	Halves = "random halves"
	Given  = "given halves"
	Whole  = "all classes"
)

// Splits that are no random halves.
const givenSplit, wholeSplit = "given", "whole"

// groupOf is the kind of a split, by its name in the plan.
func groupOf(split string) string {
	switch split {
	case wholeSplit:
		return Whole
	case givenSplit:
		return Given
	}
	return Halves
}

// Analysis is a study's table, summarised.
type Analysis struct {
	Rows      []Row // that have not failed
	Failed    []Row
	Measure   string
	Layers    []int // the n that occur
	Summaries []Summary
	bases     map[string]float64 // top-1 by task, the mean over repeats
}

// Analyse summarises a table by a measure of top-1.
func Analyse(rows []Row, measure string) *Analysis {
	a := &Analysis{Measure: measure, bases: map[string]float64{}}
	of := map[string][]float64{}
	for _, r := range rows {
		if r.Failed != "" {
			a.Failed = append(a.Failed, r)
			continue
		}
		a.Rows = append(a.Rows, r)
		if r.Treatment == Base {
			of[r.Target] = append(of[r.Target], r.top1(measure))
		}
		if r.N > 0 && !slices.Contains(a.Layers, r.N) {
			a.Layers = append(a.Layers, r.N)
		}
	}
	slices.Sort(a.Layers)
	for task, values := range of {
		a.bases[task] = stat.Mean(values, nil)
	}
	for _, group := range []string{Halves, Given, Whole} {
		for _, label := range Labels {
			for _, n := range append([]int{0}, a.Layers...) {
				if s, ok := a.summarise(group, label, n); ok {
					a.Summaries = append(a.Summaries, s)
				}
			}
		}
	}
	return a
}

func (a *Analysis) summarise(group, label string, n int) (Summary, bool) {
	var top1, gain []float64
	for _, r := range a.Rows {
		if groupOf(r.Split) == group && r.Treatment == label && r.N == n {
			top1 = append(top1, r.top1(a.Measure))
			if base, ok := a.bases[r.Target]; ok && label != Base {
				gain = append(gain, r.top1(a.Measure)-base)
			}
		}
	}
	return Summary{group, label, n, estimate(top1), estimate(gain)}, len(top1) > 0
}

// Of finds a summary.
func (a *Analysis) Of(group, label string, n int) (Summary, bool) {
	for _, s := range a.Summaries {
		if s.Group == group && s.Treatment == label && s.N == n {
			return s, true
		}
	}
	return Summary{}, false
}

// Boost is what transfer and fine-tuning gain over layers From to the last: the paper's
// table 1. The means are over the n, of the means at each n.
type Boost struct {
	From, To              int
	OverBase, OverSelffer float64 // NaN where there is nothing to compare with
}

// Boosts are the rows of table 1: all layers, from the third on, from the fifth on.
func (a *Analysis) Boosts() []Boost {
	var list []Boost
	base, ok := a.Of(Halves, Base, 0)
	if !ok {
		return nil
	}
	mean := func(label string, first int) float64 {
		var v []float64
		for _, n := range a.Layers {
			if s, ok := a.Of(Halves, label, n); ok && n >= first {
				v = append(v, s.Top1.Mean)
			}
		}
		return stat.Mean(v, nil) // NaN of none
	}
	last := 0
	for _, n := range a.Layers {
		last = max(last, n)
	}
	for _, first := range []int{1, 3, 5} {
		if transfer := mean(Transfer+"+", first); first <= last && !math.IsNaN(transfer) {
			list = append(list, Boost{first, last, transfer - base.Top1.Mean, transfer - mean(Selffer+"+", first)})
		}
	}
	return list
}

// difference is what each network of one kind has more than that of another kind with the
// same target, copied layers and repeat.
func (a *Analysis) difference(group, label string, n int, other string, otherN int) Estimate {
	find := func(r Row) (float64, bool) {
		for _, o := range a.Rows {
			if groupOf(o.Split) == group && o.Treatment == other && o.N == otherN && o.Target == r.Target && o.Repeat == r.Repeat {
				return o.top1(a.Measure), true
			}
		}
		return 0, false
	}
	var v []float64
	for _, r := range a.Rows {
		if groupOf(r.Split) == group && r.Treatment == label && r.N == n {
			if o, ok := find(r); ok {
				v = append(v, r.top1(a.Measure)-o)
			}
		}
	}
	return estimate(v)
}
