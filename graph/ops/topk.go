package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// topK is the k largest or smallest elements along an axis, best first, and their
// indices; of equal ones the first comes first.
// https://onnx.ai/onnx/operators/onnx__TopK.html; opsets 1, 10, 11, 24
type topK struct {
	k, axis   int
	smallest  bool
	attribute bool // k is one
	in, shape []int
}

func readTopK(a *Attrs) Form {
	f := &topK{axis: a.Int("axis", -1)}
	if a.Opset < 10 {
		f.attribute, f.k = true, a.Int("k", -1)
	}
	if a.Opset >= 11 {
		f.smallest = a.Int("largest", 1) == 0
		a.Ignore("sorted") // sorted ones will do where any order is allowed
	}
	return f
}

func (f *topK) Infer(in []*Value) ([]*Value, error) {
	most := 2
	if f.attribute {
		most = 1
	}
	if err := wantInputs(in, most, most); err != nil {
		return nil, err
	}
	if !anyFloat(in[0].Type) && !anyInteger(in[0].Type) {
		return nil, fmt.Errorf("input has type %v, want numbers", in[0].Type)
	}
	f.in = in[0].Shape
	var err error
	if f.axis, err = axis(f.axis, len(f.in)); err != nil {
		return nil, err
	}
	if !f.attribute {
		k, err := constInts(in[1], "k")
		if err != nil {
			return nil, err
		}
		if len(k) != 1 {
			return nil, fmt.Errorf("%d numbers k, want 1", len(k))
		}
		f.k = k[0]
	}
	if f.k < 0 || f.k > f.in[f.axis] {
		return nil, fmt.Errorf("%d largest of %d elements", f.k, f.in[f.axis])
	}
	f.shape = slices.Clone(f.in)
	f.shape[f.axis] = f.k
	return []*Value{{Type: in[0].Type, Shape: f.shape}, {Type: onnx.TensorProto_INT64, Shape: f.shape}}, nil
}

func (f *topK) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	src, index := make([]int, numel(f.shape)), make([]int64, numel(f.shape))
	inner := numel(f.in[f.axis+1:])
	f.rank(comparer(in[0], in[0]), src)
	for i, at := range src {
		index[i] = int64(at / inner % f.in[f.axis])
	}
	return []*onnx.Tensor{pick(in[0], f.shape, src), onnx.FromInts(f.shape, index)}, nil
}

// rank finds the place in x of each element of y.
func (f *topK) rank(order func(i, j int) int, src []int) {
	width, inner := f.in[f.axis], numel(f.in[f.axis+1:])
	line := make([]int, width)
	for i := range numel(f.in[:f.axis]) * inner {
		at := i/inner*width*inner + i%inner
		for j := range line {
			line[j] = j
		}
		slices.SortStableFunc(line, func(a, b int) int {
			switch o := order(at+a*inner, at+b*inner); {
			case o == unordered:
				return 0
			case f.smallest:
				return o
			default:
				return -o
			}
		})
		for j, best := range line[:f.k] {
			src[i/inner*f.k*inner+j*inner+i%inner] = at + best*inner
		}
	}
}

// Lower: the gradient of a value goes to the place that it is from.
func (f *topK) Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error) {
	if !IsFloat(in[0].Type) {
		return nil, nil
	}
	x := b.Node(in[0])
	from, src := x.Shape(), make([]int, numel(f.shape))
	places := func(x []float32) []int {
		t := &onnx.Tensor{Type: onnx.TensorProto_FLOAT, Shape: f.in, Data: x}
		f.rank(comparer(t, t), src)
		return src
	}
	y := b.Apply(Kernel{Name: "TopK", Shape: denseShape(f.shape),
		Run: func(y []float32, x [][]float32) { kernel.Pick(y, x[0], places(x[0])) },
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.Apply(Kernel{Name: "TopK.dx", Shape: from,
				Run: func(dx []float32, x [][]float32) { kernel.PickBackward(dx, x[1], places(x[0])) }}, in[0], dy)}
		}}, x)
	return []*gorgonia.Node{y, b.Reference("TopK", f, in, out)[1]}, nil
}
