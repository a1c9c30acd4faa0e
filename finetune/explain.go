package finetune

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"graft/finetune/data"
	"graft/graph"
	"graft/graph/optim"
	"graft/onnx"
)

// ExplainerConfig says what an Explainer looks at, and how it reads images. Zero fields are
// defaults.
type ExplainerConfig struct {
	// At is where in the network: a cut point's number, layer:K, or the name of a tensor
	// [N,C,H,W] or of its node, on a branch too. "": the last one with a height and a
	// width that every path crosses.
	At         string
	Preprocess *data.Preprocess // nil: what the model says
	Data       *data.Set        // what will be explained, if it may be float32 arrays
	Output     string           // of a model with several; "" its only one
	Threads    int              // of the kernels; 0 all cores
	MaxMemory  int64            // of each of its programs, in bytes; 0: three quarters of the machine's
}

// Explainer finds which part of an image speaks for a class: Grad-CAM of Selvaraju et al.
// 2017, https://arxiv.org/abs/1610.02391. It is used by one goroutine at a time.
type Explainer struct {
	Heads      []Head
	Labels     []string // the names of all outputs, side by side
	Preprocess data.Preprocess
	Tensor     string // what At has named
	Shape      []int  // of it: [C,H,W]

	below, above  *graph.Program // up to the tensor, and from it to the output and back
	height, width int            // of the network's input
	logits        bool
}

// Explanation is what an Explainer finds in an image.
type Explanation struct {
	Class       string  // or label, or number
	Index       int     // among Explainer.Labels
	Score       float64 // the output that is explained, before a Softmax
	Probability float64 // of the class or label; the value itself of a number

	// Map [H,W] has the size of the network's input and is 0 where nothing speaks for the
	// class, 1 where the most does; it is 0 everywhere where nothing does.
	H, W int
	Map  []float32
}

// NewExplainer compiles a model for explaining. Close it after use.
func NewExplainer(m *onnx.ModelProto, c ExplainerConfig) (*Explainer, error) {
	w, err := openWritten(m, ClassifierConfig{Preprocess: c.Preprocess, Data: c.Data, Output: c.Output, MaxMemory: c.MaxMemory})
	if err != nil {
		return nil, err
	}
	e := &Explainer{Heads: w.heads, Labels: columnsOf(w.heads), Preprocess: w.pre, height: w.height, width: w.width, logits: w.logits}
	if err := e.place(w.structure, c.At); err != nil {
		return nil, err
	}
	return e, e.compile(w.model, graph.Options{Output: c.Output, MaxMemory: c.MaxMemory}, c.Threads)
}

// place finds the tensor that is looked at.
func (e *Explainer) place(s *graph.Structure, at string) (err error) {
	e.Tensor = s.Map()
	if at != "" {
		if e.Tensor, err = s.Find(at, true); err != nil {
			return err
		}
	} else if e.Tensor == "" {
		return failf("Grad-CAM is for convolutional networks", "no convolution's output with a height and a width is crossed by every path: there is no map to explain by")
	}
	shape := s.Shape(e.Tensor)
	if len(shape) != 4 || shape[2]*shape[3] < 2 {
		hint := ""
		if last := s.Map(); last != "" {
			hint = fmt.Sprintf("the last one that has them is %q", last)
		}
		return failf(hint, "%q has shape %v, without a height and a width to explain by", e.Tensor, shape)
	}
	if !s.Below(e.Tensor, s.Output()) {
		return failf("", "the output %q does not depend on %q", s.Output(), e.Tensor)
	}
	e.Shape = shape[1:]
	return nil
}

// compile makes the two programs: the part below the tensor for inference, and the part
// above it with the tensor as what "learns", which gives the gradient by it.
func (e *Explainer) compile(m *onnx.ModelProto, o graph.Options, threads int) error {
	body, err := graph.Cut(m, e.Tensor, o)
	if err != nil {
		return err
	}
	if e.below, err = graph.Compile(body, graph.Config{Options: graph.Options{MaxMemory: o.MaxMemory}, Threads: threads}); err != nil {
		return err
	}
	at := e.below.Outputs()[0]
	if !slices.Contains([]onnx.TensorProto_DataType{onnx.TensorProto_FLOAT, onnx.TensorProto_FLOAT16, onnx.TensorProto_BFLOAT16}, at.Type) {
		e.Close()
		return failf("explain the model that it was made of", "%q is %v, which has no gradient", e.Tensor, at.Type)
	}
	zero := &onnx.Tensor{Type: at.Type, Shape: at.Shape, Data: make([]float32, numel(at.Shape))}
	head, err := graph.WithConstant(m, e.Tensor, zero)
	if err == nil {
		e.above, err = graph.Compile(head, graph.Config{Options: o, Threads: threads,
			Training: &graph.Training{Learning: graph.Learning{Params: []string{e.Tensor}}, Loss: optim.Score, NoDropout: true}})
	}
	if err != nil {
		e.Close()
		return failf("explain at a layer above it", "%w", err)
	}
	return nil
}

// Close ends the explainer's threads.
func (e *Explainer) Close() {
	if e.below != nil {
		e.below.Close()
	}
	if e.above != nil {
		e.above.Close()
	}
}

// Class is the number of a class, label or number by its name; -1 for "", which stands for
// the likeliest.
func (e *Explainer) Class(name string) (int, error) {
	if name == "" {
		return -1, nil
	}
	var found, near []string
	at := -1
	for i, l := range e.Labels {
		if l == name {
			at, found = i, append(found, l)
		}
		if strings.Contains(strings.ToLower(l), strings.ToLower(name)) && len(near) < 10 {
			near = append(near, fmt.Sprintf("%q", l))
		}
	}
	switch {
	case len(found) == 1:
		return at, nil
	case len(found) > 1:
		return 0, failf("choose the head by its output", "%d heads have a class %q", len(found), name)
	case near == nil:
		for _, l := range e.Labels[:min(len(e.Labels), 10)] {
			near = append(near, fmt.Sprintf("%q", l))
		}
		if len(e.Labels) > 10 {
			near = append(near, fmt.Sprintf("… %d more", len(e.Labels)-10))
		}
	}
	return 0, failf("it has "+strings.Join(near, ", "), "the model has no class %q", name)
}

// Explain explains a class, label or number for example i of a set; "" is the likeliest of
// the first head.
func (e *Explainer) Explain(ctx context.Context, s *data.Set, i int, class string) (*Explanation, error) {
	index, err := e.Class(class)
	if err != nil {
		return nil, err
	}
	return e.ExplainIndex(ctx, s, i, index)
}

// ExplainIndex is Explain of a class by its number among Labels, -1 for the likeliest:
// several may have one name.
func (e *Explainer) ExplainIndex(ctx context.Context, s *data.Set, i, index int) (*Explanation, error) {
	if index < -1 || index >= len(e.Labels) {
		return nil, failf("", "class %d: the model has %d", index, len(e.Labels))
	}
	in := images{set: s, pre: e.Preprocess, workers: 1}
	err := in.each(ctx, []int{i}, unvaried, 1, func(b batch) error { return e.run(b.x, index) })
	if err != nil {
		return nil, err
	}
	return e.explanation(), nil
}

// run computes the gradient of the score of a class, or of the likeliest one where it is
// -1, by the tensor.
func (e *Explainer) run(x []float32, class int) error {
	if len(x) != len(e.below.Input(0)) {
		return failf("", "inputs of %d numbers, the model takes %d", len(x), len(e.below.Input(0)))
	}
	copy(e.below.Input(0), x)
	if err := e.below.Run(); err != nil {
		return err
	}
	a, _ := e.below.Output(0).Floats()
	copy(e.above.Params()[0].Value(), a)
	for k := range e.above.Inputs() { // what goes past the tensor
		copy(e.above.Input(k), x)
	}
	target := e.above.Target()
	clear(target)
	if class < 0 {
		if err := e.above.Run(); err != nil {
			return err
		}
		y, _ := e.above.Output(0).Floats()
		class = ranked(meaning(e.Heads, y, e.logits)[:len(e.Heads[0].Classes)])[0]
	}
	target[class] = 1
	return e.above.Run()
}

// explanation reads what run has computed.
func (e *Explainer) explanation() *Explanation {
	y, _ := e.above.Output(0).Floats()
	i := slices.Index(e.above.Target(), 1)
	r := &Explanation{Class: e.Labels[i], Index: i, Score: float64(e.above.LossValue()), Probability: meaning(e.Heads, y, e.logits)[i], H: e.height, W: e.width}
	p := e.above.Params()[0]
	h, w := e.Shape[1], e.Shape[2]
	r.Map = enlarged(gradCAM(p.Value(), p.Grad(), h*w), h, w, r.H, r.W)
	if most := slices.Max(r.Map); most > 0 {
		for i := range r.Map {
			r.Map[i] /= most
		}
	}
	return r
}

// gradCAM is max(0, sum_k alpha_k a_k) [HW] of feature maps a [C,HW], where alpha_k is the
// mean of the gradient da_k (equations 1 and 2 of the paper).
func gradCAM(a, da []float32, area int) []float32 {
	sum := make([]float64, area)
	for at := 0; at < len(a); at += area {
		alpha := 0.0
		for _, v := range da[at : at+area] {
			alpha += float64(v)
		}
		alpha /= float64(area)
		for i, v := range a[at : at+area] {
			sum[i] += alpha * float64(v)
		}
	}
	cam := make([]float32, area)
	for i, v := range sum {
		cam[i] = float32(math.Max(v, 0))
	}
	return cam
}

// enlarged is x [h,w] at the size [toH,toW], bilinear between the middles of its elements.
func enlarged(x []float32, h, w, toH, toW int) []float32 {
	between := func(i, n, to int) (lo, hi int, share float32) {
		at := min(max((float64(i)+0.5)*float64(n)/float64(to)-0.5, 0), float64(n-1))
		lo = int(at)
		return lo, min(lo+1, n-1), float32(at - float64(lo))
	}
	r := make([]float32, 0, toH*toW)
	for i := range toH {
		top, bottom, down := between(i, h, toH)
		for j := range toW {
			left, right, over := between(j, w, toW)
			up := x[top*w+left]*(1-over) + x[top*w+right]*over
			low := x[bottom*w+left]*(1-over) + x[bottom*w+right]*over
			r = append(r, up*(1-down)+low*down)
		}
	}
	return r
}
