package data

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// The IDX format of MNIST (LeCun, Cortes, Burges, "The MNIST database"): two zero bytes, the element type, the number
// of dimensions, these as big-endian 32-bit numbers, the elements. Pixels and labels are unsigned bytes.

// idxRole matches the name of an images file: train-images-idx3-ubyte, t10k-images.idx3-ubyte.gz, …
var idxRole = regexp.MustCompile(`(?i)^(.*)images([-.]?)idx3([-.]?ubyte)(\.gz)?$`)

// idxImages keeps the images files.
func idxImages(files []string) (images []string) {
	for _, f := range files {
		if idxRole.MatchString(f) {
			images = append(images, f)
		}
	}
	return images
}

// idx reads images files with the labels beside them. One alone is the training part; of several, the name says which
// part each is.
func (t *tree) idx(images ...string) (*Data, error) {
	d := &Data{Kind: "idx"}
	roles := map[string]string{}
	for _, name := range images {
		role := "train"
		if base := strings.ToLower(path.Base(name)); len(images) > 1 {
			switch {
			case strings.Contains(base, "train"):
			case strings.Contains(base, "t10k"), strings.Contains(base, "test"):
				role = "test"
			case strings.Contains(base, "val"):
				role = "val"
			default:
				return nil, fmt.Errorf("%s: not clear whether it is for training, validation or test", show(name))
			}
		}
		if roles[role] != "" {
			return nil, fmt.Errorf("both %s and %s hold %s images", show(roles[role]), show(name), role)
		}
		roles[role] = name
	}
	if roles["train"] == "" {
		return nil, errors.New("several IDX images files, none for training")
	}
	for _, p := range []struct {
		role string
		set  **Set
	}{{"train", &d.Train}, {"val", &d.Val}, {"test", &d.Test}} {
		name := roles[p.role]
		if name == "" {
			continue
		}
		var known []string
		if p.role != "train" {
			known = d.Train.Classes
		}
		var err error
		if *p.set, err = t.idxSet(name, known); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// idxSet reads an images file and its labels.
func (t *tree) idxSet(name string, known []string) (*Set, error) {
	shape, pix, err := t.idxFile(name, 3)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", show(name), err)
	}
	labelsName, err := t.idxLabels(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", show(name), err)
	}
	_, y, err := t.idxFile(labelsName, 1)
	if err == nil && len(y) != shape[0] {
		err = fmt.Errorf("%d labels for %d images", len(y), shape[0])
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", show(labelsName), err)
	}
	values := make([]int64, len(y))
	for i, v := range y {
		values[i] = int64(v)
	}
	classes, labels, err := number(values, known, false)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", show(labelsName), err)
	}
	s := &Set{Classes: classes, src: raster{pix, shape[1], shape[2], 1}, Items: make([]Item, len(y))}
	for i, label := range labels {
		s.Items[i] = Item{Name: name + "[" + strconv.Itoa(i) + "]", Label: label}
	}
	return s, nil
}

// idxLabels is the labels file that belongs to an images file, packed or not.
func (t *tree) idxLabels(images string) (string, error) {
	dir, base := path.Split(images)
	m := idxRole.FindStringSubmatch(base)
	plain := m[1] + "labels" + m[2] + "idx1" + m[3]
	for _, name := range []string{plain + m[4], plain, plain + ".gz"} {
		f, err := t.fs.Open(dir + name)
		if err == nil {
			f.Close()
			return dir + name, nil
		}
	}
	return "", fmt.Errorf("no labels file %s beside it", show(plain))
}

// idxFile reads unsigned bytes of rank dimensions, gzip-packed or not.
func (t *tree) idxFile(name string, rank int) (shape []int, elements []byte, err error) {
	b, err := t.read(name, maxArray)
	if err != nil {
		return nil, nil, err
	}
	return parseIDX(b, rank)
}

func parseIDX(b []byte, rank int) (shape []int, elements []byte, err error) {
	var r io.Reader = bytes.NewReader(b)
	most := uint64(len(b))
	if bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		if r, err = gzip.NewReader(r); err != nil {
			return nil, nil, fmt.Errorf("damaged gzip file: %w", err)
		}
		most = min(most*inflation, maxArray)
	}
	head := make([]byte, 4+4*rank)
	if n, err := io.ReadFull(r, head); err != nil || head[0] != 0 || head[1] != 0 {
		if n >= 4 && head[0] == 0 && head[1] == 0 {
			return nil, nil, errors.New("cut short")
		}
		return nil, nil, errors.New("not an IDX file")
	}
	if head[2] != 8 || int(head[3]) != rank {
		return nil, nil, fmt.Errorf("IDX elements of type 0x%02x in %d dimensions, want unsigned bytes (0x08) in %d", head[2], head[3], rank)
	}
	size := uint64(1)
	for i := range rank {
		n := uint64(binary.BigEndian.Uint32(head[4+4*i:]))
		if n == 0 || size > most/n {
			return nil, nil, fmt.Errorf("dimension %d is %d, more than the file can hold, or none", i, n)
		}
		size *= n
		shape = append(shape, int(n))
	}
	if shape[0] > maxExamples {
		return nil, nil, fmt.Errorf("%d examples, at most %d are taken", shape[0], maxExamples)
	}
	if rank == 3 && shape[1] > MaxPixels/shape[2] {
		return nil, nil, fmt.Errorf("pictures of %dx%d pixels, at most %d are taken", shape[2], shape[1], MaxPixels)
	}
	elements, err = readExactly(r, int64(size))
	return shape, elements, err
}
