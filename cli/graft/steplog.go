package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"graft/cli/serve"
	"graft/durable"
	"graft/finetune"
)

// stepLog is log.jsonl: a line for every step.
type stepLog struct {
	path string
	f    durable.File
	w    *bufio.Writer
	err  error // the first one

	flushed time.Time
}

// flushEvery is how far the log lags behind, for whoever watches the run.
const flushEvery = time.Second

// stepLine is a line of log.jsonl.
type stepLine struct {
	Step  uint64  `json:"step"`
	Epoch int     `json:"epoch"`
	Loss  float64 `json:"loss"`
	LR    float64 `json:"lr"`
	Time  string  `json:"time"` // of day
}

// openLog opens the log for what comes after a step: lines of later steps, which an
// interrupted run has taken and which will be taken again, are cut off. It returns the
// rates of the steps that stay.
func (r *runFolder) openLog(after uint64) (rates []float64, err error) {
	path := r.path(serve.LogFile)
	fail := func(err error) ([]float64, error) {
		return nil, fmt.Errorf("output %s: %w", quote(path), pathless(err))
	}
	f, err := r.fs().OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return fail(err)
	}
	r.log = &stepLog{path: path, f: f, w: bufio.NewWriter(f)}
	if err := r.fs().SyncDir(r.dir); err != nil {
		return fail(err)
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return fail(err)
	}
	keep := 0
	for keep < len(b) {
		n := slices.Index(b[keep:], '\n')
		var l stepLine
		if n < 0 || json.Unmarshal(b[keep:keep+n], &l) != nil || l.Step > after {
			break
		}
		keep += n + 1
		rates = append(rates, l.LR)
	}
	if err := f.Truncate(int64(keep)); err != nil {
		return fail(err)
	}
	if _, err := f.Seek(int64(keep), io.SeekStart); err != nil {
		return fail(err)
	}
	return rates, nil
}

// step adds a line.
func (l *stepLog) step(s finetune.Step) {
	b, err := json.Marshal(stepLine{s.N, s.Epoch, s.Loss, s.LR, time.Now().Format(time.DateTime)})
	if err == nil {
		_, err = l.w.Write(append(b, '\n'))
	}
	if now := time.Now(); err == nil && now.Sub(l.flushed) >= flushEvery {
		err, l.flushed = l.w.Flush(), now
	}
	if l.err == nil {
		l.err = err
	}
}

// sync makes the lines last.
func (l *stepLog) sync() error {
	for _, step := range []func() error{l.w.Flush, l.f.Sync} {
		if err := step(); err != nil && l.err == nil {
			l.err = err
		}
	}
	if l.err != nil {
		return fmt.Errorf("output %s: %w", quote(l.path), pathless(l.err))
	}
	return nil
}

func (l *stepLog) close() error {
	err := l.sync()
	return errors.Join(err, l.f.Close())
}
