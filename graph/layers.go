package graph

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"graft/graph/ops"
	"graft/internal/spell"
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
	// MaxMemory is the most that a program compiled from the model and its variants
	// may take for inputs and computed values, in bytes. 0 means three quarters of the
	// machine's.
	MaxMemory int64
	// Exact keeps convolutions to direct sums: slower, and nearer to float64 than Winograd's
	// algorithm by a factor of about three in a network, of ten in a layer.
	Exact bool
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
	m, err := inlined(m)
	if err != nil {
		return nil, err
	}
	out, err := o.output(m)
	if err != nil {
		return nil, err
	}
	p, err := newPlan(m, fixing{batch: 1, shapes: o.Shapes, want: []string{out}, memory: o.MaxMemory})
	if err != nil {
		return nil, err
	}
	s := &Structure{Folded: p.folded, plan: p, below: map[*ops.Value]int{}}
	s.findDominators()
	s.findLayers()
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

// findLayers counts the layers among each value's ancestors. All steps up to a
// dominator are its ancestors, and all later values are its descendants: from there on
// a number stands for what came before, and only what branches in between is a set.
func (s *Structure) findLayers() {
	isDominator := map[*ops.Value]bool{}
	for _, v := range s.dominators {
		isDominator[v] = true
	}
	readers := s.plan.readers()
	sets := map[*ops.Value]layerSet{}
	before := 0 // layers up to the last dominator
	for _, st := range s.plan.steps {
		var set layerSet
		for _, v := range st.in {
			set = set.union(sets[v])
		}
		for _, v := range st.in {
			if readers[v]--; readers[v] == 0 {
				delete(sets, v)
			}
		}
		if w := layerWeights(st); w != nil {
			l := Layer{N: len(s.Layers) + 1, Node: st.node.GetName(), Op: st.node.GetOpType(), Tensor: st.out[0].Name, Shape: st.out[0].Shape}
			for _, v := range st.in {
				if v != nil && v.Const != nil {
					l.Params += v.Const.Len()
				}
			}
			l.MACs = multiplyAdds(st, w)
			set = set.with(len(s.Layers) - before)
			s.Layers = append(s.Layers, l)
		}
		for _, v := range st.out {
			s.below[v] = before + set.len()
			if isDominator[v] {
				before = len(s.Layers)
				clear(sets)
				set = layerSet{}
			}
			sets[v] = set
		}
	}
}

// readers counts how often the steps read each value.
func (p *plan) readers() map[*ops.Value]int {
	n := map[*ops.Value]int{}
	for _, st := range p.steps {
		for _, v := range st.in {
			if v != nil {
				n[v]++
			}
		}
	}
	return n
}

// multiplyAdds counts the products of a layer: each output sums over one filter.
func multiplyAdds(s *step, w *ops.Value) int {
	out := numel(s.out[0].Shape)
	switch s.node.GetOpType() {
	case "Conv":
		return times(out, numel(w.Shape[1:]))
	case "ConvTranspose": // seen from the input
		return times(numel(s.in[0].Shape), numel(w.Shape[1:]))
	}
	n := s.out[0].Shape[len(s.out[0].Shape)-1]
	return times(out/max(n, 1), numel(w.Shape))
}

// times multiplies sizes; what no int holds is the largest one.
func times(a, b int) int {
	if a > 0 && b > math.MaxInt/a {
		return math.MaxInt
	}
	return a * b
}

func numel(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// layerSet is a set of layer indices: bit i of words[k] is index 64*(first+k)+i.
type layerSet struct {
	first int
	words []uint64
}

// union may write into a, whose words nobody else has.
func (a layerSet) union(b layerSet) layerSet {
	if len(b.words) == 0 {
		return a
	}
	a = a.reach(b.first, b.first+len(b.words))
	for i, w := range b.words {
		a.words[b.first-a.first+i] |= w
	}
	return a
}

func (a layerSet) with(i int) layerSet {
	a = a.reach(i/64, i/64+1)
	a.words[i/64-a.first] |= 1 << (i % 64)
	return a
}

// reach is a with room for the words from first up to end.
func (a layerSet) reach(first, end int) layerSet {
	if len(a.words) == 0 {
		return layerSet{first, make([]uint64, end-first)}
	}
	first, end = min(first, a.first), max(end, a.first+len(a.words))
	if first == a.first && end == a.first+len(a.words) {
		return a
	}
	words := make([]uint64, end-first)
	copy(words[a.first-first:], a.words)
	return layerSet{first, words}
}

func (a layerSet) len() int {
	n := 0
	for _, w := range a.words {
		n += bits.OnesCount64(w)
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
		s.CutPoints = append(s.CutPoints, c)
	}
	s.cost()
}

// cost sums the parameters and multiply-adds of all steps up to each cut point.
func (s *Structure) cost() {
	params, macs, next := 0, 0, 0
	counted := map[*ops.Value]bool{}
	for _, st := range s.plan.steps {
		if w := layerWeights(st); w != nil {
			macs = min(macs, math.MaxInt-multiplyAdds(st, w)) + multiplyAdds(st, w)
		}
		for i := range slots(st, s.below[st.out[0]]) {
			if v := st.in[i]; !counted[v] {
				counted[v] = true
				params += v.Const.Len()
			}
		}
		if next < len(s.CutPoints) && slices.Contains(st.out, s.plan.values[s.CutPoints[next].Tensor]) {
			s.CutPoints[next].Params, s.CutPoints[next].MACs = params, macs
			next++
		}
	}
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
	readers := map[*ops.Value][]*step{}
	for _, st := range s.plan.steps {
		for _, v := range st.in {
			if r := readers[v]; len(r) == 0 || r[len(r)-1] != st {
				readers[v] = append(r, st)
			}
		}
	}
	v := s.plan.values[s.Layers[n-1].Tensor]
	for {
		if r := readers[v]; len(r) != 1 || s.below[r[0].out[0]] != s.below[v] {
			return v, nil
		}
		v = readers[v][0].out[0]
	}
}

// suggest names what resembles a mistyped place.
func (s *Structure) suggest(at string) string {
	var near, names []string
	for _, st := range s.plan.steps {
		n := st.node.GetName()
		if len(at) > 2 && n != "" && strings.Contains(strings.ToLower(n), strings.ToLower(at)) {
			near = append(near, n)
		}
		names = append(names, n)
		for _, v := range st.out {
			names = append(names, v.Name)
		}
	}
	if len(near) > 0 {
		return "it has " + list(near)
	}
	return cmp.Or(spell.Hint(at, names),
		fmt.Sprintf("use 1 to %d, layer:1 to layer:%d, or a name that graft inspect --nodes lists", len(s.CutPoints), len(s.Layers)))
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
