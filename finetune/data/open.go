package data

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// Open reads what the package comment lists under Sources. Pictures are decoded when they are asked for; arrays are
// read now. The errors name the path, the place in it and the reason.
func Open(name string) (*Data, error) { return OpenHeads(name, nil) }

// OpenHeads is Open for lists that tell more of an image than its class: several labels,
// numbers, or several of these (see Head). What heads leave open is found in the list.
func OpenHeads(name string, heads []Head) (*Data, error) {
	d, err := open(name, heads)
	if err == nil && len(heads) > 0 && !strings.HasSuffix(d.Kind, "csv") {
		d.Close()
		err = fmt.Errorf("a %s, which tells the class of an image alone; several labels and numbers are read from a .csv", d.Kind)
	}
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", show(name), reason(err))
	}
	return d, nil
}

func open(name string, heads []Head) (*Data, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		root, err := os.OpenRoot(name)
		if err != nil {
			return nil, err
		}
		return closing(root)((&tree{root.FS(), heads}).detect())
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("neither a file nor a folder")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	head := make([]byte, headBytes)
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		f.Close()
		return nil, err
	}
	if head = head[:n]; isZip(head) {
		return closing(f)(openZip(f, info.Size(), heads))
	}
	f.Close()

	// A list and IDX files have other files beside them.
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	t, base := &tree{root.FS(), heads}, filepath.Base(name)
	switch {
	case strings.EqualFold(path.Ext(base), ".csv"):
		return closing(root)(t.csv(base))
	case idxRole.MatchString(base):
		return closing(root)(t.idx(base))
	}
	root.Close()
	if sniff(head) != nil {
		return nil, errors.New("a single image, want a folder of class folders")
	}
	return nil, errors.New("neither a folder nor a .csv, .npz, .zip or IDX images file")
}

// closing hands c over to the Data, or closes it where there is an error.
func closing(c io.Closer) func(*Data, error) (*Data, error) {
	return func(d *Data, err error) (*Data, error) {
		if err != nil {
			c.Close()
			return nil, err
		}
		d.closer = c
		return d, nil
	}
}

func isZip(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")) // the latter: empty
}

// openZip reads an archive in place; one that holds .npy files alone is an .npz.
func openZip(r io.ReaderAt, size int64, heads []Head) (*Data, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("damaged archive: %w", err)
	}
	npy := func(f *zip.File) bool { return path.Ext(f.Name) == ".npy" }
	if len(z.File) > 0 && !slices.ContainsFunc(z.File, func(f *zip.File) bool { return !npy(f) }) {
		return readNpz(z)
	}
	d, err := (&tree{z, heads}).detect()
	if err != nil {
		return nil, err
	}
	d.Kind = "zip " + d.Kind
	return d, nil
}

// otherParts are the folders that go with a folder train.
var otherParts = []string{"val", "valid", "validation", "test", "testing"}

// detect finds out what a folder or an archive holds, entering single folders.
func (t *tree) detect() (*Data, error) {
	for dir, depth := ".", 0; ; depth++ {
		dirs, files, err := t.list(dir)
		if err != nil {
			return nil, err
		}
		lists, arrays, idx := withSuffix(files, ".csv"), withSuffix(files, ".npz"), idxImages(files)
		if train, err := part(dirs, "train", "training"); err != nil {
			return nil, err
		} else if train != "" && len(dirs) > 1 {
			return t.parts(dir, dirs, train)
		} else if len(dirs) > 1 && !slices.ContainsFunc(dirs, func(d string) bool { return !slices.Contains(otherParts, strings.ToLower(d)) }) {
			return nil, fmt.Errorf("folders %s without a folder train", show(strings.Join(dirs, ", ")))
		}
		switch {
		case len(idx) > 0:
			return t.idx(join(dir, idx)...)
		case len(lists) > 0 && len(dirs) > 1 && !slices.Contains(lists, "train.csv"):
			return nil, fmt.Errorf("both a list (%s) and folders (%s, …): which one is meant is not clear", show(lists[0]), show(dirs[0]))
		case len(lists) > 0:
			return t.csv(join(dir, lists)...)
		case len(arrays) == 1 && len(dirs) == 0:
			return t.npz(path.Join(dir, arrays[0]))
		case len(arrays) > 1 && len(dirs) == 0:
			return nil, fmt.Errorf("%d .npz files, want one", len(arrays))
		}
		images, err := t.onlyImages(dir, files)
		if err != nil {
			return nil, err
		}
		if len(dirs) == 1 && len(images) == 0 && depth < maxDepth {
			dir = path.Join(dir, dirs[0])
			continue
		}
		return t.classFolders(dir)
	}
}

func withSuffix(files []string, ext string) (some []string) {
	for _, f := range files {
		if strings.EqualFold(path.Ext(f), ext) {
			some = append(some, f)
		}
	}
	return some
}

func join(dir string, names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = path.Join(dir, n)
	}
	return out
}

// part is the one folder that has one of the names, in any case; "" where there is none.
func part(dirs []string, names ...string) (found string, err error) {
	for _, d := range dirs {
		if !slices.Contains(names, strings.ToLower(d)) {
			continue
		}
		if found != "" {
			return "", fmt.Errorf("both %s and %s: which one is meant is not clear", show(found), show(d))
		}
		found = d
	}
	return found, nil
}

// reason strips what the os and fs packages say before the cause, since the caller names the file, and escapes what an
// archive's names may bring into it.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) && err == error(p) {
		err = p.Err
	}
	switch text := err.Error(); {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("no such file or folder")
	case strings.ContainsFunc(text, unicode.IsControl):
		return errors.New(show(text))
	}
	return err
}
