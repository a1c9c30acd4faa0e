package onnx

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
)

// dtypes is testdata/dtypes.json, made by dtypes.py.
type dtypes struct {
	Values   map[string][]string
	Rounding [][3]uint32 // bits of a float32, and of the float16 and bfloat16 it rounds to
}

func readDtypes(t testing.TB) (dtypes, *ModelProto) {
	t.Helper()
	b, err := os.ReadFile("testdata/dtypes.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dtypes
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	m, err := ReadFile("testdata/dtypes.onnx")
	if err != nil {
		t.Fatal(err)
	}
	return d, m
}

// TestTensorOfGolden decodes every data type in both forms and encodes it again.
func TestTensorOfGolden(t *testing.T) {
	d, m := readDtypes(t)
	if err := Check(m); err != nil {
		t.Error(err)
	}
	for _, p := range m.Graph.Initializer {
		name, form, _ := strings.Cut(p.GetName(), "/")
		want, supported := d.Values[name]
		v, err := TensorOf(p)
		if !supported {
			if err == nil || !strings.Contains(err.Error(), "type "+name+": unsupported") {
				t.Errorf("%s: error %v, want a refusal that names the type", p.GetName(), err)
			}
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		if got := texts(v.Data); !reflect.DeepEqual(got, normal(t, v.Type, want)) {
			t.Errorf("%s: got %v, want %v", p.GetName(), got, want)
		}
		if form == "raw" && !proto.Equal(v.Proto(p.GetName()), p) {
			t.Errorf("%s: encodes to % x, want % x", p.GetName(), v.Proto("").RawData, p.RawData)
		}
		back := proto.Clone(p).(*TensorProto)
		if err := SetData(back, v); err != nil || !proto.Equal(back, p) {
			t.Errorf("%s: SetData of its own values changed it (%v)", p.GetName(), err)
		}
	}
}

// texts prints the elements of a slice, floats exactly.
func texts(data any) []string {
	v := reflect.ValueOf(data)
	out := make([]string, v.Len())
	for i := range out {
		switch e := v.Index(i); e.Kind() {
		case reflect.Float32, reflect.Float64:
			out[i] = strconv.FormatFloat(e.Float(), 'x', -1, 64)
		default:
			out[i] = fmt.Sprint(e.Interface())
		}
	}
	return out
}

// normal rewrites Python's numbers as texts writes them.
func normal(t *testing.T, typ TensorProto_DataType, values []string) []string {
	out := make([]string, len(values))
	for i, s := range values {
		switch typ {
		case TensorProto_BOOL:
			out[i] = strconv.FormatBool(s == "1")
		case TensorProto_FLOAT, TensorProto_FLOAT16, TensorProto_BFLOAT16, TensorProto_DOUBLE:
			f, err := strconv.ParseFloat(s, 64)
			if err != nil {
				t.Fatal(err)
			}
			out[i] = strconv.FormatFloat(f, 'x', -1, 64)
		default:
			out[i] = s
		}
	}
	return out
}

func TestRoundingGolden(t *testing.T) {
	d, _ := readDtypes(t)
	for _, r := range d.Rounding {
		f := math.Float32frombits(r[0])
		if got := Float16Bits(f); uint32(got) != r[1] {
			t.Errorf("float16 of %g: got %#04x, want %#04x", f, got, r[1])
		}
		if got := BFloat16Bits(f); uint32(got) != r[2] {
			t.Errorf("bfloat16 of %g: got %#04x, want %#04x", f, got, r[2])
		}
	}
}

func TestTensorOfRefuses(t *testing.T) {
	float := func(dims ...int64) *TensorProto {
		return &TensorProto{Name: proto.String("w"), DataType: proto.Int32(1), Dims: dims}
	}
	with := func(p *TensorProto, set func(*TensorProto)) *TensorProto { set(p); return p }
	for _, c := range []struct {
		p    *TensorProto
		want string
	}{
		{nil, "data type UNDEFINED: unknown"},
		{&TensorProto{DataType: proto.Int32(999)}, "data type 999: unknown"},
		{float(2), "0 values in float_data: shape [2] needs 2"},
		{float(-1), "shape [-1]: negative size"},
		{float(1<<40, 1<<40), "number of elements overflows"},
		{float(0, 1<<40, 1<<40), "number of elements overflows"},
		{float(1 << 40), "needs 1099511627776"},
		{with(float(2), func(p *TensorProto) { p.RawData = make([]byte, 7) }), "raw_data has 7 bytes: FLOAT of shape [2] needs 8"},
		{with(float(2), func(p *TensorProto) { p.RawData = make([]byte, 9) }), "raw_data has 9 bytes"},
		{with(float(math.MaxInt64/4), func(p *TensorProto) { p.RawData = make([]byte, 9) }), "size overflows"},
		{with(float(1), func(p *TensorProto) { p.RawData, p.FloatData = make([]byte, 4), []float32{1} }), "values in both raw_data and float_data"},
		{with(float(1), func(p *TensorProto) { p.Int32Data = []int32{1} }), "1 values in int32_data: type FLOAT belongs into float_data"},
		{with(float(1), func(p *TensorProto) { p.FloatData = []float32{1, 2} }), "2 values in float_data: shape [1] needs 1"},
		{with(float(1), func(p *TensorProto) { p.Segment = &TensorProto_Segment{} }), "segment: unsupported"},
		{with(float(1), func(p *TensorProto) { p.DataLocation = TensorProto_EXTERNAL.Enum() }), "not loaded"},
		{&TensorProto{DataType: proto.Int32(2), Int32Data: []int32{256}}, "element 0: 256: out of range for uint8"},
		{&TensorProto{DataType: proto.Int32(3), Int32Data: []int32{-129}}, "element 0: -129: out of range for int8"},
		{&TensorProto{DataType: proto.Int32(10), Int32Data: []int32{-1}}, "out of range for uint16"},
		{&TensorProto{DataType: proto.Int32(12), Uint64Data: []uint64{1 << 32}}, "out of range for uint32"},
		{&TensorProto{DataType: proto.Int32(9), Int32Data: []int32{2}}, "element 0: 2: want 0 or 1 for BOOL"},
		{&TensorProto{DataType: proto.Int32(9), RawData: []byte{2}}, "element 0: 2: want 0 or 1 for BOOL"},
		{&TensorProto{DataType: proto.Int32(8), RawData: []byte{2}}, "type STRING has no raw form"},
		{&TensorProto{Name: proto.String("\x1b[31m" + strings.Repeat("x", 1000))}, `"\x1b[31mxxx`},
	} {
		_, err := TensorOf(c.p)
		if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 400 {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

func TestTensorOfEmpty(t *testing.T) {
	for _, raw := range [][]byte{nil, {}} {
		v, err := TensorOf(&TensorProto{DataType: proto.Int32(1), Dims: []int64{3, 0}, RawData: raw})
		if err != nil || v.Len() != 0 || !reflect.DeepEqual(v.Shape, []int{3, 0}) {
			t.Errorf("got %v, %v", v, err)
		}
	}
}

func TestNumel(t *testing.T) {
	for _, c := range []struct {
		shape []int
		want  int
		err   string
	}{
		{nil, 1, ""},
		{[]int{2, 3, 4}, 24, ""},
		{[]int{5, 0, 7}, 0, ""},
		{[]int{2, -1}, 0, "onnx: shape [2 -1]: negative size"},
		{[]int{math.MaxInt, 2}, 0, "overflows"},
		{make([]int, 1000), 0, ""},
	} {
		got, err := Numel(c.shape)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%v: got %d, %v, want %d, %q", c.shape, got, err, c.want, c.err)
		}
	}
}

func TestNewTensor(t *testing.T) {
	for kind := range TensorProto_DataType_name {
		typ := TensorProto_DataType(kind)
		v, err := NewTensor(typ, 2, 3)
		if zeros(typ, 0) == nil {
			if err == nil || !strings.Contains(err.Error(), typ.String()) {
				t.Errorf("%s: got %v", typ, err)
			}
			continue
		}
		if err != nil || v.Len() != 6 || reflect.ValueOf(v.Data).Len() != 6 {
			t.Errorf("%s: got %v, %v", typ, v, err)
			continue
		}
		back, err := TensorOf(v.Proto("x"))
		if err != nil || !reflect.DeepEqual(back, v) || !reflect.DeepEqual(v.Clone(), v) {
			t.Errorf("%s: round trip gave %v, %v", typ, back, err)
		}
	}
	for _, shape := range [][]int{{-1}, {math.MaxInt, 2}, {1 << 30, 1 << 30}} {
		if v, err := NewTensor(TensorProto_FLOAT, shape...); err == nil {
			t.Errorf("%v: got %v, want an error", shape, v.Shape)
		}
	}
}

func TestCloneSharesNothing(t *testing.T) {
	a := FromFloats([]int{2}, []float32{1, 2})
	b := a.Clone()
	b.Data.([]float32)[0], b.Shape[0] = 9, 9
	if a.Data.([]float32)[0] != 1 || a.Shape[0] != 2 {
		t.Errorf("changing the clone changed %v", a)
	}
}

func TestInts(t *testing.T) {
	for _, c := range []struct {
		data any
		want []int64
	}{
		{[]int8{-128}, []int64{-128}},
		{[]int16{-5}, []int64{-5}},
		{[]int32{-5}, []int64{-5}},
		{[]int64{math.MinInt64}, []int64{math.MinInt64}},
		{[]uint8{255}, []int64{255}},
		{[]uint16{65535}, []int64{65535}},
		{[]uint32{math.MaxUint32}, []int64{math.MaxUint32}},
		{[]uint64{math.MaxInt64}, []int64{math.MaxInt64}},
		{[]bool{true, false}, []int64{1, 0}},
		{[]uint64{math.MaxInt64 + 1}, nil},
		{[]float32{1}, nil},
		{[]string{"1"}, nil},
	} {
		v := &Tensor{Shape: []int{1}, Data: c.data}
		if got, err := v.Ints(); !reflect.DeepEqual(got, c.want) || (err == nil) != (c.want != nil) {
			t.Errorf("%T %v: got %v, %v, want %v", c.data, c.data, got, err, c.want)
		}
	}
}

func TestRound(t *testing.T) {
	third := float32(1) / 3
	for typ, want := range map[TensorProto_DataType]float32{
		TensorProto_FLOAT:    third,
		TensorProto_FLOAT16:  0x1.554p-2, // 1/3 to 11 bits
		TensorProto_BFLOAT16: 0x1.56p-2,  // 1/3 to 8 bits
	} {
		v := &Tensor{Type: typ, Shape: []int{1}, Data: []float32{third}}
		v.Round()
		if got := v.Data.([]float32)[0]; got != want {
			t.Errorf("%s: got %x, want %x", typ, got, want)
		}
	}
}

func TestSetData(t *testing.T) {
	raw := FromFloats([]int{2}, []float32{1, 2}).Proto("w")
	raw.DocString = proto.String("kept")
	typed := &TensorProto{Name: proto.String("h"), DataType: proto.Int32(10), Dims: []int64{1, 2}, Int32Data: []int32{0, 0}}
	if err := SetData(raw, FromFloats([]int{2}, []float32{3, 4})); err != nil {
		t.Fatal(err)
	}
	if err := SetData(typed, FromFloats([]int{1, 2}, []float32{1, 1.0 / 3})); err != nil {
		t.Fatal(err)
	}
	want := FromFloats([]int{2}, []float32{3, 4}).Proto("w")
	want.DocString = proto.String("kept")
	if !proto.Equal(raw, want) {
		t.Errorf("raw: got %v", raw)
	}
	if !reflect.DeepEqual(typed.Int32Data, []int32{0x3c00, 0x3555}) || typed.RawData != nil {
		t.Errorf("float16 in int32_data: got %v", typed)
	}
	for _, c := range []struct {
		v    *Tensor
		want string
	}{
		{FromFloats([]int{3}, make([]float32, 3)), "new values of shape [3]: want [2]"},
		{FromFloats([]int{2}, make([]float32, 3)), "3 new values: shape [2] needs 2"},
		{FromInts([]int{2}, make([]int64, 2)), "new values are []int64: type is FLOAT"},
	} {
		before := proto.Clone(raw)
		err := SetData(raw, c.v)
		if err == nil || !strings.Contains(err.Error(), c.want) || !proto.Equal(before, raw) {
			t.Errorf("got %v, want %q and no change", err, c.want)
		}
	}
}
