package ops

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"graft/onnx"
)

// cast converts between numeric types: floats to integers towards zero.
// https://onnx.ai/onnx/operators/onnx__Cast.html; opsets 6, 9, 13, 19 and newer
type cast struct{ to onnx.TensorProto_DataType }

func readCast(a *Attrs) Form {
	a.Ignore("saturate", "round_mode") // float8 only
	return &cast{to: onnx.TensorProto_DataType(a.Int("to", 0))}
}

func (f *cast) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	for _, t := range []onnx.TensorProto_DataType{in[0].Type, f.to} {
		if _, ok := dtypes[t]; !ok && !IsFloat(t) || t == onnx.TensorProto_STRING {
			return nil, &UnsupportedError{fmt.Sprintf("cast from %v to %v is not supported", in[0].Type, f.to)}
		}
	}
	return []*Value{{Type: f.to, Shape: in[0].Shape}}, nil
}

func (f *cast) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	t := &onnx.Tensor{Type: f.to, Shape: in[0].Shape}
	switch v := in[0].Data.(type) {
	case []float32:
		t.Data = castTo(v, f.to)
	case []float64:
		t.Data = castTo(v, f.to)
	case []uint64:
		t.Data = castTo(v, f.to)
	default:
		v64, err := in[0].Ints()
		if err != nil {
			return nil, err
		}
		t.Data = castTo(v64, f.to)
	}
	t.Round()
	return []*onnx.Tensor{t}, nil
}

// castLike is Cast to the type of its second input.
// https://onnx.ai/onnx/operators/onnx__CastLike.html; opsets 15, 19 and newer
type castLike struct{ cast }

func readCastLike(a *Attrs) Form {
	a.Ignore("saturate", "round_mode") // float8 only
	return &castLike{}
}

func (f *castLike) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 2, 2); err != nil {
		return nil, err
	}
	f.to = in[1].Type
	out, err := f.cast.Infer(in[:1])
	if err == nil && in[0].Const != nil { // whatever the second is
		var t []*onnx.Tensor
		if t, err = f.Eval([]*onnx.Tensor{in[0].Const}); err == nil {
			out[0].Const = t[0]
		}
	}
	return out, err
}

// castTo converts v to the Go type that holds t.
func castTo[S int64 | uint64 | float32 | float64](v []S, t onnx.TensorProto_DataType) any {
	switch t {
	case onnx.TensorProto_DOUBLE:
		return castSlice[float64](v)
	case onnx.TensorProto_INT4, onnx.TensorProto_INT2:
		r, spare := castSlice[int8](v), spareBits(t)
		for i, x := range r {
			r[i] = x << spare >> spare
		}
		return r
	case onnx.TensorProto_UINT4, onnx.TensorProto_UINT2:
		r, spare := castSlice[uint8](v), spareBits(t)
		for i, x := range r {
			r[i] = x << spare >> spare
		}
		return r
	case onnx.TensorProto_INT8:
		return castSlice[int8](v)
	case onnx.TensorProto_INT16:
		return castSlice[int16](v)
	case onnx.TensorProto_INT32:
		return castSlice[int32](v)
	case onnx.TensorProto_INT64:
		return castSlice[int64](v)
	case onnx.TensorProto_UINT8:
		return castSlice[uint8](v)
	case onnx.TensorProto_UINT16:
		return castSlice[uint16](v)
	case onnx.TensorProto_UINT32:
		return castSlice[uint32](v)
	case onnx.TensorProto_UINT64:
		return castSlice[uint64](v)
	case onnx.TensorProto_BOOL:
		r := make([]bool, len(v))
		for i, x := range v {
			r[i] = x != 0
		}
		return r
	}
	return castSlice[float32](v)
}

// spareBits are those of a byte that a packed type does not use.
func spareBits(t onnx.TensorProto_DataType) int {
	if t == onnx.TensorProto_INT2 || t == onnx.TensorProto_UINT2 {
		return 6
	}
	return 4
}

func castSlice[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64, S int64 | uint64 | float32 | float64](v []S) []T {
	r := make([]T, len(v))
	for i, x := range v {
		r[i] = T(x)
	}
	return r
}

// Lower: casts between float types change nothing of the float32 that holds them.
func (f *cast) Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error) {
	if !IsFloat(in[0].Type) || !IsFloat(f.to) {
		return nil, nil
	}
	return []*gorgonia.Node{b.alias("Cast", b.Node(in[0]), out[0].Shape)}, nil
}
