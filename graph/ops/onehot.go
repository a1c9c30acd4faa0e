package ops

import (
	"fmt"
	"slices"

	"graft/onnx"
)

// oneHot puts the on value at each index along a new axis and the off value elsewhere.
// https://onnx.ai/onnx/operators/onnx__OneHot.html; opsets 9, 11
type oneHot struct {
	axis, depth int
	shape       []int
}

func readOneHot(a *Attrs) Form { return &oneHot{axis: a.Int("axis", -1)} }

func (f *oneHot) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 3, 3); err != nil {
		return nil, err
	}
	for _, v := range in[:2] {
		if !anyFloat(v.Type) && !anyInteger(v.Type) {
			return nil, fmt.Errorf("input %s has type %v, want numbers", quote(v.Name), v.Type)
		}
	}
	if !slices.Equal(in[2].Shape, []int{2}) {
		return nil, fmt.Errorf("values of shape %v, want [2]", in[2].Shape)
	}
	if in[1].Const == nil || in[1].Const.Len() != 1 {
		return nil, &UnsupportedError{fmt.Sprintf("depth %s is not one constant", quote(in[1].Name))}
	}
	d := numbers(in[1].Const)[0]
	if !(d >= 0 && d <= maxConstant) {
		return nil, fmt.Errorf("depth %g", d)
	}
	f.depth = int(d)
	var err error
	if f.axis, err = axis(f.axis, len(in[0].Shape)+1); err != nil {
		return nil, err
	}
	f.shape = slices.Concat(in[0].Shape[:f.axis], []int{f.depth}, in[0].Shape[f.axis:])
	if n, err := onnx.Numel(f.shape); err != nil || n > maxMoved {
		return nil, fmt.Errorf("output of shape %v is too large", f.shape)
	}
	return []*Value{{Type: in[2].Type, Shape: f.shape}}, nil
}

func (f *oneHot) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	src, inner := make([]int, numel(f.shape)), numel(f.shape[f.axis+1:])
	for i, v := range numbers(in[0]) {
		k := int(v)
		if k < 0 {
			k += f.depth
		}
		if k >= 0 && k < f.depth { // others have no on value
			src[(i/inner*f.depth+k)*inner+i%inner] = 1
		}
	}
	return []*onnx.Tensor{pick(in[2], f.shape, src)}, nil
}
