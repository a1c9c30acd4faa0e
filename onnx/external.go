package onnx

import (
	"fmt"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"graft/durable"
)

// loadExternal moves the external data of tensors, files in or below dir, into
// their raw_data.
func loadExternal(dir string, tensors iter.Seq[*TensorProto]) error {
	l := loader{read: map[region][]byte{}, spent: map[string]int64{}}
	defer l.close()
	for p := range tensors {
		if p.GetDataLocation() != TensorProto_EXTERNAL {
			continue
		}
		if err := l.load(dir, p); err != nil {
			return fmt.Errorf("tensor %s: external data: %w", quote(p.GetName()), err)
		}
	}
	return nil
}

// DataFiles lists the files beside a model that its external data lie in, whether they
// are there or not.
func DataFiles(path string) ([]string, error) {
	b, err := readRegular(path)
	m := new(ModelProto)
	if err == nil {
		err = unmarshal(b, m)
	}
	if err != nil {
		return nil, fmt.Errorf("onnx: %s: %w", quote(path), err)
	}
	var files []string
	for p := range tensors(m) {
		if p.GetDataLocation() != TensorProto_EXTERNAL {
			continue
		}
		if file, err := locationOf(externalValue(p, "location")); err == nil && !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	for i, file := range files {
		files[i] = filepath.Join(filepath.Dir(path), filepath.FromSlash(file))
	}
	return files, nil
}

// A region is a range of bytes of an external file.
type region struct {
	file         string
	offset, size int64
}

// A loader is the only opener of files that a model names. Opening goes through
// an os.Root, which no path and no link leaves; all is checked on the open file.
type loader struct {
	root  *os.Root
	read  map[region][]byte
	spent map[string]int64 // bytes read of each file, to bound overlapping regions
}

func (l *loader) close() {
	if l.root != nil {
		l.root.Close()
	}
}

func (l *loader) load(dir string, p *TensorProto) (err error) {
	if p.RawData != nil {
		return fmt.Errorf("raw_data is there too")
	}
	for _, f := range typedCounts(p) {
		if f.count > 0 {
			return fmt.Errorf("%s is there too", f.name)
		}
	}
	r, err := regionOf(p)
	if err != nil {
		return err
	}
	if l.root == nil {
		if l.root, err = os.OpenRoot(dir); err != nil {
			return durable.Bare(err)
		}
	}
	data, ok := l.read[r]
	if !ok {
		if data, err = l.readRegion(r); err != nil {
			return fmt.Errorf("%s: %w", quote(r.file), err)
		}
		l.read[r] = data
	}
	p.RawData, p.ExternalData, p.DataLocation = data, nil, nil
	return nil
}

// readRegion reads a region, allocating only what the file was found to hold.
func (l *loader) readRegion(r region) ([]byte, error) {
	f, err := l.root.OpenFile(filepath.FromSlash(r.file), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, durable.Bare(err)
	}
	defer f.Close()
	size, err := regularSize(f)
	if err != nil {
		return nil, err
	}
	if r.offset > size || r.size > size-r.offset {
		return nil, fmt.Errorf("%d bytes at offset %d: the file has %d", r.size, r.offset, size)
	}
	if r.size > size-l.spent[r.file] {
		return nil, fmt.Errorf("tensors overlap")
	}
	l.spent[r.file] += r.size
	data := make([]byte, r.size)
	if _, err := f.ReadAt(data, r.offset); err != nil {
		return nil, durable.Bare(err)
	}
	return data, nil
}

// regionOf returns the bytes a tensor names, which must be as many as its type
// and shape need.
func regionOf(p *TensorProto) (region, error) {
	_, n, err := shapeOf(p.GetDims())
	if err != nil {
		return region{}, err
	}
	need, err := rawBytes(TensorProto_DataType(p.GetDataType()), n)
	if err != nil {
		return region{}, err
	}
	r := region{size: int64(need)}
	seen := map[string]bool{}
	for _, e := range p.GetExternalData() {
		key, value := e.GetKey(), e.GetValue()
		if seen[key] {
			return region{}, fmt.Errorf("two entries for %s", quote(key))
		}
		seen[key] = true
		switch key {
		case "location":
			r.file, err = locationOf(value)
		case "offset":
			r.offset, err = parseSize(key, value)
		case "length":
			var length int64
			if length, err = parseSize(key, value); err == nil && length != r.size {
				err = fmt.Errorf("length %d: type and shape need %d", length, r.size)
			}
		case "checksum": // informative: a SHA-1 of the whole file that no reader verifies
		default:
			err = fmt.Errorf("unknown entry %s", quote(key))
		}
		if err != nil {
			return region{}, err
		}
	}
	if r.file == "" {
		return region{}, fmt.Errorf("no location")
	}
	return r, nil
}

// locationOf accepts relative slash-separated paths that stay below the model's folder.
func locationOf(s string) (string, error) {
	ok := s != "" && !strings.ContainsAny(s, "\\\x00") && !path.IsAbs(s) &&
		!slices.Contains(strings.Split(s, "/"), "..") && filepath.IsLocal(filepath.FromSlash(s))
	if s = path.Clean(s); !ok || s == "." {
		return "", fmt.Errorf("location %s: not a file below the model's folder", quote(s))
	}
	return s, nil
}

func parseSize(key, s string) (int64, error) {
	v, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%s %s: want a number from 0 to 2^63-1", key, quote(s))
	}
	return int64(v), nil
}

// externalValue returns an external_data entry, "" if there is none.
func externalValue(p *TensorProto, key string) string {
	for _, e := range p.GetExternalData() {
		if e.GetKey() == key {
			return e.GetValue()
		}
	}
	return ""
}
