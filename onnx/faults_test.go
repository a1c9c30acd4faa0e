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
// goes, each file is the old one or the new one.
func TestExportFaults(t *testing.T) {
	// The new files, written without a fault.
	const path, data = "dir/m.onnx", "dir/m.onnx.data"
	m := small(40)
	write := func(above int64) func(*faulty.FS) error {
		return func(f *faulty.FS) error { return WriteFile(path, m, WriteOptions{ExternalAbove: above, disk: f}) }
	}
	for _, c := range []struct {
		name  string
		above int64
		old   map[string][]byte
	}{
		{"one file", 0, nil},
		{"over an old one", 0, map[string][]byte{path: []byte("old model")}},
		{"external data", 1, nil},
		{"external data over old ones", 1, map[string][]byte{path: []byte("old model"), data: []byte("old data")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			clean := faulty.New(c.old)
			if err := write(c.above)(clean); err != nil {
				t.Fatal(err)
			}
			whole := func(t *testing.T, files map[string][]byte) {
				t.Helper()
				for _, name := range []string{path, data} {
					got, there := files[name]
					was, had := c.old[name]
					if is, will := clean.Files()[name]; !(there == had && bytes.Equal(got, was)) && !(there == will && bytes.Equal(got, is)) {
						t.Errorf("%s is neither old nor new: %d bytes", name, len(got))
					}
				}
				if is := clean.Files()[data]; c.above > 0 && bytes.Equal(files[path], clean.Files()[path]) && !bytes.Equal(files[data], is) {
					t.Error("a new model without its data")
				}
			}
			faulty.Each(t, c.old, write(c.above), func(t *testing.T, f *faulty.FS, err error) {
				whole(t, f.Files())
				if !errors.Is(err, syscall.ENOSPC) {
					t.Errorf("error %v", err)
				}
				for name := range f.Files() {
					if base := filepath.Base(name); base[0] == '.' {
						t.Errorf("left %s", name)
					}
				}
			}, func(t *testing.T, f *faulty.FS) { whole(t, f.Files()) })
		})
	}
}
