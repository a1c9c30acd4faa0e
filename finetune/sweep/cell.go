package sweep

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"graft/finetune"
	"graft/finetune/data"
	"graft/graph"
	"graft/models"
	"graft/onnx"
)

// train runs one cell on one thread and writes its result. base is the result of the
// cell that it needs.
func (s *Study) train(ctx context.Context, c Cell, base *Result, o RunOptions) (*Result, error) {
	started := time.Now()
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	r := &Result{Cell: c.ID, Hash: c.Hash, HeldOut: -1, Made: Made{Graft: o.Version, Machine: runtime.GOARCH}}
	if base != nil && base.Failed != "" {
		r.Failed = fmt.Sprintf("its base %s has failed", c.Needs)
		return r, s.save(c, r)
	}
	target, _ := s.Plan.task(c.Target)
	train, val, test, err := s.sets(target)
	if err != nil {
		return nil, err
	}
	r.Classes, r.Images, r.Validation = len(train.Classes), train.Len(), val.Len()
	m, config, err := s.start(c, r, base, o)
	if err != nil {
		return nil, err
	}
	path := s.checkpointPath(c)
	config.Save = func(k *finetune.Checkpoint) error {
		return s.write(path, func(w io.Writer) error { _, err := k.WriteTo(w); return err })
	}
	config.OnEpoch = func(e finetune.Epoch) {
		if o.OnEpoch != nil {
			o.OnEpoch(c, e)
		}
	}
	config.Resume = checkpoint(path)
	result, err := finetune.Train(ctx, m, train, val, config)
	if config.Resume != nil && err != nil && ctx.Err() == nil && !errors.As(err, new(*finetune.LossError)) {
		// The checkpoint is of another plan, say: from the beginning.
		config.Resume = nil
		result, err = finetune.Train(ctx, m, train, val, config)
	}
	switch {
	case errors.As(err, new(*finetune.LossError)):
		r.Failed = err.Error()
	case err != nil:
		return nil, fmt.Errorf("cell %s: %w", c.ID, err)
	default:
		if err := s.judge(ctx, c, r, m, result); err != nil {
			return nil, fmt.Errorf("cell %s: %w", c.ID, err)
		}
		if test != nil {
			if r.HeldOut, err = heldOut(ctx, result.Last, test); err != nil {
				return nil, fmt.Errorf("cell %s: %w", c.ID, err)
			}
		}
	}
	r.Made.Seconds = time.Since(started).Seconds()
	if err := s.save(c, r); err != nil {
		return nil, err
	}
	os.Remove(path)
	return r, nil
}

// featureBytes is the most that the features of one cell take; all cells at work together
// take half of the machine's memory at most.
const featureBytes = 2 << 30

// checkpoint reads where a cell was, nil where there is none that is whole.
func checkpoint(path string) *finetune.Checkpoint {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	k, err := finetune.ReadCheckpoint(b)
	if err != nil {
		return nil
	}
	return k
}

// start is the network that a cell begins from, and its training.
func (s *Study) start(c Cell, r *Result, base *Result, o RunOptions) (*onnx.ModelProto, finetune.Config, error) {
	p := s.Plan
	config := p.Recipe.config()
	config.Preprocess, config.Seed, config.Threads, config.Workers = p.Preprocess, c.Seed, 1, 1
	config.CacheBytes = min(featureBytes, graph.Memory()/2/int64(max(o.Jobs, 1)))
	config.After, config.Freeze, config.Head = strconv.Itoa(c.N), "0", p.Network.Head
	if c.Treatment == Base || c.Treatment == Reduced {
		config.Head = "redraw" // after 0: all layers
	}
	frozen := !c.Tuned && c.N > 0
	if frozen {
		config.Freeze = "all"
	}
	switch {
	case c.Needs != "":
		m, err := readModel(s.modelPath(Cell{ID: c.Needs}), base.SHA256)
		r.BaseSHA256 = base.SHA256
		return m, config, err
	case p.Network.Model != "":
		r.BaseSHA256 = p.Network.SHA256
		return s.base, config, nil
	}
	m, err := models.New(p.Network.Architecture, r.Classes, p.Network.Size)
	if err == nil && c.Treatment == Random {
		m, err = graph.Redraw(m, "", 0, c.Seed, graph.Options{})
	}
	return m, config, err
}

// judge fills in what a finished training has made, checks that what was frozen is the
// copied network's bit for bit, and keeps a base.
func (s *Study) judge(ctx context.Context, c Cell, r *Result, m *onnx.ModelProto, t *finetune.Result) error {
	for _, e := range t.Epochs {
		// A label that gets no probability makes an infinite loss, which JSON has no word for.
		r.Epochs = append(r.Epochs, Epoch{e.TrainLoss, e.TrainScore, min(e.ValLoss, math.MaxFloat32), e.ValScore, e.LR})
	}
	r.measure()
	if math.IsNaN(r.Last) {
		return errors.New("there is nothing to validate on")
	}
	proof, err := finetune.Prove(ctx, t.Last, m, t, nil, nil)
	if err != nil {
		return err
	}
	r.Frozen = proof.Frozen
	if !s.isBase[c.ID] {
		b, err := onnx.Marshal(t.Last)
		sum := sha256.Sum256(b)
		r.SHA256 = hex.EncodeToString(sum[:])
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.modelPath(c)), 0o777); err != nil {
		return err
	}
	if err := onnx.WriteFile(s.modelPath(c), t.Last, onnx.WriteOptions{}); err != nil {
		return err
	}
	r.SHA256, err = sumFile(s.modelPath(c))
	return err
}

// heldOut is a network's top-1 on a set that no training has seen.
func heldOut(ctx context.Context, m *onnx.ModelProto, test *data.Set) (float64, error) {
	k, err := finetune.NewClassifier(m, finetune.ClassifierConfig{Data: test, Batch: 64, Threads: 1, Workers: 1})
	if err != nil {
		return 0, err
	}
	defer k.Close()
	e, err := k.Evaluate(ctx, test, nil)
	if err != nil {
		return 0, err
	}
	return e.Top1, nil
}
