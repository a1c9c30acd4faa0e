package ops

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// gemm is y = alpha a b + beta c, with a [m,k] or transposed, b [k,n] or
// transposed, and c broadcast to [m,n].
// https://onnx.ai/onnx/operators/onnx__Gemm.html; opsets 7, 9, 11, 13
type gemm struct {
	transA, transB bool
	alpha, beta    float32
	m, n, k        int
}

func readGemm(a *Attrs) Form {
	if a.Opset < 7 {
		a.Ignore("broadcast") // of c, which its shape tells
	}
	return &gemm{transA: a.Bool("transA"), transB: a.Bool("transB"), alpha: a.Float("alpha", 1), beta: a.Float("beta", 1)}
}

func (f *gemm) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 2, 3); err != nil {
		return nil, err
	}
	if err := wantFloat(in...); err != nil {
		return nil, err
	}
	a, b := in[0].Shape, in[1].Shape
	if len(a) != 2 || len(b) != 2 {
		return nil, fmt.Errorf("operands of shapes %v and %v, want matrices", a, b)
	}
	f.m, f.k, f.n = a[0], a[1], b[1]
	if f.transA {
		f.m, f.k = a[1], a[0]
	}
	kb := b[0]
	if f.transB {
		kb, f.n = b[1], b[0]
	}
	if kb != f.k {
		return nil, fmt.Errorf("operands of shapes %v and %v do not multiply", a, b)
	}
	if c := optional(in, 2); c != nil {
		if s, err := broadcast(c.Shape, []int{f.m, f.n}); err != nil || numel(s) != f.m*f.n || len(s) != 2 {
			return nil, fmt.Errorf("bias of shape %v does not broadcast to [%d %d]", c.Shape, f.m, f.n)
		}
	}
	return []*Value{{Type: in[0].Type, Shape: []int{f.m, f.n}}}, nil
}

func (f *gemm) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	a, b := float64s(in[0]), float64s(in[1])
	y := make([]float64, f.m*f.n)
	if c := optional(in, 2); c != nil {
		for i, v := range float64s(expandTo(c, []int{f.m, f.n})) {
			y[i] = float64(f.beta) * v
		}
	}
	am, ak, bk, bn := f.k, 1, f.n, 1 // strides
	if f.transA {
		am, ak = 1, f.m
	}
	if f.transB {
		bk, bn = 1, f.k
	}
	for i := range f.m {
		for j := range f.n {
			var sum float64
			for k := range f.k {
				sum += a[i*am+k*ak] * b[k*bk+j*bn]
			}
			y[i*f.n+j] += float64(f.alpha) * sum
		}
	}
	return []*onnx.Tensor{tensor64(in[0].Type, []int{f.m, f.n}, y)}, nil
}

func (f *gemm) Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error) {
	y := b.gemm(product{m: f.m, n: f.n, k: f.k, transA: f.transA, transB: f.transB, alpha: f.alpha}, b.Node(in[0]), b.Node(in[1]))
	if c := optional(in, 2); c != nil {
		bias := b.Node(c)
		if f.beta != 1 {
			bias = b.scale(bias, f.beta)
		}
		y = b.add(y, bias, out[0].Shape, c.Shape, out[0].Shape)
	}
	return []*gorgonia.Node{y}, nil
}

// product is the geometry of y[m,n] = alpha op(a)[m,k] op(b)[k,n], or of as many of
// them as stack says, where that is not 0.
type product struct {
	m, n, k        int
	transA, transB bool
	alpha          float32
	stack          int
}

// of is a product of the same alpha and stack.
func (g product) of(m, n, k int, transA, transB bool) product {
	return product{m, n, k, transA, transB, g.alpha, g.stack}
}

// gemm multiplies two matrices, or stacks of them; both gradients are products again.
func (b *Builder) gemm(g product, a, w *gorgonia.Node) *gorgonia.Node {
	shape := []int{g.m, g.n}
	run := func(y []float32, x [][]float32) {
		kernel.Gemm(b.Pool, y, x[0], x[1], g.m, g.n, g.k, g.transA, g.transB, g.alpha, 0)
	}
	if g.stack > 0 {
		shape = []int{g.stack, g.m, g.n}
		run = func(y []float32, x [][]float32) {
			kernel.GemmStack(b.Pool, y, x[0], x[1], g.stack, g.m, g.n, g.k, g.transA, g.transB, g.alpha)
		}
	}
	return b.Apply(Kernel{Name: "Gemm", Shape: shape, MultiplyAdds: max(g.stack, 1) * g.m * g.n * g.k, Run: run,
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, need []bool) []*gorgonia.Node {
			r := make([]*gorgonia.Node, 2)
			if need[0] { // da = dy op(b)^T, transposed where a is
				if g.transA {
					r[0] = b.gemm(g.of(g.k, g.m, g.n, g.transB, true), in[1], dy)
				} else {
					r[0] = b.gemm(g.of(g.m, g.k, g.n, false, !g.transB), dy, in[1])
				}
			}
			if need[1] { // db = op(a)^T dy, transposed where b is
				if g.transB {
					r[1] = b.gemm(g.of(g.n, g.k, g.m, true, g.transA), dy, in[0])
				} else {
					r[1] = b.gemm(g.of(g.k, g.n, g.m, !g.transA, false), in[0], dy)
				}
			}
			return r
		}}, a, w)
}
