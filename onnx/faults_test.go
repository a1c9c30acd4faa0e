package onnx

import (
	"bytes"
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"graft/durable/faulty"
)

// TestExportFaults: whatever fails while a model is written, and whenever the power
// goes, the old model is there with its data, or the new one with its own.
func TestExportFaults(t *testing.T) {
	const path = "dir/m.onnx"
	write := func(m *ModelProto, above int64) func(*faulty.FS) error {
		return func(f *faulty.FS) error { return WriteFile(path, m, WriteOptions{ExternalAbove: above, disk: f}) }
	}
	// written are the files that a model makes, beside those that are there.
	written := func(m *ModelProto, above int64, old map[string][]byte) map[string][]byte {
		f := faulty.New(old)
		must(t, write(m, above)(f))
		return f.Files()
	}
	for _, c := range []struct {
		name  string
		above int64
		old   map[string][]byte
	}{
		{"one file", 0, nil},
		{"over an old one", 0, written(small(30), 0, nil)},
		{"external data", 1, nil},
		{"external data over an old model", 1, written(small(30), 0, nil)},
		{"external data over older ones", 1, written(small(30), 1, nil)},
		{"the same once more", 1, written(small(40), 1, nil)},
		{"beside the same data", 1, map[string][]byte{"dir/" + dataOf(t, small(40), path, 1): bytesOf(small(40))}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := small(40)
			next := written(m, c.above, c.old)
			// whole wants all old files, and the old model or the new one with all it needs.
			whole := func(t *testing.T, files map[string][]byte) (isNew bool) {
				t.Helper()
				isNew = files[path] != nil && bytes.Equal(files[path], next[path])
				want := c.old
				if isNew {
					want = next
				}
				for name, b := range want {
					if !bytes.Equal(files[name], b) {
						t.Errorf("%s: %d bytes, want %d", name, len(files[name]), len(b))
					}
				}
				if _, there := files[path]; there && !isNew && c.old[path] == nil {
					t.Error("a model that is neither old nor new")
				}
				return isNew
			}
			faulty.Each(t, c.old, write(m, c.above), func(t *testing.T, f *faulty.FS, err error) {
				isNew := whole(t, f.Files())
				if err != nil && !errors.Is(err, syscall.ENOSPC) || err == nil && !isNew {
					t.Errorf("error %v", err)
				}
				for name := range f.Files() {
					if _, was := c.old[name]; !was && (!isNew || filepath.Base(name)[0] == '.') {
						t.Errorf("left %s", name)
					}
				}
			}, func(t *testing.T, f *faulty.FS) { whole(t, f.Files()) })
		})
	}
}

// bytesOf is the content of a model's file of external data.
func bytesOf(m *ModelProto) []byte {
	var b bytes.Buffer
	writeTensors(&b, large(m, 1))
	return b.Bytes()
}
