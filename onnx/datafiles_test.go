package onnx

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
)

// TestDataFiles: the files that a model's external data lie in are known without
// reading them, wherever in the model their tensors are.
func TestDataFiles(t *testing.T) {
	m := small(2)
	for i, location := range []string{"a.bin", "sub/b.bin", "a.bin", "../outside", "none/c.bin"} {
		p := external(2, [2]string{"location", location})
		p.Name = proto.String(string(rune('p' + i)))
		if i == 1 {
			a := attr("value", AttributeProto_TENSOR)
			a.T = p
			m.Graph.Node = append(m.Graph.Node, NewNode("Constant", "", nil, []string{"c"}, a))
			continue
		}
		m.Graph.Initializer = append(m.Graph.Initializer, p)
	}
	b, err := proto.Marshal(m)
	must(t, err)
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	must(t, os.WriteFile(path, b, 0o666))
	got, err := DataFiles(path)
	want := []string{filepath.Join(dir, "a.bin"), filepath.Join(dir, "none/c.bin"), filepath.Join(dir, "sub/b.bin")}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if _, err := DataFiles(filepath.Join(dir, "none.onnx")); err == nil {
		t.Error("a missing file was read")
	}
}
