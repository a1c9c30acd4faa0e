package finetune

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"graft/finetune/data"
	"graft/graph"
	"graft/graph/optim"
	"graft/onnx"
)

// Head is one head of a model and what it tells.
type Head struct {
	data.Head
	Output string `json:"output"` // its tensor [N,len(Classes)]: logits of classes or labels, numbers
}

// loss of a head is that of what it tells.
func (h Head) loss() optim.Part {
	of := map[data.Kind]string{data.Class: "ce", data.Labels: "bce", data.Values: "mse"}
	return optim.Part{Loss: of[h.Kind], Columns: len(h.Classes)}
}

// headsOf are the heads that a set teaches.
func headsOf(s *data.Set) []Head {
	if s.Heads == nil {
		return []Head{{Head: data.Head{Kind: data.Class, Classes: s.Classes}}}
	}
	var heads []Head
	for _, h := range s.Heads {
		heads = append(heads, Head{Head: h})
	}
	return heads
}

// loss is that of all heads.
func (p *Plan) loss() graph.Loss {
	if onlyClasses(p.Heads) {
		return optim.CrossEntropy
	}
	var parts []optim.Part
	for _, h := range p.Heads {
		parts = append(parts, h.loss())
	}
	return optim.Sum(parts...)
}

// onlyClasses says whether one head tells classes apart, as a classifier's does.
func onlyClasses(heads []Head) bool { return len(heads) == 1 && heads[0].Kind == data.Class }

// columnsOf are the names of all outputs, side by side.
func columnsOf(heads []Head) (names []string) {
	for _, h := range heads {
		names = append(names, h.Classes...)
	}
	return names
}

// told is what a set tells of an example, head by head.
func told(s *data.Set, i int) []float32 {
	if s.Heads == nil {
		return []float32{float32(s.Items[i].Label)}
	}
	return s.Items[i].Told
}

// checkHeads refuses settings that do not go with what is taught.
func (p *Plan) checkHeads(c Config) error {
	names := map[string]bool{}
	for _, h := range p.Heads {
		if names[h.Name] || len(p.Heads) > 1 && h.Name == "" {
			return failf("", "%d heads, and %q names two of them, or none", len(p.Heads), h.Name)
		}
		names[h.Name] = true
		if least := map[data.Kind]int{data.Class: 2}[h.Kind]; len(h.Classes) < max(least, 1) {
			return failf("", "%d classes, want %d or more", len(h.Classes), max(least, 1))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Heads)) {
		if !names[name] {
			return failf("", "there is no head %q, only %s", name, strings.Join(slices.Sorted(maps.Keys(names)), ", "))
		}
	}
	if onlyClasses(p.Heads) {
		return nil
	}
	kind, _, _ := parseHead(c.Head)
	switch {
	case c.ClassWeights == "balanced" || c.Sampling == "balanced":
		return failf("leave it out", "classes are balanced where an image has one class")
	case len(p.Heads) > 1 && (kind == "keep" || kind == "redraw"):
		return failf("use --head NAME=linear for each", "several heads are new ones, not the model's own")
	case kind == "redraw":
		return failf("use --head linear", "networks are redrawn for classes alone")
	case p.Heads[0].Kind == data.Values && len(p.Heads) == 1 && c.LabelSmoothing > 0:
		return failf("leave it out", "numbers have no labels to smooth")
	}
	return nil
}

// newHeads grafts the heads onto a body.
func (p *Plan) newHeads(body *onnx.ModelProto, c Config) (*onnx.ModelProto, error) {
	var list []graph.Head
	for _, h := range p.Heads {
		spec := c.Head
		if s := c.Heads[h.Name]; s != "" {
			spec = s
		}
		_, hidden, err := parseHead(spec)
		if err != nil {
			return nil, err
		}
		list = append(list, graph.Head{Name: h.Name, Classes: len(h.Classes), Hidden: hidden, Dropout: c.Dropout, Seed: c.Seed})
	}
	return graph.AddHeads(body, list, graph.Options{})
}

// scaled is the last Gemm of a head of numbers, which learns them as they lie about their
// mean in the training set, by their deviation, so that no unit asks for a rate of its
// own. The written model gives the numbers themselves.
type scaled struct {
	weight, bias string // [m,n] and [m]; "": the outputs are learnt as they are
	mean, dev    []float32
}

// newScaled takes the means and deviations of a head's numbers, which stand at of Told.
func newScaled(s *data.Set, at, width int) scaled {
	r := scaled{mean: make([]float32, width), dev: make([]float32, width)}
	n := float64(s.Len())
	for k := range width {
		sum, squares := 0.0, 0.0
		for _, it := range s.Items {
			sum += float64(it.Told[at+k])
		}
		for _, it := range s.Items {
			d := float64(it.Told[at+k]) - sum/n
			squares += d * d
		}
		r.mean[k], r.dev[k] = float32(sum/n), float32(math.Sqrt(squares/n))
		if r.dev[k] == 0 {
			r.dev[k] = 1
		}
	}
	return r
}

// unscaled learns numbers as they are.
func unscaled(width int) scaled {
	return scaled{mean: make([]float32, width), dev: slices.Repeat([]float32{1}, width)}
}

// fold makes a Gemm of scaled numbers one of the numbers themselves; unfold is its inverse.
func (s scaled) fold(state map[string][]float32) {
	s.each(state, func(w []float32, b *float32, mean, dev float32) {
		for k := range w {
			w[k] *= dev
		}
		*b = *b*dev + mean
	})
}

func (s scaled) unfold(state map[string][]float32) {
	s.each(state, func(w []float32, b *float32, mean, dev float32) {
		for k := range w {
			w[k] /= dev
		}
		*b = (*b - mean) / dev
	})
}

func (s scaled) each(state map[string][]float32, f func(w []float32, b *float32, mean, dev float32)) {
	w, b := state[s.weight], state[s.bias]
	if w == nil || b == nil {
		return
	}
	n := len(w) / len(b)
	for j := range b {
		f(w[j*n:(j+1)*n], &b[j], s.mean[j], s.dev[j])
	}
}

// scale prepares the heads of numbers: new ones begin about the mean.
func (p *Plan) scale(s *data.Set, c Config) error {
	kind, _, _ := parseHead(c.Head)
	at := 0
	values := map[string][]float32{}
	for _, h := range p.Heads {
		one := unscaled(len(h.Classes))
		if weight, bias := p.lastGemm(h); h.Kind == data.Values && weight != "" {
			one = newScaled(s, at, len(h.Classes))
			one.weight, one.bias = weight, bias
			if kind != "keep" {
				for _, name := range []string{weight, bias} {
					v, err := graph.Constant(p.Model, name)
					if err != nil {
						return err
					}
					values[name] = slices.Clone(v)
				}
				one.fold(values)
			}
		}
		at += h.Told()
		p.scaled = append(p.scaled, one)
	}
	var err error
	p.Model, err = graph.WithValues(p.Model, values)
	return err
}

// lastGemm names the weight [m,n] and the bias [m] of the Gemm that a head ends in, where
// it learns all the time; else "".
func (p *Plan) lastGemm(h Head) (weight, bias string) {
	for _, n := range p.Model.GetGraph().GetNode() {
		if n.GetOpType() != "Gemm" || n.GetOutput()[0] != h.Output || len(n.GetInput()) != 3 || len(n.GetAttribute()) != 1 ||
			n.GetAttribute()[0].GetName() != "transB" || n.GetAttribute()[0].GetI() != 1 {
			continue
		}
		for _, ph := range p.Phases {
			if !slices.Contains(ph.Learning.Params, n.GetInput()[1]) || !slices.Contains(ph.Learning.Params, n.GetInput()[2]) {
				return "", ""
			}
		}
		return n.GetInput()[1], n.GetInput()[2]
	}
	return "", ""
}

// HeadsKey is the metadata key of what each output tells, where that is more than one class
// among some: a JSON list of objects. "name" is the head's column in the data, "" for an only
// one; "kind" is class, labels or values; "classes" are the names of the output's columns;
// "output" is its tensor, [N,columns], logits of classes or labels, or numbers.
const HeadsKey = "graft.heads"

// StoredHeads reads the heads that a model carries; without them it tells apart as many
// classes as it has outputs.
func StoredHeads(m *onnx.ModelProto, outputs int) ([]Head, error) {
	s, ok := onnx.Metadata(m, HeadsKey)
	if !ok {
		labels, err := StoredLabels(m, outputs)
		return []Head{{Head: data.Head{Kind: data.Class, Classes: labels}}}, err
	}
	var heads []Head
	if err := json.Unmarshal([]byte(s), &heads); err != nil {
		return nil, failf("", "metadata %s: %w", HeadsKey, err)
	}
	for i, h := range heads {
		if !slices.Contains([]data.Kind{data.Class, data.Labels, data.Values}, h.Kind) {
			return nil, failf("", "metadata %s: a head of kind %q", HeadsKey, h.Kind)
		}
		out := m.GetGraph().GetOutput()
		at := slices.IndexFunc(out, func(v *onnx.ValueInfoProto) bool { return v.GetName() == h.Output })
		if at < 0 || len(heads) > 1 && (at != i || len(out) != len(heads)) {
			return nil, failf("", "metadata %s: head %d is of an output %q, which is not among the model's, or not in this order", HeadsKey, i+1, h.Output)
		}
	}
	if n := len(columnsOf(heads)); outputs > 0 && n != outputs || n == 0 {
		return nil, failf("", "metadata %s names %d outputs, the model has %d", HeadsKey, n, outputs)
	}
	return heads, nil
}

// DataHeads are what a list of images must tell for a model: nil for its class alone.
func DataHeads(m *onnx.ModelProto) ([]data.Head, error) {
	if _, ok := onnx.Metadata(m, HeadsKey); !ok {
		return nil, nil
	}
	heads, err := StoredHeads(m, 0)
	var list []data.Head
	for _, h := range heads {
		list = append(list, h.Head)
	}
	return list, err
}

// Metric is what heads are measured by: the higher the better, 1 at the most.
type Metric string

// The metrics. Several heads are measured by the mean of theirs.
const (
	Top1 Metric = "top-1" // share of the images whose class came first
	MAP  Metric = "mAP"   // mean over the labels of the average precision
	R2   Metric = "R²"    // mean over the numbers of 1 - sum of squared errors / sum of squared deviations from their mean
	Mean Metric = "mean score"
)

func metricOf(heads []Head) Metric {
	if len(heads) > 1 {
		return Mean
	}
	return map[data.Kind]Metric{data.Class: Top1, data.Labels: MAP, data.Values: R2}[heads[0].Kind]
}

// Metric is what the training's scores are.
func (p *Plan) Metric() Metric { return metricOf(p.Heads) }

// Format writes a score: as a percentage where it is a share.
func (m Metric) Format(v float64) string {
	if m == Top1 || m == MAP {
		return fmt.Sprintf("%.1f %%", 100*v)
	}
	return fmt.Sprintf("%.3f", v)
}
