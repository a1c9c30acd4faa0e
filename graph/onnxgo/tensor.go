package onnxgo

import (
	"fmt"
	"reflect"

	"gorgonia.org/tensor"

	"graft/onnx"
)

// types are the element types that onnx-go knows.
var types = map[tensor.Dtype]onnx.TensorProto_DataType{
	tensor.Float32: onnx.TensorProto_FLOAT, tensor.Float64: onnx.TensorProto_DOUBLE,
	tensor.Int8: onnx.TensorProto_INT8, tensor.Int16: onnx.TensorProto_INT16,
	tensor.Int32: onnx.TensorProto_INT32, tensor.Int64: onnx.TensorProto_INT64,
	tensor.Uint8: onnx.TensorProto_UINT8, tensor.Uint16: onnx.TensorProto_UINT16,
	tensor.Uint32: onnx.TensorProto_UINT32, tensor.Uint64: onnx.TensorProto_UINT64,
	tensor.Bool: onnx.TensorProto_BOOL,
}

// tensorFrom copies one of Gorgonia's tensors into row-major order.
func tensorFrom(t tensor.Tensor) (*onnx.Tensor, error) {
	kind, ok := types[t.Dtype()]
	if !ok {
		return nil, fmt.Errorf("elements are %v, which is not supported", t.Dtype())
	}
	r, err := onnx.NewTensor(kind, t.Shape()...)
	if err != nil {
		return nil, err
	}
	from, to := reflect.ValueOf(t.Data()), reflect.ValueOf(r.Data)
	switch {
	case from.Kind() != reflect.Slice: // a scalar
		to.Index(0).Set(from)
	case t.RequiresIterator() || !t.DataOrder().IsRowMajor():
		shape, strides := t.Shape(), t.Strides()
		for i := range to.Len() {
			at, rest := 0, i
			for k := len(shape) - 1; k >= 0; k-- {
				at, rest = at+rest%shape[k]*strides[k], rest/shape[k]
			}
			to.Index(i).Set(from.Index(at))
		}
	default:
		reflect.Copy(to, from)
	}
	return r, nil
}

// as is a tensor in the type that the file declares, where its numbers are exact in it.
func as(kind onnx.TensorProto_DataType, t *onnx.Tensor) (*onnx.Tensor, error) {
	if t.Type == kind {
		return t, nil
	}
	r, err := onnx.NewTensor(kind, t.Shape...)
	if err != nil {
		return nil, err
	}
	from, to := reflect.ValueOf(t.Data), reflect.ValueOf(r.Data)
	for i := range to.Len() {
		x, kind := from.Index(i), to.Index(i).Type()
		if !x.CanConvert(kind) || !x.Convert(kind).Convert(x.Type()).Equal(x) {
			return nil, fmt.Errorf("elements are %v, the model declares %v, which does not hold %v", t.Type, r.Type, x)
		}
		to.Index(i).Set(x.Convert(kind))
	}
	return r, nil
}

// tensorOf is a tensor as Gorgonia has it, over the same memory.
func tensorOf(t *onnx.Tensor) tensor.Tensor {
	if len(t.Shape) == 0 {
		return tensor.New(tensor.FromScalar(reflect.ValueOf(t.Data).Index(0).Interface()))
	}
	return tensor.New(tensor.WithShape(t.Shape...), tensor.WithBacking(t.Data))
}

// attribute writes an attribute as ONNX has it.
func attribute(name string, v any) (*onnx.AttributeProto, error) {
	switch v := v.(type) {
	case float32:
		return onnx.FloatAttr(name, v), nil
	case int64:
		return onnx.IntAttr(name, v), nil
	case string:
		return onnx.StringAttr(name, v), nil
	case []float32:
		return onnx.FloatsAttr(name, v...), nil
	case []int64:
		return onnx.IntsAttr(name, v...), nil
	case tensor.Tensor:
		t, err := tensorFrom(v)
		if err != nil {
			return nil, err
		}
		return onnx.TensorAttr(name, t), nil
	}
	return nil, fmt.Errorf("values of type %T are not supported", v)
}
