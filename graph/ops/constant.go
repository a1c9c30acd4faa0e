package ops

import (
	"reflect"

	"graft/onnx"
)

// constant is a tensor in an attribute.
// https://onnx.ai/onnx/operators/onnx__Constant.html; opsets 1, 9, 11, 12, 13 and newer
type constant struct{ value *onnx.Tensor }

func readConstant(a *Attrs) Form {
	f := &constant{value: a.Tensor("value")}
	if a.Opset >= 12 {
		switch {
		case a.Has("value_float"):
			f.value = onnx.FromFloats(nil, []float32{a.Float("value_float", 0)})
		case a.Has("value_floats"):
			v := a.Floats("value_floats")
			f.value = onnx.FromFloats([]int{len(v)}, v)
		case a.Has("value_int"):
			f.value = onnx.FromInts(nil, []int64{int64(a.Int("value_int", 0))})
		case a.Has("value_ints"):
			v := int64s(a.Ints("value_ints"))
			f.value = onnx.FromInts([]int{len(v)}, v)
		}
	}
	if f.value == nil {
		a.fail("no value of a supported kind")
	}
	return f
}

func int64s(v []int) []int64 {
	w := make([]int64, len(v))
	for i, x := range v {
		w[i] = int64(x)
	}
	return w
}

func (f *constant) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 0, 0); err != nil {
		return nil, err
	}
	return []*Value{{Type: f.value.Type, Shape: f.value.Shape, Const: f.value}}, nil
}

func (f *constant) Eval([]*onnx.Tensor) ([]*onnx.Tensor, error) { return []*onnx.Tensor{f.value}, nil }

// constantOfShape is one value repeated; the shape is an operand.
// https://onnx.ai/onnx/operators/onnx__ConstantOfShape.html; opsets 9, 20 and newer
type constantOfShape struct {
	value *onnx.Tensor
	shape []int
}

func readConstantOfShape(a *Attrs) Form {
	f := &constantOfShape{value: a.Tensor("value")}
	if f.value == nil {
		f.value = onnx.FromFloats([]int{1}, []float32{0})
	}
	if f.value.Len() != 1 {
		a.fail("attribute \"value\" has %d elements, want 1", f.value.Len())
	}
	return f
}

// maxConstant bounds what a few bytes of a file can make graft allocate.
const maxConstant = 1 << 24

func (f *constantOfShape) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	var err error
	if f.shape, err = constInts(in[0], "shape"); err != nil {
		return nil, err
	}
	if _, err := onnx.Numel(f.shape); err != nil {
		return nil, err
	}
	return []*Value{{Type: f.value.Type, Shape: f.shape}}, nil
}

func (f *constantOfShape) Eval([]*onnx.Tensor) ([]*onnx.Tensor, error) {
	n := numel(f.shape)
	data := reflect.MakeSlice(reflect.TypeOf(f.value.Data), n, n)
	if n > 0 {
		data.Index(0).Set(reflect.ValueOf(f.value.Data).Index(0))
	}
	for done := 1; done < n; done *= 2 {
		reflect.Copy(data.Slice(done, n), data.Slice(0, done))
	}
	return []*onnx.Tensor{{Type: f.value.Type, Shape: f.shape, Data: data.Interface()}}, nil
}
