package report

import (
	"fmt"
	"math"
)

// A Measure is what the scores of epochs are: the higher the better.
type Measure string

// Measures; the zero value is Top1.
const (
	Top1 Measure = "top-1"      // share of the images whose class came first
	MAP  Measure = "mAP"        // mean average precision of labels
	R2   Measure = "R²"         // of numbers
	Mean Measure = "mean score" // of several heads
)

// measured is how a measure is called and drawn.
type measured struct {
	title, axis, file, column, tag string
	scale                          float64 // in pictures
	most                           float64
}

func (m Measure) of() measured {
	switch m {
	case MAP:
		return measured{"Mean average precision, %", "mean average precision, %", "mean_average_precision", "map", "map", 100, 100}
	case R2:
		return measured{"R², share of the variance explained", "R²", "r2", "r2", "r2", 1, 1}
	case Mean:
		return measured{"Mean score of the heads", "mean score", "score", "score", "score", 1, 1}
	}
	return measured{"Top-1 accuracy, %", "top-1 accuracy, %", "accuracy", "acc", "top1", 100, 100}
}

// Name is the measure in a word.
func (m Measure) Name() string {
	if m == "" {
		return string(Top1)
	}
	return string(m)
}

// Percent says whether scores are shown in percent: they are shares of images.
func (m Measure) Percent() bool { return m.of().scale == 100 }

// Best is the number of the epoch of the best validation score, of equal ones that of the
// least loss; 0 without one.
func Best(epochs []Epoch) (n int) {
	most, least := math.Inf(-1), 0.0
	for _, e := range epochs {
		if e.ValScore > most || e.ValScore == most && e.ValLoss < least {
			most, least, n = e.ValScore, e.ValLoss, e.N
		}
	}
	return n
}

// Format writes a score: as a percentage where it is a share of images.
func (m Measure) Format(v float64) string {
	if m.Percent() {
		return fmt.Sprintf("%.1f %%", 100*v)
	}
	return fmt.Sprintf("%.3f", v)
}

// course is the loss and the scores of epochs, training and validation, as pictures show them.
func (m Measure) course(epochs []Epoch) (x []float64, loss, score []Series) {
	field := func(scale float64, get func(Epoch) float64) []float64 {
		var v []float64
		for _, e := range epochs {
			v = append(v, scale*get(e))
		}
		return v
	}
	x = field(1, func(e Epoch) float64 { return float64(e.N) })
	both := func(scale float64, train, val func(Epoch) float64) []Series {
		return []Series{{Name: "training", X: x, Mean: field(scale, train)}, {Name: "validation", X: x, Mean: field(scale, val)}}
	}
	return x, both(1, func(e Epoch) float64 { return e.TrainLoss }, func(e Epoch) float64 { return e.ValLoss }),
		both(m.of().scale, func(e Epoch) float64 { return e.TrainScore }, func(e Epoch) float64 { return e.ValScore })
}

// keysOf are the keys of the series of a picture that have points.
func keysOf(pictures ...[]Series) (keys []key) {
	for i := range pictures[0] {
		for _, p := range pictures {
			if len(p[i].points()) > 0 {
				keys = append(keys, key{p[i].Name, palette[i], markers[i]})
				break
			}
		}
	}
	return keys
}
