package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"graft/durable"
	"graft/onnx"
)

// checkOutput refuses an output path before any work is done for it: one that
// is also an input (by any name), that lies in no folder, or where something
// other than a file is. An empty path is fine: there is no output.
func checkOutput(path string, inputs ...string) error {
	if path == "" {
		return nil
	}
	if dir := filepath.Dir(path); !isDir(dir) {
		return hinted{fmt.Errorf("output %s: there is no folder %s", quote(path), quote(dir)),
			"mkdir -p " + quote(dir)}
	}
	out, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("output %s: %w", quote(path), pathless(err))
	}
	if !out.Mode().IsRegular() {
		return fmt.Errorf("output %s: not a file but a %s", quote(path), kindOf(out.Mode()))
	}
	for _, in := range withData(inputs) {
		if info, err := os.Stat(in); err == nil && os.SameFile(out, info) {
			return hinted{fmt.Errorf("output %s: is the input itself, and graft never overwrites its input", quote(path)),
				"give -o another name"}
		}
	}
	return nil
}

// withData adds the files that the external data of models among the inputs lie in.
func withData(inputs []string) []string {
	all := inputs
	for _, in := range inputs {
		if filepath.Ext(in) == ".onnx" {
			files, _ := onnx.DataFiles(in) // reading the model will say what is wrong with it
			all = append(slices.Clip(all), files...)
		}
	}
	return all
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func kindOf(m fs.FileMode) string {
	if m.IsDir() {
		return "folder"
	}
	return "device"
}

// pathless drops the path that package os puts into its errors, unescaped.
func pathless(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		return l.Err
	}
	return err
}

// writeFile gives the file path the bytes that write writes, all or nothing.
func writeFile(path string, write func(w io.Writer) error) error {
	if err := checkOutput(path); err != nil {
		return err
	}
	return put(durable.OS, path, write)
}

// put is writeFile on a disk of its own, in a folder that is there.
func put(disk durable.FS, path string, write func(w io.Writer) error) error {
	var own error // of write itself, which needs no name
	err := durable.WriteFile(disk, path, func(w io.Writer) error {
		b := bufio.NewWriter(w)
		if own = write(b); own != nil {
			return own
		}
		return b.Flush()
	})
	var place *fs.PathError
	if own != nil && !errors.As(own, &place) {
		return own
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("output %s: %w", quote(path), pathless(err))
}
