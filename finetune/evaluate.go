package finetune

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"graft/finetune/data"
)

// Evaluation is how well a model does on a labelled set: by its only head, or by each of
// several, which are then in Heads.
type Evaluation struct {
	Head   string // its name; "" of an only one
	Kind   data.Kind
	Images int
	Loss   float64 // mean of -log probability of the class; of binary cross-entropy; of squared errors

	// Of a head of classes.
	Top1      float64 // share of the images whose label came first
	Top5      float64 // … among the first five
	Classes   []ClassScore
	Confusion [][]int // [label][predicted]

	// Of a head of labels.
	MAP      float64 // mean of the average precision of the labels that any image has
	Accuracy float64 // share of all labels of all images that are right at a probability of 0.5
	Exact    float64 // share of the images of which all labels are
	Labels   []LabelScore

	// Of a head of numbers.
	Values       []ValueScore
	Truth, Guess [][]float64 // of each, an element an image

	Heads []*Evaluation

	Judged []Judged // the images in order
}

// Judged is what a model makes of one labelled image.
type Judged struct {
	Index        int     // in the set
	Label, Guess int     // among the classes
	Probability  float64 // of the guess; NaN where not one class was guessed
	Is, Said     string  // in words
	Loss         float64
}

// Score is the evaluation by its metric.
func (e *Evaluation) Score() (float64, Metric) {
	if len(e.Heads) > 0 {
		sum := 0.0
		for _, h := range e.Heads {
			v, _ := h.Score()
			sum += v
		}
		return sum / float64(len(e.Heads)), Mean
	}
	switch e.Kind {
	case data.Labels:
		return e.MAP, MAP
	case data.Values:
		sum := 0.0
		for _, v := range e.Values {
			sum += v.R2
		}
		return sum / float64(len(e.Values)), R2
	}
	return e.Top1, Top1
}

// MarshalJSON writes what goes with the kind of the head.
func (e *Evaluation) MarshalJSON() ([]byte, error) {
	switch {
	case len(e.Heads) > 0:
		return json.Marshal(struct {
			Images int           `json:"images"`
			Loss   float64       `json:"loss"`
			Heads  []*Evaluation `json:"heads"`
		}{e.Images, e.Loss, e.Heads})
	case e.Kind == data.Labels:
		return json.Marshal(struct {
			Head     string       `json:"head,omitempty"`
			Images   int          `json:"images"`
			MAP      float64      `json:"map"`
			Accuracy float64      `json:"label_accuracy"`
			Exact    float64      `json:"exact"`
			Loss     float64      `json:"loss"`
			Labels   []LabelScore `json:"labels"`
		}{e.Head, e.Images, e.MAP, e.Accuracy, e.Exact, e.Loss, e.Labels})
	case e.Kind == data.Values:
		return json.Marshal(struct {
			Head   string       `json:"head,omitempty"`
			Images int          `json:"images"`
			Loss   float64      `json:"loss"`
			Values []ValueScore `json:"values"`
		}{e.Head, e.Images, e.Loss, e.Values})
	}
	return json.Marshal(struct {
		Head      string       `json:"head,omitempty"`
		Images    int          `json:"images"`
		Top1      float64      `json:"top1"`
		Top5      float64      `json:"top5"`
		Loss      float64      `json:"loss"`
		Classes   []ClassScore `json:"classes"`
		Confusion [][]int      `json:"confusion"`
	}{e.Head, e.Images, e.Top1, e.Top5, e.Loss, e.Classes, e.Confusion})
}

// Wrong are the n surest of the wrong guesses, Right the n surest of the right ones; the
// surest come first. Where not one class is guessed they are the n of the greatest loss,
// and of the least.
func (e *Evaluation) Wrong(n int) []Judged { return e.surest(n, false) }

// Right is the other side of Wrong: the surest right answers, or those of the least loss.
func (e *Evaluation) Right(n int) []Judged { return e.surest(n, true) }

func (e *Evaluation) surest(n int, right bool) []Judged {
	if len(e.Heads) > 0 {
		return e.Heads[0].surest(n, right)
	}
	var list []Judged
	for _, j := range e.Judged {
		if e.Kind != data.Class || (j.Guess == j.Label) == right {
			list = append(list, j)
		}
	}
	slices.SortStableFunc(list, func(a, b Judged) int {
		switch {
		case e.Kind == data.Class:
			return cmp.Compare(b.Probability, a.Probability)
		case right:
			return cmp.Compare(a.Loss, b.Loss)
		}
		return cmp.Compare(b.Loss, a.Loss)
	})
	return list[:min(n, len(list))]
}

// ClassScore is the result for one class. Shares of nothing are 0.
type ClassScore struct {
	Class     string  `json:"class"`
	Images    int     `json:"images"`
	Precision float64 `json:"precision"` // of the images called this, the share that are
	Recall    float64 `json:"recall"`    // of the images that are this, the share called so
}

// Evaluate runs a labelled set, which tells what the model's heads do: of classes at least
// some of the model's. step, if not nil, is told how far it is.
func (k *Classifier) Evaluate(ctx context.Context, s *data.Set, step func(done, total int)) (*Evaluation, error) {
	return k.evaluate(ctx, s, step, nil)
}

// align is a set in the numbering of the model's heads.
func (k *Classifier) align(s *data.Set) (*data.Set, error) {
	if onlyClasses(k.Heads) && s.Heads == nil {
		return s.Align(k.Labels)
	}
	same := len(s.Heads) == len(k.Heads)
	for i := 0; same && i < len(s.Heads); i++ {
		a, b := s.Heads[i], k.Heads[i].Head
		same = a.Name == b.Name && a.Kind == b.Kind && slices.Equal(a.Classes, b.Classes)
	}
	if !same {
		return nil, failf("give a list with its columns", "the data do not tell what the model does: %s", k.tells())
	}
	return s, nil
}

// tells says in words what the model's heads do.
func (k *Classifier) tells() string {
	text := ""
	for i, h := range k.Heads {
		if i > 0 {
			text += "; "
		}
		if h.Name != "" {
			text += h.Name + ": "
		}
		what := map[data.Kind]string{data.Class: "one of %d classes", data.Labels: "any of %d labels", data.Values: "%d numbers"}[h.Kind]
		text += fmt.Sprintf(what, len(h.Classes))
	}
	return text
}

// evaluate shows each image's raw output to see, if that is not nil.
func (k *Classifier) evaluate(ctx context.Context, s *data.Set, step func(done, total int), see func(i int, raw []float32)) (*Evaluation, error) {
	s, err := k.align(s)
	if err != nil {
		return nil, err
	}
	var heads []*tally
	for _, h := range k.Heads {
		heads = append(heads, newTally(h, s.Len()))
	}
	err = k.Scores(ctx, s, func(i int, raw []float32, p []float64) error {
		if see != nil {
			see(i, raw)
		}
		if s.Heads == nil && s.Items[i].Label < 0 {
			return failf("", "image %q has no label", s.Items[i].Name)
		}
		told := told(s, i)
		for _, h := range heads {
			n := len(h.of.Classes)
			h.add(i, raw[:n], p[:n], told[:h.of.Told()])
			raw, p, told = raw[n:], p[n:], told[h.of.Told():]
		}
		if step != nil {
			step(i+1, s.Len())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	all := &Evaluation{Images: s.Len()}
	for _, h := range heads {
		e := h.evaluation()
		all.Heads, all.Loss = append(all.Heads, e), all.Loss+e.Loss
	}
	if len(all.Heads) == 1 {
		return all.Heads[0], nil
	}
	return all, nil
}

// tally counts what one head makes of the images.
type tally struct {
	of         Head
	e          *Evaluation
	top1, top5 int
	all        *judged // of a head of labels or numbers
}

func newTally(h Head, images int) *tally {
	t := &tally{of: h, e: &Evaluation{Head: h.Name, Kind: h.Kind, Images: images}}
	if h.Kind != data.Class {
		t.all = newJudged(h)
		return t
	}
	t.e.Confusion = make([][]int, len(h.Classes))
	for i := range t.e.Confusion {
		t.e.Confusion[i] = make([]int, len(h.Classes))
	}
	return t
}

func (t *tally) add(i int, raw []float32, p []float64, told []float32) {
	j := Judged{Index: i, Probability: math.NaN(), Is: t.of.Answer(told)}
	switch t.of.Kind {
	case data.Class:
		j.Label = int(told[0])
		order := ranked(p)
		j.Guess, j.Probability, j.Said = order[0], p[order[0]], t.of.Classes[order[0]]
		j.Loss = -math.Log(math.Max(p[j.Label], 1e-30))
		t.e.Confusion[j.Label][j.Guess]++
		for rank, c := range order[:min(5, len(order))] {
			if c == j.Label {
				t.top5++
				if rank == 0 {
					t.top1++
				}
			}
		}
	default:
		said := make([]float32, len(p))
		for k, v := range p {
			if said[k] = float32(v); t.of.Kind == data.Labels {
				said[k] = float32(math.Floor(v + 0.5))
			}
		}
		j.Said, j.Loss = t.of.Answer(said), t.of.loss().Of(raw, told)
		t.all.add(p, told)
	}
	t.e.Loss += j.Loss
	t.e.Judged = append(t.e.Judged, j)
}

// evaluation sums up what has been counted.
func (t *tally) evaluation() *Evaluation {
	e, n := t.e, float64(max(t.e.Images, 1))
	e.Loss /= n
	switch t.of.Kind {
	case data.Class:
		e.Top1, e.Top5 = float64(t.top1)/n, float64(t.top5)/n
		e.scores(t.of.Classes)
	case data.Labels:
		e.MAP, e.Labels = t.all.score(), t.all.labels()
		for i := range e.Images {
			right := 0
			for k := range t.of.Classes {
				if (t.all.p[k][i] >= 0.5) == (t.all.truth[k][i] == 1) {
					right++
				}
			}
			e.Accuracy += float64(right) / float64(len(t.of.Classes)) / n
			if right == len(t.of.Classes) {
				e.Exact += 1 / n
			}
		}
	case data.Values:
		e.Values, e.Truth, e.Guess = t.all.values(), t.all.truth, t.all.p
	}
	return e
}

// scores derives precision and recall from the confusion matrix.
func (e *Evaluation) scores(labels []string) {
	for c, name := range labels {
		called, are := 0, 0
		for i := range labels {
			called += e.Confusion[i][c]
			are += e.Confusion[c][i]
		}
		hit := e.Confusion[c][c]
		e.Classes = append(e.Classes, ClassScore{name, are, share(hit, called), share(hit, are)})
	}
}
