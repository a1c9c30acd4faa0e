package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"graft/durable"
	"graft/finetune"
	"graft/finetune/data"
)

// Checkpoints lie in the run folder's checkpoints/, named by their step. The newest two
// are kept, so that one is whole whatever happens to the other.
const (
	checkpointFolder = "checkpoints"
	checkpointSuffix = ".ckpt"
	checkpointsKept  = 2
	maxCheckpoint    = 16 << 30 // bytes
)

// saveCheckpoint writes a checkpoint, once the log says all up to it, and removes those
// that are older than the newest two.
func (r *runFolder) saveCheckpoint(c *finetune.Checkpoint) error {
	if r.log != nil {
		if err := r.log.sync(); err != nil {
			return err
		}
	}
	dir := r.path(checkpointFolder)
	if err := durable.Mkdir(r.fs(), dir); err != nil {
		return fmt.Errorf("output %s: %w", quote(dir), err)
	}
	name := filepath.Join(dir, fmt.Sprintf("step-%010d%s", c.Step(), checkpointSuffix))
	if err := put(r.fs(), name, func(w io.Writer) error { _, err := c.WriteTo(w); return err }); err != nil {
		return err
	}
	names, err := r.checkpoints()
	if err != nil {
		return err
	}
	for _, old := range names[:max(len(names)-checkpointsKept, 0)] {
		if err := r.fs().Remove(old); err != nil {
			return fmt.Errorf("output %s: %w", quote(old), pathless(err))
		}
	}
	return nil
}

// checkpoints are the paths of the checkpoints, oldest first.
func (r *runFolder) checkpoints() ([]string, error) {
	dir := r.path(checkpointFolder)
	all, err := r.fs().ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("run folder %s: %w", quote(dir), pathless(err))
	}
	var names []string
	for _, name := range all {
		if strings.HasSuffix(name, checkpointSuffix) {
			names = append(names, filepath.Join(dir, name))
		}
	}
	return names, nil
}

// loadCheckpoint reads the checkpoint with the most steps; nil where there is none. What
// is damaged is told, set aside as *.bad, and passed over; where nothing is left it is an
// error. One of another format is refused.
func (r *runFolder) loadCheckpoint(warn func(format string, args ...any)) (*finetune.Checkpoint, error) {
	names, err := r.checkpoints()
	if err != nil {
		return nil, err
	}
	var newest *finetune.Checkpoint
	var bad []string
	for _, name := range names {
		c, err := r.readCheckpoint(name)
		switch {
		case errors.As(err, new(*finetune.DamagedError)):
			bad = append(bad, quote(name)+" "+err.Error())
			warn("checkpoint %s %v", quote(name), err)
			r.fs().Rename(name, name+".bad") // else it stays, and is damaged again next time
		case err != nil:
			return nil, fmt.Errorf("checkpoint %s: %w", quote(name), err)
		case newest == nil || c.Step() >= newest.Step():
			newest = c
		}
	}
	if newest == nil && len(bad) > 0 {
		return nil, hinted{fmt.Errorf("no checkpoint can be read: %s", strings.Join(bad, "; ")), "begin anew with another --run, or with --overwrite"}
	}
	return newest, nil
}

func (r *runFolder) readCheckpoint(name string) (*finetune.Checkpoint, error) {
	b, err := readRegular(r.fs(), name, maxCheckpoint)
	if err != nil {
		return nil, &finetune.DamagedError{Reason: pathless(err).Error()}
	}
	return finetune.ReadCheckpoint(b)
}

// manifestFile holds what the data were made of when the run began.
const manifestFile = "data.sha256"

// sameData keeps what the data are made of, or compares it with what was kept. A change
// is an error, or where it is allowed a warning.
func (r *runFolder) sameData(train, val []data.Sum, resumed, allowed bool, warn func(format string, args ...any)) error {
	now := slices.Clone(train)
	now = append(now, val...)
	if !resumed {
		return r.write(manifestFile, data.WriteManifest(now))
	}
	b, err := readSmall(r.path(manifestFile), 1<<30)
	if errors.Is(err, fs.ErrNotExist) { // ended before its first step
		return r.write(manifestFile, data.WriteManifest(now))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", quote(r.path(manifestFile)), pathless(err))
	}
	was, err := data.ReadManifest(b)
	if err != nil {
		return fmt.Errorf("%s: %w", quote(r.path(manifestFile)), err)
	}
	change := data.Changes(was, now)
	if change == "" {
		return nil
	}
	if !allowed {
		return hinted{fmt.Errorf("the data are not those that the run began with: %s", change), "--allow-changes goes on all the same"}
	}
	warn("the data are not those that the run began with: %s; the result can no longer be reproduced", change)
	return r.write(manifestFile, data.WriteManifest(now))
}
