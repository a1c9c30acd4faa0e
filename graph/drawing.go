package graph

import (
	"fmt"
	"slices"
	"strings"

	"graft/graph/ops"
	"graft/onnx"
)

// Drawing describes a picture of a model, for one image: boxes one below the other in the
// order of data flow, and beside them lanes for what is read further down.
type Drawing struct {
	Rows  []Row
	Lanes int // the most that run side by side
	Folds []Fold
	Left  int // operators below the last row, which are too many to draw
}

// Row is one box: an operator and the small ones that work on its result alone, or an
// input of the model.
type Row struct {
	Kind   string   // input, conv, depthwise, dense, pool, norm, sum, concat, other
	Parts  []Part   // none of an input
	Reads  []string // results of other rows
	Makes  []string // its results, one but for a Split
	Shape  []int    // of the first
	Params int
	MACs   int
	Layer  int // the number of its layer, 0 if it is none
	Cut    int // the number of the cut point that its result is, 0 if it is none
	State  string
	Direct bool   // reads the row above
	Lanes  []Lane // beside it
}

// Part is one operator of a row.
type Part struct {
	Node   string
	Op     string
	Detail string // of a convolution or a pool: 3×3, stride 2
}

// States of a row that has tensors which can learn, where it is known what learns.
const (
	Frozen = "frozen"
	Learns = "learns"
)

// Lane is how a lane passes a row: it comes from the one numbered From above, and goes on
// as To below. Lanes are counted from the boxes outward; -1 is the box itself.
type Lane struct {
	From, To int
	Read     bool // by the box, on the way
}

// maxRows and maxReads, of all rows, bound a drawing, maxParts a box of it.
const (
	maxRows  = 2000
	maxReads = 10_000
	maxParts = 12
	maxLanes = 12 // what is further out shares the last one
)

// Draw describes a picture of the model. l says what of it learns; nil where nobody knows.
func (s *Structure) Draw(l *Learning) *Drawing {
	p := &painter{s: s, d: &Drawing{}, at: map[*ops.Value]int{}, origin: newOrigins(s.plan.model)}
	if l != nil {
		p.learns = map[string]bool{}
		for _, name := range l.Params {
			p.learns[name] = true
		}
	}
	p.fill()
	d := p.d
	d.Lanes = route(d.Rows, p.reads, p.made)
	d.Folds = findFolds(d.Rows)
	return d
}

// painter fills the rows of a drawing.
type painter struct {
	s      *Structure
	d      *Drawing
	at     map[*ops.Value]int // the row that a value comes from
	reads  [][]*ops.Value     // from other rows
	made   [][]*ops.Value
	origin origins
	learns map[string]bool // nil: nobody knows
}

func (p *painter) fill() {
	plan := p.s.plan
	readers := plan.readers()
	for _, o := range plan.outputs {
		readers[o]++
	}
	for _, v := range plan.inputs {
		if readers[v] > 0 && len(p.d.Rows) < maxRows {
			p.add(Row{Kind: "input"}, nil, []*ops.Value{v})
		}
	}
	cuts := map[string]int{}
	for _, c := range p.s.CutPoints {
		cuts[c.Tensor] = c.N
	}
	layers := map[string]int{}
	for _, l := range p.s.Layers {
		layers[l.Tensor] = l.N
	}
	counted := map[*ops.Value]bool{}
	all := 0
	for steps := plan.inFlow(); len(steps) > 0; {
		all += len(steps[0].in)
		if len(p.d.Rows) >= maxRows || all > maxReads {
			p.d.Left = len(steps)
			return
		}
		n := boxOf(steps, readers)
		box := steps[:n]
		steps = steps[n:]
		made := slices.DeleteFunc(slices.Clone(box[n-1].out), func(v *ops.Value) bool { return readers[v] == 0 })
		r := Row{Kind: kindOf(box[0]), Layer: layers[box[0].out[0].Name], Cut: cuts[made[0].Name]}
		if r.Layer > 0 {
			r.MACs = multiplyAdds(box[0], layerWeights(box[0]))
		}
		var reads []*ops.Value
		for _, st := range box {
			r.Parts = append(r.Parts, Part{st.node.GetName(), st.node.GetOpType(), detail(st)})
			p.weigh(&r, st, counted)
			reads = append(reads, st.in...)
		}
		p.add(r, reads, made)
	}
}

// add appends a row; of what it reads only values of other rows count.
func (p *painter) add(r Row, reads, made []*ops.Value) {
	n := len(p.d.Rows)
	var from []*ops.Value
	seen := map[*ops.Value]bool{}
	for _, v := range reads {
		if row, ok := p.at[v]; ok && !seen[v] {
			seen[v] = true
			from = append(from, v)
			r.Reads = append(r.Reads, v.Name)
			r.Direct = r.Direct || row == n-1
		}
	}
	for _, v := range made {
		p.at[v] = n
		r.Makes = append(r.Makes, v.Name)
	}
	r.Shape = made[0].Shape
	p.d.Rows, p.reads, p.made = append(p.d.Rows, r), append(p.reads, from), append(p.made, made)
}

// weigh adds the parameters of a step to its row, each tensor once, and what learns of them.
func (p *painter) weigh(r *Row, st *step, counted map[*ops.Value]bool) {
	for i := range slots(st, p.s.below[st.out[0]]) {
		v := st.in[i]
		if !counted[v] {
			counted[v] = true
			r.Params += v.Const.Len()
		}
		name, ok := p.origin.of(v.Name)
		switch {
		case !ok || p.learns == nil:
		case p.learns[name]:
			r.State = Learns
		case r.State == "":
			r.State = Frozen
		}
	}
}

// inFlow are the steps in an order that follows each branch to its end, however the file
// mixes them; where there is a choice, in the file's order.
func (p *plan) inFlow() []*step {
	readers, missing := map[*step][]int{}, make([]int, len(p.steps))
	for i, st := range p.steps {
		for _, v := range st.in {
			if from := p.made[v]; from != nil && v.Const == nil {
				readers[from] = append(readers[from], i)
				missing[i]++
			}
		}
	}
	var ready []int // the next one on top
	for i := range slices.Backward(p.steps) {
		if missing[i] == 0 {
			ready = append(ready, i)
		}
	}
	var order []*step
	for len(ready) > 0 {
		st := p.steps[ready[len(ready)-1]]
		order, ready = append(order, st), ready[:len(ready)-1]
		for _, r := range slices.Backward(readers[st]) {
			if missing[r]--; missing[r] == 0 {
				ready = append(ready, r)
			}
		}
	}
	return order
}

// boxOf is how many of the steps make a box with the first one: those that follow it while
// all that they read comes from inside, or is what the first one reads where that is no
// layer, and one result is left.
func boxOf(steps []*step, readers map[*ops.Value]int) int {
	free := map[*ops.Value]bool{}
	if kindOf(steps[0]) == "other" {
		for _, v := range steps[0].in {
			free[v] = true
		}
	}
	open := map[*ops.Value]int{}
	n := 1
	for i, st := range steps[:min(maxParts, len(steps))] {
		if i > 0 && (apart[kindOf(st)] || st.node.GetOpType() == "Split") {
			break
		}
		for _, v := range st.in {
			if _, inside := open[v]; inside {
				if open[v]--; open[v] == 0 {
					delete(open, v)
				}
			} else if v != nil && v.Const == nil && !free[v] && i > 0 {
				return n
			}
		}
		for _, v := range st.out {
			if readers[v] > 0 {
				open[v] = readers[v]
			}
		}
		switch _, last := open[st.out[0]]; {
		case len(open) == 1 && last:
			n = i + 1
		case i == 0: // several results
			return 1
		}
	}
	return n
}

// apart are the kinds that begin a box of their own.
var apart = map[string]bool{"conv": true, "depthwise": true, "dense": true, "pool": true, "concat": true}

func kindOf(st *step) string {
	op := st.node.GetOpType()
	switch w := layerWeights(st); {
	case strings.HasPrefix(op, "Conv") || strings.HasSuffix(op, "Conv"):
		if w != nil && len(st.in[0].Shape) > 1 && group(st) > 1 && group(st) == st.in[0].Shape[1] {
			return "depthwise"
		}
		return "conv"
	case w != nil || strings.Contains(op, "MatMul") || op == "Gemm":
		return "dense"
	case strings.HasSuffix(op, "Pool"):
		return "pool"
	case strings.HasSuffix(op, "Normalization") || op == "LRN":
		return "norm"
	case op == "Concat":
		return "concat"
	case op == "Add" || op == "Sum" || op == "Mul":
		if len(slices.DeleteFunc(slices.Clone(st.in), func(v *ops.Value) bool { return v == nil || v.Const != nil })) > 1 {
			return "sum"
		}
	}
	return "other"
}

func group(st *step) int { return int(max(attribute(st.node, "group").GetI(), 1)) }

// detail describes a convolution's or a pool's window.
func detail(st *step) string {
	kind := kindOf(st)
	window := attribute(st.node, "kernel_shape").GetInts()
	if w := layerWeights(st); w != nil && kind != "dense" {
		window = nil
		for _, n := range w.Shape[2:] {
			window = append(window, int64(n))
		}
	}
	if kind == "dense" || len(window) == 0 {
		return ""
	}
	parts := []string{joined(window)}
	for _, name := range []string{"stride", "dilation"} {
		v := attribute(st.node, name+"s").GetInts()
		switch {
		case len(v) == 0 || slices.Max(v) == 1 && slices.Min(v) == 1:
		case slices.Max(v) == slices.Min(v):
			parts = append(parts, fmt.Sprint(name, " ", v[0]))
		default:
			parts = append(parts, name+" "+joined(v))
		}
	}
	switch n := group(st); {
	case kind == "depthwise":
		parts = append(parts, kind)
	case n > 1:
		parts = append(parts, fmt.Sprint(n, " groups"))
	}
	return strings.Join(parts, ", ")
}

// joined writes 3×3.
func joined(v []int64) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(v), "[]"), " ", "×")
}

// Filters are the weights [M,C,kH,kW] of the model's first convolution, and the name of
// its node. They must read 1 or 3 channels, so that they can be seen.
func (s *Structure) Filters() (node string, w *onnx.Tensor, err error) {
	for _, st := range s.plan.steps {
		if st.node.GetOpType() != "Conv" {
			continue
		}
		v := layerWeights(st)
		node = st.node.GetName()
		if node == "" {
			node = st.out[0].Name
		}
		switch {
		case v == nil || !ops.IsFloat(v.Type):
			return "", nil, failf("", "the filters of the first convolution %s are computed, not stored", quote(node))
		case len(v.Shape) != 4:
			return "", nil, failf("", "the filters of the first convolution %s have shape %v, want [M C H W]", quote(node), v.Shape)
		case v.Shape[1] != 1 && v.Shape[1] != 3:
			return "", nil, failf("", "the first convolution %s reads %d channels: filters can be seen that read 1 or 3", quote(node), v.Shape[1])
		}
		return node, v.Const, nil
	}
	return "", nil, failf("", "the model has no convolution")
}
