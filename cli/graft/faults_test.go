package main

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"graft/durable/faulty"
	"graft/finetune"
	"graft/finetune/data"
	"graft/graph/optim"
	"graft/models"
)

// checkpointFiles are the checkpoints of a small training, one after each of its steps.
func checkpointFiles(t *testing.T) (files [][]byte) {
	t.Helper()
	m, err := models.Base()
	if err != nil {
		t.Fatal(err)
	}
	x, _, err := models.Digits()
	if err != nil {
		t.Fatal(err)
	}
	set := data.FromArrays(models.DigitsInput(x[:8*64]), [3]int{1, 16, 16}, []int{0, 1, 0, 1, 0, 1, 0, 1}, []string{"5", "6"})
	_, err = finetune.Train(context.Background(), m, set, nil, finetune.Config{Freeze: "all", Epochs: 2, Batch: 4, SaveEvery: 1,
		Optimizer: optim.Settings{Name: "sgd", LR: 0.01}, Save: func(c *finetune.Checkpoint) error {
			var b bytes.Buffer
			_, err := c.WriteTo(&b)
			if len(files) == 0 || !bytes.Equal(b.Bytes(), files[len(files)-1]) {
				files = append(files, b.Bytes())
			}
			return err
		}})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestCheckpointFaults: whatever fails while a run writes its checkpoints and its log,
// and whenever the power goes, the run goes on from the last checkpoint that was
// reported, or a later one, with a whole log up to there.
func TestCheckpointFaults(t *testing.T) {
	var all []*finetune.Checkpoint
	content := map[uint64][][]byte{} // by step; the last step has one before and one after the epoch's end
	for _, b := range checkpointFiles(t) {
		c, err := finetune.ReadCheckpoint(b)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
		content[c.Step()] = append(content[c.Step()], b)
	}
	if len(all) < 4 || all[len(all)-1].Step() != 4 {
		t.Fatalf("%d checkpoints", len(all))
	}
	var saved uint64 // the last step that a run has reported as saved
	train := func(f *faulty.FS, from uint64, checkpoints []*finetune.Checkpoint) error {
		r := &runFolder{dir: "runs/one", disk: f}
		if _, err := r.openLog(from); err != nil {
			return err
		}
		logged := from
		for _, c := range checkpoints {
			for ; logged < c.Step(); logged++ {
				r.log.step(finetune.Step{N: logged + 1, Epoch: 1, Loss: 0.5, LR: 0.1})
			}
			if err := r.saveCheckpoint(c); err != nil {
				return err
			}
			saved = c.Step()
		}
		return r.log.close()
	}
	half := faulty.New(nil)
	if err := train(half, 0, all[:2]); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		old  map[string][]byte
		from uint64
		rest []*finetune.Checkpoint
	}{{"from the start", nil, 0, all}, {"resumed", half.Files(), all[1].Step(), all[2:]}} {
		t.Run(c.name, func(t *testing.T) {
			goesOn := func(t *testing.T, files map[string][]byte) {
				t.Helper()
				r := &runFolder{dir: "runs/one", disk: faulty.New(files)}
				last, err := r.loadCheckpoint(func(format string, args ...any) { t.Errorf(format, args...) })
				if err != nil {
					t.Fatal(err)
				}
				step := uint64(0)
				if last != nil {
					step = last.Step()
					var b bytes.Buffer
					if last.WriteTo(&b); !slices.ContainsFunc(content[step], func(w []byte) bool { return bytes.Equal(w, b.Bytes()) }) {
						t.Errorf("the checkpoint of step %d is another one", step)
					}
				}
				if step < saved {
					t.Errorf("goes on from step %d, %d was reported", step, saved)
				}
				if rates, err := r.openLog(step); err != nil || uint64(len(rates)) != step {
					t.Errorf("%d steps in the log, want %d: %v", len(rates), step, err)
				}
			}
			do := func(f *faulty.FS) error { saved = c.from; return train(f, c.from, c.rest) }
			faulty.Each(t, c.old, do, func(t *testing.T, f *faulty.FS, err error) {
				if !errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "runs/one") {
					t.Errorf("error %v", err)
				}
				for name := range f.Files() {
					if strings.HasPrefix(filepath.Base(name), ".") {
						t.Errorf("left %s", name)
					}
				}
				goesOn(t, f.Files())
			}, func(t *testing.T, f *faulty.FS) { goesOn(t, f.Files()) })
		})
	}
}
