package finetune

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"graft/durable"
	"graft/finetune/data"
	"graft/onnx"
)

// Shards are the features of a set in files of a folder, each of an even part of the set
// in its order: an .npz, and beside it a note with its checksum, which is written last. A
// shard whose note and file agree is done, whoever has made it.
type Shards struct {
	Dir   string
	Count int

	e     *Extractor
	set   *data.Set
	model string // hash of what is computed, and of what
}

// shardNote is what lies beside a shard.
type shardNote struct {
	SHA256 string `json:"sha256"` // of the file
	Key    string `json:"key"`    // of what it holds
	Shard  int    `json:"shard"`
	Of     int    `json:"of"`
	Images int    `json:"images"`
	Shape  []int  `json:"shape"`
	Tensor string `json:"tensor"`
}

// Shards divides the features of a set into count files of a folder. m is the model that
// the extractor was made of.
func (e *Extractor) Shards(ctx context.Context, m *onnx.ModelProto, set *data.Set, dir string, count int) (*Shards, error) {
	if count < 1 || count > max(set.Len(), 1) {
		return nil, failf("", "%d shards of %d images, want 1 to an image each", count, set.Len())
	}
	b, err := onnx.Marshal(m)
	if err != nil {
		return nil, err
	}
	sums, err := set.Manifest(ctx)
	if err != nil {
		return nil, err
	}
	pre, err := json.Marshal(e.Preprocess)
	if arraysOf(set) != nil {
		pre, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%x %q %s %d %v\n", sha256.Sum256(b), e.Tensor, pre, count, e.exact)
	h.Write(data.WriteManifest(sums))
	return &Shards{dir, count, e, set, hex.EncodeToString(h.Sum(nil))}, nil
}

func (s *Shards) path(i int) string {
	return filepath.Join(s.Dir, fmt.Sprintf("features-%05d-of-%05d.npz", i, s.Count))
}

// part is the images of shard i.
func (s *Shards) part(i int) []int {
	n := s.set.Len()
	return upTo(n)[i*n/s.Count : (i+1)*n/s.Count]
}

// note is what lies beside a shard that is done; else it says why it is not.
func (s *Shards) note(i int) (*shardNote, error) {
	b, err := os.ReadFile(s.path(i) + ".json")
	if err != nil {
		return nil, errors.New("missing")
	}
	n := &shardNote{}
	if json.Unmarshal(b, n) != nil {
		return nil, errors.New("damaged")
	}
	if n.Key != s.model || n.Shard != i || n.Of != s.Count || n.Images != len(s.part(i)) {
		return nil, errors.New("of another model or other data")
	}
	f, err := os.Open(s.path(i))
	if err != nil {
		return nil, errors.New("missing")
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil || hex.EncodeToString(h.Sum(nil)) != n.SHA256 {
		return nil, errors.New("damaged")
	}
	return n, nil
}

// Missing lists the shards that are not done.
func (s *Shards) Missing() []int {
	var list []int
	for i := range s.Count {
		if _, err := s.note(i); err != nil {
			list = append(list, i)
		}
	}
	return list
}

// Make computes a shard, unless it is done; step is told each image.
func (s *Shards) Make(ctx context.Context, i int, step func(n int)) (made bool, err error) {
	if _, err := s.note(i); err == nil {
		return false, nil
	}
	part := s.set.Subset(s.part(i))
	n := shardNote{Key: s.model, Shard: i, Of: s.Count, Images: part.Len(), Shape: s.e.Shape, Tensor: s.e.Tensor}
	h := sha256.New()
	err = durable.WriteFile(durable.OS, s.path(i), func(w io.Writer) error {
		return s.e.WriteNpz(ctx, io.MultiWriter(w, h), part, step)
	})
	if err != nil {
		return false, fmt.Errorf("%q: %w", s.path(i), err)
	}
	n.SHA256 = hex.EncodeToString(h.Sum(nil))
	err = durable.WriteFile(durable.OS, s.path(i)+".json", func(w io.Writer) error { return json.NewEncoder(w).Encode(n) })
	if err != nil {
		return false, fmt.Errorf("%q: %w", s.path(i)+".json", err)
	}
	return true, nil
}

// Join writes all shards, which must be done, as the one .npz that WriteNpz would have
// written.
func (s *Shards) Join(w io.Writer) error {
	for i := range s.Count {
		if _, err := s.note(i); err != nil {
			return failf("make it first", "shard %d of %d is %w", i, s.Count, err)
		}
	}
	return s.e.write(w, s.set, func(put func([]float32) error) error {
		for i := range s.Count {
			d, err := data.Open(s.path(i))
			if err != nil {
				return err
			}
			for k := range d.Train.Items {
				x, _, _ := d.Train.Tensor(k)
				if err := put(x); err != nil {
					return errors.Join(err, d.Close())
				}
			}
			if err := d.Close(); err != nil {
				return err
			}
		}
		return nil
	})
}

// WriteNpz writes the features of a set as an .npz that Train and its like take as data:
// x [N,C,H,W] ([N,C,1,1] of vectors, [N,T,C,1] of tokens), y [N], and the names of the
// classes and of the images. step, if not nil, is told each image.
func (e *Extractor) WriteNpz(ctx context.Context, w io.Writer, s *data.Set, step func(n int)) error {
	return e.write(w, s, func(put func([]float32) error) error {
		return e.Each(ctx, s, func(_ int, x []float32) error {
			if step != nil {
				step(1)
			}
			return put(x)
		})
	})
}

func (e *Extractor) write(w io.Writer, s *data.Set, fill func(put func([]float32) error) error) error {
	shape := append([]int{s.Len()}, e.Shape...)
	shape = append(shape, slices.Repeat([]int{1}, max(4-len(shape), 0))...)
	names, labels := make([]string, s.Len()), make([]int, s.Len())
	for i, it := range s.Items {
		names[i], labels[i] = it.Name, it.Label
	}
	arrays := []data.Array{data.FloatsArray("x", shape, fill), data.IntsArray("y", labels), data.StringsArray("names", names)}
	if len(s.Classes) > 1 {
		arrays = append(arrays, data.StringsArray("classes", s.Classes))
	}
	return data.WriteNpz(w, arrays...)
}
