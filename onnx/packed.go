package onnx

// packedBits is the width of an integer type that several of share a byte, 0 for all
// other types. Values of such types are held one a byte, as int8 or uint8.
func packedBits(t TensorProto_DataType) int {
	switch t {
	case TensorProto_INT4, TensorProto_UINT4:
		return 4
	case TensorProto_INT2, TensorProto_UINT2:
		return 2
	}
	return 0
}

// unpack fills d, []int8 or []uint8, from bytes that hold the first value in their
// lowest bits.
func unpack(d any, raw []byte, bits int) {
	per := 8 / bits
	value := func(i int) uint8 { return raw[i/per] >> (i % per * bits) << (8 - bits) } // in the highest bits
	switch d := d.(type) {
	case []int8:
		for i := range d {
			d[i] = int8(value(i)) >> (8 - bits)
		}
	case []uint8:
		for i := range d {
			d[i] = value(i) >> (8 - bits)
		}
	}
}

// pack is the inverse of unpack; bits that the type does not have are dropped.
func pack(d any, bits int) []byte {
	var values []uint8
	switch d := d.(type) {
	case []int8:
		values = convert[uint8](d)
	case []uint8:
		values = d
	}
	per := 8 / bits
	raw := make([]byte, (len(values)+per-1)/per)
	for i, v := range values {
		raw[i/per] |= v & (1<<bits - 1) << (i % per * bits)
	}
	return raw
}
