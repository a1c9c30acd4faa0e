package ops

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/onnx"
)

// lpNormalization divides by the 1- or 2-norm along an axis; where that is 0, so is y.
// https://onnx.ai/onnx/operators/onnx__LpNormalization.html; opsets 1, 22
type lpNormalization struct {
	axis, p int
	norm    reduce
}

func readLpNormalization(a *Attrs) Form {
	f := &lpNormalization{axis: a.Int("axis", -1), p: a.Int("p", 2)}
	if f.p != 1 && f.p != 2 {
		a.fail("p is %d, want 1 or 2", f.p)
	}
	return f
}

func (f *lpNormalization) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	if err := wantFloat(in[0]); err != nil {
		return nil, err
	}
	var err error
	if f.axis, err = axis(f.axis, len(in[0].Shape)); err != nil {
		return nil, err
	}
	f.norm = lpNorm(f.p)
	f.norm.in, f.norm.over, f.norm.shape = in[0].Shape, []int{f.axis}, slices.Clone(in[0].Shape)
	f.norm.shape[f.axis] = 1
	return []*Value{{Type: in[0].Type, Shape: in[0].Shape}}, nil
}

// lpNorm is the reduction to the p-norm.
func lpNorm(p int) reduce {
	a := newAttrs(&onnx.NodeProto{}, 18)
	if p == 1 {
		return *readReduceL1(a).(*reduce)
	}
	return *readReduceL2(a).(*reduce)
}

// quotient is a/b, and 0 where b is 0.
func quotient(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func (f *lpNormalization) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	norm, err := f.norm.Eval(in)
	if err != nil {
		return nil, err
	}
	x, n := float64s(in[0]), float64s(expandTo(norm[0], in[0].Shape))
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = quotient(v, n[i])
	}
	return []*onnx.Tensor{tensor64(in[0].Type, in[0].Shape, y)}, nil
}

func (f *lpNormalization) Lower(b *Builder, in, _ []*Value) ([]*gorgonia.Node, error) {
	norm, err := f.norm.Lower(b, in, nil)
	if err != nil || norm == nil {
		return nil, err
	}
	divide := &pairwise{name: "LpNormalization", shape: in[0].Shape, f: quotient,
		da: func(_, n float64) float64 { return quotient(1, n) }, db: func(a, n float64) float64 { return -quotient(a, n*n) }}
	return []*gorgonia.Node{b.zip(divide, b.Node(in[0]), b.expand(norm[0], f.norm.shape, in[0].Shape))}, nil
}

// lpPool is the p-norm of each window of x [N,C,…].
// https://onnx.ai/onnx/operators/onnx__LpPool.html, GlobalLpPool; opsets 2, 11, 18, 22
type lpPool struct {
	window
	name   string
	p      int
	global bool
	n, c   int
	shape  []int
}

func readLpPool(a *Attrs) Form {
	f := &lpPool{name: "LpPool", window: readWindow(a), p: a.Int("p", 2)}
	if a.Opset >= 18 {
		f.ceil = a.Bool("ceil_mode")
	}
	return f
}

func readGlobalLpPool(a *Attrs) Form {
	return &lpPool{name: "GlobalLpPool", global: true, p: a.Int("p", 2)}
}

func (f *lpPool) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	if err := wantFloat(in[0]); err != nil {
		return nil, err
	}
	n, c, extents, err := spatial(in[0].Shape)
	if err != nil {
		return nil, err
	}
	if f.p < 1 {
		return nil, fmt.Errorf("p is %d, want 1 or more", f.p)
	}
	if f.global {
		f.autoPad, f.kernels = "VALID", extents
	}
	if err := f.resolve(extents); err != nil {
		return nil, err
	}
	f.n, f.c, f.shape = n, c, append([]int{n, c}, f.outs()...)
	return []*Value{{Type: in[0].Type, Shape: f.shape}}, nil
}

func (f *lpPool) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	x, y, p := float64s(in[0]), make([]float64, numel(f.shape)), float64(f.p)
	xs, ys := numel(in[0].Shape[2:]), numel(f.shape[2:])
	for i := range f.n * f.c {
		var sum float64
		f.each(func(int) { sum = 0 }, func(_, at int) { sum += math.Pow(math.Abs(x[i*xs+at]), p) },
			func(o, _ int) { y[i*ys+o] = math.Pow(sum, 1/p) })
	}
	return []*onnx.Tensor{tensor64(in[0].Type, f.shape, y)}, nil
}

// Lower sums powers over the window, one dimension after the other.
func (f *lpPool) Lower(b *Builder, in, _ []*Value) ([]*gorgonia.Node, error) {
	p := float64(f.p)
	x := b.mapped(&function{name: f.name + ".power", f: func(x float64) float64 { return math.Pow(math.Abs(x), p) },
		d: func(x float64) float64 { return sign(x) * p * math.Pow(math.Abs(x), p-1) }}, b.Either(in[0]))
	for d, s := range f.sides {
		taps := make([][]term, s.out)
		for i := range taps {
			for k := range s.kernel {
				if at := i*s.stride - s.before + k*s.dilation; at >= 0 && at < s.in {
					taps[i] = append(taps[i], term{at, 1})
				}
			}
		}
		x = b.resample(f.name, x, 2+d, taps)
	}
	return []*gorgonia.Node{b.mapped(&function{name: f.name + ".root", f: func(x float64) float64 { return math.Pow(x, 1/p) },
		d: func(x float64) float64 { return math.Pow(x, 1/p-1) / p }}, x)}, nil
}
