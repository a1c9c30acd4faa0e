package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// Builder turns the steps of a model into nodes of one Gorgonia graph.
type Builder struct {
	Graph *gorgonia.ExprGraph
	Pool  *kernel.Pool
	// Training makes Dropout live, unless NoDropout says otherwise; BatchStatistics names
	// the BatchNormalization outputs that are normalised by their batch.
	Training        bool
	NoDropout       bool
	BatchStatistics map[string]bool
	// Detached makes the kernels added from now on constant to the gradient: the loss
	// does not depend on them.
	Detached bool
	// Loss has the values that the loss depends on, in training.
	Loss map[*Value]bool
	// Separate gives every node memory of its own, which tells mistakes of the memory
	// plan from mistakes of kernels.
	Separate bool
	// Recompute lets gradients compute what is cheap once more instead of keeping it.
	Recompute bool
	// Seed is what Dropout draws from; the owner changes it at every step.
	Seed uint64
	// Exact keeps convolutions to direct sums.
	Exact bool
	// MaxMemory is the most bytes that Allocate may take; 0 is no limit.
	MaxMemory int64
	// Step names the model's node that kernels are added for, for their Timings; those of
	// its gradient get it, too. Clock makes nodes note the time that they take.
	Step  string
	Clock bool
	// Statistics are the batch statistics of this graph, in order of creation.
	Statistics []Statistics

	nodes    map[*Value]*gorgonia.Node // by value: in ONNX's layout,
	blocked  map[*Value]*gorgonia.Node // in the blocked one,
	shuffled map[*Value][]channel      // what is made of channels of others

	constant map[*gorgonia.Node]bool // known when the graph is built
	needs    map[*gorgonia.Node]bool // nodes that depend on what learns
	used     map[*gorgonia.Node]bool // of these, the ones with a differentiable reader
	taps     gorgonia.Nodes
	after    *gorgonia.Node                    // while a gradient is added: by what it is of
	again    map[*gorgonia.Node]*gorgonia.Node // what is computed once more for gradients,
	depths   map[*gorgonia.Node]int            // and by how many kernels
	lastID   int

	reference int64 // bytes that reference evaluations allocate and keep
	timings   []*Timing
	tape      []step
}

// Statistics is one BatchNormalization on batch statistics.
type Statistics struct {
	Mean, Var *Value         // the running statistics
	Node      *gorgonia.Node // [2,C]: mean and biased variance of the batch
	Count     int            // elements behind each of them
	Momentum  float32        // share of the old value, ONNX's sense
}

// NewBuilder starts a graph whose kernels run on p.
func NewBuilder(p *kernel.Pool) *Builder {
	return &Builder{Graph: gorgonia.NewGraph(), Pool: p,
		nodes: map[*Value]*gorgonia.Node{}, blocked: map[*Value]*gorgonia.Node{}, shuffled: map[*Value][]channel{},
		again: map[*gorgonia.Node]*gorgonia.Node{}, depths: map[*gorgonia.Node]int{},
		constant: map[*gorgonia.Node]bool{}, needs: map[*gorgonia.Node]bool{}, used: map[*gorgonia.Node]bool{}}
}

// Input adds an input node that holds t. The name is for drawings; Gorgonia would
// merge inputs of equal names, so that each gets a number.
func (b *Builder) Input(name string, t *tensor.Dense) *gorgonia.Node {
	return gorgonia.NewTensor(b.Graph, t.Dtype(), t.Dims(), gorgonia.WithShape(t.Shape()...),
		gorgonia.WithName(fmt.Sprintf("%s #%d", name, b.nextID())), gorgonia.WithValue(t))
}

// Learn marks an input node as one that learns and returns the node its readers
// are to use: a further node through which the gradients of several readers meet.
func (b *Builder) Learn(n *gorgonia.Node) *gorgonia.Node {
	b.needs[n] = true
	return b.Apply(Kernel{Name: "use", Shape: n.Shape(), Grad: passGradient}, n)
}

func passGradient(_ []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
	return []*gorgonia.Node{dy}
}

// NeedsGradient says whether n depends on anything that learns.
func (b *Builder) NeedsGradient(n *gorgonia.Node) bool { return b.needs[n] }

// tap stands between a node and its second, third, … reader. Gorgonia would add
// the gradients of several readers with an operator of its own, which allocates a
// tensor a run; instead each further reader's gradient ends in its tap, and the
// node's own SymDiff, which comes after all of them, adds these up in one kernel.
type tap struct{ dy *gorgonia.Node }

// Apply adds a kernel to the graph, or runs it now where all it reads is constant.
func (b *Builder) Apply(k Kernel, in ...*gorgonia.Node) *gorgonia.Node {
	if b.known(in) && k.Shape != nil {
		return b.fold(k, in)
	}
	op := &kernelOp{Kernel: k, b: b, id: b.nextID(), need: make([]bool, len(in)), x: make([][]float32, len(in)),
		time: b.timing(k.Name, k.How, k.Shape, k.MultiplyAdds)}
	in = slices.Clone(in)
	needs := false
	for i, n := range in {
		if b.after != nil {
			in[i], op.Cheap = b.recomputed(n), false
		}
		if k.Grad != nil && b.needs[n] && !b.Detached {
			in[i] = b.read(n)
			op.need[i] = true
			needs = true
		}
		op.dims = append(op.dims, in[i].Shape().Dims())
	}
	n := b.apply(op, in)
	b.needs[n] = needs
	return n
}

// known says whether all nodes are constant.
func (b *Builder) known(in []*gorgonia.Node) bool {
	return len(in) > 0 && !slices.ContainsFunc(in, func(n *gorgonia.Node) bool { return !b.constant[n] })
}

// fold is a kernel's result as an input node.
func (b *Builder) fold(k Kernel, in []*gorgonia.Node) *gorgonia.Node {
	x := make([][]float32, len(in))
	for i, n := range in {
		x[i] = floatsOf(n.Value())
	}
	y := x[0]
	if k.Run != nil {
		y = make([]float32, tensor.Shape(k.Shape).TotalSize())
		k.Run(y, x)
	}
	n := b.Input(k.Name, tensor.New(tensor.WithShape(k.Shape...), tensor.WithBacking(y)))
	b.constant[n] = true
	return n
}

// read returns the node through which one more differentiable reader sees n.
func (b *Builder) read(n *gorgonia.Node) *gorgonia.Node {
	op, ok := n.Op().(*kernelOp)
	if !ok || !b.used[n] {
		b.used[n] = true
		return n
	}
	t := &tap{}
	op.taps = append(op.taps, t)
	k := Kernel{Name: "tap", Shape: op.Shape, Grad: func(_ []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
		t.dy = dy
		return []*gorgonia.Node{nil}
	}}
	r := b.apply(&kernelOp{Kernel: k, b: b, id: b.nextID(), need: []bool{false}, dims: []int{n.Shape().Dims()}, x: make([][]float32, 1), time: b.timing(k.Name, "", k.Shape, 0)}, []*gorgonia.Node{n})
	b.taps = append(b.taps, r)
	return r
}

// sumTaps adds what the taps of k have gathered to dy.
func (b *Builder) sumTaps(k *kernelOp, dy *gorgonia.Node) *gorgonia.Node {
	if len(k.taps) == 0 {
		return dy
	}
	all := []*gorgonia.Node{dy}
	for _, t := range k.taps {
		all = append(all, t.dy)
	}
	return b.Apply(Kernel{Name: "sum", Shape: k.Shape, Over: []int{0}, Run: func(y []float32, x [][]float32) {
		kernel.Sum(b.Pool, y, x...)
	}}, all...)
}

func (b *Builder) apply(op gorgonia.Op, in []*gorgonia.Node) *gorgonia.Node {
	n, err := gorgonia.ApplyOp(op, in...)
	if err != nil {
		panic(err)
	}
	return n
}

func (b *Builder) nextID() int { b.lastID++; return b.lastID }

// Gradients differentiates loss by the input nodes wrt. It is called once.
func (b *Builder) Gradients(loss *gorgonia.Node, wrt []*gorgonia.Node) ([]*gorgonia.Node, error) {
	one := b.Graph.AddNode(gorgonia.NewConstant(float32(1), gorgonia.WithName("1")))
	all := append(slices.Clone(wrt), b.taps...)
	b.after = nil
	clear(b.needs) // kernels added from here on are gradients, which are not differentiated again
	g, err := gorgonia.Backpropagate(gorgonia.Nodes{loss}, gorgonia.Nodes{one}, all)
	if err != nil {
		return nil, fmt.Errorf("ops: differentiate: %w", err)
	}
	return g[:len(wrt)], nil
}

// Flat is x under the shape [N,C].
func (b *Builder) Flat(x *gorgonia.Node, shape []int) *gorgonia.Node {
	return b.alias("Flat", x, shape)
}

// Dense shares the memory of t with a Gorgonia tensor. A tensor without dimensions
// gets one: Gorgonia's scalars are of other types.
func Dense(t *onnx.Tensor) *tensor.Dense {
	return tensor.New(tensor.WithShape(denseShape(t.Shape)...), tensor.WithBacking(t.Data))
}

func denseShape(shape []int) []int {
	if len(shape) == 0 {
		return []int{1}
	}
	return shape
}
