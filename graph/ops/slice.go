package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/onnx"
)

// slice takes every step-th element from start up to end along some axes:
// attributes before opset 10, inputs since.
// https://onnx.ai/onnx/operators/onnx__Slice.html; opsets 1, 10, 11, 13
type slice struct {
	starts, ends, axes []int
	least, most        int // inputs
	shape, stride      []int
	offset             int
}

func readSlice(a *Attrs) Form {
	f := &slice{least: inputsSince(a, 10, 3), most: inputsSince(a, 10, 5)}
	if a.Opset < 10 {
		if !a.Has("starts") || !a.Has("ends") {
			a.fail("attributes \"starts\" and \"ends\" are missing")
		}
		f.starts, f.ends, f.axes = a.Ints("starts"), a.Ints("ends"), a.Ints("axes")
	}
	return f
}

func (f *slice) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, f.least, f.most); err != nil {
		return nil, err
	}
	var steps []int
	for i, to := range []*[]int{&f.starts, &f.ends, &f.axes, &steps} {
		if v := optional(in, i+1); v != nil {
			var err error
			if *to, err = constInts(v, [...]string{"starts", "ends", "axes", "steps"}[i]); err != nil {
				return nil, err
			}
		}
	}
	x := in[0].Shape
	if f.axes == nil {
		for i := range f.starts {
			f.axes = append(f.axes, i)
		}
	}
	if _, err := axesOf(f.axes, len(x)); err != nil {
		return nil, err
	}
	if len(f.starts) != len(f.axes) || len(f.ends) != len(f.axes) || steps != nil && len(steps) != len(f.axes) {
		return nil, fmt.Errorf("%d starts, %d ends, %d axes, %d steps", len(f.starts), len(f.ends), len(f.axes), len(steps))
	}
	f.shape, f.stride = append([]int{}, x...), strides(x)
	for i, a := range f.axes {
		a, _ = axis(a, len(x))
		step := 1
		if steps != nil {
			step = steps[i]
		}
		if step == 0 {
			return nil, fmt.Errorf("step 0 along axis %d", a)
		}
		step = min(max(step, -x[a]-1), x[a]+1) // longer ones take one element too
		start, n := sliceRange(f.starts[i], f.ends[i], step, x[a])
		f.offset += start * f.stride[a]
		f.shape[a] = n
		f.stride[a] *= step
	}
	return []*Value{{Type: in[0].Type, Shape: f.shape}}, nil
}

// sliceRange clamps start and end to a dimension of d and counts the elements.
func sliceRange(start, end, step, d int) (first, n int) {
	if start < 0 {
		start += d
	}
	if end < 0 {
		end = max(end+d, -1)
	}
	if step > 0 {
		start, end = min(max(start, 0), d), min(max(end, 0), d)
		n = (end - start + step - 1) / step
	} else {
		start, end = min(max(start, 0), d-1), min(end, d-1)
		n = (start - end - step - 1) / -step
	}
	if n <= 0 {
		return 0, 0
	}
	return start, n
}

func (f *slice) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	return []*onnx.Tensor{view(in[0], f.shape, f.stride, f.offset)}, nil
}

// shuffles says whether the result is channels of what is at hand, and notes of which.
func (f *slice) shuffles(b *Builder, in, out *Value) bool {
	list, ok := b.channels(in)
	own := strides(in.Shape)
	if !ok || !images(in.Shape, f.shape) || !slices.Equal(in.Shape[2:], f.shape[2:]) || f.stride[0] != own[0] || !slices.Equal(f.stride[2:], own[2:]) {
		return false
	}
	first, step, inner := f.offset/own[1], f.stride[1]/own[1], len(list)/in.Shape[1]
	var some []channel
	for i := range f.shape[1] {
		some = append(some, list[(first+i*step)*inner:][:inner]...)
	}
	return b.shuffle(out, some)
}

func (f *slice) Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error) {
	if f.shuffles(b, in[0], out[0]) {
		return []*gorgonia.Node{nil}, nil
	}
	x := b.Node(in[0])
	return []*gorgonia.Node{b.strided("Slice", x, x.Shape(), denseShape(f.shape), f.stride, f.offset)}, nil
}
