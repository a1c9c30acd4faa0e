package ops

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// clip limits x to [min, max]: attributes before opset 11, optional inputs since.
// https://onnx.ai/onnx/operators/onnx__Clip.html; opsets 6, 11, 12, 13
type clip struct {
	lo, hi float64         // of floats
	limits [2]*onnx.Tensor // of integers, nil where there is none
	most   int             // inputs at most
	floats bool            // x is float
}

func readClip(a *Attrs) Form {
	f := &clip{lo: math.Inf(-1), hi: math.Inf(1), most: inputsSince(a, 11, 3)}
	if a.Opset < 11 {
		f.lo = float64(a.Float("min", float32(math.Inf(-1))))
		f.hi = float64(a.Float("max", float32(math.Inf(1))))
	}
	return f
}

func (f *clip) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, f.most); err != nil {
		return nil, err
	}
	for _, v := range in {
		if v != nil && v.Type != in[0].Type {
			return nil, fmt.Errorf("inputs have types %v and %v, want one type", in[0].Type, v.Type)
		}
	}
	if t := in[0].Type; t == onnx.TensorProto_BOOL || t == onnx.TensorProto_STRING {
		return nil, fmt.Errorf("input has type %v, want numbers", t)
	}
	f.floats = IsFloat(in[0].Type)
	for i, to := range []*float64{&f.lo, &f.hi} {
		v := optional(in, i+1)
		if v == nil {
			continue
		}
		if v.Const == nil {
			return nil, &UnsupportedError{"limits computed from the data are not supported"}
		}
		if v.Const.Len() != 1 {
			return nil, fmt.Errorf("limit %s has shape %v, want one element", quote(v.Name), v.Shape)
		}
		if f.limits[i] = v.Const; anyFloat(v.Type) {
			*to = float64s(v.Const)[0]
		}
	}
	return []*Value{{Type: in[0].Type, Shape: in[0].Shape}}, nil
}

func (f *clip) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	t := &onnx.Tensor{Type: in[0].Type, Shape: in[0].Shape}
	switch x := in[0].Data.(type) {
	case []int8:
		t.Data = clipIntegers(x, f.limits)
	case []int16:
		t.Data = clipIntegers(x, f.limits)
	case []int32:
		t.Data = clipIntegers(x, f.limits)
	case []int64:
		t.Data = clipIntegers(x, f.limits)
	case []uint8:
		t.Data = clipIntegers(x, f.limits)
	case []uint16:
		t.Data = clipIntegers(x, f.limits)
	case []uint32:
		t.Data = clipIntegers(x, f.limits)
	case []uint64:
		t.Data = clipIntegers(x, f.limits)
	default:
		return f.evalFloats(in)
	}
	return []*onnx.Tensor{t}, nil
}

func clipIntegers[T integer](x []T, limits [2]*onnx.Tensor) []T {
	y := slices.Clone(x)
	for i := range y {
		if limits[0] != nil {
			y[i] = max(y[i], limits[0].Data.([]T)[0])
		}
		if limits[1] != nil { // max wins over min
			y[i] = min(y[i], limits[1].Data.([]T)[0])
		}
	}
	return y
}

func (f *clip) evalFloats(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	y := make([]float64, in[0].Len())
	for i, v := range float64s(in[0]) {
		if v < f.lo { // NaN passes, and max wins over min
			v = f.lo
		}
		if v > f.hi {
			v = f.hi
		}
		y[i] = v
	}
	return []*onnx.Tensor{tensor64(in[0].Type, in[0].Shape, y)}, nil
}

func (f *clip) Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error) {
	x := b.Either(in[0])
	shape, lo, hi := x.Shape(), float32(f.lo), float32(f.hi)
	return []*gorgonia.Node{b.Apply(Kernel{Name: "Clip", Shape: shape, Cheap: true, Over: []int{0},
		Run: func(y []float32, x [][]float32) { kernel.Clip(b.Pool, y, x[0], lo, hi) },
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.Apply(Kernel{Name: "Clip.dx", Shape: shape, Over: []int{1},
				Run: func(dx []float32, x [][]float32) { kernel.ClipBackward(b.Pool, dx, x[0], x[1], lo, hi) }}, in[0], dy)}
		}}, x)}, nil
}
