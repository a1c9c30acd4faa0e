// Package durable writes files so that after a crash at any instant the old content
// of a file is there, or the new one, and never a part of it.
//
// [WriteFile] and [Stage] write beside the target, sync, rename and sync the folder.
// They work on an [FS], the operating system's by default; package durable/faulty has
// one that fails, or loses power, at a chosen operation, for the tests of whoever
// writes files. [TryLock] keeps two processes from the same file.
package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
)

// FS is what writing needs of a file system. Errors are those of package os.
type FS interface {
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	Stat(name string) (fs.FileInfo, error)
	// ReadDir lists the names in a folder, in order.
	ReadDir(name string) ([]string, error)
	Mkdir(name string) error
	// SyncDir makes the names in a folder last.
	SyncDir(name string) error
}

// File is an open file of an FS.
type File interface {
	io.Reader
	io.Writer
	io.Seeker
	io.Closer
	Truncate(size int64) error
	Sync() error
	Stat() (fs.FileInfo, error)
}

// OS is the operating system's file system.
var OS FS = osFS{}

type osFS struct{}

func (osFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err // not f: a nil *os.File is no nil File
	}
	return f, nil
}
func (osFS) Rename(from, to string) error          { return os.Rename(from, to) }
func (osFS) Remove(name string) error              { return os.Remove(name) }
func (osFS) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }
func (osFS) Mkdir(name string) error               { return os.Mkdir(name, 0o777) }

func (osFS) ReadDir(name string) ([]string, error) {
	entries, err := os.ReadDir(name)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

func (osFS) SyncDir(name string) error {
	if runtime.GOOS == "windows" { // folders cannot be synced there
		return nil
	}
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// WriteFile makes what write writes the content of path. After an error path is as it
// was and nothing is left beside it.
func WriteFile(f FS, path string, write func(io.Writer) error) error {
	s, err := Stage(f, path, write)
	if err != nil {
		return err
	}
	defer s.Discard()
	return s.Commit()
}

// Mkdir makes a folder that lasts, unless it is there.
func Mkdir(f FS, path string) error {
	err := f.Mkdir(path)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		err = f.SyncDir(filepath.Dir(path))
	}
	return Bare(err)
}

// Staged is a file written and synced beside the place it will be renamed to.
type Staged struct {
	fs         FS
	temp, path string
}

// Stage writes the new content of path without touching it yet.
func Stage(f FS, path string, write func(io.Writer) error) (*Staged, error) {
	if info, err := f.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	temp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%08x", filepath.Base(path), rand.Uint32()))
	to, err := f.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, Bare(err)
	}
	s := &Staged{f, temp, path}
	err = write(to)
	if err == nil {
		err = to.Sync()
	}
	if closing := to.Close(); err == nil {
		err = closing
	}
	if err != nil {
		s.Discard()
		return nil, Bare(err)
	}
	return s, nil
}

// Commit renames the file into its place and syncs the folder.
func (s *Staged) Commit() error {
	if err := s.fs.Rename(s.temp, s.path); err != nil {
		return Bare(err)
	}
	s.temp = ""
	return Bare(s.fs.SyncDir(filepath.Dir(s.path)))
}

// Renamed says whether the file is in its place, even if Commit could not make that last.
func (s *Staged) Renamed() bool { return s.temp == "" }

// Discard removes the file unless Commit has put it into its place.
func (s *Staged) Discard() {
	if s.temp != "" {
		s.fs.Remove(s.temp)
	}
}

// Bare drops the path that package os puts into an error, for callers who name the file.
func Bare(err error) error {
	switch e := err.(type) {
	case *os.PathError:
		return e.Err
	case *os.LinkError:
		return e.Err
	}
	return err
}
