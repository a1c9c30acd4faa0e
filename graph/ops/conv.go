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
	f.n, f.c, f.m = n, c, w[0]
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

// geometry is the convolution as the kernels see it; ok is false over three dimensions.
func (f *conv) geometry() (*kernel.Conv, bool) {
	h, v, ok := f.planar()
	return &kernel.Conv{N: f.n, C: f.c, H: h.in, W: v.in, M: f.m, OutH: h.out, OutW: v.out, Group: f.group,
		KernelH: h.kernel, KernelW: v.kernel, StrideH: h.stride, StrideW: v.stride, DilationH: h.dilation, DilationW: v.dilation,
		PadTop: h.before, PadLeft: v.before, PadBottom: h.after, PadRight: v.after}, ok
}

func (f *conv) Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error) {
	g, ok := f.geometry()
	if !ok {
		return nil, nil
	}
	args := []*gorgonia.Node{b.Node(in[0]), b.Node(in[1])}
	if v := optional(in, 2); v != nil {
		args = append(args, b.Node(v))
	}
	return []*gorgonia.Node{b.Apply(Kernel{Name: "Conv", Shape: f.shape,
		Run: func(y []float32, x [][]float32) {
			var bias []float32
			if len(x) == 3 {
				bias = x[2]
			}
			kernel.ConvForward(b.Pool, g, y, x[0], x[1], bias)
		},
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, need []bool) []*gorgonia.Node {
			return f.gradient(b, g, in, dy, need)
		}}, args...)}, nil
}

func (f *conv) gradient(b *Builder, g *kernel.Conv, in []*gorgonia.Node, dy *gorgonia.Node, need []bool) []*gorgonia.Node {
	r := make([]*gorgonia.Node, len(in))
	if need[0] {
		r[0] = b.Apply(Kernel{Name: "Conv.dx", Shape: in[0].Shape(), Run: func(dx []float32, x [][]float32) {
			kernel.ConvBackwardData(b.Pool, g, dx, x[0], x[1])
		}}, dy, in[1])
	}
	if need[1] {
		r[1] = b.Apply(Kernel{Name: "Conv.dw", Shape: in[1].Shape(), Run: func(dw []float32, x [][]float32) {
			kernel.ConvBackwardWeights(b.Pool, g, dw, x[0], x[1])
		}}, in[0], dy)
	}
	if len(in) == 3 && need[2] {
		r[2] = b.sumChannels(dy, []int{f.m}, f.n, f.m, g.OutH*g.OutW)
	}
	return r
}
