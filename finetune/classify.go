package finetune

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"graft/finetune/data"
	"graft/graph"
	"graft/onnx"
)

// Classifier runs a written model on images.
type Classifier struct {
	Heads      []Head
	Labels     []string // of classes, labels or numbers: the names of all outputs, side by side
	Preprocess data.Preprocess

	program *graph.Program
	batch   int
	logits  bool // of classes; else their probabilities
	workers int
}

// ClassifierConfig says how a Classifier reads its images. Zero fields are defaults.
type ClassifierConfig struct {
	Preprocess *data.Preprocess // nil: what the model says
	Data       *data.Set        // what will be classified, if it may be float32 arrays
	Output     string           // of a model with several; "" all of them
	Batch      int              // 8, or as many as Data has
	Threads    int              // of the kernels; 0 all cores
	Workers    int              // that decode images; 0 one a core
	MaxMemory  int64            // of the program, in bytes; 0: three quarters of the machine's
	Exact      bool             // see graph.Options
}

// fastBatch is as many images as most networks take at their best rate: what lies between
// the layers of more leaves the cache.
const fastBatch = 8

// NewClassifier compiles a model for classifying images. Close it after use.
func NewClassifier(m *onnx.ModelProto, c ClassifierConfig) (*Classifier, error) {
	setDefault(&c.Batch, fastBatch)
	if c.Data != nil && c.Data.Len() > 0 {
		c.Batch = min(c.Batch, c.Data.Len())
	}
	w, err := openWritten(m, c)
	if err != nil {
		return nil, err
	}
	k := &Classifier{Heads: w.heads, Labels: columnsOf(w.heads), Preprocess: w.pre, batch: c.Batch, logits: w.logits, workers: c.Workers}
	o := graph.Options{Output: c.Output, Batch: c.Batch, MaxMemory: c.MaxMemory, Exact: c.Exact}
	var want []string
	if c.Output != "" {
		want = []string{c.Output}
	}
	k.program, err = graph.Compile(w.model, graph.Config{Options: o, Threads: c.Threads, Outputs: want})
	return k, err
}

// written is a written model, ready to be compiled, and what it says of its images and
// of its outputs.
type written struct {
	model         *onnx.ModelProto
	structure     *graph.Structure
	heads         []Head
	pre           data.Preprocess
	height, width int // of the input
	logits        bool
}

func openWritten(m *onnx.ModelProto, c ClassifierConfig) (*written, error) {
	m, heads, err := withHeads(m, c.Output)
	if err != nil {
		return nil, err
	}
	p := &Plan{}
	in := Config{Preprocess: c.Preprocess, Output: c.Output}
	if c.Data != nil {
		in.arrays = arraysOf(c.Data)
	}
	if m, err = p.prepareInput(m, in); err != nil {
		return nil, err
	}
	s, err := graph.Analyse(m, graph.Options{Output: c.Output, MaxMemory: c.MaxMemory})
	if err != nil {
		return nil, err
	}
	classes := s.Classes()
	if classes < 1 || numel(s.OutputShape()) != classes {
		return nil, failf("", "the output has shape %v, a classifier's is [N,C]", s.OutputShape())
	}
	if heads == nil {
		if heads, err = StoredHeads(m, classes); err != nil {
			return nil, err
		}
	}
	if n := len(columnsOf(heads)); n != classes {
		return nil, failf("", "metadata %s names %d outputs, the model has %d", HeadsKey, n, classes)
	}
	w := &written{m, s, heads, p.Preprocess, p.Preprocess.Height, p.Preprocess.Width, !s.EndsInSoftmax()}
	if in.arrays != nil {
		w.height, w.width = in.arrays[1], in.arrays[2]
	}
	return w, nil
}

// withHeads reads what heads a model carries, nil for a classifier's one, and joins the
// outputs of several.
func withHeads(m *onnx.ModelProto, output string) (*onnx.ModelProto, []Head, error) {
	if _, ok := onnx.Metadata(m, HeadsKey); !ok {
		return m, nil, nil
	}
	heads, err := StoredHeads(m, 0)
	if err != nil {
		return nil, nil, err
	}
	if output != "" {
		heads = slices.DeleteFunc(heads, func(h Head) bool { return h.Output != output })
		return m, heads, nil
	}
	if len(heads) > 1 {
		m, err = graph.Join(m)
	}
	return m, heads, err
}

// Close ends the classifier's threads.
func (k *Classifier) Close() { k.program.Close() }

// Scores calls f with the raw outputs of each image of a set, in order, and with what they
// mean: the probabilities of classes or labels, the numbers.
func (k *Classifier) Scores(ctx context.Context, s *data.Set, f func(i int, raw []float32, probability []float64) error) error {
	classes, at := len(k.Labels), 0
	in := images{set: s, pre: k.Preprocess, workers: k.workers}
	return in.each(ctx, upTo(s.Len()), unvaried, k.batch, func(b batch) error {
		x, n := b.x, b.n
		if len(x)/n != len(k.program.Input(0))/k.batch {
			return failf("", "inputs of %d numbers, the model takes %d", len(x)/n, len(k.program.Input(0))/k.batch)
		}
		copy(k.program.Input(0), x)
		if err := k.program.Run(); err != nil {
			return err
		}
		y, _ := k.program.Output(0).Floats()
		for i := range n {
			raw := y[i*classes : (i+1)*classes]
			if err := f(at, raw, meaning(k.Heads, raw, k.logits)); err != nil {
				return err
			}
			at++
		}
		return nil
	})
}

// Guess is one class that an image may show.
type Guess struct {
	Class       string  `json:"class"`
	Index       int     `json:"index"`
	Probability float64 `json:"probability"`
}

// top is the n likeliest of classes or labels, the likeliest first.
func top(names []string, probability []float64, n int) []Guess {
	order := ranked(probability)
	var r []Guess
	for _, i := range order[:min(max(n, 1), len(order))] {
		r = append(r, Guess{names[i], i, probability[i]})
	}
	return r
}

// Answer is what one head tells of an image.
type Answer struct {
	Head    string   `json:"head,omitempty"`    // its name; "" of an only one
	Classes []Guess  `json:"classes,omitempty"` // the likeliest first
	Labels  []Guess  `json:"labels,omitempty"`  // the likeliest first; it has those of 0.5 and more
	Values  []Number `json:"values,omitempty"`
}

// Number is a number that a head tells.
type Number struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// Answers are what each head tells of an image, from what Scores gives: the n likeliest
// classes or labels, all numbers.
func (k *Classifier) Answers(p []float64, n int) []Answer {
	var list []Answer
	for _, h := range k.Heads {
		mine := p[:len(h.Classes)]
		p = p[len(mine):]
		a := Answer{Head: h.Name}
		for i, v := range mine {
			if h.Kind == data.Values {
				a.Values = append(a.Values, Number{h.Classes[i], v})
			}
		}
		switch h.Kind {
		case data.Class:
			a.Classes = top(h.Classes, mine, n)
		case data.Labels:
			a.Labels = top(h.Classes, mine, n)
		}
		list = append(list, a)
	}
	return list
}

// Called are the numbers of the class, or of the labels, that an image is said to have.
func (a Answer) Called() (list []int) {
	if len(a.Classes) > 0 {
		return []int{a.Classes[0].Index}
	}
	for _, g := range a.Labels {
		if g.Probability >= 0.5 {
			list = append(list, g.Index)
		}
	}
	return list
}

// Probability is that of the class, or of the label, that is likeliest; NaN of numbers.
func (a Answer) Probability() float64 {
	for _, g := range slices.Concat(a.Classes, a.Labels) {
		return g.Probability
	}
	return math.NaN()
}

// Text is the answer in words.
func (a Answer) Text() string {
	var parts []string
	for i, g := range slices.Concat(a.Classes, a.Labels) {
		if i == 0 && a.Classes != nil || a.Labels != nil && g.Probability >= 0.5 {
			parts = append(parts, g.Class)
		}
	}
	for _, v := range a.Values {
		parts = append(parts, v.Name+" "+strconv.FormatFloat(v.Value, 'g', 4, 64))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// ranked orders the classes by falling probability, equal ones by number.
func ranked(p []float64) []int {
	order := upTo(len(p))
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[b], p[a]) })
	return order
}
