package data

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// maxDepth bounds folders in folders, and so links that lead in a circle.
const maxDepth = 32

// tree is a folder on disk, which reading cannot leave (os.Root), or a .zip.
type tree struct {
	fs    fs.FS
	heads []Head // what lists tell of an image; nil: its class
}

// list gives the folders and the regular files of dir, sorted, without the hidden ones.
func (t *tree) list(dir string) (dirs, files []string, err error) {
	entries, err := fs.ReadDir(t.fs, dir)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", show(dir), reason(err))
	}
	for _, e := range entries {
		name := e.Name()
		if hidden(name) {
			continue
		}
		mode := e.Type()
		if mode&fs.ModeSymlink != 0 {
			info, err := fs.Stat(t.fs, path.Join(dir, name))
			if err != nil {
				return nil, nil, fmt.Errorf("%s: link: %w", show(path.Join(dir, name)), reason(err))
			}
			mode = info.Mode()
		}
		switch {
		case mode.IsDir():
			dirs = append(dirs, name)
		case mode.IsRegular():
			files = append(files, name)
		default:
			return nil, nil, fmt.Errorf("%s: neither a file nor a folder", show(path.Join(dir, name)))
		}
	}
	return dirs, files, nil
}

func hidden(name string) bool {
	return strings.HasPrefix(name, ".") || name == "__MACOSX" ||
		strings.EqualFold(name, "Thumbs.db") || strings.EqualFold(name, "desktop.ini")
}

// images gives all images below dir, sorted.
func (t *tree) images(dir string) ([]string, error) { return t.imagesBelow(dir, 0) }

func (t *tree) imagesBelow(dir string, depth int) (all []string, err error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%s: more than %d folders deep", show(dir), maxDepth)
	}
	dirs, files, err := t.list(dir)
	if err != nil {
		return nil, err
	}
	if all, err = t.onlyImages(dir, files); err != nil {
		return nil, err
	}
	for _, d := range dirs {
		below, err := t.imagesBelow(path.Join(dir, d), depth+1)
		if err != nil {
			return nil, err
		}
		all = append(all, below...)
	}
	slices.Sort(all)
	return all, nil
}

var (
	imageSuffix = []string{".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".bmp"}
	// otherImages are refused, because passing over them would train on a part of the data without a word.
	otherImages = []string{".tif", ".tiff", ".heic", ".heif", ".avif", ".jxl", ".jp2"}
)

// onlyImages keeps the images among the files of dir, with their paths: files whose suffix says so, and files with a
// suffix of no kind of image whose first bytes do.
func (t *tree) onlyImages(dir string, files []string) (images []string, err error) {
	for _, f := range files {
		name, suffix := path.Join(dir, f), strings.ToLower(path.Ext(f))
		switch {
		case slices.Contains(imageSuffix, suffix):
		case slices.Contains(otherImages, suffix):
			return nil, fmt.Errorf("%s: %s images are not supported, want JPEG, PNG, GIF, WebP or BMP", show(name), suffix)
		default:
			head, err := t.head(name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", show(name), reason(err))
			}
			if sniff(head) == nil {
				continue
			}
		}
		images = append(images, name)
	}
	return images, nil
}

// headBytes is enough to tell any format by.
const headBytes = 16

// head is the first bytes of a file.
func (t *tree) head(name string) ([]byte, error) {
	f, err := t.fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, headBytes)
	n, err := io.ReadFull(f, head)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return head[:n], err
}

// read is the content of a regular file of at most most bytes.
func (t *tree) read(name string, most int64) ([]byte, error) {
	f, err := t.fs.Open(name)
	if err != nil {
		return nil, reason(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, reason(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	if info.Size() > most {
		return nil, fmt.Errorf("%d bytes, at most %d are read", info.Size(), most)
	}
	if h, ok := info.Sys().(*zip.FileHeader); ok {
		if err := checkEntry(h); err != nil {
			return nil, err
		}
	}
	return readExactly(f, info.Size())
}

// inflation is the most that deflate can expand a byte to (zlib's documentation: 1032:1).
const inflation = 1032

// checkEntry refuses an archive's entry that is encrypted or declares more than its compressed bytes can hold.
func checkEntry(h *zip.FileHeader) error {
	if h.Flags&1 != 0 {
		return errors.New("encrypted")
	}
	if h.Method != zip.Store && h.Method != zip.Deflate {
		return fmt.Errorf("compression method %d, want stored or deflated", h.Method)
	}
	if h.UncompressedSize64/inflation > h.CompressedSize64 {
		return fmt.Errorf("%d bytes out of %d compressed ones: forged size", h.UncompressedSize64, h.CompressedSize64)
	}
	return nil
}

// readExactly reads size bytes and the end, where archives check their sum.
func readExactly(r io.Reader, size int64) ([]byte, error) {
	b := make([]byte, size)
	if _, err := io.ReadFull(r, b); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, errors.New("cut short")
		}
		return nil, err
	}
	return b, atEnd(r)
}

// atEnd reads on to the end, where archives check their sum.
func atEnd(r io.Reader) error {
	switch n, err := io.ReadFull(r, make([]byte, 1)); {
	case n > 0:
		return errors.New("longer than declared")
	case err != io.EOF:
		return err
	}
	return nil
}

// files is a source of pictures that are read when they are asked for.
type files []file

type file struct {
	tree *tree
	name string
}

func (f files) image(i int) (*Image, error) {
	b, err := f.content(i)
	if err != nil {
		return nil, err
	}
	return Decode(b)
}

func (f files) content(i int) ([]byte, error) { return f[i].tree.read(f[i].name, maxFile) }

func (f files) tensor(int) ([]float32, [3]int) { return nil, [3]int{} }
