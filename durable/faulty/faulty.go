// Package faulty is a file system in memory for tests: it fails, or loses power, at a
// chosen operation, as a disk does that is full or a machine that goes dark.
//
// A file's content lasts when the file is synced, a name when its folder is. What
// survives of the rest is not certain, so that [FS.Reboot] gives every outcome in turn.
// [Each] runs a test over all operations and all outcomes.
package faulty

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"graft/durable"
)

// FS is the file system. All folders exist, but for those that a program makes.
type FS struct {
	names   map[string]*inode // as programs see it
	lasting map[string]*inode // as the disk has it
	made    map[string]bool   // folders, and whether they last
	ops     int               // operations so far
	at      int               // the operation that goes wrong, counted from 1; 0: none
	dark    bool              // the fault is a loss of power: nothing works from then on
	off     bool
}

type inode struct{ data, lasting []byte }

// New returns a file system with these files, safely on disk.
func New(files map[string][]byte) *FS {
	f := &FS{names: map[string]*inode{}, lasting: map[string]*inode{}, made: map[string]bool{}}
	for name, b := range files {
		n := &inode{slices.Clone(b), slices.Clone(b)}
		f.names[filepath.Clean(name)], f.lasting[filepath.Clean(name)] = n, n
	}
	return f
}

// FailAt makes operation n, counted from 1, fail for want of space.
func (f *FS) FailAt(n int) { f.at, f.dark = n, false }

// CutAt makes the power fail at operation n.
func (f *FS) CutAt(n int) { f.at, f.dark = n, true }

// Faulted says whether the fault has come about.
func (f *FS) Faulted() bool { return f.at > 0 && f.ops >= f.at }

// errDark is what operations see after the power has gone; no program does.
var errDark = errors.New("the power is off")

// step counts an operation and says whether it fails.
func (f *FS) step(op, name string) error {
	if f.ops++; f.off || f.dark && f.ops == f.at {
		f.off = true
		return &os.PathError{Op: op, Path: name, Err: errDark}
	}
	if f.ops == f.at {
		return &os.PathError{Op: op, Path: name, Err: syscall.ENOSPC}
	}
	return nil
}

// Outcome says what a disk kept of what was not synced.
type Outcome string

// Outcomes are those that Reboot can give.
var Outcomes = []Outcome{"nothing", "names", "all"}

// Reboot returns the file system after the loss of power: what was synced, and of the
// rest nothing; the names, of files whose content is lost; or all.
func (f *FS) Reboot(kept Outcome) *FS {
	files := map[string][]byte{}
	from := f.lasting
	if kept != "nothing" {
		from = f.names
	}
	for name, n := range from {
		if lasts, made := f.made[filepath.Dir(name)]; kept == "nothing" && made && !lasts {
			continue
		}
		files[name] = n.lasting
		if kept == "all" {
			files[name] = n.data
		}
	}
	return New(files)
}

// Files are the contents by name.
func (f *FS) Files() map[string][]byte {
	files := map[string][]byte{}
	for name, n := range f.names {
		files[name] = n.data
	}
	return files
}

// OpenFile is os.OpenFile.
func (f *FS) OpenFile(name string, flag int, _ fs.FileMode) (durable.File, error) {
	name = filepath.Clean(name)
	if err := f.step("open", name); err != nil {
		return nil, err
	}
	n := f.names[name]
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		return nil, &os.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	case n != nil && flag&os.O_EXCL != 0:
		return nil, &os.PathError{Op: "open", Path: name, Err: fs.ErrExist}
	case n == nil:
		n = &inode{}
		f.names[name] = n
	}
	if flag&os.O_TRUNC != 0 {
		n.data = nil
	}
	return &file{fs: f, name: name, inode: n}, nil
}

// Rename is os.Rename.
func (f *FS) Rename(from, to string) error {
	from, to = filepath.Clean(from), filepath.Clean(to)
	if err := f.step("rename", from); err != nil {
		return err
	}
	n := f.names[from]
	if n == nil {
		return &os.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	delete(f.names, from)
	f.names[to] = n
	return nil
}

// Remove is os.Remove.
func (f *FS) Remove(name string) error {
	name = filepath.Clean(name)
	if err := f.step("remove", name); err != nil {
		return err
	}
	if f.names[name] == nil {
		return &os.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	delete(f.names, name)
	return nil
}

// Stat is os.Stat; it changes nothing and does not count.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	n := f.names[filepath.Clean(name)]
	if n == nil {
		return nil, &os.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return info{filepath.Base(name), int64(len(n.data))}, nil
}

// ReadDir lists a folder; like Stat it does not count.
func (f *FS) ReadDir(dir string) ([]string, error) {
	dir = filepath.Clean(dir)
	var names []string
	for name := range f.names {
		if filepath.Dir(name) == dir {
			names = append(names, filepath.Base(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

// Mkdir is os.Mkdir. A folder is there that was made, or that holds a file.
func (f *FS) Mkdir(dir string) error {
	dir = filepath.Clean(dir)
	if err := f.step("mkdir", dir); err != nil {
		return err
	}
	names, _ := f.ReadDir(dir)
	if _, made := f.made[dir]; made || len(names) > 0 {
		return &os.PathError{Op: "mkdir", Path: dir, Err: fs.ErrExist}
	}
	f.made[dir] = false
	return nil
}

// SyncDir makes the names in a folder last.
func (f *FS) SyncDir(dir string) error {
	dir = filepath.Clean(dir)
	if err := f.step("sync", dir); err != nil {
		return err
	}
	for name := range f.made {
		if filepath.Dir(name) == dir {
			f.made[name] = true
		}
	}
	for name := range f.lasting {
		if filepath.Dir(name) == dir && f.names[name] == nil {
			delete(f.lasting, name)
		}
	}
	for name, n := range f.names {
		if filepath.Dir(name) == dir {
			f.lasting[name] = n
		}
	}
	return nil
}

type file struct {
	fs    *FS
	name  string
	inode *inode
	at    int64
}

// Write loses half of what it is given where it fails.
func (f *file) Write(b []byte) (int, error) {
	err := f.fs.step("write", f.name)
	if err != nil {
		b = b[:len(b)/2]
	}
	if !f.fs.off {
		end := int(f.at) + len(b)
		if end > len(f.inode.data) {
			f.inode.data = append(f.inode.data, make([]byte, end-len(f.inode.data))...)
		}
		copy(f.inode.data[f.at:], b)
		f.at += int64(len(b))
	}
	return len(b), err
}

func (f *file) Read(b []byte) (int, error) {
	if err := f.fs.step("read", f.name); err != nil {
		return 0, err
	}
	if f.at >= int64(len(f.inode.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.inode.data[f.at:])
	f.at += int64(n)
	return n, nil
}

func (f *file) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.at
	case io.SeekEnd:
		offset += int64(len(f.inode.data))
	}
	f.at = offset
	return offset, nil
}

func (f *file) Truncate(size int64) error {
	if err := f.fs.step("truncate", f.name); err != nil {
		return err
	}
	f.inode.data = slices.Clone(f.inode.data[:min(int(size), len(f.inode.data))])
	return nil
}

func (f *file) Sync() error {
	if err := f.fs.step("sync", f.name); err != nil {
		return err
	}
	f.inode.lasting = slices.Clone(f.inode.data)
	return nil
}

func (f *file) Close() error               { return f.fs.step("close", f.name) }
func (f *file) Stat() (fs.FileInfo, error) { return f.fs.Stat(f.name) }

type info struct {
	name string
	size int64
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return 0o644 }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return false }
func (i info) Sys() any           { return nil }

// Each runs do once for every operation that it takes, on a new file system with files,
// with a fault at that operation, until none comes about. After a failure it calls
// failed; after a loss of power it calls cut, for every outcome.
func Each(t *testing.T, files map[string][]byte, do func(*FS) error, failed func(*testing.T, *FS, error), cut func(*testing.T, *FS)) {
	t.Helper()
	for n := 1; ; n++ {
		f := New(files)
		f.FailAt(n)
		err := do(f)
		if !f.Faulted() {
			if err != nil {
				t.Fatalf("without a fault: %v", err)
			}
			if n < 4 {
				t.Fatalf("only %d operations were seen", n-1)
			}
			t.Logf("%d operations", n-1)
			return
		}
		t.Run(fmt.Sprintf("fail at %d", n), func(t *testing.T) { failed(t, f, err) })
		for _, kept := range Outcomes {
			f := New(files)
			f.CutAt(n)
			do(f)
			t.Run(fmt.Sprintf("cut at %d, kept %s", n, kept), func(t *testing.T) { cut(t, f.Reboot(kept)) })
		}
	}
}
