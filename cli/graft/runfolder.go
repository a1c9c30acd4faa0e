package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"graft/cli/serve"
	"graft/durable"
	"graft/finetune"
	"graft/finetune/report"
	"graft/onnx"
)

// runFolder keeps what one training leaves. One process uses it at a time.
type runFolder struct {
	dir    string
	made   bool     // by this process
	keep   bool     // whatever came of it
	locked *os.File // holds the lock while it is open
	log    *stepLog
	disk   durable.FS // of checkpoints and log; nil: the operating system's
}

func (r *runFolder) fs() durable.FS {
	if r.disk == nil {
		return durable.OS
	}
	return r.disk
}

// A runFile is what may lie in a run folder.
type runFile struct {
	name      string // or a pattern of names
	about     string
	beginning bool // it is there before the first checkpoint
}

// runFiles are what a run writes; beginning anew removes them.
var runFiles = []runFile{
	{serve.ArgsFile, "the model, the data and the flags that were given; --config takes it", true},
	{manifestFile, "the checksum, the label and the name of every image, by which --resume knows the data again", true},
	{serve.LogFile, "a line for every step: step, epoch, loss, lr and time", true},
	{foldsFile, "with --folds: the score of every fold", true},
	{serve.ResultsFile, "a line for every epoch: losses, scores, rate, seconds", false},
	{checkpointFolder, "the newest two checkpoints, step-N.ckpt: weights, optimizer and position, with a checksum", false},
	{"best.onnx", "the best model by validation, the last one without; -o has the same", false},
	{"last.onnx", "the model as the training left it", false},
	{"*.onnx.*.data", "the weights of a model of more than 2 GB, beside it", false},
	{serve.ReportFile, "the course of the training, its mistakes and what the network saw, on one page", false},
	{"curves.png", "loss and score over the epochs", false},
	{"*.png", "the pictures of the report", false},
	{"*.svg", "the same, to be scaled", false},
	{"events.out.tfevents.*", "with --tensorboard: the same curves for TensorBoard", false},
}

// openRunFolder makes the folder that --run names, or the next free runs/finetuneN, and
// puts the flags into it; or takes that of --resume.
func openRunFolder(c *cli.Context) (*runFolder, error) {
	if dir := c.String("resume"); dir != "" {
		if !isDir(dir) {
			return nil, fmt.Errorf("run folder %s: there is no such folder", quote(dir))
		}
		r := &runFolder{dir: dir}
		if err := r.lock(); err != nil {
			return nil, err
		}
		return r, r.sweep(".*")
	}
	r, err := makeRunFolder(c.String("run"))
	if err != nil {
		return nil, err
	}
	durable.OS.SyncDir(filepath.Dir(filepath.Clean(r.dir))) // a checkpoint lasts no longer than its folder's name
	if err := r.lock(); err != nil {
		return nil, err
	}
	sweeps := []string{".*"}
	if names := r.contents(); len(names) > 0 {
		if !c.Bool("overwrite") {
			r.unlock()
			return nil, hinted{fmt.Errorf("run folder %s: it holds %s already", quote(r.dir), quote(names[0])),
				"go on with it by --resume, begin anew in it by --overwrite, or give --run another name"}
		}
		for _, f := range runFiles {
			sweeps = append(sweeps, f.name)
		}
	}
	if err := r.sweep(sweeps...); err != nil {
		return nil, err
	}
	return r, r.write(serve.ArgsFile, arguments(c))
}

// makeRunFolder makes dir, or finds it there, or makes the next free runs/finetuneN.
func makeRunFolder(dir string) (*runFolder, error) {
	fail := func(dir string, err error) (*runFolder, error) {
		return nil, fmt.Errorf("run folder %s: %w", quote(dir), pathless(err))
	}
	if dir != "" {
		if err := os.MkdirAll(filepath.Dir(filepath.Clean(dir)), 0o777); err != nil {
			return fail(dir, err)
		}
		err := os.Mkdir(dir, 0o777)
		if err != nil && !(errors.Is(err, fs.ErrExist) && isDir(dir)) {
			return fail(dir, err)
		}
		return &runFolder{dir: dir, made: err == nil}, nil
	}
	if err := os.MkdirAll("runs", 0o777); err != nil {
		return fail("runs", err)
	}
	for n := 1; ; n++ {
		dir = filepath.Join("runs", fmt.Sprintf("finetune%d", n))
		err := os.Mkdir(dir, 0o777)
		if err == nil {
			return &runFolder{dir: dir, made: true}, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return fail(dir, err)
		}
	}
}

// lock makes this process the only user of the folder. Who it is stands in the file, for messages.
func (r *runFolder) lock() error {
	path := filepath.Join(r.dir, serve.LockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return fmt.Errorf("run folder %s: %w", quote(r.dir), pathless(err))
	}
	taken, err := durable.TryLock(f)
	for n := 0; err == nil && !taken && n < 3; n++ { // graft serve takes it for an instant, to see whether anybody has it
		time.Sleep(10 * time.Millisecond)
		taken, err = durable.TryLock(f)
	}
	if err == nil && !taken {
		who := make([]byte, 80)
		n, _ := f.ReadAt(who, 0)
		err = fmt.Errorf("in use by %s", escape(strings.TrimSpace(string(who[:n]))))
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("run folder %s: %w", quote(r.dir), err)
	}
	r.locked = f
	who := fmt.Sprintf("pid %d since %s\n", os.Getpid(), time.Now().Format(time.DateTime))
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(who), 0)
	}
	if err != nil {
		r.unlock()
		return fmt.Errorf("run folder %s: %w", quote(r.dir), pathless(err))
	}
	return nil
}

func (r *runFolder) unlock() {
	if r.locked != nil {
		r.locked.Close()
		r.locked = nil
	}
}

// close ends the process's use of the folder, and takes it away again where this process
// has made it and nothing came of it but that.
func (r *runFolder) close() {
	if r.log != nil {
		r.log.close()
	}
	came := func(name string) bool {
		return !slices.ContainsFunc(runFiles, func(f runFile) bool { return f.beginning && f.name == name })
	}
	if r.made && !r.keep && !slices.ContainsFunc(r.contents(), came) {
		os.RemoveAll(r.dir)
		os.Remove(filepath.Dir(r.dir)) // runs/, if nothing else is in it
	}
	r.unlock()
}

// contents are the names in the folder, the hidden ones left out.
func (r *runFolder) contents() []string {
	entries, _ := os.ReadDir(r.dir)
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names
}

// sweep removes what the patterns match in the folder and in checkpoints, but for the
// lock: what an interrupted write has left beside its place, say.
func (r *runFolder) sweep(patterns ...string) error {
	for _, dir := range []string{r.dir, filepath.Join(r.dir, checkpointFolder)} {
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("run folder %s: %w", quote(dir), pathless(err))
		}
		for _, e := range entries {
			matches := func(p string) bool { ok, _ := filepath.Match(p, e.Name()); return ok }
			if e.Name() == serve.LockFile || !slices.ContainsFunc(patterns, matches) {
				continue
			}
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("run folder %s: %w", quote(dir), pathless(err))
			}
		}
	}
	return nil
}

func (r *runFolder) path(name string) string { return filepath.Join(r.dir, name) }

func (r *runFolder) write(name string, b []byte) error {
	return writeFile(r.path(name), func(w io.Writer) error { _, err := w.Write(b); return err })
}

// results writes results.csv anew, after every epoch.
func (r *runFolder) results(records []report.Epoch, m report.Measure) error {
	return writeFile(r.path(serve.ResultsFile), func(w io.Writer) error { return report.WriteCSV(w, records, m) })
}

// events writes TensorBoard's event file anew, after every epoch: a resumed run has one
// file as an uninterrupted one has.
func (r *runFolder) events(records []report.Epoch, m report.Measure) error {
	return writeFile(r.path("events.out.tfevents.0.graft"), func(w io.Writer) error {
		e, err := report.NewEvents(w)
		for _, one := range records {
			if err == nil {
				err = e.Epoch(one, m)
			}
		}
		return err
	})
}

// save writes the models and the plot.
func (r *runFolder) save(res *finetune.Result, records []report.Epoch, measure report.Measure) error {
	for _, f := range []struct {
		name string
		m    *onnx.ModelProto
	}{{serve.ModelFile, res.Best}, {"last.onnx", res.Last}} {
		if err := onnx.WriteFile(r.path(f.name), f.m, onnx.WriteOptions{}); err != nil {
			return err
		}
	}
	return writeFile(r.path("curves.png"), func(w io.Writer) error { return report.Curves(w, records, measure, filepath.Base(r.dir)) })
}
