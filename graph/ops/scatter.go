package ops

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// scatter copies the data and writes updates over some of its elements, or combines
// them: ScatterElements one element for each index, ScatterND whole slices.
// Scatter is ScatterElements' name in opsets 9 and 10.
// https://onnx.ai/onnx/operators/onnx__Scatter.html, ScatterElements, ScatterND; opsets 9, 11, 13, 16, 18
type scatter struct {
	reduction string
	along     int
	slices    bool
}

func readScatterElements(a *Attrs) Form {
	return &scatter{reduction: readReduction(a), along: a.Int("axis", 0)}
}

func readScatterND(a *Attrs) Form { return &scatter{reduction: readReduction(a), slices: true} }

func readReduction(a *Attrs) string {
	if a.Opset < 16 {
		return "none"
	}
	r := a.String("reduction", "none")
	if !slices.Contains([]string{"none", "add", "mul", "max", "min"}, r) {
		a.fail("reduction %s, want none, add, mul, max or min", quote(r))
	}
	return r
}

func (f *scatter) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 3, 3); err != nil {
		return nil, err
	}
	if err := wantIndices(in[1]); err != nil {
		return nil, err
	}
	x, index, updates := in[0].Shape, in[1].Shape, in[2].Shape
	if in[2].Type != in[0].Type {
		return nil, fmt.Errorf("updates of type %v for data of type %v", in[2].Type, in[0].Type)
	}
	if f.reduction != "none" && !anyFloat(in[0].Type) && !anyInteger(in[0].Type) {
		return nil, fmt.Errorf("reduction %s of type %v", f.reduction, in[0].Type)
	}
	want := index
	if f.slices {
		k := len(index) - 1
		if k < 0 || index[k] < 1 || index[k] > len(x) {
			return nil, fmt.Errorf("indices of shape %v for data of shape %v", index, x)
		}
		want = slices.Concat(index[:k], x[index[k]:])
	} else {
		var err error
		if f.along, err = axis(f.along, len(x)); err != nil {
			return nil, err
		}
		if err := within(index, x, f.along); err != nil {
			return nil, err
		}
	}
	if !slices.Equal(updates, want) {
		return nil, fmt.Errorf("updates of shape %v, want %v", updates, want)
	}
	return []*Value{{Type: in[0].Type, Shape: x}}, nil
}

func (f *scatter) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	to, err := f.targets(in[0].Shape, in[1])
	if err != nil {
		return nil, err
	}
	if f.reduction == "none" {
		// the data with the updates behind it, of which each place takes the last
		src := make([]int, in[0].Len())
		for i := range src {
			src[i] = i
		}
		for k, i := range to {
			src[i] = in[0].Len() + k
		}
		return []*onnx.Tensor{pick(joined(in[0], in[2]), in[0].Shape, src)}, nil
	}
	t := in[0]
	if anyFloat(t.Type) {
		y, u := slices.Clone(float64s(t)), float64s(in[2])
		for k, i := range to {
			y[i] = combine(f.reduction, y[i], u[k], math.Max, math.Min)
		}
		return []*onnx.Tensor{tensor64(t.Type, t.Shape, y)}, nil
	}
	y, u := wholes(t), wholes(in[2])
	least, most := func(a, b int64) int64 { return min(a, b) }, func(a, b int64) int64 { return max(a, b) }
	if t.Type == onnx.TensorProto_UINT64 {
		least = func(a, b int64) int64 { return int64(min(uint64(a), uint64(b))) }
		most = func(a, b int64) int64 { return int64(max(uint64(a), uint64(b))) }
	}
	for k, i := range to {
		y[i] = combine(f.reduction, y[i], u[k], most, least)
	}
	return []*onnx.Tensor{integerTensor(t.Type, t.Shape, y)}, nil
}

// targets are the places in the data of the updates.
func (f *scatter) targets(data []int, index *onnx.Tensor) ([]int, error) {
	if f.slices {
		return slicePlaces(data, index, 0)
	}
	return places(data, index, f.along)
}

// Lower needs indices that are known, and for products and extremes ones that are there
// once: then an update meets its element like the operand of Mul, Max or Min.
func (f *scatter) Lower(b *Builder, in, _ []*Value) ([]*gorgonia.Node, error) {
	if in[1].Const == nil || !IsFloat(in[0].Type) {
		return nil, nil
	}
	shape := in[0].Shape
	to, err := f.targets(shape, in[1].Const)
	if err != nil {
		return nil, err
	}
	// the update that each element takes, and itself where there is none
	taken, kept := slices.Repeat([]int{-1}, numel(shape)), make([]int, numel(shape))
	once := true
	for k, i := range to {
		once = once && taken[i] < 0
		taken[i] = k
	}
	fill := make([]float64, len(kept)) // for elements without an update
	for i := range kept {
		if kept[i] = i; taken[i] < 0 {
			fill[i] = map[string]float64{"mul": 1, "max": math.Inf(-1), "min": math.Inf(1)}[f.reduction]
		} else if f.reduction == "none" {
			kept[i] = -1
		}
	}
	x, u := b.Node(in[0]), b.Node(in[2])
	name := "Scatter." + f.reduction
	switch {
	case f.reduction == "none":
		return []*gorgonia.Node{b.add(b.pick(name, x, shape, kept), b.pick(name, u, shape, taken), shape, shape, shape)}, nil
	case f.reduction == "add":
		return []*gorgonia.Node{b.add(x, b.scattered(name, u, shape, to), shape, shape, shape)}, nil
	case !once:
		return nil, nil
	}
	v := &Value{Name: name, Shape: shape, Const: tensor64(onnx.TensorProto_FLOAT, shape, fill)}
	u = b.add(b.pick(name, u, shape, taken), b.Node(v), shape, shape, shape)
	if f.reduction == "mul" {
		return []*gorgonia.Node{b.mul(x, u)}, nil
	}
	extreme := readMax(nil).(*pairwise)
	if f.reduction == "min" {
		extreme = readMin(nil).(*pairwise)
	}
	extreme.shape = shape
	return []*gorgonia.Node{b.zip(extreme, x, u)}, nil
}

// scattered is the node of the given shape to whose places the elements of x are added.
func (b *Builder) scattered(name string, x *gorgonia.Node, shape, to []int) *gorgonia.Node {
	from := x.Shape()
	return b.Apply(Kernel{Name: name, Shape: denseShape(shape),
		Run: func(y []float32, x [][]float32) { kernel.PickBackward(y, x[0], to) },
		Grad: func(_ []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.Apply(Kernel{Name: name + ".du", Shape: from,
				Run: func(dx []float32, x [][]float32) { kernel.Pick(dx, x[0], to) }}, dy)}
		}}, x)
}

func combine[T int64 | float64](how string, a, b T, most, least func(a, b T) T) T {
	switch how {
	case "add":
		return a + b
	case "mul":
		return a * b
	case "max":
		return most(a, b)
	}
	return least(a, b)
}

// joined is the elements of a and then of b, two tensors of one type.
func joined(a, b *onnx.Tensor) *onnx.Tensor {
	flat := func(t *onnx.Tensor) *onnx.Tensor {
		return &onnx.Tensor{Type: t.Type, Shape: []int{t.Len()}, Data: t.Data}
	}
	out, err := (&concat{shape: []int{a.Len() + b.Len()}}).Eval([]*onnx.Tensor{flat(a), flat(b)})
	if err != nil { // of a type that tensors do not have
		panic(err)
	}
	return out[0]
}
