package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/onnx"
)

// aligned is an operator of opset 6 whose second operand is broadcast from a given axis of
// the first on, not from the last: [C] along axis 1 of [N,C,H,W]. Its form sees it as
// [C,1,1].
// https://onnx.ai/onnx/operators/onnx__Add.html, And, Div, Equal, Greater, Less, Mul, Or, Pow, PRelu, Sub, Xor; opset 6
type aligned struct {
	Form
	axis  int
	shape []int
	b     *Value // the operand in that shape
}

var alignedOperators = []string{"Add", "And", "Div", "Equal", "Greater", "Less", "Mul", "Or", "Pow", "PRelu", "Sub", "Xor"}

// align wraps the form of a two-operand operator where its attributes ask for it. Without
// an axis, opset 6 broadcasts as later ones do.
func align(a *Attrs, operator string, f Form) Form {
	if a.Opset >= 7 || !slices.Contains(alignedOperators, operator) {
		return f
	}
	if operator == "PRelu" { // a slope for each channel
		return &aligned{Form: f, axis: 1}
	}
	if a.Bool("broadcast") && a.Has("axis") {
		return &aligned{Form: f, axis: a.Int("axis", 0)}
	}
	a.Ignore("axis")
	return f
}

func (f *aligned) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 2, 2); err != nil {
		return nil, err
	}
	x, y := in[0].Shape, in[1].Shape
	at, err := axis(f.axis, max(len(x), 1))
	switch {
	case numel(y) == 1:
		at = len(x) - len(y)
	case err != nil:
		return nil, err
	}
	if at < 0 || at+len(y) > len(x) {
		return nil, fmt.Errorf("shape %v from axis %d on of %v", y, at, x)
	}
	f.shape = slices.Concat(y, slices.Repeat([]int{1}, len(x)-at-len(y)))
	f.b = &Value{Name: in[1].Name, Type: in[1].Type, Shape: f.shape}
	if in[1].Const != nil {
		f.b.Const = f.reshaped(in[1].Const)
	}
	return f.Form.Infer([]*Value{in[0], f.b})
}

func (f *aligned) reshaped(t *onnx.Tensor) *onnx.Tensor {
	return &onnx.Tensor{Type: t.Type, Shape: f.shape, Data: t.Data}
}

func (f *aligned) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	return f.Form.Eval([]*onnx.Tensor{in[0], f.reshaped(in[1])})
}

func (f *aligned) Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error) {
	l, ok := f.Form.(Lowerer)
	if !ok {
		return nil, nil
	}
	if f.b.Const == nil {
		b.Set(f.b, b.alias("Align", b.Node(in[1]), f.shape))
	}
	return l.Lower(b, []*Value{in[0], f.b}, out)
}
