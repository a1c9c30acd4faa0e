package serve

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/proto"

	"graft/onnx"
)

// datatypes are the types of tensors in the protocol's words.
var datatypes = map[onnx.TensorProto_DataType]string{
	onnx.TensorProto_BOOL:     "BOOL",
	onnx.TensorProto_UINT8:    "UINT8",
	onnx.TensorProto_UINT16:   "UINT16",
	onnx.TensorProto_UINT32:   "UINT32",
	onnx.TensorProto_UINT64:   "UINT64",
	onnx.TensorProto_INT8:     "INT8",
	onnx.TensorProto_INT16:    "INT16",
	onnx.TensorProto_INT32:    "INT32",
	onnx.TensorProto_INT64:    "INT64",
	onnx.TensorProto_FLOAT16:  "FP16",
	onnx.TensorProto_BFLOAT16: "BF16",
	onnx.TensorProto_FLOAT:    "FP32",
	onnx.TensorProto_DOUBLE:   "FP64",
	onnx.TensorProto_STRING:   "BYTES",
}

// fromBinary reads a tensor in the binary extension's form: little-endian numbers, and
// strings each after its length in 4 bytes.
func fromBinary(kind onnx.TensorProto_DataType, shape []int, b []byte) (*onnx.Tensor, error) {
	if kind != onnx.TensorProto_STRING {
		p := &onnx.TensorProto{DataType: proto.Int32(int32(kind)), RawData: b}
		for _, n := range shape {
			p.Dims = append(p.Dims, int64(n))
		}
		t, err := onnx.TensorOf(p)
		return t, unwrapped(err)
	}
	n, err := onnx.Numel(shape)
	if err != nil {
		return nil, err
	}
	var list []string
	for len(b) > 0 {
		if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
			return nil, errors.New("a string is cut short")
		}
		end := 4 + int(binary.LittleEndian.Uint32(b))
		list, b = append(list, string(b[4:end])), b[end:]
	}
	if len(list) != n {
		return nil, fmt.Errorf("%d strings, shape %v needs %d", len(list), shape, n)
	}
	return &onnx.Tensor{Type: kind, Shape: shape, Data: list}, nil
}

// unwrapped leaves out who found an error in a tensor.
func unwrapped(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

// toBinary is the inverse of fromBinary.
func toBinary(t *onnx.Tensor) (b []byte) {
	list, ok := t.Data.([]string)
	if !ok {
		return t.Proto("").GetRawData()
	}
	for _, s := range list {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	return b
}

// fromJSON reads the elements of a tensor in row-major order, flat or in lists of lists as
// the shape has them.
func fromJSON(kind onnx.TensorProto_DataType, shape []int, data json.RawMessage) (*onnx.Tensor, error) {
	if data == nil {
		return nil, errors.New("neither data nor binary_data_size")
	}
	n, err := onnx.Numel(shape)
	if err != nil {
		return nil, unwrapped(err)
	}
	if n > len(data) { // an element takes a byte at least
		return nil, fmt.Errorf("shape %v needs %d elements, %d bytes are there", shape, n, len(data))
	}
	t, err := onnx.NewTensor(kind, shape...)
	if err != nil {
		return nil, unwrapped(err)
	}
	e := elements{rest: data, put: putter(t), n: n, shape: shape}
	switch err := e.list(0); {
	case err != nil:
		return nil, err
	case e.at != n:
		return nil, fmt.Errorf("%d elements, shape %v needs %d", e.at, shape, n)
	}
	t.Round()
	return t, nil
}

// elements walks through JSON that encoding/json has found to be well-formed.
type elements struct {
	rest  []byte
	put   func(i int, text []byte) error
	at, n int
	shape []int
	flat  bool // the first list holds elements
}

// next is the next character that is no space.
func (e *elements) next() byte {
	e.rest = bytes.TrimLeft(e.rest, " \t\r\n")
	if len(e.rest) == 0 {
		return 0
	}
	return e.rest[0]
}

// list reads a list, the depth of which among lists is given.
func (e *elements) list(depth int) error {
	if e.next() != '[' {
		return errors.New("data is no list")
	}
	e.rest = e.rest[1:]
	count := 0
	for e.next() != ']' {
		switch c := e.next(); {
		case c == ',':
			e.rest = e.rest[1:]
			continue
		case c == '[' && depth+1 < len(e.shape) && !e.flat:
			if err := e.list(depth + 1); err != nil {
				return err
			}
		case depth > 0 && depth+1 < len(e.shape), c == '[', c == '{':
			return fmt.Errorf("the lists of data are not those of shape %v", e.shape)
		case depth == 0 && count > 0 && !e.flat:
			return fmt.Errorf("the lists of data are not those of shape %v", e.shape)
		default:
			e.flat = e.flat || depth == 0
			if e.at == e.n {
				return fmt.Errorf("more than the %d elements of shape %v", e.n, e.shape)
			}
			if err := e.element(); err != nil {
				return err
			}
		}
		count++
	}
	e.rest = e.rest[1:]
	if (depth > 0 || !e.flat && len(e.shape) > 0) && count != e.shape[depth] {
		return fmt.Errorf("the lists of data are not those of shape %v", e.shape)
	}
	return nil
}

// element reads a number, a string, true or false.
func (e *elements) element() error {
	end := bytes.IndexAny(e.rest, ",] \t\r\n")
	if e.rest[0] == '"' {
		for end = 1; e.rest[end] != '"'; end++ {
			if e.rest[end] == '\\' {
				end++
			}
		}
		end++
	}
	if err := e.put(e.at, e.rest[:end]); err != nil {
		return fmt.Errorf("element %d: %w", e.at, err)
	}
	e.at++
	e.rest = e.rest[end:]
	return nil
}

// putter returns what reads an element of t.
func putter(t *onnx.Tensor) func(i int, text []byte) error {
	switch d := t.Data.(type) {
	case []float32:
		return func(i int, text []byte) error {
			v, err := strconv.ParseFloat(string(text), 32)
			if err != nil {
				return notA("number", text)
			}
			d[i] = float32(v)
			return nil
		}
	case []float64:
		return func(i int, text []byte) (err error) {
			if d[i], err = strconv.ParseFloat(string(text), 64); err != nil {
				return notA("number", text)
			}
			return nil
		}
	case []bool:
		return func(i int, text []byte) error {
			d[i] = string(text) == "true" || string(text) == "1"
			if !d[i] && string(text) != "false" && string(text) != "0" {
				return notA("true or false", text)
			}
			return nil
		}
	case []string:
		return func(i int, text []byte) error {
			if json.Unmarshal(text, &d[i]) != nil {
				return notA("string", text)
			}
			return nil
		}
	case []int8:
		return signed(d, 8)
	case []int16:
		return signed(d, 16)
	case []int32:
		return signed(d, 32)
	case []int64:
		return signed(d, 64)
	case []uint8:
		return unsigned(d, 8)
	case []uint16:
		return unsigned(d, 16)
	case []uint32:
		return unsigned(d, 32)
	case []uint64:
		return unsigned(d, 64)
	}
	return func(int, []byte) error { return fmt.Errorf("type %v", t.Type) }
}

func notA(kind string, text []byte) error {
	return fmt.Errorf("%s, want a %s", quote(string(text)), kind)
}

func signed[T int8 | int16 | int32 | int64](d []T, bits int) func(int, []byte) error {
	return func(i int, text []byte) error {
		v, err := strconv.ParseInt(string(text), 10, bits)
		if err != nil {
			return notA(fmt.Sprintf("whole number of %d bits", bits), text)
		}
		d[i] = T(v)
		return nil
	}
}

func unsigned[T uint8 | uint16 | uint32 | uint64](d []T, bits int) func(int, []byte) error {
	return func(i int, text []byte) error {
		v, err := strconv.ParseUint(string(text), 10, bits)
		if err != nil {
			return notA(fmt.Sprintf("whole number of %d bits, 0 or more", bits), text)
		}
		d[i] = T(v)
		return nil
	}
}

// toJSON is the elements of a tensor in row-major order as one list.
func toJSON(t *onnx.Tensor) (json.RawMessage, error) {
	data := t.Data
	switch d := data.(type) {
	case []uint8: // which encoding/json takes for text
		wide := make([]uint16, len(d))
		for i, v := range d {
			wide[i] = uint16(v)
		}
		data = wide
	case []float32:
		for i, v := range d {
			if v-v != 0 {
				return nil, notFinite(i, float64(v))
			}
		}
	case []float64:
		for i, v := range d {
			if v-v != 0 {
				return nil, notFinite(i, v)
			}
		}
	}
	b, err := json.Marshal(data)
	if string(b) == "null" {
		b = []byte("[]")
	}
	return b, err
}

func notFinite(i int, v float64) error {
	if math.IsNaN(v) {
		return fmt.Errorf("element %d is NaN, which JSON cannot carry: ask for binary_data", i)
	}
	return fmt.Errorf("element %d is infinite, which JSON cannot carry: ask for binary_data", i)
}
