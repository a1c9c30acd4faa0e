package graph

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/gorgonia/encoding/dot"
	"gorgonia.org/tensor"

	"graft/graph/internal/kernel"
	"graft/graph/ops"
	"graft/onnx"
)

// Config says how Compile specialises a model.
type Config struct {
	Options
	// Threads the kernels run on. 0 means all cores.
	Threads int
	// Training makes a program that learns; nil one for inference.
	Training *Training
	// Outputs names the tensors to compute; nil means the model's outputs.
	Outputs []string
	// Known gives inputs values that hold for the program's whole life: shapes and
	// axes must be known when it is compiled. They are no inputs of the program.
	Known map[string]*onnx.Tensor
}

// Training says what of a model learns and by which loss.
type Training struct {
	Learning
	// Loss adds the loss of the first output to the graph. target is an input node.
	Loss Loss
	// Seed is what Dropout draws from. NoDropout leaves it out: the gradients are then of
	// what the network computes in inference.
	Seed      uint64
	NoDropout bool
	// Recompute lets gradients compute cheap values, as of activations and normalisations, once
	// more instead of keeping them: less memory for some more time, the same numbers.
	Recompute bool
}

// Loss adds nodes to a graph that compute a scalar from the network's output y
// [N,C] and a target, an input node which it makes.
type Loss func(b *ops.Builder, y *gorgonia.Node) (target, loss *gorgonia.Node, err error)

// Program is a model compiled at one batch size: a Gorgonia graph and the
// memory it runs in. It is used by one goroutine at a time.
type Program struct {
	model   *onnx.ModelProto
	config  Config
	plan    *plan
	builder *ops.Builder
	pool    *pool

	inputs  []*gorgonia.Node
	outputs []*gorgonia.Node // nil for a folded output
	target  *gorgonia.Node
	loss    *gorgonia.Node
	params  []*Param
	state   map[string]*tensor.Dense // learnt tensors and statistics, by name
	memory  ops.Memory
	grads   []gorgonia.ValueGrad

	interpreter *interpreter // of a plan too large for a graph, else nil
	results     []*onnx.Tensor
}

// Param is a tensor that learns. Its Node is a gorgonia.ValueGrad.
type Param struct {
	Name string
	Slot string // weight, bias, scale, operand
	Node *gorgonia.Node
}

// Value is the parameter's content; changing it changes the network.
func (p *Param) Value() []float32 { return p.Node.Value().(*tensor.Dense).Float32s() }

// Grad is the gradient of the last step, nil before one.
func (p *Param) Grad() []float32 {
	if v, err := p.Node.Grad(); err == nil && v != nil {
		return v.(*tensor.Dense).Float32s()
	}
	return nil
}

// pool is what the programs of one model share: threads, and the memory they may take.
type pool struct {
	*kernel.Pool
	users int
	taken int64 // bytes
}

// Compile makes a program of a model.
func Compile(m *onnx.ModelProto, c Config) (*Program, error) {
	m, err := inlined(m)
	if err != nil {
		return nil, err
	}
	if c.Training != nil {
		if m, err = SeparateStatistics(m, c.Training.Learning); err != nil {
			return nil, err
		}
	}
	return compile(m, c, nil)
}

// Variant compiles the same network once more, for another batch size, or without
// its loss in the form for inference (Dropout off, stored statistics). It shares
// parameters, statistics and threads with p.
func (p *Program) Variant(batch int, inference bool) (*Program, error) {
	c := p.config
	c.Batch = batch
	if inference && c.Training != nil {
		t := *c.Training
		t.Loss = nil
		c.Training = &t
	}
	return compile(p.model, c, p)
}

func compile(m *onnx.ModelProto, c Config, share *Program) (*Program, error) {
	p := &Program{model: m, config: c, state: map[string]*tensor.Dense{}}
	if share != nil {
		p.state, p.pool = share.state, share.pool
		p.pool.users++
	} else {
		threads := c.Threads
		if threads <= 0 {
			threads = runtime.GOMAXPROCS(0)
		}
		p.pool = &pool{Pool: kernel.NewPool(threads), users: 1}
	}
	if err := p.build(); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Close ends the program's threads, once the last program that shares them closes.
func (p *Program) Close() {
	p.pool.taken -= p.memory.Arena
	if p.pool.users--; p.pool.users == 0 {
		p.pool.Close()
	}
}

// training says whether the program computes a loss and its gradients.
func (p *Program) training() bool { return p.config.Training != nil && p.config.Training.Loss != nil }

// build turns the model into a graph. Gorgonia answers what it does
// not expect with a panic, which must not end the caller's process.
func (p *Program) build() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = failf("", "compile: %v", r)
		}
	}()
	keep, err := p.kept()
	if err != nil {
		return err
	}
	want := p.config.Outputs
	if p.config.Training != nil && want == nil {
		out, err := p.config.output(p.model)
		if err != nil {
			return err
		}
		want = []string{out}
	}
	p.plan, err = newPlan(p.model, fixing{batch: p.config.Batch, shapes: p.config.Shapes, known: p.config.Known, keep: keep, want: want, memory: p.config.MaxMemory})
	if err != nil {
		return err
	}
	if err := p.plan.fits(p.room()); err != nil {
		return err
	}
	b := ops.NewBuilder(p.pool.Pool)
	b.MaxMemory, b.Exact = p.room(), p.config.Exact
	p.builder = b
	if t := p.config.Training; t != nil && t.Loss != nil {
		b.Training, b.Seed, b.NoDropout, b.Recompute = true, t.Seed, t.NoDropout, t.Recompute
		b.BatchStatistics = map[string]bool{}
		for _, name := range t.BatchStatistics {
			b.BatchStatistics[name] = true
		}
	}
	if err := p.addInputs(keep); err != nil {
		return err
	}
	if p.plan.edges() > maxGraph {
		return p.interpret()
	}
	if err := p.lower(); err != nil {
		return err
	}
	return p.finish()
}

// kept names the constants that the program holds as tensors of its own: what
// learns, and the statistics that follow the batches.
func (p *Program) kept() (map[string]bool, error) {
	keep := map[string]bool{}
	t := p.config.Training
	if t == nil {
		return keep, nil
	}
	origin := newOrigins(p.model)
	for _, name := range t.Params {
		keep[name] = true
	}
	for _, name := range t.BatchStatistics {
		n := origin.made[name]
		if n == nil || n.GetOpType() != "BatchNormalization" || len(n.GetInput()) != 5 {
			return nil, failf("", "%s is no BatchNormalization's output", quote(name))
		}
		for _, in := range n.GetInput()[3:] {
			s, ok := origin.of(in)
			if !ok {
				return nil, failf("", "the statistics %s are no constants of the model", quote(in))
			}
			keep[s] = true
		}
	}
	return keep, nil
}

func (p *Program) addInputs(keep map[string]bool) error {
	for _, v := range p.plan.inputs {
		d, err := ops.NewDense(v)
		if err != nil {
			return failf("", "input %s: %w", quote(v.Name), err)
		}
		n := p.builder.Input(v.Name, d)
		p.builder.Set(v, n)
		p.inputs = append(p.inputs, n)
	}
	learns := map[string]bool{}
	if t := p.config.Training; t != nil {
		for _, name := range t.Params {
			learns[name] = true
		}
	}
	origin := newOrigins(p.model)
	slot := p.slots(origin)
	for name := range sorted(keep) {
		v := p.plan.values[name]
		if v == nil { // above no output, or below a given input
			continue
		}
		d, err := p.stateOf(name)
		if err != nil {
			return err
		}
		n := p.builder.Input(name, d)
		if learns[name] && p.training() {
			p.params = append(p.params, &Param{Name: name, Slot: slot[name], Node: n})
			n = p.builder.Learn(n)
		}
		p.builder.Set(v, n)
	}
	return nil
}

// slots says what each learnt constant is to the operator that first uses it.
func (p *Program) slots(origin origins) map[string]string {
	r := map[string]string{}
	for _, n := range p.model.GetGraph().GetNode() {
		op := ops.Table[n.GetOpType()]
		for k, i := range op.Learn {
			if i >= len(n.GetInput()) {
				continue
			}
			name, ok := origin.of(n.GetInput()[i])
			switch {
			case !ok || r[name] != "":
			case n.GetOpType() == "BatchNormalization":
				r[name] = [...]string{"scale", "bias"}[k]
			case i == 2:
				r[name] = "bias"
			default:
				r[name] = "weight"
			}
		}
	}
	return r
}

// stateOf returns the program's own copy of a constant, shared among its variants.
func (p *Program) stateOf(name string) (*tensor.Dense, error) {
	if d := p.state[name]; d != nil {
		return d, nil
	}
	t, err := constantFloats(p.model, name)
	if err != nil {
		return nil, err
	}
	d := ops.Dense(t)
	p.state[name] = d
	return d, nil
}

// constantTensor reads an initializer or a Constant node's value of any type by name.
func constantTensor(m *onnx.ModelProto, name string) (*onnx.Tensor, error) {
	for _, i := range m.GetGraph().GetInitializer() {
		if i.GetName() == name {
			t, err := onnx.TensorOf(i)
			if err != nil {
				return nil, failf("", "initializer %s: %w", quote(name), err)
			}
			return t, nil
		}
	}
	for i, n := range m.GetGraph().GetNode() {
		if n.GetOpType() == "Constant" && slices.Contains(n.GetOutput(), name) {
			f, err := ops.Read(n, int(onnx.Opset(m, "")))
			if err != nil {
				return nil, nodeError(i, n, err)
			}
			v, err := f.Eval(nil)
			if err != nil {
				return nil, nodeError(i, n, err)
			}
			return v[0], nil
		}
	}
	return nil, failf("", "the model has no constant %s", quote(name))
}

// constantFloats is constantTensor for what can learn.
func constantFloats(m *onnx.ModelProto, name string) (*onnx.Tensor, error) {
	t, err := constantTensor(m, name)
	if err == nil && !ops.IsFloat(t.Type) {
		err = failf("", "%s is no float constant of the model", quote(name))
	}
	return t, err
}

// lower adds every step to the graph: by its kernels where all is float32, else by
// its reference evaluation.
func (p *Program) lower() error {
	p.fuse()
	if p.training() {
		p.builder.Loss = p.plan.differentiated(p.logitsValue())
	}
	for _, s := range p.plan.steps {
		p.builder.Detached = p.training() && !slices.ContainsFunc(s.out, func(v *ops.Value) bool { return p.builder.Loss[v] })
		p.builder.Step = s.out[0].Name
		nodes, err := p.lowerStep(s)
		if err != nil {
			return nodeError(s.index, s.node, err)
		}
		for i, n := range nodes {
			if n != nil {
				p.builder.Set(s.out[i], n)
			}
		}
	}
	p.builder.Detached, p.builder.Step = false, ""
	return nil
}

// differentiated are the values that the gradient of v reaches: not those that conditions
// and indices alone are computed from.
func (p *plan) differentiated(v *ops.Value) map[*ops.Value]bool {
	reached := map[*ops.Value]bool{v: true}
	for _, s := range slices.Backward(p.steps) {
		if !slices.ContainsFunc(s.out, func(v *ops.Value) bool { return reached[v] }) {
			continue
		}
		for _, in := range s.in {
			if in != nil && (isFloat(in) || ops.Table[s.node.GetOpType()].Quantizes) {
				reached[in] = true
			}
		}
	}
	return reached
}

// isFloat says whether a gradient by v has a meaning.
func isFloat(v *ops.Value) bool { return ops.IsFloat(v.Type) || v.Type == onnx.TensorProto_DOUBLE }

// fuse fuses the plan's steps, as far as what learns and what is asked for allow.
func (p *Program) fuse() {
	keep, learns := map[*ops.Value]bool{p.logitsValue(): true}, map[*ops.Value]bool{}
	for _, v := range p.plan.outputs {
		keep[v] = true
	}
	for _, q := range p.params {
		learns[p.plan.values[q.Name]] = true
	}
	p.plan.fuse(keep, p.builder.BatchStatistics, learns)
	if p.config.Training == nil {
		p.plan.compose(keep, ops.Cascaded)
		p.plan.compose(keep, ops.Joined)
	}
}

func (p *Program) lowerStep(s *step) (nodes []*gorgonia.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	if l, ok := s.form.(ops.Lowerer); ok && s.hasKernels() {
		if nodes, err = l.Lower(p.builder, s.in, s.out); err != nil {
			return nil, err
		}
	}
	if nodes == nil {
		if err := p.passable(s); err != nil {
			return nil, err
		}
		nodes = p.builder.Reference(s.node.GetOpType(), s.form, s.in, s.out)
	}
	return nodes, nil
}

// hasKernels says whether kernels can run a step: they are of float32.
func (s *step) hasKernels() bool {
	mixed := ops.Table[s.node.GetOpType()].Mixed
	for i, v := range s.in {
		if v != nil && (len(v.Shape) > ops.MaxRank || v.Const == nil && !ops.IsFloat(v.Type) && !slices.Contains(mixed, i)) {
			return false
		}
	}
	return len(s.out) > 0 && ops.IsFloat(s.out[0].Type) && numel(s.out[0].Shape) > 0 && len(s.out[0].Shape) <= ops.MaxRank
}

// passable refuses a step without kernels where the gradient would have to pass. None is
// expected to pass conditions and indices.
func (p *Program) passable(s *step) error {
	quantizes := ops.Table[s.node.GetOpType()].Quantizes
	if !quantizes && !slices.ContainsFunc(s.out, isFloat) {
		return nil
	}
	for _, v := range s.in {
		if v == nil || !p.training() || p.builder.Detached || !p.builder.NeedsGradient(p.builder.Node(v)) {
			continue
		}
		if quantizes {
			return &ops.UnsupportedError{What: "the model is quantized: rounding to integers has no gradient; freeze at a layer above it, or train the model that it was made of"}
		}
		return &ops.UnsupportedError{What: "it has no gradient; freeze at a layer above it"}
	}
	return nil
}

// finish adds the loss and the gradients, and plans the memory and the order.
func (p *Program) finish() error {
	b := p.builder
	keep, err := p.addLoss()
	if err != nil {
		return err
	}
	b.Detached = true // what only the host reads has no gradient
	for _, v := range p.plan.outputs {
		if v.Const != nil {
			p.outputs = append(p.outputs, nil)
			continue
		}
		n := b.Node(v)
		p.outputs = append(p.outputs, n)
		keep = append(keep, n)
	}
	if len(keep) == 0 {
		return nil
	}
	if p.training() {
		grads, err := p.gradients()
		if err != nil {
			return err
		}
		keep = append(keep, grads...)
	}
	memory, err := b.Allocate(keep...)
	if err != nil {
		var m *ops.MemoryError
		if errors.As(err, &m) {
			return tooLarge(m.Need, p.room(), "the program")
		}
		return err
	}
	p.takes(memory)
	return nil
}

// addLoss adds the loss of a training program.
func (p *Program) addLoss() ([]*gorgonia.Node, error) {
	if !p.training() {
		return nil, nil
	}
	y, err := p.logits()
	if err != nil {
		return nil, err
	}
	if p.target, p.loss, err = p.config.Training.Loss(p.builder, y); err != nil {
		return nil, err
	}
	return []*gorgonia.Node{p.loss}, nil
}

// gradients adds those of all that learns.
func (p *Program) gradients() ([]*gorgonia.Node, error) {
	if len(p.params) == 0 {
		if slices.ContainsFunc(p.plan.steps, func(s *step) bool { return ops.Table[s.node.GetOpType()].Quantizes }) {
			return nil, failf("graft a new head onto it, or train the model that it was made of", "the model is quantized: its weights are integers, which do not learn")
		}
		return nil, failf("freeze fewer layers", "nothing of the model is left to learn")
	}
	var wrt []*gorgonia.Node
	for _, q := range p.params {
		wrt = append(wrt, q.Node)
	}
	return p.builder.Gradients(p.loss, wrt)
}

// logitsValue is what the loss is taken of: where the model ends in a Softmax, what
// goes into it.
func (p *Program) logitsValue() *ops.Value {
	v := p.plan.outputs[0]
	if s := p.plan.made[v]; s != nil && s.node.GetOpType() == "Softmax" {
		return s.in[0]
	}
	return v
}

// logits is the node the loss is taken of, as [N,C].
func (p *Program) logits() (*gorgonia.Node, error) {
	v := p.logitsValue()
	if v.Const != nil {
		return nil, failf("", "the output %s does not depend on the input", quote(v.Name))
	}
	if !ops.IsFloat(v.Type) {
		return nil, failf("", "the output %s is %v, a classifier's is float32", quote(v.Name), v.Type)
	}
	if len(v.Shape) < 2 || numel(v.Shape[2:]) != 1 {
		return nil, failf("use --head linear", "the output %s has shape %v, a classifier's is [N,C]", quote(v.Name), v.Shape)
	}
	return p.builder.Flat(p.builder.Node(v), v.Shape[:2]), nil
}

// Dot writes the Gorgonia graph in the language of Graphviz.
func (p *Program) Dot() ([]byte, error) { return dot.Marshal(p.builder.Graph) }

// Memory is what the program's computed values take.
func (p *Program) Memory() ops.Memory { return p.memory }

// Clock says whether nodes note the time that they take from now on.
func (p *Program) Clock(on bool) { p.builder.Clock = on }

// Timings is what each node has taken so far while the clock was on.
func (p *Program) Timings() []ops.Timing { return p.builder.Timings() }

// Params are the tensors that learn, in order of their names; none in inference.
func (p *Program) Params() []*Param { return p.params }

// Threads is the number of threads the kernels run on.
func (p *Program) Threads() int { return p.pool.Threads() }
