//go:build unix

package data

import (
	"path/filepath"
	"syscall"
	"testing"
)

// A pipe is refused before it is opened: opening it would wait for a writer for ever.
func TestOpenRefusesPipes(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skip(err)
	}
	checkRefused(t, "pipe", fifo, "neither a file nor a folder")
	dir := content{"a/1.png": "IMG", "b/1.png": "IMG"}.folder(t)
	if err := syscall.Mkfifo(filepath.Join(dir, "b", "2.png"), 0o600); err != nil {
		t.Skip(err)
	}
	checkRefused(t, "pipe in a class", dir, "b/2.png: neither a file nor a folder")
}
