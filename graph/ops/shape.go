package ops

import "graft/onnx"

// shape is the input's shape as a tensor, or a part of it since opset 15.
// https://onnx.ai/onnx/operators/onnx__Shape.html; opsets 1, 13, 15 and newer
type shape struct {
	start, end int
	hasEnd     bool
	of         []int
}

func readShape(a *Attrs) Form {
	f := &shape{}
	if a.Opset >= 15 {
		f.hasEnd = a.Has("end")
		f.start, f.end = a.Int("start", 0), a.Int("end", 0)
	}
	return f
}

func (f *shape) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	s := in[0].Shape
	end := len(s)
	if f.hasEnd {
		end = f.end
	}
	first, n := sliceRange(f.start, end, 1, len(s))
	f.of = s[first : first+n]
	// The shape is known here, whatever the data: the result is a constant.
	t := f.tensor()
	return []*Value{{Type: t.Type, Shape: t.Shape, Const: t}}, nil
}

func (f *shape) tensor() *onnx.Tensor {
	v := make([]int64, len(f.of))
	for i, d := range f.of {
		v[i] = int64(d)
	}
	return onnx.FromInts([]int{len(v)}, v)
}

func (f *shape) Eval([]*onnx.Tensor) ([]*onnx.Tensor, error) { return []*onnx.Tensor{f.tensor()}, nil }
