package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"graft/finetune"
	"graft/finetune/report"
	"graft/onnx"
)

// runFolder keeps what one training leaves: args.yaml, results.csv, curves.png,
// best.onnx and last.onnx. It is never used twice.
type runFolder struct{ dir string }

// newRunFolder makes the folder that --run names, or the next free runs/finetuneN,
// and puts the flags into it.
func newRunFolder(c *cli.Context) (*runFolder, error) {
	dir := c.String("run")
	if dir != "" {
		if err := os.MkdirAll(filepath.Dir(filepath.Clean(dir)), 0o777); err != nil {
			return nil, fmt.Errorf("run folder %s: %w", quote(dir), pathless(err))
		}
		if err := os.Mkdir(dir, 0o777); err != nil {
			return nil, hinted{fmt.Errorf("run folder %s: %w", quote(dir), pathless(err)), "give --run a new name, or leave it out"}
		}
		r := &runFolder{dir}
		return r, r.arguments(c)
	}
	if err := os.MkdirAll("runs", 0o777); err != nil {
		return nil, fmt.Errorf("run folder %s: %w", quote("runs"), pathless(err))
	}
	for n := 1; ; n++ {
		dir = filepath.Join("runs", fmt.Sprintf("finetune%d", n))
		err := os.Mkdir(dir, 0o777)
		if err == nil {
			r := &runFolder{dir}
			return r, r.arguments(c)
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("run folder %s: %w", quote(dir), pathless(err))
		}
	}
}

// arguments writes args.yaml: the positionals, and every flag that was given. A JSON
// value is a YAML value.
func (r *runFolder) arguments(c *cli.Context) error {
	return writeFile(filepath.Join(r.dir, "args.yaml"), func(w io.Writer) error {
		for i, name := range []string{"model", "data"} {
			if err := writeArgument(w, name, c.Args().Get(i)); err != nil {
				return err
			}
		}
		names := c.LocalFlagNames()
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			if len(name) == 1 { // an alias
				continue
			}
			v := c.Value(name)
			if s, ok := v.(cli.StringSlice); ok {
				v = s.Value()
			}
			if err := writeArgument(w, name, v); err != nil {
				return err
			}
		}
		return nil
	})
}

func writeArgument(w io.Writer, name string, v any) error {
	b, err := json.Marshal(v)
	if err == nil {
		_, err = fmt.Fprintf(w, "%s: %s\n", name, b)
	}
	return err
}

// results writes results.csv anew, after every epoch.
func (r *runFolder) results(records []report.Epoch) error {
	return writeFile(filepath.Join(r.dir, "results.csv"), func(w io.Writer) error { return report.WriteCSV(w, records) })
}

// save writes the models and the plot.
func (r *runFolder) save(res *finetune.Result, records []report.Epoch) error {
	for _, f := range []struct {
		name string
		m    *onnx.ModelProto
	}{{"best.onnx", res.Best}, {"last.onnx", res.Last}} {
		if err := onnx.WriteFile(filepath.Join(r.dir, f.name), f.m, onnx.WriteOptions{}); err != nil {
			return err
		}
	}
	return writeFile(filepath.Join(r.dir, "curves.png"), func(w io.Writer) error { return report.Curves(w, records, filepath.Base(r.dir)) })
}

// removeIfEmpty takes the folder of a training away that has left nothing but its
// arguments.
func (r *runFolder) removeIfEmpty() {
	entries, err := os.ReadDir(r.dir)
	if err == nil && len(entries) == 1 && entries[0].Name() == "args.yaml" {
		os.RemoveAll(r.dir)
		os.Remove(filepath.Dir(r.dir)) // runs/, if nothing else is in it
	}
}
