package graph

import (
	"fmt"
	"slices"

	"graft/graph/ops"
	"graft/onnx"
)

// plan is a model at fixed shapes: the steps that depend on the input, in an order
// that runs. What does not depend on it is folded into constants.
type plan struct {
	model   *onnx.ModelProto
	opset   int
	values  map[string]*ops.Value
	inputs  []*ops.Value
	outputs []*ops.Value
	steps   []*step
	made    map[*ops.Value]*step // the step that computes a value
	room    int                  // elements that folding may still make
	work    int                  // multiply-adds that folding may still take
	folded  int                  // nodes that are no Constant and yet no step
}

// step is one node of the model.
type step struct {
	node    *onnx.NodeProto
	index   int // in the file
	form    ops.Form
	in, out []*ops.Value
}

// fixing says what a plan is made for.
type fixing struct {
	batch  int                     // of a symbolic first dimension; 0 means 1
	shapes map[string][]int        // whole shapes of inputs, by name
	known  map[string]*onnx.Tensor // inputs whose values are known already
	keep   map[string]bool         // constants that stay values of their own: they learn
	want   []string                // outputs; nil means the model's
	memory int64                   // bytes that a program may take; 0 where nobody has said

	// rewrite gives the nodes to plan in the place of one, whose operands are planned.
	rewrite func(p *plan, n *onnx.NodeProto) ([]*onnx.NodeProto, error)
}

// Error says where in a model something is wrong.
type Error struct {
	Node int // index in the file, -1 where no node is concerned
	Name string
	Op   string
	Err  error
	hint string
}

func (e *Error) Error() string {
	if e.Node < 0 {
		return fmt.Sprintf("graph: %v", e.Err)
	}
	return fmt.Sprintf("graph: node %d %s (%s): %v", e.Node, quote(e.Name), clean(e.Op), e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Hint is what the user can do about it, or "".
func (e *Error) Hint() string { return e.hint }

// failf is an Error that concerns no node, with a hint.
func failf(hint, format string, args ...any) error {
	return &Error{Node: -1, Err: fmt.Errorf(format, args...), hint: hint}
}

func quote(s string) string {
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return fmt.Sprintf("%q", s)
}

// clean is a name without its quotes, safe to print.
func clean(s string) string { q := quote(s); return q[1 : len(q)-1] }

// newPlan fixes the shapes of a model and folds its constants.
func newPlan(m *onnx.ModelProto, f fixing) (*plan, error) {
	g := m.GetGraph()
	p := &plan{model: m, opset: int(onnx.Opset(m, "")), values: map[string]*ops.Value{}, made: map[*ops.Value]*step{}}
	if len(g.GetSparseInitializer()) > 0 {
		return nil, failf("", "sparse initializers are not supported")
	}
	want := f.want
	if want == nil {
		for _, o := range g.GetOutput() {
			want = append(want, o.GetName())
		}
	}
	nodes, needed, err := ancestors(g, want)
	if err != nil {
		return nil, err
	}
	p.room = max(maxFolded, int(f.memory/8))
	if err := p.setInitializers(needed, f.keep); err != nil {
		return nil, err
	}
	if err := p.setInputs(f); err != nil {
		return nil, err
	}
	for _, i := range nodes {
		instead := []*onnx.NodeProto{g.GetNode()[i]}
		if f.rewrite != nil {
			if instead, err = f.rewrite(p, g.GetNode()[i]); err != nil {
				return nil, nodeError(i, g.GetNode()[i], err)
			}
		}
		for _, n := range instead {
			if err := p.addNode(i, n, f.keep); err != nil {
				return nil, err
			}
		}
		if g.GetNode()[i].GetOpType() != "Constant" {
			p.folded++
		}
	}
	for _, name := range want {
		v := p.values[name]
		if v == nil {
			return nil, failf("", "no node computes the output %s", quote(name))
		}
		p.outputs = append(p.outputs, v)
	}
	p.dropUnused()
	p.folded -= len(p.steps)
	return p, nil
}

// ancestors returns the indices of the nodes that the wanted values depend on, in
// the file's order, and the names of all values concerned.
func ancestors(g *onnx.GraphProto, want []string) ([]int, map[string]bool, error) {
	needed := map[string]bool{}
	for _, w := range want {
		needed[w] = true
	}
	var nodes []int
	all := g.GetNode()
	for i := len(all) - 1; i >= 0; i-- {
		if !slices.ContainsFunc(all[i].GetOutput(), func(o string) bool { return o != "" && needed[o] }) {
			continue
		}
		for _, a := range all[i].GetAttribute() {
			if a.GetG() != nil || len(a.GetGraphs()) > 0 {
				return nil, nil, nodeError(i, all[i], &ops.UnsupportedError{What: "operators with subgraphs are not supported"})
			}
		}
		nodes = append(nodes, i)
		for _, in := range all[i].GetInput() {
			needed[in] = true
		}
	}
	slices.Reverse(nodes)
	return nodes, needed, nil
}

func nodeError(i int, n *onnx.NodeProto, err error) error {
	return &Error{Node: i, Name: n.GetName(), Op: n.GetOpType(), Err: err}
}

func (p *plan) setInitializers(needed, keep map[string]bool) error {
	for _, t := range p.model.GetGraph().GetInitializer() {
		if !needed[t.GetName()] {
			continue
		}
		v, err := onnx.TensorOf(t)
		if err != nil {
			return failf("", "initializer %s: %w", quote(t.GetName()), err)
		}
		p.values[t.GetName()] = constantValue(t.GetName(), v, keep)
		p.room += 4 * v.Len()
	}
	p.work = maxFoldedWork
	return nil
}

// constantValue is a value known now, unless it is to be kept apart.
func constantValue(name string, t *onnx.Tensor, keep map[string]bool) *ops.Value {
	v := &ops.Value{Name: name, Type: t.Type, Shape: t.Shape}
	if !keep[name] {
		v.Const = t
	}
	return v
}

// trueInputs are a model's inputs that no initializer gives a value.
func trueInputs(m *onnx.ModelProto) []*onnx.ValueInfoProto {
	have := map[string]bool{}
	for _, t := range m.GetGraph().GetInitializer() {
		have[t.GetName()] = true
	}
	var in []*onnx.ValueInfoProto
	for _, i := range m.GetGraph().GetInput() {
		if !have[i.GetName()] {
			in = append(in, i)
		}
	}
	return in
}

// maxElements bounds a single value of a plan: 2^33 floats are 32 GiB.
const maxElements = 1 << 33

// maxFolded bounds, with the size of the initializers, what constant folding makes
// of the few bytes that a ConstantOfShape or a Pad takes, in elements. Where a limit of
// memory is given constants may fill half of it.
const maxFolded = 1 << 24

func (p *plan) setInputs(f fixing) error {
	for _, i := range trueInputs(p.model) {
		t := i.GetType().GetTensorType()
		if t == nil {
			return failf("", "input %s is not a tensor", quote(i.GetName()))
		}
		shape, err := inputShape(i, f)
		if err != nil {
			return err
		}
		if n, err := onnx.Numel(shape); err != nil || n > maxElements {
			return failf("", "input %s: shape %v is too large", quote(i.GetName()), shape)
		}
		v := &ops.Value{Name: i.GetName(), Type: onnx.TensorProto_DataType(t.GetElemType()), Shape: shape}
		p.values[v.Name] = v
		if k := f.known[v.Name]; k != nil {
			if k.Type != v.Type || !slices.Equal(k.Shape, v.Shape) {
				return failf("", "input %s is %v of shape %v, got %v of shape %v", quote(v.Name), v.Type, v.Shape, k.Type, k.Shape)
			}
			v.Const = k
			continue
		}
		p.inputs = append(p.inputs, v)
	}
	return nil
}

// inputShape fixes the shape of an input: as f gives it, else as the file declares
// it with the batch in the first dimension where that is symbolic.
func inputShape(i *onnx.ValueInfoProto, f fixing) ([]int, error) {
	given := f.shapes[i.GetName()]
	dims := i.GetType().GetTensorType().GetShape().GetDim()
	if i.GetType().GetTensorType().GetShape() == nil {
		if given == nil {
			return nil, failf("give its size", "input %s has no declared shape", quote(i.GetName()))
		}
		return given, nil
	}
	if given != nil && len(given) != len(dims) {
		return nil, failf("", "input %s has %d dimensions, got shape %v", quote(i.GetName()), len(dims), given)
	}
	shape := make([]int, len(dims))
	for k, d := range dims {
		_, fixed := d.GetValue().(*onnx.TensorShapeProto_Dimension_DimValue)
		switch {
		case given != nil:
			shape[k] = given[k]
			if fixed && d.GetDimValue() != int64(given[k]) {
				return nil, failf("", "input %s: dimension %d is %d, got shape %v", quote(i.GetName()), k, d.GetDimValue(), given)
			}
		case fixed:
			if d.GetDimValue() < 0 || d.GetDimValue() > maxElements {
				return nil, failf("", "input %s: dimension %d is %d", quote(i.GetName()), k, d.GetDimValue())
			}
			shape[k] = int(d.GetDimValue())
		case k == 0:
			shape[k] = max(f.batch, 1)
		default:
			return nil, failf("give the input size with --size", "input %s: dimension %d is open", quote(i.GetName()), k)
		}
	}
	return shape, nil
}

// addNode reads one node, infers its outputs and folds it where all it reads is known.
func (p *plan) addNode(index int, n *onnx.NodeProto, keep map[string]bool) error {
	form, err := ops.Read(n, p.opset)
	if err != nil {
		return nodeError(index, n, err)
	}
	s := &step{node: n, index: index, form: form}
	known := true
	for _, name := range n.GetInput() {
		v := p.values[name]
		if name != "" && v == nil {
			return nodeError(index, n, fmt.Errorf("input %s is computed by no node before it", quote(name)))
		}
		s.in = append(s.in, v)
		known = known && (v == nil || v.Const != nil)
	}
	out, err := infer(form, s.in)
	if err != nil {
		return nodeError(index, n, err)
	}
	if len(out) < len(n.GetOutput()) {
		return nodeError(index, n, fmt.Errorf("%d outputs, want %d at most", len(n.GetOutput()), len(out)))
	}
	if known {
		for _, v := range out {
			if p.room -= numel(v.Shape); p.room < 0 {
				return nodeError(index, n, fmt.Errorf("constant of shape %v is too large", v.Shape))
			}
		}
		s.out = out
		if w := work(s); w > p.work {
			return nodeError(index, n, fmt.Errorf("constant of shape %v takes %d multiply-adds: too much", out[0].Shape, w))
		} else {
			p.work -= w
		}
		if err := fold(form, s.in, out); err != nil {
			return nodeError(index, n, err)
		}
	}
	for i, v := range out {
		if i < len(n.GetOutput()) {
			v.Name = n.GetOutput()[i]
		}
		if v.Name != "" {
			p.values[v.Name] = v
		}
		if keep[v.Name] {
			v.Const = nil
		}
		p.made[v] = s
	}
	s.out = out
	if known || slices.IndexFunc(out, func(v *ops.Value) bool { return v.Const == nil }) < 0 {
		return nil
	}
	p.steps = append(p.steps, s)
	return nil
}

// infer runs a shape rule. The rules compute with what the file says, so that what
// they overlook must not end the program.
func infer(f ops.Form, in []*ops.Value) (out []*ops.Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("operands do not fit: %v", r)
		}
	}()
	if out, err = f.Infer(in); err != nil {
		return nil, err
	}
	for _, v := range out {
		if n, err := onnx.Numel(v.Shape); err != nil || n > maxElements {
			return nil, fmt.Errorf("output of shape %v is too large", v.Shape)
		}
	}
	return out, nil
}

func fold(f ops.Form, in, out []*ops.Value) error {
	args := make([]*onnx.Tensor, len(in))
	for i, v := range in {
		args[i] = constOf(v)
	}
	t, err := evaluate(f, args)
	if err != nil {
		return err
	}
	for i := range t {
		out[i].Const = t[i]
	}
	return nil
}

// evaluate runs a reference evaluation; like the shape rules, it must not end the
// program.
func evaluate(f ops.Form, args []*onnx.Tensor) (t []*onnx.Tensor, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("operands do not fit: %v", r)
		}
	}()
	if t, err = f.Eval(args); err != nil {
		return nil, err
	}
	for i := range t {
		t[i].Round()
	}
	return t, nil
}

// dropUnused removes the steps whose results only folded constants had asked for.
func (p *plan) dropUnused() {
	used := map[*ops.Value]bool{}
	for _, o := range p.outputs {
		used[o] = true
	}
	var kept []*step
	for i := len(p.steps) - 1; i >= 0; i-- {
		s := p.steps[i]
		if !slices.ContainsFunc(s.out, func(v *ops.Value) bool { return used[v] }) {
			continue
		}
		for _, v := range s.in {
			used[v] = true
		}
		kept = append(kept, s)
	}
	slices.Reverse(kept)
	p.steps = kept
}
