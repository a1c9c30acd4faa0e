package onnx

import (
	"encoding/binary"
	"fmt"
	"math"
)

// bitsOf is the size of one element in raw_data; types below 8 bits are packed
// without gaps, the last byte padded. STRING has no raw form.
var bitsOf = map[TensorProto_DataType]int{
	TensorProto_FLOAT:          32,
	TensorProto_UINT8:          8,
	TensorProto_INT8:           8,
	TensorProto_UINT16:         16,
	TensorProto_INT16:          16,
	TensorProto_INT32:          32,
	TensorProto_INT64:          64,
	TensorProto_BOOL:           8,
	TensorProto_FLOAT16:        16,
	TensorProto_DOUBLE:         64,
	TensorProto_UINT32:         32,
	TensorProto_UINT64:         64,
	TensorProto_COMPLEX64:      64,
	TensorProto_COMPLEX128:     128,
	TensorProto_BFLOAT16:       16,
	TensorProto_FLOAT8E4M3FN:   8,
	TensorProto_FLOAT8E4M3FNUZ: 8,
	TensorProto_FLOAT8E5M2:     8,
	TensorProto_FLOAT8E5M2FNUZ: 8,
	TensorProto_UINT4:          4,
	TensorProto_INT4:           4,
	TensorProto_FLOAT4E2M1:     4,
	TensorProto_FLOAT8E8M0:     8,
	TensorProto_UINT2:          2,
	TensorProto_INT2:           2,
	TensorProto_FLOAT6E2M3:     6,
	TensorProto_FLOAT6E3M2:     6,
}

// TensorOf decodes a tensor of a model. It refuses types a [Tensor] cannot hold,
// values in a field that does not belong to the type or in two fields, and any
// count that differs from what the shape needs, before it allocates.
func TensorOf(p *TensorProto) (*Tensor, error) {
	t, err := tensorOf(p)
	if err != nil {
		return nil, tensorError(p, err)
	}
	return t, nil
}

func tensorOf(p *TensorProto) (*Tensor, error) {
	shape, err := checkTensor(p)
	if err != nil {
		return nil, err
	}
	t, err := newTensor(TensorProto_DataType(p.GetDataType()), shape)
	if err != nil {
		return nil, err
	}
	return t, t.decode(p)
}

// checkTensor holds for every type of the standard: the values lie in one field,
// the right one, and are as many as the shape says. It returns that shape.
func checkTensor(p *TensorProto) ([]int, error) {
	t := TensorProto_DataType(p.GetDataType())
	if bitsOf[t] == 0 && t != TensorProto_STRING {
		return nil, fmt.Errorf("data type %s: unknown", typeName(t))
	}
	if p.Segment != nil {
		return nil, &UnsupportedError{"segment: unsupported"}
	}
	if p.GetDataLocation() == TensorProto_EXTERNAL {
		return nil, fmt.Errorf("external data %s: not loaded", quote(externalValue(p, "location")))
	}
	shape, n, err := shapeOf(p.GetDims())
	if err != nil {
		return nil, err
	}
	if p.RawData != nil {
		return shape, checkRaw(p, t, n)
	}
	return shape, checkTyped(p, t, n)
}

// checkTyped holds for the values of a tensor without raw_data.
func checkTyped(p *TensorProto, t TensorProto_DataType, n int) error {
	field, need := typedField(t)
	got := 0
	for _, f := range typedCounts(p) {
		if f.name == field {
			got = f.count
		} else if f.count > 0 {
			return fmt.Errorf("%d values in %s: type %s belongs into %s", f.count, f.name, typeName(t), field)
		}
	}
	if got != need(n) {
		return fmt.Errorf("%d values in %s: shape %s needs %d", got, field, shapeText(p.GetDims()), need(n))
	}
	return nil
}

func checkRaw(p *TensorProto, t TensorProto_DataType, n int) error {
	for _, f := range typedCounts(p) {
		if f.count > 0 {
			return fmt.Errorf("values in both raw_data and %s", f.name)
		}
	}
	need, err := rawBytes(t, n)
	if err != nil {
		return err
	}
	if len(p.RawData) != need {
		return fmt.Errorf("raw_data has %d bytes: %s of shape %s needs %d",
			len(p.RawData), typeName(t), shapeText(p.GetDims()), need)
	}
	return nil
}

// shapeOf returns dims as a shape, and its number of elements.
func shapeOf(dims []int64) ([]int, int, error) {
	shape := make([]int, len(dims))
	for i, d := range dims {
		if shape[i] = int(d); int64(shape[i]) != d {
			return nil, 0, fmt.Errorf("shape %s: size out of range", shapeText(dims))
		}
	}
	n, err := numel(shape)
	return shape, n, err
}

// rawBytes returns the size of n elements in raw_data.
func rawBytes(t TensorProto_DataType, n int) (int, error) {
	bits := bitsOf[t]
	if bits == 0 {
		return 0, fmt.Errorf("type %s has no raw form", typeName(t))
	}
	if n > (math.MaxInt-7)/bits {
		return 0, fmt.Errorf("%d elements of %s: size overflows", n, typeName(t))
	}
	return (n*bits + 7) / 8, nil
}

// typedField returns the name of the field for values of type t that are not raw,
// and how many of its values n elements take.
func typedField(t TensorProto_DataType) (string, func(n int) int) {
	one := func(n int) int { return n }
	switch t {
	case TensorProto_FLOAT:
		return "float_data", one
	case TensorProto_COMPLEX64:
		return "float_data", twice
	case TensorProto_DOUBLE:
		return "double_data", one
	case TensorProto_COMPLEX128:
		return "double_data", twice
	case TensorProto_INT64:
		return "int64_data", one
	case TensorProto_UINT32, TensorProto_UINT64:
		return "uint64_data", one
	case TensorProto_STRING:
		return "string_data", one
	}
	if bits := bitsOf[t]; bits < 8 { // packed into bytes, a byte a value
		return "int32_data", func(n int) int {
			bytes, err := rawBytes(t, n)
			if err != nil {
				return -1
			}
			return bytes
		}
	}
	return "int32_data", one
}

// twice is 2n, or -1, which no count equals, where that overflows.
func twice(n int) int {
	if n > math.MaxInt/2 {
		return -1
	}
	return 2 * n
}

type fieldCount struct {
	name  string
	count int
}

func typedCounts(p *TensorProto) [6]fieldCount {
	return [6]fieldCount{
		{"float_data", len(p.FloatData)},
		{"int32_data", len(p.Int32Data)},
		{"int64_data", len(p.Int64Data)},
		{"double_data", len(p.DoubleData)},
		{"uint64_data", len(p.Uint64Data)},
		{"string_data", len(p.StringData)},
	}
}

// decode fills t.Data, of the right length, from a tensor that checkTensor passed.
func (t *Tensor) decode(p *TensorProto) error {
	if p.RawData != nil {
		return t.decodeRaw(p.RawData)
	}
	if packedBits(t.Type) > 0 {
		bytes := make([]uint8, len(p.Int32Data))
		if err := narrow(bytes, p.Int32Data); err != nil {
			return err
		}
		return t.decodeRaw(bytes)
	}
	switch d := t.Data.(type) {
	case []float32:
		if _, widen := halfOf(t.Type); widen != nil {
			bits := make([]uint16, len(d))
			if err := narrow(bits, p.Int32Data); err != nil {
				return err
			}
			widenHalf(d, bits, widen)
			return nil
		}
		copy(d, p.FloatData)
	case []float64:
		copy(d, p.DoubleData)
	case []int64:
		copy(d, p.Int64Data)
	case []uint64:
		copy(d, p.Uint64Data)
	case []int32:
		copy(d, p.Int32Data)
	case []uint32:
		return narrow(d, p.Uint64Data)
	case []int16:
		return narrow(d, p.Int32Data)
	case []uint16:
		return narrow(d, p.Int32Data)
	case []int8:
		return narrow(d, p.Int32Data)
	case []uint8:
		return narrow(d, p.Int32Data)
	case []bool:
		bytes := make([]uint8, len(d))
		if err := narrow(bytes, p.Int32Data); err != nil {
			return err
		}
		return t.decodeRaw(bytes)
	case []string:
		for i, s := range p.StringData {
			d[i] = string(s)
		}
	}
	return nil
}

func (t *Tensor) decodeRaw(raw []byte) error {
	if _, widen := halfOf(t.Type); widen != nil {
		bits := make([]uint16, len(raw)/2)
		binary.Decode(raw, binary.LittleEndian, bits)
		widenHalf(t.Data.([]float32), bits, widen)
		return nil
	}
	if bits := packedBits(t.Type); bits > 0 {
		unpack(t.Data, raw, bits)
		return nil
	}
	if t.Type == TensorProto_BOOL {
		for i, b := range raw {
			if b > 1 {
				return fmt.Errorf("element %d: %d: want 0 or 1 for BOOL", i, b)
			}
		}
	}
	_, err := binary.Decode(raw, binary.LittleEndian, t.Data)
	return err
}

func widenHalf(dst []float32, src []uint16, widen func(uint16) float32) {
	for i, b := range src {
		dst[i] = widen(b)
	}
}

// narrow converts src to the smaller type, refusing values it cannot hold.
func narrow[D, S integer](dst []D, src []S) error {
	for i, v := range src {
		if dst[i] = D(v); S(dst[i]) != v || (v < 0) != (dst[i] < 0) {
			return fmt.Errorf("element %d: %d: out of range for %T", i, v, dst[i])
		}
	}
	return nil
}

func tensorError(p *TensorProto, err error) error {
	return fmt.Errorf("onnx: tensor %s: %w", quote(p.GetName()), err)
}
