package ops

import (
	"fmt"

	"graft/onnx"
)

// progression counts from a start by steps to before a limit.
// https://onnx.ai/onnx/operators/onnx__Range.html; opset 11
type progression struct {
	typ   onnx.TensorProto_DataType
	float [2]float64 // start and step
	whole [2]int64
	shape []int
}

func readRange(*Attrs) Form { return &progression{} }

func (f *progression) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 3, 3); err != nil {
		return nil, err
	}
	f.typ = in[0].Type
	for i, v := range in {
		if v.Type != f.typ || !anyFloat(f.typ) && !anyInteger(f.typ) || numel(v.Shape) != 1 {
			return nil, fmt.Errorf("%s is %v of shape %v, want one number of one type", [...]string{"start", "limit", "delta"}[i], v.Type, v.Shape)
		}
		if v.Const == nil {
			return nil, &UnsupportedError{fmt.Sprintf("%s %s is computed from the data; only a constant is supported", [...]string{"start", "limit", "delta"}[i], quote(v.Name))}
		}
	}
	n := 0.0
	if anyFloat(f.typ) {
		start, limit, step := float64s(in[0].Const)[0], float64s(in[1].Const)[0], float64s(in[2].Const)[0]
		f.float = [2]float64{start, step}
		n = (limit - start) / step
	} else {
		start, limit, step := wholes(in[0].Const)[0], wholes(in[1].Const)[0], wholes(in[2].Const)[0]
		f.whole = [2]int64{start, step}
		n = (float64(limit) - float64(start)) / float64(step)
	}
	if !(n <= maxConstant) { // NaN too
		return nil, fmt.Errorf("%g elements", n)
	}
	count := max(int(n), 0)
	if float64(count) < n {
		count++
	}
	f.shape = []int{count}
	return []*Value{{Type: f.typ, Shape: f.shape}}, nil
}

func (f *progression) Eval([]*onnx.Tensor) ([]*onnx.Tensor, error) {
	if anyFloat(f.typ) {
		y := make([]float64, f.shape[0])
		for i := range y {
			y[i] = f.float[0] + float64(i)*f.float[1]
		}
		return []*onnx.Tensor{tensor64(f.typ, f.shape, y)}, nil
	}
	y := make([]int64, f.shape[0])
	for i := range y {
		y[i] = f.whole[0] + int64(i)*f.whole[1]
	}
	return []*onnx.Tensor{integerTensor(f.typ, f.shape, y)}, nil
}
