package finetune

import (
	"cmp"
	"math"
	"slices"

	"graft/finetune/data"
)

// LabelScore is the result for one of several labels. Shares of nothing are 0.
type LabelScore struct {
	Label     string  `json:"label"`
	Images    int     `json:"images"`            // that have it
	AP        float64 `json:"average_precision"` // sum over its images, the likeliest first, of the rise of recall times precision
	Precision float64 `json:"precision"`         // where its probability is 0.5 or more
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"` // the harmonic mean of the two
}

// ValueScore is the result for one number.
type ValueScore struct {
	Name string  `json:"name"`
	RMSE float64 `json:"rmse"` // root of the mean squared error, in the number's unit
	MAE  float64 `json:"mae"`  // mean of the absolute error
	R2   float64 `json:"r2"`   // 1 - squared errors / squared deviations from the mean; 0 for a constant
}

// labelScore judges a label by its probability [n] for images that have it or not.
func labelScore(name string, p []float64, has []bool) LabelScore {
	s := LabelScore{Label: name}
	order := upTo(len(p))
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[b], p[a]) })
	hit, called, seen := 0, 0, 0
	for i, v := range p {
		if has[i] {
			s.Images++
		}
		if v >= 0.5 {
			called++
			if has[i] {
				hit++
			}
		}
	}
	s.Precision, s.Recall, s.F1 = share(hit, called), share(hit, s.Images), share(2*hit, called+s.Images)
	recall := 0.0
	for at := 0; at < len(order); {
		end := at // images of equal probability come together
		for end < len(order) && p[order[end]] == p[order[at]] {
			if has[order[end]] {
				seen++
			}
			end++
		}
		r := share(seen, s.Images)
		s.AP += (r - recall) * float64(seen) / float64(end)
		recall, at = r, end
	}
	return s
}

func share(part, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(part) / float64(of)
}

// valueScore judges guesses of a number.
func valueScore(name string, guess, truth []float64) ValueScore {
	n, mean := float64(max(len(truth), 1)), 0.0
	for _, v := range truth {
		mean += v / n
	}
	squares, all, absolute := 0.0, 0.0, 0.0
	for i, v := range truth {
		d := guess[i] - v
		squares, absolute, all = squares+d*d, absolute+math.Abs(d), all+(v-mean)*(v-mean)
	}
	s := ValueScore{Name: name, RMSE: math.Sqrt(squares / n), MAE: absolute / n}
	if all > 0 {
		s.R2 = 1 - squares/all
	}
	return s
}

// judged collects what one head makes of the images of a set.
type judged struct {
	Head
	p, truth [][]float64 // by class, label or number, an element an image; of classes truth has the index alone
}

func newJudged(h Head) *judged {
	return &judged{h, make([][]float64, len(h.Classes)), make([][]float64, h.Told())}
}

// add takes what the head's outputs mean for an image, and what is told of it.
func (j *judged) add(p []float64, told []float32) {
	for k, v := range p {
		j.p[k] = append(j.p[k], v)
	}
	for k, v := range told {
		j.truth[k] = append(j.truth[k], float64(v))
	}
}

// score is the head's metric.
func (j *judged) score() float64 {
	sum, n := 0.0, 0
	switch j.Kind {
	case data.Class:
		for i, label := range j.truth[0] {
			best := 0
			for k := range j.p {
				if j.p[k][i] > j.p[best][i] {
					best = k
				}
			}
			if best == int(label) {
				sum++
			}
			n++
		}
	case data.Labels:
		for _, s := range j.labels() {
			if s.Images > 0 { // else it has no precision
				sum, n = sum+s.AP, n+1
			}
		}
	case data.Values:
		for _, s := range j.values() {
			sum, n = sum+s.R2, n+1
		}
	}
	return sum / float64(max(n, 1))
}

func (j *judged) labels() (list []LabelScore) {
	for k, name := range j.Classes {
		has := make([]bool, len(j.truth[k]))
		for i, v := range j.truth[k] {
			has[i] = v == 1
		}
		list = append(list, labelScore(name, j.p[k], has))
	}
	return list
}

func (j *judged) values() (list []ValueScore) {
	for k, name := range j.Classes {
		list = append(list, valueScore(name, j.p[k], j.truth[k]))
	}
	return list
}

// meaning is what the outputs of heads, side by side, mean: probabilities of classes and
// of labels, numbers. Classes are logits, unless they are probabilities already.
func meaning(heads []Head, raw []float32, logits bool) []float64 {
	p := make([]float64, 0, len(raw))
	for _, h := range heads {
		y := raw[:len(h.Classes)]
		raw = raw[len(y):]
		switch {
		case h.Kind == data.Class && logits:
			p = append(p, softmax(y)...)
		case h.Kind == data.Labels:
			for _, v := range y {
				p = append(p, 1/(1+math.Exp(-float64(v))))
			}
		default:
			for _, v := range y {
				p = append(p, float64(v))
			}
		}
	}
	return p
}
