package finetune

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"graft/finetune/data"
	"graft/graph/optim"
)

// resumable are trainings of every kind that a checkpoint must hold.
var resumable = map[string]Config{
	"head":       {Freeze: "all", Epochs: 3, Batch: 16, Augment: "flip", Seed: 2},
	"tuned":      {Freeze: "0", Epochs: 2, Batch: 16, Seed: 2, Optimizer: optim.Settings{Name: "sgd", LR: 0.02, Momentum: 0.9}},
	"two phases": {Freeze: "all", UnfreezeAt: 2, Epochs: 3, Batch: 16, Seed: 2, Dropout: 0.2, Optimizer: optim.Settings{Name: "adamw", LR: 1e-3}},
	"average":    {Freeze: "3", Epochs: 3, Batch: 10, Accumulate: 2, EMA: 0.9, Mixup: 0.3, Seed: 2, EarlyStop: 1, Optimizer: optim.Settings{Name: "rmsprop", LR: 1e-3}},
}

// encoded is a checkpoint as a file.
func encoded(t testing.TB, c *Checkpoint) []byte {
	t.Helper()
	var b bytes.Buffer
	if n, err := c.WriteTo(&b); err != nil || n != int64(b.Len()) {
		t.Fatalf("%d bytes written of %d, %v", n, b.Len(), err)
	}
	return b.Bytes()
}

// TestResume: from a checkpoint after any step a training ends with the same bytes, and
// takes the same steps.
func TestResume(t *testing.T) {
	tr, va := digits(t, 60, 40)
	for name, c := range resumable {
		t.Run(name, func(t *testing.T) {
			var files [][]byte
			var steps, again []Step
			c.SaveEvery = 1
			c.Save = func(c *Checkpoint) error { files = append(files, encoded(t, c)); return nil }
			c.OnStep = func(s Step) { steps = append(steps, s) }
			want, err := Train(context.Background(), base(t), tr, va, c)
			if err != nil {
				t.Fatal(err)
			}
			if len(files) < len(steps) {
				t.Fatalf("%d checkpoints of %d steps", len(files), len(steps))
			}
			c.OnStep = func(s Step) { again = append(again, s) }
			c.Threads = 2
			for i, file := range files {
				again = nil
				if c.Resume, err = ReadCheckpoint(file); err != nil {
					t.Fatal(err)
				}
				c.Save = func(c *Checkpoint) error { return nil }
				got, err := Train(context.Background(), base(t), tr, va, c)
				if err != nil {
					t.Fatalf("checkpoint %d: %v", i, err)
				}
				if !slices.Equal(marshal(t, want.Last), marshal(t, got.Last)) || !slices.Equal(marshal(t, want.Best), marshal(t, got.Best)) {
					t.Errorf("checkpoint %d, step %d: other models", i, c.Resume.Step())
				}
				if !slices.Equal(steps[c.Resume.Step():], again) {
					t.Errorf("checkpoint %d, step %d: other steps", i, c.Resume.Step())
				}
				if a, b := untimed(want.Epochs), untimed(got.Epochs); a != b {
					t.Errorf("checkpoint %d: epochs %s, want %s", i, b, a)
				}
			}
		})
	}
}

func untimed(epochs []Epoch) string {
	epochs = slices.Clone(epochs)
	for i := range epochs {
		epochs[i].Seconds = 0
	}
	return fmt.Sprint(epochs)
}

// TestInterruptedAnywhere: where the context ends a training, in training or validation,
// its checkpoint is of the last whole step.
func TestInterruptedAnywhere(t *testing.T) {
	tr, va := digits(t, 60, 40)
	c := resumable["two phases"]
	want, err := Train(context.Background(), base(t), tr, va, c)
	if err != nil {
		t.Fatal(err)
	}
	for stop := 1; stop < 40; stop += 3 {
		var last *Checkpoint
		calls := 0
		ctx, cancel := context.WithCancel(context.Background())
		c.Resume = nil
		c.Save = func(c *Checkpoint) (err error) { last, err = ReadCheckpoint(encoded(t, c)); return err }
		c.Progress = func(string, int, int) {
			if calls++; calls == stop {
				cancel()
			}
		}
		_, err := Train(ctx, base(t), tr, va, c)
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if c.Resume = last; last == nil {
			continue // before the first step
		}
		c.Progress = nil
		got, err := Train(context.Background(), base(t), tr, va, c)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(marshal(t, want.Best), marshal(t, got.Best)) {
			t.Errorf("interrupted at call %d, step %d: another model", stop, last.Step())
		}
	}
}

func aCheckpoint(t testing.TB) (file []byte) {
	t.Helper()
	tr, va := digits(t, 30, 10)
	c := Config{Freeze: "0", Epochs: 1, EMA: 0.9, Save: func(c *Checkpoint) error { file = encoded(t, c); return nil }}
	if _, err := Train(context.Background(), base(t), tr, va, c); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestDamagedCheckpoint: every bit that is not as it was written is found.
func TestDamagedCheckpoint(t *testing.T) {
	file := aCheckpoint(t)
	if _, err := ReadCheckpoint(file); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	bad := map[string][]byte{"empty": nil, "a byte": file[:1], "half": file[:len(file)/2], "all but one": file[:len(file)-1],
		"longer": append(slices.Clone(file), 0), "random": make([]byte, 3000)}
	for i := range 200 {
		at := r.IntN(len(file) * 8)
		if i < 100 {
			at = r.IntN(3000 * 8) // the header
		}
		b := slices.Clone(file)
		b[at/8] ^= 1 << (at % 8)
		bad[fmt.Sprintf("bit %d", at)] = b
	}
	for name, b := range bad {
		if _, err := ReadCheckpoint(b); !errors.As(err, new(*DamagedError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCheckpointEveryByte: whatever any one byte of a checkpoint is changed to is found.
func TestCheckpointEveryByte(t *testing.T) {
	file := encoded(t, &Checkpoint{Identity: map[string]string{"model": "m"}, at: position{Epoch: 1, Step: 2},
		epochs: []Epoch{{N: 1, TrainLoss: 0.5, ValScore: 0.75, Best: true}}, state: map[string][]float32{"w": {1, 2, 3}},
		values: map[string][]float32{"w": {1, 2, 3}}, solver: optim.State{Step: 2, Moments: [][2][]float32{{{0.25, 0.5, 1}}}}})
	if _, err := ReadCheckpoint(file); err != nil {
		t.Fatal(err)
	}
	for i := range file {
		for range 255 {
			file[i]++
			if _, err := ReadCheckpoint(file); !errors.As(err, new(*DamagedError)) {
				t.Fatalf("byte %d as %d: %v", i, file[i], err)
			}
		}
		file[i]++
	}
	for n := range file {
		if _, err := ReadCheckpoint(file[:n]); !errors.As(err, new(*DamagedError)) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
}

// TestOtherTraining: a checkpoint of another model, set or configuration is refused with
// the difference named.
func TestOtherTraining(t *testing.T) {
	tr, va := digits(t, 60, 20)
	other, _ := digits(t, 59, 20)
	c := Config{Freeze: "all", Epochs: 2}
	var last *Checkpoint
	c.Save = func(c *Checkpoint) (err error) { last, err = ReadCheckpoint(encoded(t, c)); return err }
	if _, err := Train(context.Background(), base(t), tr, va, c); err != nil {
		t.Fatal(err)
	}
	for _, o := range []struct {
		name   string
		set    *data.Set
		change func(*Config)
		want   string
	}{
		{"epochs", tr, func(c *Config) { c.Epochs = 3 }, "Epochs is 3, was 2"},
		{"seed", tr, func(c *Config) { c.Seed = 1 }, "Seed is 1, was 0"},
		{"images", other, func(*Config) {}, "training data is 59 images"},
	} {
		d := c
		d.Resume = last
		o.change(&d)
		if _, err := Train(context.Background(), base(t), o.set, va, d); err == nil || !strings.Contains(err.Error(), o.want) {
			t.Errorf("%s: %v, want %q", o.name, err, o.want)
		}
	}
	older := *last
	older.Identity = maps.Clone(last.Identity)
	older.Identity["program"] = "graft v0.0.1"
	d := c
	d.Resume = &older
	if _, err := Train(context.Background(), base(t), tr, va, d); err == nil || !strings.Contains(err.Error(), "program is ") || !strings.Contains(err.Error(), ", was graft v0.0.1") {
		t.Errorf("another version: %v", err)
	}
	d = c
	d.Epochs, d.Resume, d.AllowChanges = 3, last, true
	if r, err := Train(context.Background(), base(t), tr, va, d); err != nil || len(r.Epochs) != 3 {
		t.Errorf("with changes allowed: %v", err)
	}
}

// TestSaveFails: what Save cannot write ends the training with that error.
func TestSaveFails(t *testing.T) {
	tr, va := digits(t, 60, 20)
	full := errors.New("no space left on device")
	calls := 0
	_, err := Train(context.Background(), base(t), tr, va, Config{Freeze: "all", Epochs: 2, SaveEvery: 1, Save: func(*Checkpoint) error { calls++; return full }})
	if !errors.Is(err, full) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

func FuzzCheckpoint(f *testing.F) {
	f.Add(aCheckpoint(f))
	f.Add([]byte(checkpointMagic + checkpointVersion))
	f.Fuzz(func(t *testing.T, file []byte) {
		signed := append(slices.Clone(file), sumOf(file)...)
		for _, b := range [][]byte{file, signed} {
			if c, err := ReadCheckpoint(b); err == nil {
				if again, err := ReadCheckpoint(encoded(t, c)); err != nil || again.Step() != c.Step() {
					t.Errorf("written again: %v", err)
				}
			}
		}
	})
}

func sumOf(b []byte) []byte {
	s := sha256.Sum256(b)
	return s[:]
}
