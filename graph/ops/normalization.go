package ops

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// normalization brings rows to mean 0 and variance 1, or to mean square 1, then scales
// and shifts them. The operators differ in what a row is: an image's channel
// (InstanceNormalization), a group of its channels (GroupNormalization), the dimensions
// from an axis on (LayerNormalization, RMSNormalization).
// https://onnx.ai/onnx/operators/onnx__InstanceNormalization.html, GroupNormalization, LayerNormalization,
// RMSNormalization; opsets 6, 17, 18, 21, 22, 23
type normalization struct {
	name    string
	epsilon float64
	center  bool
	axis    int
	groups  int  // GroupNormalization
	perPart bool // GroupNormalization before opset 21 scales groups, not channels
	least   int
	most    int

	in   []int
	rows int
	outs int
}

func readInstanceNormalization(a *Attrs) Form {
	return &normalization{name: "InstanceNormalization", epsilon: decimal(a.Float("epsilon", 1e-5)), center: true, least: 3, most: 3, outs: 1}
}

func readGroupNormalization(a *Attrs) Form {
	if a.Opset >= 21 {
		a.Ignore("stash_type") // the precision inside, which is float64 here
	}
	return &normalization{name: "GroupNormalization", epsilon: decimal(a.Float("epsilon", 1e-5)), center: true, groups: a.Int("num_groups", 0),
		perPart: a.Opset < 21, least: 3, most: 3, outs: 1}
}

func readLayerNormalization(a *Attrs) Form {
	a.Ignore("stash_type")
	return &normalization{name: "LayerNormalization", epsilon: decimal(a.Float("epsilon", 1e-5)), center: true, axis: a.Int("axis", -1), least: 2, most: 3, outs: max(a.Outs, 1)}
}

func readRMSNormalization(a *Attrs) Form {
	a.Ignore("stash_type")
	return &normalization{name: "RMSNormalization", epsilon: decimal(a.Float("epsilon", 1e-5)), axis: a.Int("axis", -1), least: 2, most: 2, outs: 1}
}

func (f *normalization) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, f.least, f.most); err != nil {
		return nil, err
	}
	for _, v := range in {
		if v != nil && !anyFloat(v.Type) {
			return nil, fmt.Errorf("input %s has type %v, want a float type", quote(v.Name), v.Type)
		}
	}
	f.in = in[0].Shape
	if err := f.layout(in[1].Shape); err != nil {
		return nil, err
	}
	for _, v := range in[1:] {
		if v == nil {
			continue
		}
		if shape, err := broadcast(f.in, f.affine(v.Shape)); err != nil || !slices.Equal(shape, f.in) {
			return nil, fmt.Errorf("%s of shape %v does not fit an input of shape %v", quote(v.Name), v.Shape, f.in)
		}
	}
	out := []*Value{{Type: in[0].Type, Shape: f.in}}
	if f.outs > 1 { // mean and inverse deviation
		reduced := slices.Concat(f.in[:f.axis], slices.Repeat([]int{1}, len(f.in)-f.axis))
		for range f.outs - 1 {
			out = append(out, &Value{Type: onnx.TensorProto_FLOAT, Shape: reduced})
		}
	}
	return out, nil
}

// layout finds the rows.
func (f *normalization) layout(scale []int) error {
	if f.name == "LayerNormalization" || f.name == "RMSNormalization" {
		var err error
		f.axis, err = axis(f.axis, len(f.in))
		f.rows = numel(f.in[:max(f.axis, 0)])
		return err
	}
	if len(f.in) < 2 {
		return fmt.Errorf("input of shape %v, want [N,C,…]", f.in)
	}
	parts := f.in[1]
	if f.name == "GroupNormalization" {
		if parts = f.groups; parts < 1 || f.in[1]%parts != 0 {
			return fmt.Errorf("%d channels in %d groups", f.in[1], parts)
		}
	}
	want := f.in[1]
	if f.perPart {
		want = parts
	}
	if !slices.Equal(scale, []int{want}) {
		return fmt.Errorf("scale of shape %v, want [%d]", scale, want)
	}
	f.rows = f.in[0] * parts
	return nil
}

// affine is the shape of a scale or bias seen from the input, before it is stretched.
func (f *normalization) affine(shape []int) []int {
	if f.name == "LayerNormalization" || f.name == "RMSNormalization" {
		return shape
	}
	return append([]int{f.in[1]}, slices.Repeat([]int{1}, len(f.in)-2)...)
}

// places lists the elements of a scale or bias for each element of the input.
func (f *normalization) places(shape []int) []int {
	src := stretched(f.affine(shape), f.in)
	if f.perPart {
		for i := range src {
			src[i] /= f.in[1] / f.groups
		}
	}
	return src
}

func (f *normalization) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	x, y := float64s(in[0]), make([]float64, in[0].Len())
	scale := float64s(pick(in[1], f.in, f.places(in[1].Shape)))
	var bias []float64
	if t := optional(in, 2); t != nil {
		bias = float64s(pick(t, f.in, f.places(t.Shape)))
	}
	width := len(x) / max(f.rows, 1)
	stats := [2][]float64{make([]float64, f.rows), make([]float64, f.rows)}
	for r := range f.rows {
		row := x[r*width : (r+1)*width]
		mean, variance := 0.0, 0.0
		if f.center {
			mean = total(row) / float64(width)
		}
		for _, v := range row {
			variance += (v - mean) * (v - mean) / float64(width)
		}
		inv := 1 / math.Sqrt(variance+f.epsilon)
		stats[0][r], stats[1][r] = mean, inv
		for j, v := range row {
			y[r*width+j] = (v - mean) * inv * scale[r*width+j]
			if bias != nil {
				y[r*width+j] += bias[r*width+j]
			}
		}
	}
	out := []*onnx.Tensor{tensor64(in[0].Type, f.in, y)}
	for i := range f.outs - 1 {
		out = append(out, tensor64(onnx.TensorProto_FLOAT, slices.Concat(f.in[:f.axis], slices.Repeat([]int{1}, len(f.in)-f.axis)), stats[i]))
	}
	return out, nil
}

func (f *normalization) Lower(b *Builder, in, _ []*Value) ([]*gorgonia.Node, error) {
	if f.outs > 1 || !IsFloat(in[0].Type) {
		return nil, nil
	}
	y := b.normalizeRows(f.name, b.Node(in[0]), denseShape(f.in), f.rows, f.epsilon, f.center)
	if width := numel(f.in) / max(f.rows, 1); numel(in[1].Shape) == width && f.name != "InstanceNormalization" && f.name != "GroupNormalization" {
		y = b.mulRows(f.name+".scale", y, b.Node(in[1]), f.rows, width)
		if v := optional(in, 2); v != nil && numel(v.Shape) == width {
			return []*gorgonia.Node{b.addRows(f.name+".bias", y, b.Node(v), f.rows, width)}, nil
		}
	} else {
		y = b.mul(y, b.pick(f.name+".scale", b.Node(in[1]), f.in, f.places(in[1].Shape)))
	}
	if v := optional(in, 2); v != nil {
		y = b.add(y, b.pick(f.name+".bias", b.Node(v), f.in, f.places(v.Shape)), f.in, f.in, f.in)
	}
	return []*gorgonia.Node{y}, nil
}

func (b *Builder) normalizeRows(name string, x *gorgonia.Node, shape []int, rows int, epsilon float64, center bool) *gorgonia.Node {
	width := numel(shape) / max(rows, 1)
	return b.Apply(Kernel{Name: name, Shape: shape,
		Run: func(y []float32, x [][]float32) { kernel.NormalizeRows(b.Pool, y, x[0], rows, width, epsilon, center) },
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.Apply(Kernel{Name: name + ".dx", Shape: shape, Run: func(dx []float32, x [][]float32) {
				kernel.NormalizeRowsBackward(b.Pool, dx, x[0], x[1], rows, width, epsilon, center)
			}}, in[0], dy)}
		}}, x)
}
