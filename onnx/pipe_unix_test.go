//go:build unix

package onnx

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestPipes: a pipe nobody writes to is refused at once.
func TestPipes(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	must(t, syscall.Mkfifo(pipe, 0o666))
	p := external(1, [2]string{"location", "pipe"})
	_, readErr := ReadFile(pipe)
	_, _, tensorErr := ReadTensorFile(pipe)
	for name, err := range map[string]error{
		"model":         readErr,
		"tensor":        tensorErr,
		"external data": loadExternal(dir, func(yield func(*TensorProto) bool) { yield(p) }),
		"written model": WriteFile(pipe, small(2), WriteOptions{}),
	} {
		if err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
