package onnx

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"google.golang.org/protobuf/proto"
)

// oneLine reports an error text that would span lines, reach the terminal
// unescaped or fill the screen.
func oneLine(t *testing.T, err error) {
	t.Helper()
	s := err.Error()
	if !strings.HasPrefix(s, "onnx: ") || len(s) > 4096 || strings.ContainsFunc(s, unicode.IsControl) {
		t.Errorf("error text %q", s)
	}
}

// FuzzUnmarshal reads arbitrary bytes as a model: no panic, and what is accepted
// is written and read again unchanged.
func FuzzUnmarshal(f *testing.F) {
	golden, err := os.ReadFile("testdata/dtypes.onnx")
	must(f, err)
	f.Add(golden)
	for _, change := range []func(*ModelProto){
		func(*ModelProto) {},
		func(m *ModelProto) { addFunction(m) },
		addSubgraphs,
		func(m *ModelProto) { m.Graph.SparseInitializer = []*SparseTensorProto{sparse([]int64{0, 3}, 2)} },
		func(m *ModelProto) { m.TrainingInfo = []*TrainingInfoProto{{Algorithm: m.Graph}} },
	} {
		m := small(2)
		change(m)
		b, err := Marshal(m)
		must(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Unmarshal(b)
		if err != nil {
			oneLine(t, err)
			return
		}
		if err := Check(m); err != nil {
			oneLine(t, err)
		}
		out, err := Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if len(out) == 0 {
			return
		}
		back, err := Unmarshal(out)
		if err != nil || !proto.Equal(m, back) {
			t.Fatalf("read back another model (%v)", err)
		}
		for p := range tensors(m) {
			if _, err := TensorOf(p); err != nil {
				oneLine(t, err)
			}
		}
	})
}

// FuzzTensorOf decodes an arbitrary TensorProto: what is accepted encodes to the
// same value, and putting the value back changes nothing.
func FuzzTensorOf(f *testing.F) {
	_, m := readDtypes(f)
	for _, p := range m.Graph.Initializer {
		b, err := marshal(p)
		must(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p := new(TensorProto)
		if unmarshal(b, p) != nil {
			return
		}
		v, err := TensorOf(p)
		if err != nil {
			oneLine(t, err)
			return
		}
		if n := reflect.ValueOf(v.Data).Len(); n != v.Len() || n > 4*len(b) /* INT2 */ {
			t.Fatalf("%d values of shape %v from %d bytes", n, v.Shape, len(b))
		}
		again := v.Proto(p.GetName())
		back, err := TensorOf(again)
		if err != nil || !proto.Equal(back.Proto(p.GetName()), again) {
			t.Fatalf("%v encodes to another value (%v)", v, err)
		}
		same := proto.Clone(p).(*TensorProto)
		err = SetData(same, v)
		if packedBits(v.Type) > 0 && err == nil { // bits of the last byte beyond the last value have become 0
			err = SetData(p, v)
		}
		if err != nil || !proto.Equal(same, p) {
			t.Fatalf("SetData of its own values changed %v to %v (%v)", p, same, err)
		}
	})
}

// FuzzExternal tries external_data entries in a folder beside a secret: what is
// read must be the tensor's bytes of the one file that is allowed.
func FuzzExternal(f *testing.F) {
	top := f.TempDir()
	dir := filepath.Join(top, "model")
	content := []byte("0123456789abcdef")
	must(f, os.Mkdir(dir, 0o777))
	must(f, os.WriteFile(filepath.Join(dir, "w"), content, 0o666))
	must(f, os.WriteFile(filepath.Join(top, "s"), []byte("SECRETSECRETSECRET"), 0o666))
	must(f, os.Symlink("../s", filepath.Join(dir, "l")))
	for _, location := range []string{"w", "./w", "../s", "l", "a/../w", "/w", `..\s`, "w\x00", ""} {
		f.Add(location, "offset", "4", "length", "8", int64(2))
	}
	f.Add("w", "length", "8", "offset", "9223372036854775807", int64(2))
	f.Add("w", "location", "../s", "offset", "-4", int64(1))
	f.Fuzz(func(t *testing.T, location, key1, value1, key2, value2 string, n int64) {
		p := external(n, [2]string{"location", location}, [2]string{key1, value1}, [2]string{key2, value2})
		err := loadExternal(dir, func(yield func(*TensorProto) bool) { yield(p) })
		if err != nil {
			if len(err.Error()) > 1000 || strings.ContainsFunc(err.Error(), unicode.IsControl) || p.RawData != nil {
				t.Errorf("error text %q, data %q", err, p.RawData)
			}
			return
		}
		if n < 0 || int64(len(p.RawData)) != 4*n || !bytes.Contains(content, p.RawData) {
			t.Errorf("%q gave %q for %d elements", location, p.RawData, n)
		}
	})
}
