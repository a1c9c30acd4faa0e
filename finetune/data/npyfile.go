package data

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"graft/onnx"
)

// npyTypes are the numbers of ONNX that numpy has too. bfloat16 is none of them.
var npyTypes = map[string]onnx.TensorProto_DataType{
	"f2": onnx.TensorProto_FLOAT16, "f4": onnx.TensorProto_FLOAT, "f8": onnx.TensorProto_DOUBLE,
	"i1": onnx.TensorProto_INT8, "i2": onnx.TensorProto_INT16, "i4": onnx.TensorProto_INT32, "i8": onnx.TensorProto_INT64,
	"u1": onnx.TensorProto_UINT8, "u2": onnx.TensorProto_UINT16, "u4": onnx.TensorProto_UINT32, "u8": onnx.TensorProto_UINT64,
	"b1": onnx.TensorProto_BOOL,
}

// ReadNpy reads an array of numbers or truth values as a tensor: .npy version 1 to 3, C order, little-endian. It
// compares what the header declares with the bytes present before it allocates.
func ReadNpy(path string) (*onnx.Tensor, error) {
	t, err := readNpy(path)
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", show(path), reason(err))
	}
	return t, nil
}

func readNpy(path string) (*onnx.Tensor, error) {
	// Stat first: opening a pipe would wait for its other end.
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return decodeNpy(f, info.Size())
}

// decodeNpy reads an array from r, which holds size bytes.
func decodeNpy(r io.Reader, size int64) (*onnx.Tensor, error) {
	h, head, err := readNpyHeader(r)
	if err != nil {
		return nil, err
	}
	element := fmt.Sprintf("%c%d", h.kind, h.width)
	t, ok := npyTypes[element]
	if !ok {
		return nil, fmt.Errorf("array of %s, want numbers or truth values", element)
	}
	if h.order == binary.BigEndian && h.width > 1 {
		return nil, errors.New("array of big-endian numbers, want little-endian ones (numpy: a.astype(a.dtype.newbyteorder('<')))")
	}
	if have := size - int64(head); int64(h.bytes()) != have {
		return nil, fmt.Errorf("an array of shape %v takes %d bytes, the file has %d", h.shape, h.bytes(), have)
	}
	raw, err := readExactly(r, int64(h.bytes()))
	if err != nil {
		return nil, err
	}
	number := int32(t)
	p := &onnx.TensorProto{DataType: &number, RawData: raw}
	for _, d := range h.shape {
		p.Dims = append(p.Dims, int64(d))
	}
	return onnx.TensorOf(p)
}

// WriteNpy writes a tensor as numpy does, version 1.0. numpy has no bfloat16: such a tensor becomes float32, which
// holds it exactly. Strings are refused.
func WriteNpy(w io.Writer, t *onnx.Tensor) error {
	if t.Type == onnx.TensorProto_BFLOAT16 {
		t = &onnx.Tensor{Type: onnx.TensorProto_FLOAT, Shape: t.Shape, Data: t.Data}
	}
	descr := ""
	for element, other := range npyTypes {
		if other == t.Type {
			descr = "<" + element
		}
	}
	switch {
	case descr == "":
		return fmt.Errorf("data: npy: a tensor of type %v, want numbers or truth values", t.Type)
	case strings.HasSuffix(descr, "1"): // bytes have no order
		descr = "|" + descr[1:]
	}
	for _, b := range [][]byte{npyHead(descr, t.Shape), t.Proto("").RawData} {
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}
