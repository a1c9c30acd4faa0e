package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// split cuts x into pieces along one axis: of given extents, else of equal ones with
// the last one smaller where they do not divide. The extents are an attribute before
// opset 13 and an input since; the number of pieces is that of the outputs, which
// opset 18 repeats in an attribute.
// https://onnx.ai/onnx/operators/onnx__Split.html; opsets 2, 11, 13, 18
type split struct {
	axis    int
	extents []int
	outs    int
	most    int // inputs at most
	uneven  bool
	in      []int
}

func readSplit(a *Attrs) Form {
	f := &split{axis: a.Int("axis", 0), outs: a.Outs, most: inputsSince(a, 13, 2), uneven: a.Opset >= 18}
	if a.Opset < 13 {
		f.extents = a.Ints("split")
	}
	if a.Opset >= 18 {
		if n := a.Int("num_outputs", a.Outs); n != a.Outs {
			a.fail("num_outputs %d, but the node has %d outputs", n, a.Outs)
		}
	}
	return f
}

func (f *split) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, f.most); err != nil {
		return nil, err
	}
	f.in = in[0].Shape
	var err error
	if f.axis, err = axis(f.axis, len(f.in)); err != nil {
		return nil, err
	}
	if v := optional(in, 1); v != nil {
		if f.extents, err = constInts(v, "split"); err != nil {
			return nil, err
		}
	}
	d := f.in[f.axis]
	if f.extents == nil {
		if f.extents, err = f.equal(d); err != nil {
			return nil, err
		}
	}
	rest := d
	for _, e := range f.extents {
		if e < 0 || e > rest {
			return nil, fmt.Errorf("pieces of %v do not add up to the %d of axis %d", f.extents, d, f.axis)
		}
		rest -= e
	}
	if rest != 0 || len(f.extents) != f.outs {
		return nil, fmt.Errorf("%d outputs and pieces of %v, which should add up to the %d of axis %d", f.outs, f.extents, d, f.axis)
	}
	out := make([]*Value, f.outs)
	for i := range out {
		out[i] = &Value{Type: in[0].Type, Shape: f.shape(i)}
	}
	return out, nil
}

// equal divides an extent of d among the outputs.
func (f *split) equal(d int) ([]int, error) {
	if f.outs == 0 || d%f.outs != 0 && !f.uneven {
		return nil, fmt.Errorf("%d of axis %d do not divide into %d equal pieces", d, f.axis, f.outs)
	}
	most := (d + f.outs - 1) / f.outs
	e := make([]int, f.outs)
	for i := range e {
		e[i] = min(most, d)
		d -= e[i]
	}
	return e, nil
}

// shape is that of piece i.
func (f *split) shape(i int) []int {
	s := slices.Clone(f.in)
	s[f.axis] = f.extents[i]
	return s
}

// start is where along the axis piece i begins.
func (f *split) start(i int) int {
	at := 0
	for _, e := range f.extents[:i] {
		at += e
	}
	return at
}

func (f *split) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	r, stride := make([]*onnx.Tensor, f.outs), strides(f.in)
	for i := range r {
		r[i] = view(in[0], f.shape(i), stride, f.start(i)*stride[f.axis])
	}
	return r, nil
}

// Lower copies each piece. What the loss does not depend on gets no gradient, of
// which there would be none to add to the other pieces'.
func (f *split) Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error) {
	if slices.Contains(f.extents, 0) {
		return nil, nil
	}
	if list, ok := b.channels(in[0]); ok && f.axis == 1 {
		inner := len(list) / f.in[1]
		for i, v := range out {
			b.shuffle(v, list[f.start(i)*inner:][:f.extents[i]*inner])
		}
		return make([]*gorgonia.Node, f.outs), nil
	}
	x, detached := b.Node(in[0]), b.Detached
	defer func() { b.Detached = detached }()
	r := make([]*gorgonia.Node, f.outs)
	rows, inner := numel(f.in[:f.axis]), numel(f.in[f.axis+1:])
	total := f.in[f.axis] * inner
	for i, v := range out {
		b.Detached = detached || !b.Loss[v]
		at, width := f.start(i)*inner, f.extents[i]*inner
		r[i] = b.Apply(Kernel{Name: "Split", Shape: v.Shape,
			Run: func(y []float32, x [][]float32) { kernel.Copy(b.Pool, y, x[0], rows, width, width, 0, total, at) },
			Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
				return []*gorgonia.Node{b.Apply(Kernel{Name: "Split.dx", Shape: in[0].Shape(),
					Run: func(dx []float32, x [][]float32) {
						clear(dx)
						kernel.Copy(b.Pool, dx, x[0], rows, width, total, at, width, 0)
					}}, dy)}
			}}, x)
	}
	return r, nil
}
