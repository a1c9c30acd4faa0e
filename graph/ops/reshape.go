package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/onnx"
)

// reshape gives the same elements another shape: Reshape, Flatten, Squeeze,
// Unsqueeze and Identity differ only in how they find it.
// https://onnx.ai/onnx/operators/onnx__Reshape.html; opsets 5, 13, 14, 19 and newer
type reshape struct {
	name  string
	shape func(in []*Value) ([]int, error)
	most  int // inputs at most
	out   []int
}

func readReshape(a *Attrs) Form {
	keepZero := a.Opset >= 14 && a.Bool("allowzero")
	return &reshape{name: "Reshape", most: 2, shape: func(in []*Value) ([]int, error) {
		if err := wantInputs(in, 2, 2); err != nil {
			return nil, err
		}
		return reshaped(in, keepZero)
	}}
}

// reshaped resolves 0 (the input's extent, unless keepZero) and -1 (what is left).
func reshaped(in []*Value, keepZero bool) ([]int, error) {
	want, err := constInts(in[1], "shape")
	if err != nil {
		return nil, err
	}
	shape, rest, known := slices.Clone(want), -1, 1
	for i, d := range want {
		switch {
		case d == 0 && !keepZero:
			if i >= len(in[0].Shape) {
				return nil, fmt.Errorf("shape %v copies dimension %d of an input of shape %v", want, i, in[0].Shape)
			}
			shape[i] = in[0].Shape[i]
		case d == -1 && rest < 0:
			rest = i
			continue
		case d < 0:
			return nil, fmt.Errorf("shape %v", want)
		}
		if known, err = onnx.Numel([]int{known, shape[i]}); err != nil {
			return nil, err
		}
	}
	if rest >= 0 && known > 0 {
		shape[rest] = numel(in[0].Shape) / known
	}
	return shape, nil
}

// https://onnx.ai/onnx/operators/onnx__Flatten.html; opsets 1, 9, 11, 13 and newer
func readFlatten(a *Attrs) Form {
	at := a.Int("axis", 1)
	return &reshape{name: "Flatten", most: 1, shape: func(in []*Value) ([]int, error) {
		s := in[0].Shape
		if at < -len(s) || at > len(s) {
			return nil, fmt.Errorf("axis %d of a tensor with %d dimensions", at, len(s))
		}
		k := at
		if k < 0 {
			k += len(s)
		}
		return []int{numel(s[:k]), numel(s[k:])}, nil
	}}
}

// https://onnx.ai/onnx/operators/onnx__Squeeze.html; opsets 1, 11, 13 and newer
func readSqueeze(a *Attrs) Form {
	axes := readAxes(a, 13)
	return &reshape{name: "Squeeze", most: inputsSince(a, 13, 2), shape: func(in []*Value) ([]int, error) {
		list, given, err := axes(in, len(in[0].Shape))
		if err != nil {
			return nil, err
		}
		var shape []int
		for i, d := range in[0].Shape {
			drop := d == 1 && !given || slices.Contains(list, i)
			if drop && d != 1 {
				return nil, fmt.Errorf("axis %d of shape %v is not 1", i, in[0].Shape)
			}
			if !drop {
				shape = append(shape, d)
			}
		}
		return shape, nil
	}}
}

// https://onnx.ai/onnx/operators/onnx__Unsqueeze.html; opsets 1, 11, 13 and newer
func readUnsqueeze(a *Attrs) Form {
	count, axes := len(a.Ints("axes")), readAxes(a, 13)
	return &reshape{name: "Unsqueeze", most: inputsSince(a, 13, 2), shape: func(in []*Value) ([]int, error) {
		n := count
		if v := optional(in, 1); v != nil {
			n = numel(v.Shape)
		}
		list, _, err := axes(in, len(in[0].Shape)+n)
		if err != nil {
			return nil, err
		}
		shape, rest := make([]int, len(in[0].Shape)+n), in[0].Shape
		for i := range shape {
			if slices.Contains(list, i) {
				shape[i] = 1
			} else {
				shape[i], rest = rest[0], rest[1:]
			}
		}
		return shape, nil
	}}
}

// inputsSince is the number of inputs of an operator whose attributes became inputs
// with an opset: n from then on, one before.
func inputsSince(a *Attrs, since, n int) int {
	if a.Opset < since {
		return 1
	}
	return n
}

// readAxes reads axes that are an attribute before opset since and input 1 from
// then on; given is false where the node names none.
func readAxes(a *Attrs, since int) func(in []*Value, rank int) (axes []int, given bool, err error) {
	var list []int
	given := false
	if a.Opset < since {
		given = a.Has("axes")
		list = a.Ints("axes")
	}
	return func(in []*Value, rank int) ([]int, bool, error) {
		if v := optional(in, 1); v != nil && a.Opset >= since {
			var err error
			if list, err = constInts(v, "axes"); err != nil {
				return nil, false, err
			}
			given = true
		}
		axes, err := axesOf(list, rank)
		return axes, given, err
	}
}

func readIdentity(*Attrs) Form {
	return &reshape{name: "Identity", most: 1, shape: func(in []*Value) ([]int, error) { return in[0].Shape, nil }}
}

func (f *reshape) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, f.most); err != nil {
		return nil, err
	}
	shape, err := f.shape(in)
	if err != nil {
		return nil, err
	}
	n, err := onnx.Numel(shape)
	if err != nil {
		return nil, err
	}
	if n != numel(in[0].Shape) {
		return nil, fmt.Errorf("%d elements of shape %v do not fit shape %v", numel(in[0].Shape), in[0].Shape, shape)
	}
	f.out = shape
	return []*Value{{Type: in[0].Type, Shape: shape}}, nil
}

func (f *reshape) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	return []*onnx.Tensor{{Type: in[0].Type, Shape: f.out, Data: in[0].Data}}, nil
}

func (f *reshape) Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error) {
	if slices.Equal(in[0].Shape, out[0].Shape) {
		return []*gorgonia.Node{b.Either(in[0])}, nil
	}
	if list, ok := b.channels(in[0]); ok && images(in[0].Shape, out[0].Shape) && b.shuffle(out[0], list) {
		return []*gorgonia.Node{nil}, nil
	}
	return []*gorgonia.Node{b.alias(f.name, b.Node(in[0]), out[0].Shape)}, nil
}
