package onnx

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// Tensor is a dense array in row-major order.
type Tensor struct {
	Type  TensorProto_DataType
	Shape []int

	// Data is a slice of Len() elements: []float32 for FLOAT, FLOAT16 and BFLOAT16
	// (the two held widened, exactly), []float64 for DOUBLE, []int8 for INT8, INT4 and
	// INT2, []uint8 for UINT8, UINT4 and UINT2, and []int16, []int32, []int64, []uint16,
	// []uint32, []uint64, []bool or []string.
	Data any
}

// UnsupportedError is what the standard knows and this package does not; it is an
// errors.ErrUnsupported.
type UnsupportedError struct{ What string }

func (e *UnsupportedError) Error() string { return e.What }

// Is makes it an errors.ErrUnsupported.
func (e *UnsupportedError) Is(target error) bool { return target == errors.ErrUnsupported }

// maxElements keeps make, at 16 bytes for the largest element, from panicking on a
// shape no memory holds.
const maxElements = min(math.MaxInt/16, 1<<40)

// NewTensor returns a tensor of zeros (false, ""). It refuses negative sizes,
// shapes no memory can hold, and types a Tensor has no Data for.
func NewTensor(t TensorProto_DataType, shape ...int) (*Tensor, error) {
	out, err := newTensor(t, shape)
	if err != nil {
		return nil, fmt.Errorf("onnx: new tensor: %w", err)
	}
	return out, nil
}

func newTensor(t TensorProto_DataType, shape []int) (*Tensor, error) {
	n, err := numel(shape)
	if err != nil {
		return nil, err
	}
	if n > maxElements {
		return nil, fmt.Errorf("shape %s: %d elements are more than any memory holds", shapeText(shape), n)
	}
	data := zeros(t, n)
	if data == nil {
		return nil, &UnsupportedError{fmt.Sprintf("type %s: unsupported", typeName(t))}
	}
	return &Tensor{Type: t, Shape: append([]int{}, shape...), Data: data}, nil
}

// FromFloats returns a FLOAT tensor over v, which holds as many values as shape says.
func FromFloats(shape []int, v []float32) *Tensor {
	return &Tensor{Type: TensorProto_FLOAT, Shape: append([]int{}, shape...), Data: v}
}

// FromInts returns an INT64 tensor over v, which holds as many values as shape says.
func FromInts(shape []int, v []int64) *Tensor {
	return &Tensor{Type: TensorProto_INT64, Shape: append([]int{}, shape...), Data: v}
}

// Len returns the number of elements, 1 for a scalar.
func (t *Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Floats returns Data itself if it is a []float32.
func (t *Tensor) Floats() ([]float32, bool) {
	v, ok := t.Data.([]float32)
	return v, ok
}

// Ints returns the values of an integer or BOOL tensor as int64: Data itself if
// it is []int64, else a converted copy.
func (t *Tensor) Ints() ([]int64, error) {
	switch d := t.Data.(type) {
	case []int64:
		return d, nil
	case []int32:
		return convert[int64](d), nil
	case []int16:
		return convert[int64](d), nil
	case []int8:
		return convert[int64](d), nil
	case []uint8:
		return convert[int64](d), nil
	case []uint16:
		return convert[int64](d), nil
	case []uint32:
		return convert[int64](d), nil
	case []uint64:
		for i, v := range d {
			if v > math.MaxInt64 {
				return nil, fmt.Errorf("onnx: element %d of a UINT64 tensor: %d: does not fit int64", i, v)
			}
		}
		return convert[int64](d), nil
	case []bool:
		out := make([]int64, len(d))
		for i, v := range d {
			if v {
				out[i] = 1
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("onnx: tensor of type %s: want integers", typeName(t.Type))
}

// Clone returns a copy that shares nothing with t.
func (t *Tensor) Clone() *Tensor {
	src := reflect.ValueOf(t.Data)
	dst := reflect.MakeSlice(src.Type(), src.Len(), src.Len())
	reflect.Copy(dst, src)
	return &Tensor{Type: t.Type, Shape: append([]int{}, t.Shape...), Data: dst.Interface()}
}

// Round rounds Data in place to what Type can hold: FLOAT16 and BFLOAT16, to
// nearest even. It does nothing for other types.
func (t *Tensor) Round() {
	narrow, widen := halfOf(t.Type)
	v, ok := t.Floats()
	if narrow == nil || !ok {
		return
	}
	for i, f := range v {
		v[i] = widen(narrow(f))
	}
}

// Numel returns the number of elements of a shape; it refuses negative sizes and
// products that overflow. A zero anywhere makes it 0.
func Numel(shape []int) (int, error) {
	n, err := numel(shape)
	if err != nil {
		return 0, fmt.Errorf("onnx: %w", err)
	}
	return n, nil
}

func numel(shape []int) (int, error) {
	n, zero := 1, false
	for _, d := range shape {
		switch {
		case d < 0:
			return 0, fmt.Errorf("shape %s: negative size", shapeText(shape))
		case d == 0:
			zero = true
		case n > math.MaxInt/d:
			return 0, fmt.Errorf("shape %s: number of elements overflows", shapeText(shape))
		default:
			n *= d
		}
	}
	if zero {
		return 0, nil
	}
	return n, nil
}

type integer interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

func convert[D, S integer](v []S) []D {
	out := make([]D, len(v))
	for i, x := range v {
		out[i] = D(x)
	}
	return out
}

// zeros returns the Data of a tensor of n elements, or nil if Tensor has none for the type.
func zeros(t TensorProto_DataType, n int) any {
	switch t {
	case TensorProto_FLOAT, TensorProto_FLOAT16, TensorProto_BFLOAT16:
		return make([]float32, n)
	case TensorProto_DOUBLE:
		return make([]float64, n)
	case TensorProto_INT8, TensorProto_INT4, TensorProto_INT2:
		return make([]int8, n)
	case TensorProto_INT16:
		return make([]int16, n)
	case TensorProto_INT32:
		return make([]int32, n)
	case TensorProto_INT64:
		return make([]int64, n)
	case TensorProto_UINT8, TensorProto_UINT4, TensorProto_UINT2:
		return make([]uint8, n)
	case TensorProto_UINT16:
		return make([]uint16, n)
	case TensorProto_UINT32:
		return make([]uint32, n)
	case TensorProto_UINT64:
		return make([]uint64, n)
	case TensorProto_BOOL:
		return make([]bool, n)
	case TensorProto_STRING:
		return make([]string, n)
	}
	return nil
}

// halfOf returns the conversions of a 16-bit float type, nil for all others.
func halfOf(t TensorProto_DataType) (narrow func(float32) uint16, widen func(uint16) float32) {
	switch t {
	case TensorProto_FLOAT16:
		return Float16Bits, Float16FromBits
	case TensorProto_BFLOAT16:
		return BFloat16Bits, BFloat16FromBits
	}
	return nil, nil
}

// typeName is the standard's name of a type, or its number where it has none.
func typeName(t TensorProto_DataType) string {
	if name, ok := TensorProto_DataType_name[int32(t)]; ok {
		return name
	}
	return strconv.Itoa(int(t))
}

// shapeText prints a shape of any rank in a line of bounded length.
func shapeText[T int | int64](shape []T) string {
	if len(shape) > 16 {
		return fmt.Sprintf("%v... (rank %d)", shape[:16], len(shape))
	}
	return fmt.Sprint(shape)
}

// quote escapes a name from a file and cuts it to 200 bytes.
func quote(name string) string {
	if len(name) > 200 {
		return strconv.Quote(name[:200]) + "..."
	}
	return strconv.Quote(name)
}

// cut is quote without the quotes, for operator names.
func cut(name string) string {
	return strings.ReplaceAll(quote(name), `"`, "")
}
