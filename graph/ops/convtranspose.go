package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// convTranspose is the gradient of a convolution by its input, as an operator:
// x [N,C,H,W], w [C,M/group,kH,kW], bias [M] -> y [N,M,H',W'], over any number of
// spatial dimensions.
// https://onnx.ai/onnx/operators/onnx__ConvTranspose.html; opsets 1, 11, 22
type convTranspose struct {
	window
	group          int
	extra, outputs []int // the attributes output_padding, output_shape
	n, c, m        int
	shape          []int
}

func readConvTranspose(a *Attrs) Form {
	return &convTranspose{window: readWindow(a), group: a.Int("group", 1), extra: a.Ints("output_padding"), outputs: a.Ints("output_shape")}
}

func (f *convTranspose) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 2, 3); err != nil {
		return nil, err
	}
	if err := wantFloat(in...); err != nil {
		return nil, err
	}
	n, c, extents, err := spatial(in[0].Shape)
	if err != nil {
		return nil, err
	}
	w := in[1].Shape
	if f.group < 1 || f.group > maxConstant || len(w) != len(in[0].Shape) || c%f.group != 0 || w[0] != c {
		return nil, fmt.Errorf("weights of shape %v do not fit an input of shape %v in %d groups", w, in[0].Shape, f.group)
	}
	if f.kernels != nil && !slices.Equal(f.kernels, w[2:]) {
		return nil, fmt.Errorf("kernel_shape %v, but weights of shape %v", f.kernels, w)
	}
	f.n, f.c, f.m, f.kernels = n, c, w[1]*f.group, slices.Clone(w[2:])
	if b := optional(in, 2); b != nil && !slices.Equal(b.Shape, []int{f.m}) {
		return nil, fmt.Errorf("bias of shape %v, want [%d]", b.Shape, f.m)
	}
	if err := f.complete(extents); err != nil {
		return nil, err
	}
	if err := f.sizes(); err != nil {
		return nil, err
	}
	f.shape = append([]int{n, f.m}, f.outs()...)
	return []*Value{{Type: in[0].Type, Shape: f.shape}}, nil
}

// sizes finds the extents of the output, or the pads that give the ones asked for.
func (f *convTranspose) sizes() error {
	if f.extra == nil {
		f.extra = make([]int, len(f.sides))
	}
	if len(f.extra) != len(f.sides) || slices.Min(f.extra) < 0 || slices.Max(f.extra) > maxConstant {
		return fmt.Errorf("output_padding %v for %d spatial dimensions", f.extra, len(f.sides))
	}
	if f.outputs != nil && (len(f.outputs) != len(f.sides) || slices.Min(f.outputs) < 1) {
		return fmt.Errorf("output_shape %v for %d spatial dimensions", f.outputs, len(f.sides))
	}
	for i := range f.sides {
		s := &f.sides[i]
		full := s.stride*(s.in-1) + f.extra[i] + s.reach()
		switch {
		case f.outputs != nil:
			s.out = f.outputs[i]
		case f.autoPad == "NOTSET":
			s.out = full - s.before - s.after
		case f.autoPad == "VALID":
			s.before, s.after, s.out = 0, 0, full
		default:
			s.out = s.in * s.stride
		}
		if s.out < 1 || s.in < 1 {
			return fmt.Errorf("spatial dimension %d: pads %d and %d leave %d of %d", i, s.before, s.after, s.out, full)
		}
		if f.outputs != nil || f.autoPad == "SAME_UPPER" || f.autoPad == "SAME_LOWER" {
			total := max(full-s.out, 0)
			if s.before = total - total/2; f.autoPad == "SAME_UPPER" {
				s.before = total / 2
			}
			s.after = total - s.before
		}
	}
	return nil
}

// forward is the window of the convolution whose gradient this is: it reads the output.
func (f *convTranspose) forward() *window {
	w := &window{sides: slices.Clone(f.sides)}
	for i, s := range f.sides {
		w.sides[i].in, w.sides[i].out = s.out, s.in
	}
	return w
}

func (f *convTranspose) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	x, w, y := float64s(in[0]), float64s(in[1]), make([]float64, numel(f.shape))
	xs, ys, ks := numel(in[0].Shape[2:]), numel(f.shape[2:]), numel(in[1].Shape[2:])
	if b := optional(in, 2); b != nil {
		for i, v := range float64s(b) {
			for n := range f.n {
				for j := range ys {
					y[(n*f.m+i)*ys+j] = v
				}
			}
		}
	}
	cg, mg := f.c/f.group, f.m/f.group
	window := f.forward()
	for i := range f.n * f.c {
		n, c := i/f.c, i%f.c
		var v float64
		window.each(func(from int) { v = x[i*xs+from] }, func(k, to int) {
			for m := range mg {
				y[(n*f.m+c/cg*mg+m)*ys+to] += v * w[(c*mg+m)*ks+k]
			}
		}, func(int, int) {})
	}
	return []*onnx.Tensor{tensor64(in[0].Type, f.shape, y)}, nil
}

func (f *convTranspose) Lower(b *Builder, in, _ []*Value) ([]*gorgonia.Node, error) {
	g, ok := f.forward().convolution(f.n, f.m, f.c, f.group)
	if !ok {
		return f.lowerVolume(b, in)
	}
	x, w := b.Blocked(in[0]), b.Node(in[1])
	y := b.transposed("ConvTranspose", g, blockedShape(f.shape), x, w, b.takesWinograd(g, x, w))
	if v := optional(in, 2); v != nil {
		y = b.addLanes(y, b.Node(v), f.shape)
	}
	return []*gorgonia.Node{y}, nil
}

// transposed is the gradient by its input of the convolution g with weights w, from dy
// in the blocked layout.
func (b *Builder) transposed(name string, g *kernel.Conv, shape []int, dy, w *gorgonia.Node, fast bool) *gorgonia.Node {
	size, pack, run := g.Packed(), kernel.PackWeightsData, kernel.ConvBackwardData
	if fast {
		size, pack, run = g.PackedWinograd(), kernel.PackWeightsDataWinograd, kernel.ConvBackwardDataWinograd
	}
	packed := w
	if fast && !b.constant[w] { // read once as they are: the kernel packs them part by part
		run = kernel.ConvBackwardDataWinogradOf
	} else {
		packed = b.Apply(Kernel{Name: "Pack.dx", Shape: []int{size},
			Run: func(y []float32, x [][]float32) { pack(b.Pool, g, y, x[0]) }}, w)
	}
	return b.Apply(Kernel{Name: name, Shape: shape, How: howOf(g, fast), MultiplyAdds: g.MultiplyAdds(),
		Run: func(dx []float32, x [][]float32) { run(b.Pool, g, dx, x[0], x[1]) },
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, need []bool) []*gorgonia.Node {
			r := make([]*gorgonia.Node, 3)
			if need[0] {
				k := convolution{b: b, g: g, w: w, args: []*gorgonia.Node{dy}, bias: -1, residual: -1, fast: b.winograd(g)}
				k.args = append(k.args, k.pack())
				r[0] = k.apply(in[0].Shape())
			}
			if need[2] {
				r[2] = b.unpack(g, b.weightGradient(name+".dw", g, dy, in[0]), in[2].Shape())
			}
			return r
		}}, dy, packed, w) // w is there for its gradient
}

// addLanes adds v [C] to y, a value of the given shape [N,C,…] in the blocked layout.
func (b *Builder) addLanes(y, v *gorgonia.Node, shape []int) *gorgonia.Node {
	n, c, hw := sizes(shape)
	return b.Apply(Kernel{Name: "AddLanes", Shape: y.Shape(),
		Run: func(y []float32, x [][]float32) { kernel.AddLanes(b.Pool, y, x[0], x[1], n, c, hw) },
		Grad: func(_ []*gorgonia.Node, _, dy *gorgonia.Node, need []bool) []*gorgonia.Node {
			r := []*gorgonia.Node{dy, nil}
			if need[1] {
				r[1] = b.Apply(Kernel{Name: "SumLanes", Shape: []int{c},
					Run: func(db []float32, x [][]float32) { kernel.SumLanes(b.Pool, db, x[0], n, c, hw) }}, dy)
			}
			return r
		}}, y, v)
}
