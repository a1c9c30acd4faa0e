package sweep

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"

	"graft/finetune/data"
	"graft/onnx"
)

// Study is a plan and the folder of its results, which is the plan's own: cells/ has a
// file for each result, models/ the bases, work/ the checkpoints of what is being
// trained.
type Study struct {
	Plan *Plan

	dir    string
	isBase map[string]bool // cells whose network others copy

	load sync.Mutex
	data *data.Data
	kept struct{ train, val, test *data.Set } // decoded
	base *onnx.ModelProto                     // the pretrained model of the practical form
}

// Open reads the plan of a study. Close it after use.
func Open(path string) (*Study, error) {
	p, err := ReadPlan(path)
	if err != nil {
		return nil, err
	}
	s := &Study{Plan: p, dir: filepath.Dir(path), isBase: map[string]bool{}}
	for _, c := range p.Cells {
		s.isBase[c.Needs] = true
	}
	return s, nil
}

// Close frees the data.
func (s *Study) Close() error {
	if s.data == nil {
		return nil
	}
	return s.data.Close()
}

// keptBytes is how much decoded pictures may take.
const keptBytes = 2 << 30

// open reads the data, once, and refuses those of another plan.
func (s *Study) open(ctx context.Context) error {
	s.load.Lock()
	defer s.load.Unlock()
	if s.data != nil {
		return nil
	}
	path := from(s.dir, s.Plan.Data)
	d, err := data.Open(path)
	if err != nil {
		return err
	}
	sum, err := content(ctx, d)
	if err == nil && sum != s.Plan.Content {
		err = &hinted{fmt.Errorf("sweep: data %q: their content is not that of the plan", path), "plan a new study of them"}
	}
	if err == nil && s.Plan.Network.Model != "" {
		s.base, err = readModel(from(s.dir, s.Plan.Network.Model), s.Plan.Network.SHA256)
	}
	for _, part := range []struct {
		from *data.Set
		to   **data.Set
	}{{d.Train, &s.kept.train}, {d.Val, &s.kept.val}, {d.Test, &s.kept.test}} {
		if err == nil && part.from != nil {
			*part.to, err = part.from.Decoded(ctx, keptBytes)
		}
	}
	if err != nil {
		d.Close()
		return err
	}
	s.data = d
	return nil
}

// readModel reads a model whose file has a known hash.
func readModel(path, sha256 string) (*onnx.ModelProto, error) {
	sum, err := sumFile(path)
	if err != nil {
		return nil, fmt.Errorf("sweep: model %q: %w", path, err)
	}
	if sum != sha256 {
		return nil, fmt.Errorf("sweep: model %q: sha256 %.12s…, want %.12s…", path, sum, sha256)
	}
	m, err := onnx.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := onnx.Sort(m); err != nil {
		return nil, fmt.Errorf("sweep: model %q: %w", path, err)
	}
	return m, onnx.Check(m)
}

// sets are what a task is learnt from, validated on, and tested on; the last is nil
// where the data have no part for it.
func (s *Study) sets(t Task) (train, val, test *data.Set, err error) {
	classes := make([]string, len(t.Classes))
	for i, c := range t.Classes {
		classes[i] = s.Plan.Classes[c]
	}
	train, val, test = s.kept.train, s.kept.val, s.kept.test
	if share := s.Plan.Val; share > 0 {
		if train, val, err = train.Split(share, t.Fold); err != nil {
			return nil, nil, nil, err
		}
	}
	for _, set := range []**data.Set{&train, &val, &test} {
		if *set == nil {
			continue
		}
		if *set, err = (*set).Align(s.Plan.Classes); err == nil {
			*set, err = (*set).Only(classes)
		}
		if err != nil {
			return nil, nil, nil, err
		}
	}
	if t.PerClass > 0 {
		train = firstOfEach(train, t.PerClass, seedOf(s.Plan.Seed, "per class"))
	}
	return train, val, test, nil
}

// firstOfEach is at most k examples of each class, drawn by a seed. Of fewer it takes
// some of the same.
func firstOfEach(s *data.Set, k int, seed uint64) *data.Set {
	taken, keep := make([]int, len(s.Classes)), make([]bool, s.Len())
	for _, i := range data.Shuffle(s.Len(), seed, 0) {
		if c := s.Items[i].Label; taken[c] < k {
			taken[c]++
			keep[i] = true
		}
	}
	var idx []int
	for i, k := range keep {
		if k {
			idx = append(idx, i)
		}
	}
	return s.Subset(idx)
}
