package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// checkFolder refuses an output folder before any work is done for it: one that
// lies in no folder, or where something other than a folder is.
func checkFolder(path string) error {
	if dir := filepath.Dir(filepath.Clean(path)); !isDir(dir) {
		return hinted{fmt.Errorf("output %s: there is no folder %s", quote(path), quote(dir)), "mkdir -p " + quote(dir)}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("output %s: %w", quote(path), pathless(err))
	case !info.IsDir():
		return fmt.Errorf("output %s: not a folder", quote(path))
	}
	return nil
}

// writeFolder gives the folder path the files that write puts into dir, all or
// nothing: dir lies beside path and takes its place. Where path is a folder
// already, the files move into it; the one called last, which describes the others,
// is removed first and moves at the end, so that where it is all are whole.
func writeFolder(path, last string, write func(dir string) error) error {
	fail := func(err error) error { return fmt.Errorf("output %s: %w", quote(path), pathless(err)) }
	to, err := filepath.Abs(path)
	if err != nil {
		return fail(err)
	}
	dir, err := folderBeside(to)
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	if err := write(dir); err != nil {
		return err
	}
	if !isDir(to) {
		if err := os.Rename(dir, to); err != nil {
			return fail(err)
		}
		return nil
	}
	if err := os.Remove(filepath.Join(to, last)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fail(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != last {
			names = append(names, e.Name())
		}
	}
	for _, name := range append(names, last) {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(to, name)); err != nil {
			return fail(err)
		}
	}
	return nil
}

// folderBeside creates an empty folder beside path; the umask decides on its mode.
func folderBeside(path string) (string, error) {
	for n := 0; ; n++ {
		name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d-%d", filepath.Base(path), os.Getpid(), n))
		if err := os.Mkdir(name, 0o777); !errors.Is(err, fs.ErrExist) {
			return name, err
		}
	}
}
