package ops

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// pad adds elements before and after each dimension, or drops them where a pad is
// negative: attributes before opset 11, inputs since.
// https://onnx.ai/onnx/operators/onnx__Pad.html; opsets 2, 11, 13, 18, 19 and newer
type pad struct {
	mode          string
	before, after []int
	value         float64
	list          []int // the attribute
	most          int   // inputs
	in, shape     []int
}

func readPad(a *Attrs) Form {
	f := &pad{mode: a.String("mode", "constant"), most: inputsSince(a, 11, 4)}
	switch f.mode {
	case "constant", "reflect", "edge":
	case "wrap":
		if a.Opset < 19 {
			a.fail("mode \"wrap\" needs opset 19")
		}
	default:
		a.fail("mode %s is not supported", quote(f.mode))
	}
	if a.Opset < 11 {
		f.list, f.value = a.Ints("pads"), float64(a.Float("value", 0))
	}
	return f
}

func (f *pad) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, f.most); err != nil {
		return nil, err
	}
	f.in = in[0].Shape
	rank := len(f.in)
	var axes []int
	for i := range rank {
		axes = append(axes, i)
	}
	var err error
	if v := optional(in, 1); v != nil {
		if f.list, err = constInts(v, "pads"); err != nil {
			return nil, err
		}
	}
	if v := optional(in, 2); v != nil {
		if v.Const == nil || v.Const.Len() != 1 {
			return nil, fmt.Errorf("pad value %s is not a constant of one element", quote(v.Name))
		}
		if f.value, err = number(v.Const); err != nil {
			return nil, err
		}
	}
	if v := optional(in, 3); v != nil {
		if axes, err = constInts(v, "axes"); err != nil {
			return nil, err
		}
	}
	if _, err := axesOf(axes, rank); err != nil {
		return nil, err
	}
	if len(f.list) != 2*len(axes) {
		return nil, fmt.Errorf("%d pads for %d axes", len(f.list), len(axes))
	}
	f.before, f.after = make([]int, rank), make([]int, rank)
	for i, a := range axes {
		if a, err = axis(a, rank); err != nil {
			return nil, err
		}
		f.before[a], f.after[a] = f.list[i], f.list[len(axes)+i]
	}
	for i, d := range f.in {
		n := d + f.before[i] + f.after[i]
		if n < 0 || f.before[i] > maxConstant || f.after[i] > maxConstant {
			return nil, fmt.Errorf("pads %d and %d of dimension %d, which has %d", f.before[i], f.after[i], i, d)
		}
		if f.mode == "reflect" && (f.before[i] >= max(d, 1) || f.after[i] >= max(d, 1)) || f.mode != "constant" && d == 0 && n > 0 {
			return nil, fmt.Errorf("pads %d and %d by mode %s of dimension %d, which has %d", f.before[i], f.after[i], f.mode, i, d)
		}
		f.shape = append(f.shape, n)
	}
	return []*Value{{Type: in[0].Type, Shape: f.shape}}, nil
}

// number is the one element of a numeric tensor.
func number(t *onnx.Tensor) (float64, error) {
	if anyFloat(t.Type) {
		return float64s(t)[0], nil
	}
	v, err := t.Ints()
	if err != nil {
		return 0, err
	}
	return float64(v[0]), nil
}

func (f *pad) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	// Element len(data) of the extended source is the pad value.
	value := &onnx.Tensor{Type: in[0].Type, Shape: []int{1}, Data: castTo([]float64{f.value}, in[0].Type)}
	join := &concat{axis: 0, shape: []int{in[0].Len() + 1}}
	flat := &onnx.Tensor{Type: in[0].Type, Shape: []int{in[0].Len()}, Data: in[0].Data}
	ext, err := join.Eval([]*onnx.Tensor{flat, value})
	if err != nil {
		return nil, err
	}
	return []*onnx.Tensor{pick(ext[0], f.shape, f.places())}, nil
}

// places are where in x the elements of y are from; one behind its end is the pad value.
func (f *pad) places() []int {
	src := make([]int, 0, numel(f.shape))
	own, out := strides(f.in), strides(f.shape)
	for i := range numel(f.shape) {
		at := 0
		for d := range f.shape {
			k := f.source(i/out[d]%f.shape[d]-f.before[d], f.in[d])
			if k < 0 {
				at = numel(f.in)
				break
			}
			at += k * own[d]
		}
		src = append(src, at)
	}
	return src
}

// source is the index in a dimension of n that index i of the padded one shows, -1
// for the pad value.
func (f *pad) source(i, n int) int {
	if i >= 0 && i < n {
		return i
	}
	switch f.mode {
	case "edge":
		return min(max(i, 0), n-1)
	case "reflect":
		if i < 0 {
			return -i
		}
		return 2*(n-1) - i
	case "wrap":
		return (i%n + n) % n
	}
	return -1
}

func (f *pad) Lower(b *Builder, in, _ []*Value) ([]*gorgonia.Node, error) {
	switch {
	case len(f.in) == 0:
		return nil, nil
	case f.mode != "constant":
		return []*gorgonia.Node{b.pick("Pad", b.Node(in[0]), f.shape, f.places())}, nil
	}
	// What stays of x, and where it starts in x and in y.
	kept := make([]int, len(f.in))
	own, out := strides(f.in), strides(f.shape)
	xo, yo := 0, 0
	for d, n := range f.in {
		kept[d] = max(n+min(f.before[d], 0)+min(f.after[d], 0), 0)
		xo += max(-f.before[d], 0) * own[d]
		yo += max(f.before[d], 0) * out[d]
	}
	x, value := b.Node(in[0]), float32(f.value)
	return []*gorgonia.Node{b.Apply(Kernel{Name: "Pad", Shape: denseShape(f.shape),
		Run: func(y []float32, x [][]float32) {
			for i := range y {
				y[i] = value
			}
			kernel.StridedCopy(b.Pool, y, x[0], kept, out, own, yo, xo)
		},
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.Apply(Kernel{Name: "Pad.dx", Shape: in[0].Shape(), Run: func(dx []float32, x [][]float32) {
				clear(dx)
				kernel.StridedCopy(b.Pool, dx, x[0], kept, own, out, xo, yo)
			}}, dy)}
		}}, x)}, nil
}
