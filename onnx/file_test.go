package onnx

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"graft/durable"
)

const shared = "../../shared/data"

// TestRealModels reads, writes and reads again, inline and with external data, and
// compares the models and each initializer's bytes.
func TestRealModels(t *testing.T) {
	paths, _ := filepath.Glob(shared + "/models/*/*.onnx")
	if len(paths) == 0 {
		t.Skip(shared + "/models is missing")
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			m, err := ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := Check(m); err != nil {
				t.Error(err)
			}
			for _, p := range m.Graph.Initializer {
				v, err := TensorOf(p)
				if err != nil {
					t.Fatal(err)
				}
				same := proto.Clone(p).(*TensorProto)
				if err := SetData(same, v); err != nil || !proto.Equal(same, p) {
					t.Errorf("%s: decoding and encoding changed it (%v)", p.GetName(), err)
				}
			}
			for _, o := range []WriteOptions{{}, {ExternalAbove: 1000}} {
				before := proto.Clone(m)
				out := filepath.Join(t.TempDir(), "m.onnx")
				if err := WriteFile(out, m, o); err != nil {
					t.Fatal(err)
				}
				back, err := ReadFile(out)
				if err != nil {
					t.Fatal(err)
				}
				if !proto.Equal(m, before) {
					t.Error("writing changed the model")
				}
				if !proto.Equal(m, back) {
					t.Errorf("%+v: read back another model", o)
				}
			}
		})
	}
}

func TestRealTensorFiles(t *testing.T) {
	paths, _ := filepath.Glob(shared + "/models/*/test_data_set_0/*.pb")
	if len(paths) == 0 {
		t.Skip(shared + "/models is missing")
	}
	for _, path := range paths {
		v, name, err := ReadTensorFile(path)
		if err != nil {
			t.Error(err)
			continue
		}
		out := filepath.Join(t.TempDir(), "x.pb")
		if err := WriteTensorFile(out, name, v); err != nil {
			t.Fatal(err)
		}
		back, backName, err := ReadTensorFile(out)
		if err != nil || backName != name || !reflect.DeepEqual(back, v) {
			t.Errorf("%s: read back %q %v, %v", path, backName, back.Shape, err)
		}
	}
}

// small returns a model y = x + w with w [n], small enough to read in a test.
func small(n int) *ModelProto {
	w := make([]float32, n)
	for i := range w {
		w[i] = float32(i)
	}
	return &ModelProto{
		IrVersion:   proto.Int64(8),
		OpsetImport: []*OperatorSetIdProto{{Version: proto.Int64(13)}},
		Graph: &GraphProto{
			Name:        proto.String("g"),
			Input:       []*ValueInfoProto{TensorInfo("x", TensorProto_FLOAT, "N", n)},
			Output:      []*ValueInfoProto{TensorInfo("y", TensorProto_FLOAT, "N", n)},
			Initializer: []*TensorProto{FromFloats([]int{n}, w).Proto("w")},
			Node:        []*NodeProto{NewNode("Add", "add", []string{"x", "w"}, []string{"y"})},
		},
	}
}

func TestExternalLayout(t *testing.T) {
	m := small(3)
	for i, n := range []int{4096 / 4, 10} {
		p := FromFloats([]int{n}, make([]float32, n)).Proto(fmt.Sprint("w", i))
		p.RawData[0] = byte(i + 1)
		m.Graph.Initializer = append(m.Graph.Initializer, p)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	if err := WriteFile(path, m, WriteOptions{ExternalAbove: 12}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	data := dataOf(t, m, path, 12)
	wantOffset := []string{"0", "4096", "8192"}
	wantLength := []string{"12", "4096", "40"}
	for i, p := range stored.Graph.Initializer {
		if externalValue(p, "location") != data || externalValue(p, "offset") != wantOffset[i] ||
			externalValue(p, "length") != wantLength[i] || p.RawData != nil {
			t.Errorf("%s: stored as %v", p.GetName(), p)
		}
	}
	if err := Check(stored); err == nil || !strings.Contains(err.Error(), `external data "`+data+`": not loaded`) {
		t.Errorf("Check of a model without its data: %v", err)
	}
	if names := list(t, dir); !reflect.DeepEqual(names, []string{"m.onnx", data}) {
		t.Errorf("files %v", names)
	}
	back, err := ReadFile(path)
	if err != nil || !proto.Equal(back, m) {
		t.Errorf("read back another model (%v)", err)
	}
}

// dataOf is the name of the file that the external data of a model go to.
func dataOf(t *testing.T, m *ModelProto, path string, above int64) string {
	t.Helper()
	name, err := dataName(path, large(m, above))
	must(t, err)
	if !regexp.MustCompile(`^m\.onnx\.[0-9a-f]{16}\.data$`).MatchString(name) {
		t.Errorf("data in %s", name)
	}
	return name
}

func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestExternalRefuses(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "model")
	must(t, os.MkdirAll(filepath.Join(dir, "sub"), 0o777))
	must(t, os.WriteFile(filepath.Join(top, "secret"), make([]byte, 64), 0o666))
	must(t, os.WriteFile(filepath.Join(dir, "w.bin"), make([]byte, 64), 0o666))
	must(t, os.Symlink("../secret", filepath.Join(dir, "link")))
	must(t, os.Symlink("..", filepath.Join(dir, "up")))
	must(t, os.Symlink("nowhere", filepath.Join(dir, "dangling")))
	type kv = [2]string
	for _, c := range []struct {
		entries []kv
		want    string
	}{
		{[]kv{}, "no location"},
		{[]kv{{"location", ""}}, "not a file below"},
		{[]kv{{"location", "."}}, "not a file below"},
		{[]kv{{"location", filepath.Join(top, "secret")}}, "not a file below"},
		{[]kv{{"location", "../secret"}}, "not a file below"},
		{[]kv{{"location", "sub/../../secret"}}, "not a file below"},
		{[]kv{{"location", "sub/../w.bin"}}, "not a file below"},
		{[]kv{{"location", `..\secret`}}, "not a file below"},
		{[]kv{{"location", "w.bin\x00.txt"}}, "not a file below"},
		{[]kv{{"location", "missing"}}, "no such file"},
		{[]kv{{"location", "sub"}}, "not a regular file"},
		{[]kv{{"location", "link"}}, "escapes"},
		{[]kv{{"location", "up/secret"}}, "escapes"},
		{[]kv{{"location", "dangling"}}, "no such file"},
		{[]kv{{"location", "w.bin"}, {"location", "w.bin"}}, `two entries for "location"`},
		{[]kv{{"location", "w.bin"}, {"basepath", "/"}}, `unknown entry "basepath"`},
		{[]kv{{"location", "w.bin"}, {"offset", "-1"}}, "offset"},
		{[]kv{{"location", "w.bin"}, {"offset", "+1"}}, "offset"},
		{[]kv{{"location", "w.bin"}, {"offset", "1e1"}}, "offset"},
		{[]kv{{"location", "w.bin"}, {"offset", "9223372036854775807"}}, "the file has 64"},
		{[]kv{{"location", "w.bin"}, {"offset", "9223372036854775808"}}, "want a number"},
		{[]kv{{"location", "w.bin"}, {"offset", "49"}}, "16 bytes at offset 49: the file has 64"},
		{[]kv{{"location", "w.bin"}, {"length", "15"}}, "length 15: type and shape need 16"},
		{[]kv{{"location", "w.bin"}, {"length", "-1"}}, "want a number"},
		{[]kv{{"location", "\x1b[2J" + strings.Repeat("x", 5000)}}, `\x1b[2J`},
	} {
		p := external(4, c.entries...)
		err := loadExternal(dir, func(yield func(*TensorProto) bool) { yield(p) })
		if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 500 || p.RawData != nil {
			t.Errorf("%.200q: got %v, want %q", c.entries, err, c.want)
		}
	}
}

// external returns a FLOAT tensor "w" of n elements with the given external_data.
func external(n int64, entries ...[2]string) *TensorProto {
	p := &TensorProto{Name: proto.String("w"), DataType: proto.Int32(1), Dims: []int64{n}, DataLocation: TensorProto_EXTERNAL.Enum()}
	for _, e := range entries {
		p.ExternalData = append(p.ExternalData, entry(e[0], e[1]))
	}
	return p
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestExternalEverywhere loads from all places a tensor can be in.
func TestExternalEverywhere(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "w.bin"), []byte("aaaabbbb"), 0o666))
	at := func(offset string) *TensorProto {
		return external(1, [2]string{"location", "w.bin"}, [2]string{"offset", offset}, [2]string{"checksum", "unread"})
	}
	sparse := func() *SparseTensorProto { return &SparseTensorProto{Values: at("4"), Indices: at("4")} }
	graph := func(g *GraphProto) *GraphProto {
		g.Initializer = []*TensorProto{at("0")}
		g.SparseInitializer = []*SparseTensorProto{sparse()}
		g.Node = append(g.Node, &NodeProto{Attribute: []*AttributeProto{
			{T: at("0"), SparseTensor: sparse()},
			{Tensors: []*TensorProto{at("0")}, SparseTensors: []*SparseTensorProto{sparse()}},
		}})
		return g
	}
	inner := graph(&GraphProto{})
	m := &ModelProto{
		Graph:        graph(&GraphProto{Node: []*NodeProto{{Attribute: []*AttributeProto{{G: inner}, {Graphs: []*GraphProto{graph(&GraphProto{})}}}}}}),
		Functions:    []*FunctionProto{{AttributeProto: []*AttributeProto{{T: at("0")}}, Node: []*NodeProto{{Attribute: []*AttributeProto{{T: at("4")}}}}}},
		TrainingInfo: []*TrainingInfoProto{{Initialization: graph(&GraphProto{}), Algorithm: graph(&GraphProto{})}},
	}
	b, err := Marshal(m)
	must(t, err)
	wantCount := bytes.Count(b, []byte("w.bin"))
	path := filepath.Join(dir, "m.onnx")
	must(t, os.WriteFile(path, b, 0o666))
	m, err = ReadFile(path)
	must(t, err)
	count := 0
	for p := range tensors(m) {
		count++
		if s := string(p.RawData); s != "aaaa" && s != "bbbb" || p.DataLocation != nil || p.ExternalData != nil {
			t.Errorf("not loaded: %v", p)
		}
	}
	if count != wantCount {
		t.Errorf("loaded %d of %d tensors", count, wantCount)
	}
}

func TestExternalOverlap(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "w.bin"), make([]byte, 16), 0o666))
	load := func(offsets ...string) error {
		return loadExternal(dir, func(yield func(*TensorProto) bool) {
			for _, o := range offsets {
				if !yield(external(2, [2]string{"location", "w.bin"}, [2]string{"offset", o})) {
					return
				}
			}
		})
	}
	if err := load("0", "8", "0", "8"); err != nil {
		t.Errorf("the same bytes twice: %v", err)
	}
	if err := load("0", "4", "8"); err == nil || !strings.Contains(err.Error(), "overlap") {
		t.Errorf("overlapping tensors: got %v", err)
	}
}

func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	deep := []byte{}
	for range 60 { // graph > node > attribute > graph
		for _, field := range []protowire.Number{6, 5, 1} {
			deep = protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), deep)
		}
	}
	deep = protowire.AppendBytes(protowire.AppendTag(nil, 7, protowire.BytesType), deep)
	nodes := bytes.Repeat([]byte{0x0a, 0}, maxMessages)
	many := protowire.AppendBytes(protowire.AppendTag(nil, 7, protowire.BytesType), nodes)
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"empty":     {nil, "empty file"},
		"text":      {[]byte("<html>"), "not an ONNX file"},
		"truncated": {[]byte{0x3a, 100, 0x0a}, "not an ONNX file"},
		"huge":      {[]byte{0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, "not an ONNX file"},
		"deep":      {deep, "nested deeper than 100"},
		"many":      {many, "more than 2097152 messages"},
		"groups":    {bytes.Repeat([]byte{0xfb, 0x7f}, 20000), "not an ONNX file"},
	} {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, c.content, 0o666))
		_, err := ReadFile(path)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	for _, name := range []string{".", "missing"} {
		if _, err := ReadFile(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	big, err := os.Create(filepath.Join(dir, "big"))
	must(t, err)
	must(t, big.Truncate(1<<31)) // sparse, takes no space
	big.Close()
	if _, err := ReadFile(big.Name()); err == nil || !strings.Contains(err.Error(), "protobuf ends at") {
		t.Errorf("2 GiB: got %v", err)
	}
}

func TestUnknownFieldsSurvive(t *testing.T) {
	b, err := Marshal(small(2))
	must(t, err)
	b = protowire.AppendString(protowire.AppendTag(b, 12345, protowire.BytesType), "from the future")
	m, err := Unmarshal(b)
	must(t, err)
	path := filepath.Join(t.TempDir(), "m.onnx")
	must(t, WriteFile(path, m, WriteOptions{ExternalAbove: 1}))
	back, err := ReadFile(path)
	must(t, err)
	if !strings.Contains(string(back.ProtoReflect().GetUnknown()), "from the future") {
		t.Error("an unknown field was lost")
	}
}

// TestWriteLeavesNothing makes each step of writing fail and looks for leftovers.
func TestWriteLeavesNothing(t *testing.T) {
	m := small(5)
	for _, c := range []struct {
		name    string
		prepare func(path string) error
		want    string
	}{
		{"a folder is in the model's place", func(p string) error { return os.Mkdir(p, 0o777) }, "not a regular file"},
		{"a folder is in the data's place", func(p string) error { return os.Mkdir(filepath.Join(filepath.Dir(p), dataOf(t, m, p, 1)), 0o777) }, "not a regular file"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "m.onnx")
		must(t, c.prepare(path))
		before := list(t, dir)
		err := WriteFile(path, m, WriteOptions{ExternalAbove: 1})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "m.onnx") {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
		if after := list(t, dir); !reflect.DeepEqual(before, after) {
			t.Errorf("%s: left %v", c.name, after)
		}
	}
	missing := filepath.Join(t.TempDir(), "no", "m.onnx")
	if err := WriteFile(missing, m, WriteOptions{}); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("folder missing: got %v", err)
	}
	dir := t.TempDir()
	if err := durable.WriteFile(durable.OS, filepath.Join(dir, "x"), func(w io.Writer) error {
		w.Write([]byte("half"))
		return syscall.ENOSPC
	}); err != syscall.ENOSPC || len(list(t, dir)) != 0 {
		t.Errorf("disk full: got %v, left %v", err, list(t, dir))
	}
}

func TestWriteReplacesWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.onnx")
	must(t, os.WriteFile(path, bytes.Repeat([]byte("old"), 10000), 0o666))
	must(t, WriteFile(path, small(2), WriteOptions{}))
	first, err := os.ReadFile(path)
	must(t, err)
	must(t, WriteFile(path, small(2), WriteOptions{}))
	second, err := os.ReadFile(path)
	must(t, err)
	if m, err := Unmarshal(first); err != nil || !proto.Equal(m, small(2)) || !bytes.Equal(first, second) {
		t.Errorf("got %v, %v", m, err)
	}
}
