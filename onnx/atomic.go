package onnx

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
)

// A staged file is written and synced beside the place it will be renamed to.
type staged struct{ temp, path string }

// writeAtomic makes write's output the content of path: after a crash at any
// instant the file is the old one or the new one.
func writeAtomic(path string, write func(io.Writer) error) error {
	s, err := stage(path, write)
	if err != nil {
		return err
	}
	defer s.discard()
	return s.commit()
}

func stage(path string, write func(io.Writer) error) (*staged, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("not a regular file")
	}
	temp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%08x", filepath.Base(path), rand.Uint32()))
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, bare(err)
	}
	s := &staged{temp, path}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		s.discard()
		return nil, bare(err)
	}
	return s, nil
}

// commit renames the file into its place and syncs the folder.
func (s *staged) commit() error {
	if err := os.Rename(s.temp, s.path); err != nil {
		return bare(err)
	}
	s.temp = ""
	if runtime.GOOS == "windows" { // folders cannot be synced there
		return nil
	}
	dir, err := os.Open(filepath.Dir(s.path))
	if err != nil {
		return bare(err)
	}
	defer dir.Close()
	return bare(dir.Sync())
}

// discard removes the file unless commit has put it into its place.
func (s *staged) discard() {
	if s.temp != "" {
		os.Remove(s.temp)
	}
}
