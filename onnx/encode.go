package onnx

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"

	"google.golang.org/protobuf/proto"
)

// Proto encodes t under a name: little-endian raw_data, string_data for STRING.
// FLOAT16 and BFLOAT16 are rounded to nearest even. It panics if Data is not the
// slice that Type and Shape call for.
func (t *Tensor) Proto(name string) *TensorProto {
	p := &TensorProto{Name: proto.String(name), DataType: proto.Int32(int32(t.Type))}
	for _, d := range t.Shape {
		p.Dims = append(p.Dims, int64(d))
	}
	if t.Type == TensorProto_STRING {
		p.StringData = t.bytes()
	} else {
		p.RawData = t.raw(t.Type)
	}
	return p
}

// raw returns the values as raw_data of type as, which Data must fit.
func (t *Tensor) raw(as TensorProto_DataType) []byte {
	if bits := packedBits(as); bits > 0 {
		raw := pack(t.Data, bits)
		if need, err := rawBytes(as, t.Len()); err != nil || len(raw) != need {
			panic("onnx: Tensor.Data does not match Type and Shape")
		}
		return raw
	}
	data := t.Data
	if _, floats := t.Floats(); floats {
		data = t.floatsOrBits(as)
	}
	size := binary.Size(data)
	if need, err := rawBytes(as, t.Len()); err != nil || size != need {
		panic("onnx: Tensor.Data does not match Type and Shape")
	}
	raw, err := binary.Append(make([]byte, 0, size), binary.LittleEndian, data)
	if err != nil {
		panic("onnx: Tensor.Data does not match Type and Shape")
	}
	return raw
}

// floatsOrBits returns the float32 values, or their bits rounded to a 16-bit type.
func (t *Tensor) floatsOrBits(as TensorProto_DataType) any {
	v := t.Data.([]float32)
	narrow, _ := halfOf(as)
	if narrow == nil {
		return v
	}
	bits := make([]uint16, len(v))
	for i, f := range v {
		bits[i] = narrow(f)
	}
	return bits
}

func (t *Tensor) bytes() [][]byte {
	v := t.Data.([]string)
	out := make([][]byte, len(v))
	for i, s := range v {
		out[i] = []byte(s)
	}
	return out
}

// SetData puts new values into a tensor of a model. Name, type, shape, doc string
// and the field that held the values stay; float32 values are rounded to nearest
// even where the type is FLOAT16 or BFLOAT16. It refuses values whose shape or Go
// type is not that of p.
func SetData(p *TensorProto, t *Tensor) error {
	shape, n, err := shapeOf(p.GetDims())
	if err != nil {
		return tensorError(p, err)
	}
	if !slices.Equal(shape, t.Shape) {
		return tensorError(p, fmt.Errorf("new values of shape %s: want %s", shapeText(t.Shape), shapeText(shape)))
	}
	as := TensorProto_DataType(p.GetDataType())
	if want := zeros(as, 0); want == nil || reflect.TypeOf(want) != reflect.TypeOf(t.Data) {
		return tensorError(p, fmt.Errorf("new values are %T: type is %s", t.Data, typeName(as)))
	}
	if got := reflect.ValueOf(t.Data).Len(); got != n {
		return tensorError(p, fmt.Errorf("%d new values: shape %s needs %d", got, shapeText(shape), n))
	}
	external := p.GetDataLocation() == TensorProto_EXTERNAL
	if external {
		p.ExternalData, p.DataLocation = nil, nil
	}
	if external || p.RawData != nil {
		p.RawData = t.raw(as)
	} else {
		t.setTyped(p, as)
	}
	return nil
}

// setTyped puts the values into the typed field of as.
func (t *Tensor) setTyped(p *TensorProto, as TensorProto_DataType) {
	if packedBits(as) > 0 {
		p.Int32Data = convert[int32](t.raw(as))
		return
	}
	switch d := t.Data.(type) {
	case []float32:
		if bits, half := t.floatsOrBits(as).([]uint16); half {
			p.Int32Data = convert[int32](bits)
		} else {
			p.FloatData = slices.Clone(d)
		}
	case []float64:
		p.DoubleData = slices.Clone(d)
	case []int64:
		p.Int64Data = slices.Clone(d)
	case []uint64:
		p.Uint64Data = slices.Clone(d)
	case []uint32:
		p.Uint64Data = convert[uint64](d)
	case []int32:
		p.Int32Data = slices.Clone(d)
	case []int16:
		p.Int32Data = convert[int32](d)
	case []uint16:
		p.Int32Data = convert[int32](d)
	case []int8:
		p.Int32Data = convert[int32](d)
	case []uint8:
		p.Int32Data = convert[int32](d)
	case []bool:
		p.Int32Data = convert[int32](t.raw(as))
	case []string:
		p.StringData = t.bytes()
	}
}
