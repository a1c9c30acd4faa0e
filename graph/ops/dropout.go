package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// dropout passes x through; in training it drops a share of the elements and
// scales the others by 1/(1-ratio). ratio is an attribute before opset 12.
// https://onnx.ai/onnx/operators/onnx__Dropout.html; opsets 7, 10, 12, 13, 22
type dropout struct {
	ratio float32
	outs  int
	most  int                       // inputs at most
	mask  onnx.TensorProto_DataType // BOOL since opset 10, before it that of x
}

func readDropout(a *Attrs) Form {
	f := &dropout{ratio: 0.5, outs: a.Outs, most: inputsSince(a, 12, 3)}
	if a.Opset < 7 {
		a.Ignore("is_test") // whoever runs it says that
	}
	if a.Opset >= 10 {
		f.mask = onnx.TensorProto_BOOL
	}
	if a.Opset < 12 {
		f.ratio = a.Float("ratio", 0.5)
	} else {
		a.Ignore("seed") // graft draws from its own --seed
	}
	return f
}

func (f *dropout) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, f.most); err != nil {
		return nil, err
	}
	if err := wantFloat(in[0]); err != nil {
		return nil, err
	}
	if v := optional(in, 1); v != nil {
		if v.Const == nil || v.Const.Len() != 1 || !anyFloat(v.Type) {
			return nil, fmt.Errorf("ratio %s is not a constant float", quote(v.Name))
		}
		f.ratio = float32(float64s(v.Const)[0])
	}
	if f.ratio < 0 || f.ratio >= 1 {
		return nil, fmt.Errorf("ratio %g, want 0 to 1", f.ratio)
	}
	if v := optional(in, 2); v != nil && f.ratio > 0 {
		if on, ok := constBool(v); !ok || on {
			return nil, &UnsupportedError{"training_mode is not supported; export the model for inference"}
		}
	}
	if f.mask == 0 {
		f.mask = in[0].Type
	}
	out := []*Value{{Type: in[0].Type, Shape: in[0].Shape}}
	if f.outs > 1 {
		out = append(out, &Value{Type: f.mask, Shape: in[0].Shape})
	}
	return out, nil
}

// constBool is the content of a constant truth value.
func constBool(v *Value) (on, ok bool) {
	if v.Const == nil {
		return false, false
	}
	b, ok := v.Const.Data.([]bool)
	return ok && len(b) == 1 && b[0], ok && len(b) == 1
}

// Eval is the inference form; the mask keeps everything.
func (f *dropout) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	r := []*onnx.Tensor{in[0]}
	if f.outs > 1 {
		r = append(r, f.keepAll(in[0].Shape))
	}
	return r, nil
}

func (f *dropout) keepAll(shape []int) *onnx.Tensor {
	return &onnx.Tensor{Type: f.mask, Shape: shape, Data: castTo(slices.Repeat([]float32{1}, numel(shape)), f.mask)}
}

func (f *dropout) Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error) {
	x := b.Either(in[0])
	r := make([]*gorgonia.Node, len(out))
	if !b.Training || b.NoDropout || f.ratio == 0 {
		r[0] = x
		if f.outs > 1 {
			r[1] = b.Input("Dropout.mask", Dense(f.keepAll(out[1].Shape)))
		}
		return r, nil
	}
	r[0] = b.drop(x, f.ratio, uint64(b.nextID()))
	return r, nil
}

// drop draws the mask from the step's seed and the layer's number, so that the
// gradient's kernel draws it again.
func (b *Builder) drop(x *gorgonia.Node, ratio float32, layer uint64) *gorgonia.Node {
	return b.Apply(Kernel{Name: "Dropout", Shape: x.Shape(),
		Run: func(y []float32, x [][]float32) { kernel.Dropout(b.Pool, y, x[0], ratio, b.Seed+layer<<32) },
		Grad: func(_ []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.drop(dy, ratio, layer)}
		}}, x)
}
