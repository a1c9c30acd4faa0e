package finetune

import (
	"cmp"
	"context"
	"math"
	"slices"

	"graft/finetune/data"
)

// Evaluation is how well a classifier does on a labelled set.
type Evaluation struct {
	Images    int          `json:"images"`
	Top1      float64      `json:"top1"` // share of the images whose label came first
	Top5      float64      `json:"top5"` // … among the first five
	Loss      float64      `json:"loss"` // mean of -log probability of the label
	Classes   []ClassScore `json:"classes"`
	Confusion [][]int      `json:"confusion"` // [label][predicted]
	Judged    []Judged     `json:"-"`         // the images in order
}

// Judged is what a classifier makes of one labelled image.
type Judged struct {
	Index, Label, Guess int     // in the set; among the classes
	Probability         float64 // of the guess
}

// Wrong are the n surest of the wrong guesses, Right the n surest of the right ones; the
// surest come first.
func (e *Evaluation) Wrong(n int) []Judged { return e.surest(n, false) }
func (e *Evaluation) Right(n int) []Judged { return e.surest(n, true) }

func (e *Evaluation) surest(n int, right bool) []Judged {
	var list []Judged
	for _, j := range e.Judged {
		if (j.Guess == j.Label) == right {
			list = append(list, j)
		}
	}
	slices.SortStableFunc(list, func(a, b Judged) int { return cmp.Compare(b.Probability, a.Probability) })
	return list[:min(n, len(list))]
}

// ClassScore is the result for one class. Shares of nothing are 0.
type ClassScore struct {
	Class     string  `json:"class"`
	Images    int     `json:"images"`
	Precision float64 `json:"precision"` // of the images called this, the share that are
	Recall    float64 `json:"recall"`    // of the images that are this, the share called so
}

// Evaluate classifies a labelled set whose classes are among the model's. step, if
// not nil, is told how far it is.
func (k *Classifier) Evaluate(ctx context.Context, s *data.Set, step func(done, total int)) (*Evaluation, error) {
	return k.evaluate(ctx, s, step, nil)
}

// evaluate shows each image's raw output to see, if that is not nil.
func (k *Classifier) evaluate(ctx context.Context, s *data.Set, step func(done, total int), see func(i int, raw []float32)) (*Evaluation, error) {
	s, err := s.Align(k.Labels)
	if err != nil {
		return nil, err
	}
	e := &Evaluation{Images: s.Len(), Confusion: make([][]int, len(k.Labels))}
	for i := range e.Confusion {
		e.Confusion[i] = make([]int, len(k.Labels))
	}
	top1, top5, done := 0, 0, 0
	err = k.Scores(ctx, s, func(i int, raw []float32, p []float64) error {
		if see != nil {
			see(i, raw)
		}
		label, order := s.Items[i].Label, ranked(p)
		if label < 0 {
			return failf("", "image %q has no label", s.Items[i].Name)
		}
		e.Confusion[label][order[0]]++
		e.Judged = append(e.Judged, Judged{i, label, order[0], p[order[0]]})
		for rank, c := range order[:min(5, len(order))] {
			if c == label {
				top5++
				if rank == 0 {
					top1++
				}
			}
		}
		e.Loss -= math.Log(math.Max(p[label], 1e-30))
		done++
		if step != nil {
			step(done, s.Len())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	n := float64(max(s.Len(), 1))
	e.Top1, e.Top5, e.Loss = float64(top1)/n, float64(top5)/n, e.Loss/n
	e.scores(k.Labels)
	return e, nil
}

// scores derives precision and recall from the confusion matrix.
func (e *Evaluation) scores(labels []string) {
	for c, name := range labels {
		called, are := 0, 0
		for i := range labels {
			called += e.Confusion[i][c]
			are += e.Confusion[c][i]
		}
		hit := float64(e.Confusion[c][c])
		s := ClassScore{Class: name, Images: are}
		if called > 0 {
			s.Precision = hit / float64(called)
		}
		if are > 0 {
			s.Recall = hit / float64(are)
		}
		e.Classes = append(e.Classes, s)
	}
}
