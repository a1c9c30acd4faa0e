package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/onnx"
)

// matMul is the product of matrices [m,k] and [k,n], stacked and broadcast as
// numpy.matmul has it.
// https://onnx.ai/onnx/operators/onnx__MatMul.html; opsets 1, 9, 13
type matMul struct {
	a, b    []int // shapes as stacks of matrices
	stack   []int
	m, n, k int
	shape   []int
}

func readMatMul(*Attrs) Form { return &matMul{} }

func (f *matMul) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 2, 2); err != nil {
		return nil, err
	}
	if err := wantFloat(in...); err != nil {
		return nil, err
	}
	f.a, f.b = in[0].Shape, in[1].Shape
	if len(f.a) == 0 || len(f.b) == 0 {
		return nil, fmt.Errorf("operands of shapes %v and %v, want matrices", f.a, f.b)
	}
	row, column := len(f.a) == 1, len(f.b) == 1
	if row {
		f.a = []int{1, f.a[0]}
	}
	if column {
		f.b = []int{f.b[0], 1}
	}
	ra, rb := len(f.a), len(f.b)
	f.m, f.k, f.n = f.a[ra-2], f.a[ra-1], f.b[rb-1]
	var err error
	if f.stack, err = broadcast(f.a[:ra-2], f.b[:rb-2]); err != nil || f.b[rb-2] != f.k {
		return nil, fmt.Errorf("operands of shapes %v and %v do not multiply", in[0].Shape, in[1].Shape)
	}
	f.shape = slices.Clone(f.stack)
	if !row {
		f.shape = append(f.shape, f.m)
	}
	if !column {
		f.shape = append(f.shape, f.n)
	}
	return []*Value{{Type: in[0].Type, Shape: f.shape}}, nil
}

func (f *matMul) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	a := float64s(expandTo(&onnx.Tensor{Type: in[0].Type, Shape: f.a, Data: in[0].Data}, slices.Concat(f.stack, []int{f.m, f.k})))
	b := float64s(expandTo(&onnx.Tensor{Type: in[1].Type, Shape: f.b, Data: in[1].Data}, slices.Concat(f.stack, []int{f.k, f.n})))
	y := make([]float64, numel(f.stack)*f.m*f.n)
	for s := range numel(f.stack) {
		for i := range f.m {
			for j := range f.n {
				var sum float64
				for k := range f.k {
					sum += a[(s*f.m+i)*f.k+k] * b[(s*f.k+k)*f.n+j]
				}
				y[(s*f.m+i)*f.n+j] = sum
			}
		}
	}
	return []*onnx.Tensor{tensor64(in[0].Type, f.shape, y)}, nil
}

// Lower multiplies by one matrix as a whole; of stacks on both sides it makes equal ones.
func (f *matMul) Lower(b *Builder, in, _ []*Value) ([]*gorgonia.Node, error) {
	if f.k == 0 {
		return nil, nil
	}
	ra, rb := len(f.a)-2, len(f.b)-2
	if numel(f.b[:rb]) == 1 {
		rows := numel(f.a) / f.k
		a := b.alias("MatMul.a", b.Node(in[0]), []int{rows, f.k})
		w := b.alias("MatMul.b", b.Node(in[1]), []int{f.k, f.n})
		y := b.gemm(product{m: rows, n: f.n, k: f.k, alpha: 1}, a, w)
		return []*gorgonia.Node{b.alias("MatMul", y, f.shape)}, nil
	}
	stacked := func(name string, v *Value, shape, to []int) *gorgonia.Node {
		x := b.alias(name, b.Node(v), shape)
		return b.alias(name, b.expand(x, shape, to), slices.Concat([]int{numel(f.stack)}, to[len(to)-2:]))
	}
	a := stacked("MatMul.a", in[0], f.a, slices.Concat(f.stack, f.a[ra:]))
	w := stacked("MatMul.b", in[1], f.b, slices.Concat(f.stack, f.b[rb:]))
	y := b.gemm(product{stack: numel(f.stack), m: f.m, n: f.n, k: f.k, alpha: 1}, a, w)
	return []*gorgonia.Node{b.alias("MatMul", y, f.shape)}, nil
}
