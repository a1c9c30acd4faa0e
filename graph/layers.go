package graph

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"graft/graph/ops"
	"graft/onnx"
)

// Layer is an operator with weights, counted from the input.
type Layer struct {
	N      int    `json:"n"`
	Node   string `json:"node"`
	Op     string `json:"op"`
	Tensor string `json:"tensor"` // its output
	Shape  []int  `json:"shape"`  // of the output, for one image
	Params int    `json:"params"` // elements of its weights and bias
	MACs   int    `json:"macs"`   // multiply-adds, for one image
}

// CutPoint is a tensor that every path from the input to the output crosses. Of
// several with equally many layers below, the last one counts.
type CutPoint struct {
	N      int    `json:"n"`
	Layers int    `json:"layers"` // layers up to here
	Tensor string `json:"tensor"`
	Node   string `json:"node"` // the node that computes it
	Op     string `json:"op"`
	Shape  []int  `json:"shape"` // for one image
	Params int    `json:"params"`
	MACs   int    `json:"macs"`
}

// Structure is a model's layers and cut points.
type Structure struct {
	Layers    []Layer
	CutPoints []CutPoint

	// Folded counts the nodes that do not depend on the input's values and are
	// computed when the model is compiled: shape arithmetic, renamed weights.
	// Constants do not count.
	Folded int

	plan       *plan
	dominators []*ops.Value
	below      map[*ops.Value]int // layers among a value's ancestors, itself included
}

// Options fix what a model file leaves open.
type Options struct {
	// Batch is the extent of the input's first dimension where the file leaves it
	// open. 0 means 1.
	Batch int
	// Shapes are whole input shapes by name, where more than the batch is open.
	Shapes map[string][]int
	// Output names the output that counts, in a model with several; "" means the
	// only one.
	Output string
}

// output resolves the name of the output that counts.
func (o Options) output(m *onnx.ModelProto) (string, error) {
	var names []string
	for _, v := range m.GetGraph().GetOutput() {
		names = append(names, v.GetName())
	}
	switch {
	case o.Output == "" && len(names) == 1:
		return names[0], nil
	case o.Output == "":
		return "", failf(fmt.Sprintf("choose one with --output-name: %s", list(names)), "the model has %d outputs", len(names))
	case !slices.Contains(names, o.Output):
		return "", failf(fmt.Sprintf("its outputs are %s", list(names)), "the model has no output %s", quote(o.Output))
	}
	return o.Output, nil
}

// list prints names, the first ten of them.
func list(names []string) string {
	var q []string
	for _, n := range names[:min(len(names), 10)] {
		q = append(q, quote(n))
	}
	if len(names) > 10 {
		q = append(q, "…")
	}
	return strings.Join(q, ", ")
}

// Analyse finds the layers and cut points of a model, for one image.
func Analyse(m *onnx.ModelProto, o Options) (*Structure, error) {
	out, err := o.output(m)
	if err != nil {
		return nil, err
	}
	p, err := newPlan(m, fixing{batch: 1, shapes: o.Shapes, want: []string{out}})
	if err != nil {
		return nil, err
	}
	s := &Structure{Folded: p.folded, plan: p, below: map[*ops.Value]int{}}
	s.findLayers()
	s.findDominators()
	s.number()
	return s, nil
}

// layerWeights is the constant operand that makes a step a layer, nil where it is none.
func layerWeights(s *step) *ops.Value {
	op := ops.Table[s.node.GetOpType()]
	if op.Weights == 0 {
		return nil
	}
	for _, i := range op.Learn {
		if i >= len(s.in) {
			continue
		}
		if v := s.in[i]; v != nil && len(v.Shape) >= 2 && v.Const != nil {
			return v
		}
	}
	return nil
}

func (s *Structure) findLayers() {
	// Ancestor layers as bit sets: a sum over the inputs would count a layer twice
	// where branches meet.
	sets := map[*ops.Value]layerSet{}
	for _, st := range s.plan.steps {
		var set layerSet
		for _, v := range st.in {
			set = set.union(sets[v])
		}
		if w := layerWeights(st); w != nil {
			l := Layer{N: len(s.Layers) + 1, Node: st.node.GetName(), Op: st.node.GetOpType(), Tensor: st.out[0].Name, Shape: st.out[0].Shape}
			for _, v := range st.in {
				if v != nil && v.Const != nil {
					l.Params += v.Const.Len()
				}
			}
			l.MACs = multiplyAdds(st, w)
			set = set.with(len(s.Layers))
			s.Layers = append(s.Layers, l)
		}
		for _, v := range st.out {
			sets[v] = set
			s.below[v] = set.len()
		}
	}
}

// multiplyAdds counts the products of a layer: each output sums over one filter.
func multiplyAdds(s *step, w *ops.Value) int {
	out := numel(s.out[0].Shape)
	if s.node.GetOpType() == "Conv" {
		return out * numel(w.Shape[1:])
	}
	n := s.out[0].Shape[len(s.out[0].Shape)-1]
	return out / max(n, 1) * numel(w.Shape)
}

func numel(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// layerSet is a set of layer indices.
type layerSet []uint64

func (a layerSet) union(b layerSet) layerSet {
	if len(a) < len(b) {
		a, b = b, a
	}
	r := slices.Clone(a)
	for i, w := range b {
		r[i] |= w
	}
	return r
}

func (a layerSet) with(i int) layerSet {
	r := make(layerSet, max(len(a), i/64+1))
	copy(r, a)
	r[i/64] |= 1 << (i % 64)
	return r
}

func (a layerSet) len() int {
	n := 0
	for _, w := range a {
		for ; w != 0; w &= w - 1 {
			n++
		}
	}
	return n
}

// findDominators sweeps over the steps in order and looks where a single value is
// still to be read: all that depends on the input then passes through it.
func (s *Structure) findDominators() {
	p := s.plan
	readers := map[*ops.Value]int{}
	for _, st := range p.steps {
		for _, v := range st.in {
			if v != nil && v.Const == nil {
				readers[v]++
			}
		}
	}
	for _, o := range p.outputs {
		readers[o]++
	}
	live := 0
	for _, v := range p.inputs {
		if readers[v] > 0 {
			live++
		}
	}
	for _, st := range p.steps {
		var made *ops.Value
		for _, v := range st.out {
			if readers[v] > 0 {
				live++
				made = v
			}
		}
		for _, v := range st.in {
			if v == nil || v.Const != nil {
				continue
			}
			if readers[v]--; readers[v] == 0 {
				live--
			}
		}
		if live == 1 && made != nil {
			s.dominators = append(s.dominators, made)
		}
	}
}

// number keeps the last dominator for each number of layers below.
func (s *Structure) number() {
	for i, v := range s.dominators {
		n := s.below[v]
		if n == 0 || i+1 < len(s.dominators) && s.below[s.dominators[i+1]] == n {
			continue
		}
		st := s.plan.made[v]
		c := CutPoint{N: len(s.CutPoints) + 1, Layers: n, Tensor: v.Name, Node: st.node.GetName(), Op: st.node.GetOpType(), Shape: v.Shape}
		c.Params, c.MACs = s.cost(v)
		s.CutPoints = append(s.CutPoints, c)
	}
}

// cost sums the parameters and multiply-adds of all that v depends on.
func (s *Structure) cost(v *ops.Value) (params, macs int) {
	steps := s.plan.ancestorsOf(v)
	seen := map[*ops.Value]bool{}
	for _, st := range steps {
		if w := layerWeights(st); w != nil {
			macs += multiplyAdds(st, w)
		}
		for i := range slots(st, s.below[st.out[0]]) {
			if !seen[st.in[i]] {
				seen[st.in[i]] = true
				params += st.in[i].Const.Len()
			}
		}
	}
	return params, macs
}

// ancestorsOf returns the steps that v depends on, in order.
func (p *plan) ancestorsOf(v *ops.Value) []*step {
	need := map[*ops.Value]bool{v: true}
	var steps []*step
	for i := len(p.steps) - 1; i >= 0; i-- {
		st := p.steps[i]
		if !slices.ContainsFunc(st.out, func(o *ops.Value) bool { return need[o] }) {
			continue
		}
		for _, in := range st.in {
			need[in] = true
		}
		steps = append(steps, st)
	}
	slices.Reverse(steps)
	return steps
}

// Find resolves what a user calls a place in the model: a cut point's number, a
// layer as "layer:K", or the name of a tensor or node. It returns the tensor's name.
// A place that some path bypasses is refused with its neighbours named, unless
// partial allows it.
func (s *Structure) Find(at string, partial bool) (string, error) {
	v, err := s.value(at)
	if err != nil {
		return "", err
	}
	if partial || slices.Contains(s.dominators, v) {
		return v.Name, nil
	}
	return "", failf(fmt.Sprintf("cut at %s, or say --allow-partial-cut to lose the parallel path", strings.Join(s.neighbours(v), " or ")),
		"%s lies on a branch: other paths lead past it to the output", quote(at))
}

func (s *Structure) value(at string) (*ops.Value, error) {
	if n, err := strconv.Atoi(at); err == nil {
		if n < 1 || n > len(s.CutPoints) {
			return nil, failf(fmt.Sprintf("it has cut points 1 to %d; graft inspect lists them", len(s.CutPoints)), "the model has no cut point %d", n)
		}
		return s.plan.values[s.CutPoints[n-1].Tensor], nil
	}
	if k, ok := strings.CutPrefix(at, "layer:"); ok {
		n, err := strconv.Atoi(k)
		if err != nil || n < 1 || n > len(s.Layers) {
			return nil, failf(fmt.Sprintf("it has layers 1 to %d; graft inspect lists them", len(s.Layers)), "the model has no layer %s", quote(k))
		}
		return s.lastOf(n)
	}
	for _, st := range s.plan.steps {
		for _, v := range st.out {
			if v.Name == at && v.Name != "" {
				return v, nil
			}
		}
		if st.node.GetName() == at {
			return st.out[0], nil
		}
	}
	return nil, failf(s.suggest(at), "the model has no layer, tensor or node %s", quote(at))
}

// lastOf is the last value that holds layer n's result and no further layer's,
// following single readers from the layer itself.
func (s *Structure) lastOf(n int) (*ops.Value, error) {
	v := s.plan.values[s.Layers[n-1].Tensor]
	for {
		var next *ops.Value
		readers := 0
		for _, st := range s.plan.steps {
			if slices.Contains(st.in, v) {
				readers++
				next = st.out[0]
			}
		}
		if readers != 1 || s.below[next] != s.below[v] {
			return v, nil
		}
		v = next
	}
}

// suggest names what resembles a mistyped place.
func (s *Structure) suggest(at string) string {
	var near []string
	for _, st := range s.plan.steps {
		if n := st.node.GetName(); len(at) > 2 && n != "" && strings.Contains(strings.ToLower(n), strings.ToLower(at)) {
			near = append(near, n)
		}
	}
	if len(near) > 0 {
		return "it has " + list(near)
	}
	return fmt.Sprintf("use 1 to %d, layer:1 to layer:%d, or a name that graft inspect --nodes lists", len(s.CutPoints), len(s.Layers))
}

// neighbours describes the cut points just below and above a value.
func (s *Structure) neighbours(v *ops.Value) []string {
	below := map[*ops.Value]bool{}
	for _, st := range s.plan.ancestorsOf(v) {
		for _, o := range st.out {
			below[o] = true
		}
	}
	var before, after []string
	for _, c := range s.CutPoints {
		name := fmt.Sprintf("%d (%s)", c.N, quote(c.Tensor))
		if below[s.plan.values[c.Tensor]] {
			before = []string{name}
		} else if after == nil {
			after = []string{name}
		}
	}
	return append(before, after...)
}

// LastCut is the default of --after: the last cut point before the final layer.
func (s *Structure) LastCut() (string, error) {
	for i := len(s.CutPoints) - 1; i >= 0; i-- {
		if s.CutPoints[i].Layers < len(s.Layers) {
			return s.CutPoints[i].Tensor, nil
		}
	}
	return "", failf("", "the model has no cut point before its final layer")
}
