package ops

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"

	"graft/onnx"
)

// einsum sums products of its operands over the indices that the output does not name,
// as numpy.einsum has it: "bij,bjk->bik", with ... for dimensions without a name.
// https://onnx.ai/onnx/operators/onnx__Einsum.html; opset 12
type einsum struct {
	terms  [][]rune // of the equation: letters, ellipsis for one
	result []rune   // nil: implied

	labels [][]int     // of each operand's dimensions
	out    []int       // labels of the output's
	extent map[int]int // by label
	shape  []int
}

const ellipsis = '…'

func readEinsum(a *Attrs) Form {
	f := &einsum{}
	equation := strings.ReplaceAll(strings.ReplaceAll(a.String("equation", ""), " ", ""), "...", string(ellipsis))
	left, right, explicit := strings.Cut(equation, "->")
	for term := range strings.SplitSeq(left, ",") {
		f.terms = append(f.terms, []rune(term))
	}
	if explicit {
		f.result = append([]rune{}, []rune(right)...)
	}
	for i, term := range append(slices.Clone(f.terms), f.result) {
		for k, r := range term {
			switch again := slices.Contains(term[:k], r); {
			case r == ellipsis && !again:
			case r == ellipsis || !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'):
				a.fail("equation %s: %q is no index", quote(a.String("equation", "")), r)
			case again && i == len(f.terms):
				a.fail("equation %s: the output has %q twice", quote(a.String("equation", "")), r)
			}
		}
	}
	return f
}

func (f *einsum) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, len(f.terms), len(f.terms)); err != nil {
		return nil, err
	}
	f.extent = map[int]int{}
	seen, unnamed := map[int]int{}, 0
	for i, v := range in {
		if v.Type != in[0].Type || !anyFloat(v.Type) && !anyInteger(v.Type) {
			return nil, fmt.Errorf("operand %d has type %v, want numbers of one type", i, v.Type)
		}
		labels, err := f.label(f.terms[i], len(v.Shape))
		if err != nil {
			return nil, fmt.Errorf("operand %d of shape %v: %w", i, v.Shape, err)
		}
		for d, l := range labels {
			e, known := f.extent[l]
			switch n := v.Shape[d]; {
			case !known || e == 1:
				f.extent[l] = n
			case n != e && n != 1:
				return nil, fmt.Errorf("operand %d of shape %v: dimension %d is %d elsewhere", i, v.Shape, d, e)
			}
			seen[l]++
			unnamed = min(unnamed, l)
		}
		f.labels = append(f.labels, labels)
	}
	return f.infer(in[0].Type, seen, -unnamed)
}

// label numbers the dimensions of an operand: a letter by itself, those under an ellipsis
// -1, -2, … from the last on.
func (f *einsum) label(term []rune, rank int) ([]int, error) {
	var labels []int
	for _, r := range term {
		if r != ellipsis {
			labels = append(labels, int(r))
			continue
		}
		for n := rank - len(term) + 1; n > 0; n-- {
			labels = append(labels, -n)
		}
	}
	if len(labels) != rank {
		return nil, fmt.Errorf("%d dimensions, the equation has %d", rank, len(labels))
	}
	return labels, nil
}

// infer finds the output's labels; unnamed is the most dimensions under an ellipsis.
func (f *einsum) infer(t onnx.TensorProto_DataType, seen map[int]int, unnamed int) ([]*Value, error) {
	result := f.result
	if result == nil {
		result = []rune{ellipsis}
		for _, l := range slices.Sorted(maps.Keys(seen)) {
			if l > 0 && seen[l] == 1 {
				result = append(result, rune(l))
			}
		}
	}
	rank := len(result)
	if slices.Contains(result, ellipsis) {
		rank += unnamed - 1
	}
	var err error
	if f.out, err = f.label(result, rank); err != nil {
		return nil, err
	}
	f.shape = []int{}
	for _, l := range f.out {
		if seen[l] == 0 {
			return nil, fmt.Errorf("the output names %q, no operand does", rune(l))
		}
		f.shape = append(f.shape, f.extent[l])
	}
	return []*Value{{Type: t, Shape: f.shape}}, nil
}

// order is the output's labels and then those that are summed over.
func (f *einsum) order() []int {
	all := slices.Clone(f.out)
	for _, l := range slices.Sorted(maps.Keys(f.extent)) {
		if !slices.Contains(all, l) {
			all = append(all, l)
		}
	}
	return all
}

// extents are those of labels.
func (f *einsum) extents(labels []int) []int {
	r := make([]int, len(labels))
	for i, l := range labels {
		r[i] = f.extent[l]
	}
	return r
}

// steps are the strides in an operand of the given shape along labels: the sum where a
// label is there twice, 0 where it is not there or stretched.
func steps(shape, own, labels []int) []int {
	r, dense := make([]int, len(labels)), strides(shape)
	for d, l := range own {
		if i := slices.Index(labels, l); i >= 0 && shape[d] != 1 {
			r[i] += dense[d]
		}
	}
	return r
}

// MultiplyAdds counts the products of Eval.
func (f *einsum) MultiplyAdds() (int, error) {
	return onnx.Numel(append(f.extents(f.order()), len(f.terms)))
}

func (f *einsum) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	order := f.order()
	var stride [][]int
	for i, t := range in {
		stride = append(stride, steps(t.Shape, f.labels[i], order))
	}
	if anyInteger(in[0].Type) {
		var x [][]int64
		for _, t := range in {
			x = append(x, wholes(t))
		}
		return []*onnx.Tensor{integerTensor(in[0].Type, f.shape, sumProducts(f, order, stride, x))}, nil
	}
	var x [][]float64
	for _, t := range in {
		x = append(x, float64s(t))
	}
	return []*onnx.Tensor{tensor64(in[0].Type, f.shape, sumProducts(f, order, stride, x))}, nil
}

// sumProducts adds, for each index of the output, the products of the operands' elements.
func sumProducts[T int64 | float64](f *einsum, order []int, stride [][]int, x [][]T) []T {
	extents := f.extents(order)
	inner := numel(extents[len(f.out):])
	y := make([]T, numel(f.shape))
	k := 0
	eachIndex(extents, func(at []int) {
		product := T(1)
		for i, s := range stride {
			p := 0
			for d, n := range at {
				p += n * s[d]
			}
			product *= x[i][p]
		}
		y[k/inner] += product
		k++
	})
	return y
}

// factor is an operand on the way to the output: a node with one dimension a label.
type factor struct {
	x      *gorgonia.Node
	labels []int
}

// Lower multiplies the operands from left to right, each time as a stack of matrices.
func (f *einsum) Lower(b *Builder, in, _ []*Value) ([]*gorgonia.Node, error) {
	if order := f.order(); len(order) > MaxRank || numel(f.extents(order)) == 0 {
		return nil, nil
	}
	var y factor
	for i, v := range in {
		later := slices.Concat(append(slices.Clone(f.labels[i+1:]), f.out)...)
		x := f.single(b, b.Node(v), v.Shape, f.labels[i], slices.Concat(y.labels, later))
		if i == 0 {
			y = x
		} else {
			y = f.multiply(b, y, x, later)
		}
	}
	y = f.arrange(b, f.sum(b, y, f.out), f.out)
	return []*gorgonia.Node{b.alias("Einsum", y.x, f.shape)}, nil
}

// single takes the diagonals of an operand, stretches it, and sums over what nobody else has.
func (f *einsum) single(b *Builder, x *gorgonia.Node, shape, labels, elsewhere []int) factor {
	var once []int
	for _, l := range labels {
		if !slices.Contains(once, l) {
			once = append(once, l)
		}
	}
	if extents := f.extents(once); len(once) < len(labels) || !slices.Equal(extents, shape) {
		x = b.strided("Einsum.view", x, denseShape(shape), denseShape(extents), steps(shape, labels, once), 0)
	}
	return f.sum(b, factor{x, once}, elsewhere)
}

// sum adds up along the labels that are not wanted.
func (f *einsum) sum(b *Builder, x factor, wanted []int) factor {
	left := slices.DeleteFunc(slices.Clone(x.labels), func(l int) bool { return !slices.Contains(wanted, l) })
	if len(left) == len(x.labels) {
		return x
	}
	from, to := f.extents(x.labels), f.extents(left)
	return factor{b.gathered("Einsum.sum", x.x, denseShape(to), from, steps(to, left, x.labels), 0), left}
}

// arrange brings the dimensions into the order of labels; those that x has not got are
// stretched.
func (f *einsum) arrange(b *Builder, x factor, labels []int) factor {
	if slices.Equal(x.labels, labels) {
		return x
	}
	from := f.extents(x.labels)
	return factor{b.strided("Einsum.order", x.x, denseShape(from), denseShape(f.extents(labels)), steps(from, x.labels, labels), 0), labels}
}

// multiply takes the product of two factors and sums over what neither the output nor a
// later operand has.
func (f *einsum) multiply(b *Builder, x, y factor, later []int) factor {
	var stack, left, right, over []int
	for _, l := range x.labels {
		switch shared := slices.Contains(y.labels, l); {
		case !shared:
			left = append(left, l)
		case slices.Contains(later, l):
			stack = append(stack, l)
		default:
			over = append(over, l)
		}
	}
	for _, l := range y.labels {
		if !slices.Contains(x.labels, l) {
			right = append(right, l)
		}
	}
	labels := slices.Concat(stack, left, right)
	if len(over) == 0 {
		return factor{b.mul(f.arrange(b, x, labels).x, f.arrange(b, y, labels).x), labels}
	}
	count := func(labels []int) int { return numel(f.extents(labels)) }
	g := product{stack: count(stack), m: count(left), n: count(right), k: count(over), alpha: 1}
	g.transA = slices.Equal(x.labels, slices.Concat(stack, over, left))
	g.transB = slices.Equal(y.labels, slices.Concat(stack, right, over))
	if !g.transA {
		x = f.arrange(b, x, slices.Concat(stack, left, over))
	}
	if !g.transB {
		y = f.arrange(b, y, slices.Concat(stack, over, right))
	}
	p := b.gemm(g, b.alias("Einsum.a", x.x, []int{g.stack, g.m * g.k}), b.alias("Einsum.b", y.x, []int{g.stack, g.k * g.n}))
	return factor{b.alias("Einsum.product", p, f.extents(labels)), labels}
}
