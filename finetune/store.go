package finetune

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"

	"graft/durable"
	"graft/finetune/data"
	"graft/onnx"
)

// store keeps features in a folder across trainings: a file an image, named by the
// network up to the frontier, the preprocessing, and the image's content. Each is written
// beside its place and renamed, so that an interrupted training leaves whole ones, which
// the next one takes, and several trainings can share a folder. What is not whole all the
// same, as its checksum tells, is computed anew.
type store struct {
	dir   string
	width int
	disk  durable.FS
}

// storeVersion changes where the same network gives other features.
const storeVersion = "1"

// newStore is the part of a folder for what a network makes of preprocessed images.
func newStore(dir string, network *onnx.ModelProto, pre data.Preprocess, arrays, exact bool, width int) (*store, error) {
	b, err := onnx.Marshal(network)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	h.Write(b)
	fmt.Fprintf(h, "\n%s %s %v %v\n", storeVersion, runtime.GOARCH, arrays, exact)
	if !arrays {
		p, err := pre.MarshalJSON()
		if err != nil {
			return nil, err
		}
		h.Write(p)
	}
	s := &store{filepath.Join(dir, fmt.Sprintf("%x", h.Sum(nil)[:12])), width, durable.OS}
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
	f, err := s.disk.OpenFile(s.path(image, mirrored), os.O_RDONLY, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	n := 4 * s.width
	b, err := io.ReadAll(io.LimitReader(f, int64(n)+5))
	if err != nil || len(b) != n+4 || crc32.ChecksumIEEE(b[:n]) != binary.LittleEndian.Uint32(b[n:]) {
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
	err := durable.Mkdir(s.disk, filepath.Dir(path))
	if err == nil {
		err = durable.WriteFile(s.disk, path, func(w io.Writer) error { _, err := w.Write(b); return err })
	}
	if err != nil {
		return failf("make room, or leave --cache out", "the feature cache: %w", err)
	}
	return nil
}
