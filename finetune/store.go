package finetune

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"

	"graft/finetune/data"
	"graft/onnx"
)

// store keeps features in a folder across trainings: a file an image, named by the
// network up to the frontier, the preprocessing, and the image's content. Each is written
// beside its place and renamed, so that an interrupted training leaves whole ones, which
// the next one takes, and several trainings can share a folder.
type store struct {
	dir   string
	width int
}

// storeVersion changes where the same network gives other features.
const storeVersion = "1"

// newStore is the part of a folder for what a network makes of preprocessed images.
func newStore(dir string, network *onnx.ModelProto, pre data.Preprocess, arrays bool, width int) (*store, error) {
	b, err := onnx.Marshal(network)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	h.Write(b)
	fmt.Fprintf(h, "\n%s %s %v\n", storeVersion, runtime.GOARCH, arrays)
	if !arrays {
		p, err := pre.MarshalJSON()
		if err != nil {
			return nil, err
		}
		h.Write(p)
	}
	s := &store{filepath.Join(dir, fmt.Sprintf("%x", h.Sum(nil)[:12])), width}
	if err := os.MkdirAll(s.dir, 0o777); err != nil {
		return nil, failf("give --cache another folder", "the feature cache: %w", err)
	}
	return s, nil
}

func (s *store) path(image [sha256.Size]byte, mirrored bool) string {
	name := fmt.Sprintf("%x", image[:16])
	if mirrored {
		name += "-mirrored"
	}
	return filepath.Join(s.dir, name[:2], name)
}

// load reads the features of an image; false where they are not there, or not whole.
func (s *store) load(to []float32, image [sha256.Size]byte, mirrored bool) bool {
	b, err := os.ReadFile(s.path(image, mirrored))
	if err != nil || len(b) != 4*s.width+4 || crc32.ChecksumIEEE(b[:4*s.width]) != binary.LittleEndian.Uint32(b[4*s.width:]) {
		return false
	}
	for i := range s.width {
		to[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return true
}

// save writes the features of an image.
func (s *store) save(v []float32, image [sha256.Size]byte, mirrored bool) error {
	b := make([]byte, 0, 4*len(v)+4)
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	path := s.path(image, mirrored)
	f, err := os.CreateTemp(s.dir, ".new-*")
	if err == nil {
		_, err = f.Write(b)
		err = errors.Join(err, f.Close())
		if err == nil {
			if err = os.Rename(f.Name(), path); errors.Is(err, fs.ErrNotExist) {
				if err = os.Mkdir(filepath.Dir(path), 0o777); err == nil || errors.Is(err, fs.ErrExist) {
					err = os.Rename(f.Name(), path)
				}
			}
		}
		if err != nil {
			os.Remove(f.Name())
		}
	}
	if err != nil {
		return failf("make room, or leave --cache out", "the feature cache: %w", err)
	}
	return nil
}
