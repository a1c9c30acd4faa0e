package durable_test

import (
	"os"
	"path/filepath"
	"testing"

	"graft/durable"
)

// TestTryLock: one open file has the lock, until it is closed; others can read it.
func TestTryLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	open := func() *os.File {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	first, second := open(), open()
	defer second.Close()
	if taken, err := durable.TryLock(first); !taken || err != nil {
		t.Fatalf("%v, %v", taken, err)
	}
	if _, err := first.WriteAt([]byte("me"), 0); err != nil {
		t.Error(err)
	}
	if taken, err := durable.TryLock(second); taken || err != nil {
		t.Errorf("taken twice: %v", err)
	}
	if b := make([]byte, 2); func() error { _, err := second.ReadAt(b, 0); return err }() != nil || string(b) != "me" {
		t.Errorf("read %q", b)
	}
	first.Close()
	if taken, err := durable.TryLock(second); !taken || err != nil {
		t.Errorf("not free again: %v, %v", taken, err)
	}
}
