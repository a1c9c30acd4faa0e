package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// conv is a convolution: x [N,C,H,W], w [M,C/group,kH,kW], bias [M] -> y [N,M,H',W'],
// over any number of spatial dimensions.
// https://onnx.ai/onnx/operators/onnx__Conv.html; opsets 1, 11, 22
type conv struct {
	window
	group   int
	n, c, m int
	shape   []int
	own     int // inputs before those of what it has absorbed

	norm   *batchNormalization
	adds   bool
	limits limits
	swish  bool
}

func readConv(a *Attrs) Form { return &conv{window: readWindow(a), group: a.Int("group", 1)} }

func (f *conv) Infer(in []*Value) ([]*Value, error) {
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
	if f.group < 1 || len(w) != len(in[0].Shape) || c%f.group != 0 || w[0]%f.group != 0 || w[1] != c/f.group {
		return nil, fmt.Errorf("weights of shape %v do not fit an input of shape %v in %d groups", w, in[0].Shape, f.group)
	}
	if f.kernels != nil && !slices.Equal(f.kernels, w[2:]) {
		return nil, fmt.Errorf("kernel_shape %v, but weights of shape %v", f.kernels, w)
	}
	if b := optional(in, 2); b != nil && !slices.Equal(b.Shape, w[:1]) {
		return nil, fmt.Errorf("bias of shape %v, want [%d]", b.Shape, w[0])
	}
	f.kernels = slices.Clone(w[2:])
	if err := f.resolve(extents); err != nil {
		return nil, err
	}
	f.n, f.c, f.m, f.own = n, c, w[0], len(in)
	f.shape = append([]int{n, f.m}, f.outs()...)
	return []*Value{{Type: in[0].Type, Shape: f.shape}}, nil
}

func (f *conv) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	x, w := float64s(in[0]), float64s(in[1])
	bias := make([]float64, f.m)
	if b := optional(in, 2); b != nil {
		copy(bias, float64s(b))
	}
	y := make([]float64, numel(f.shape))
	xs, ys, ks := numel(in[0].Shape[2:]), numel(f.shape[2:]), numel(in[1].Shape[2:])
	cg, mg := f.c/f.group, f.m/f.group
	for i := range f.n * f.m {
		n, m := i/f.m, i%f.m
		var sum float64
		f.each(func(int) { sum = bias[m] }, func(k, at int) {
			for c := range cg {
				sum += x[(n*f.c+m/mg*cg+c)*xs+at] * w[(m*cg+c)*ks+k]
			}
		}, func(o, _ int) { y[i*ys+o] = sum })
	}
	return []*onnx.Tensor{tensor64(in[0].Type, f.shape, y)}, nil
}

// Absorb takes over, in this order, a normalisation by stored statistics, a sum with
// another tensor, and limits; or a Swish, whose gradient would ask for what it is of.
func (f *conv) Absorb(own []*Value, r Reader) ([]*Value, bool) {
	if len(f.kernels) > 2 || f.limits.set || f.swish {
		return nil, false
	}
	if n, ok := r.Form.(*batchNormalization); ok && !r.Batch && !f.adds && f.norm == nil {
		// Were any of them to learn, the gradient would have to undo the scale.
		if r.Slot != 0 || slices.ContainsFunc(own[1:], r.Learn) || slices.ContainsFunc(r.In[1:], r.Learn) {
			return nil, false
		}
		f.norm = n
		return r.In[1:], true
	}
	if other := r.residual(); other != nil && !f.adds {
		f.adds = true
		return []*Value{other}, true
	}
	if u, ok := r.Form.(*unary); ok && u.name == "Swish" {
		f.swish = !slices.ContainsFunc(own, r.Learn)
		return nil, f.swish
	}
	return nil, f.limits.absorb(r.Form)
}

// Lower reads, after the convolution's own inputs, those it has absorbed.
func (f *conv) Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error) {
	if len(f.kernels) > 2 {
		return f.lowerVolume(b, in)
	}
	return []*gorgonia.Node{f.nodes(b, in).apply(blockedShape(f.shape))}, nil
}

// nodes makes the operands of the kernel.
func (f *conv) nodes(b *Builder, in []*Value) *convolution {
	g, _ := f.convolution(f.n, f.c, f.m, f.group)
	x, narrow := f.input(b, in[0])
	g.Narrow = narrow
	k := &convolution{b: b, g: g, args: []*gorgonia.Node{x}, epilogue: f.epilogue(), bias: -1, residual: -1}
	var bias *gorgonia.Node
	k.w, bias, in = f.parameters(b, in)
	k.fast = b.takesWinograd(g, x, k.w)
	k.args = append(k.args, k.pack())
	if bias != nil {
		k.bias = len(k.args)
		k.args = append(k.args, bias)
	}
	if f.adds {
		k.residual = len(k.args)
		k.args = append(k.args, b.Blocked(in[0]))
	}
	return k
}

// epilogue is what follows the sums, bias and residual left out.
func (f *conv) epilogue() kernel.Epilogue {
	return kernel.Epilogue{Clamp: f.limits.set, Lo: f.limits.lo, Hi: f.limits.hi, Swish: f.swish}
}

// input is the node of x in the layout in which it is read: ONNX's own for images of few channels.
func (f *conv) input(b *Builder, x *Value) (n *gorgonia.Node, narrow bool) {
	if f.c < kernel.Lanes()/2 && f.group == 1 && !b.IsBlocked(x) && !b.NeedsGradient(b.Node(x)) {
		return b.Node(x), true
	}
	return b.Blocked(x), false
}

// takesWinograd says whether a convolution of x by w, forward, runs by Winograd's algorithm.
// Where the gradient passes, the sign of what lies near zero decides what learns: PyTorch's
// sums are taken there. Backward the error stays as small as it is.
func (b *Builder) takesWinograd(g *kernel.Conv, x, w *gorgonia.Node) bool {
	return b.winograd(g) && !(b.Training && (b.NeedsGradient(x) || b.NeedsGradient(w)))
}

// winograd says whether a convolution may run by Winograd's algorithm, and should.
func (b *Builder) winograd(g *kernel.Conv) bool { return !b.Exact && g.WinogradPays() }

// parameters are weights and bias, or nil, with an absorbed normalisation folded into
// them, and the inputs that are left.
func (f *conv) parameters(b *Builder, in []*Value) (w, bias *gorgonia.Node, left []*Value) {
	w = b.Node(in[1])
	if v := optional(in[:f.own], 2); v != nil {
		bias = b.Node(v)
	}
	if left = in[f.own:]; f.norm != nil {
		w, bias = f.norm.into(b, w, bias, left)
		left = left[4:]
	}
	return w, bias, left
}

// convolution is the nodes of one convolution: args are x, the packed weights, and,
// where they are there, bias and residual.
type convolution struct {
	b              *Builder
	g              *kernel.Conv
	w              *gorgonia.Node // [M,C/group,kH,kW]
	args           []*gorgonia.Node
	bias, residual int             // places in args, or -1
	epilogue       kernel.Epilogue // without these two
	fast           bool            // forward by Winograd's algorithm
}

// pack is the weights in the order in which the kernels read them.
func (k *convolution) pack() *gorgonia.Node {
	b, g := k.b, k.g
	if k.fast {
		return b.Apply(Kernel{Name: "Pack", Shape: []int{g.PackedWinograd()},
			Run: func(y []float32, x [][]float32) { kernel.PackWeightsWinograd(b.Pool, g, y, x[0]) }}, k.w)
	}
	return b.Apply(Kernel{Name: "Pack", Shape: []int{g.Packed()},
		Run: func(y []float32, x [][]float32) { kernel.PackWeights(b.Pool, g, y, x[0]) },
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.unpack(g, dy, in[0].Shape())}
		}}, k.w)
}

func (k *convolution) apply(shape []int) *gorgonia.Node {
	return k.b.Apply(Kernel{Name: "Conv", Shape: shape, How: howOf(k.g, k.fast), MultiplyAdds: k.g.MultiplyAdds(),
		Run: k.run, Grad: k.gradient}, k.args...)
}

// run computes y of the values of args.
func (k *convolution) run(y []float32, x [][]float32) {
	e, f := k.epilogue, kernel.ConvForward
	if k.bias >= 0 {
		e.Bias = x[k.bias]
	}
	if k.residual >= 0 {
		e.Residual = x[k.residual]
	}
	if k.fast {
		f = kernel.ConvForwardWinograd
	}
	f(k.b.Pool, k.g, y, x[0], x[1], e)
}

// howOf is the algorithm and the size of the kernel.
func howOf(g *kernel.Conv, winograd bool) string {
	algorithm := "direct"
	switch {
	case winograd:
		algorithm = "Winograd"
	case g.Depthwise():
		algorithm = "depthwise"
	}
	size := fmt.Sprintf("%s %dx%d", algorithm, g.KernelH, g.KernelW)
	if g.StrideH > 1 || g.StrideW > 1 {
		size += fmt.Sprintf("/%d", max(g.StrideH, g.StrideW))
	}
	return size
}

func (k *convolution) gradient(in []*gorgonia.Node, y, dy *gorgonia.Node, need []bool) []*gorgonia.Node {
	b, g := k.b, k.g
	if k.epilogue.Swish {
		panic("ops: no gradient passes a convolution that has absorbed a Swish")
	}
	r := make([]*gorgonia.Node, len(in))
	dy = b.gate(k.epilogue.Clamp, k.epilogue.Lo, k.epilogue.Hi, y, dy)
	if need[0] {
		r[0] = b.transposed("Conv.dx", g, in[0].Shape(), dy, k.w, b.winograd(g))
	}
	if need[1] {
		r[1] = b.weightGradient("Conv.dw", g, in[0], dy)
	}
	if k.bias >= 0 && need[k.bias] {
		r[k.bias] = b.Apply(Kernel{Name: "SumLanes", Shape: []int{g.M}, Run: func(db []float32, x [][]float32) {
			kernel.SumLanes(b.Pool, db, x[0], g.N, g.M, g.OutH*g.OutW)
		}}, dy)
	}
	if k.residual >= 0 && need[k.residual] {
		r[k.residual] = dy
	}
	return r
}

// weightGradient is the gradient of g by its packed weights, from x and dy.
func (b *Builder) weightGradient(name string, g *kernel.Conv, x, dy *gorgonia.Node) *gorgonia.Node {
	run, fast := kernel.ConvBackwardWeights, b.winograd(g)
	if fast {
		run = kernel.ConvBackwardWeightsWinograd
	}
	return b.Apply(Kernel{Name: name, Shape: []int{g.Packed()}, How: howOf(g, fast), MultiplyAdds: g.MultiplyAdds(),
		Run: func(dw []float32, x [][]float32) { run(b.Pool, g, dw, x[0], x[1]) }}, x, dy)
}

// unpack is packed weights in ONNX's order.
func (b *Builder) unpack(g *kernel.Conv, packed *gorgonia.Node, shape []int) *gorgonia.Node {
	return b.Apply(Kernel{Name: "Unpack", Shape: shape,
		Run: func(w []float32, x [][]float32) { kernel.UnpackWeights(b.Pool, g, w, x[0]) }}, packed)
}
