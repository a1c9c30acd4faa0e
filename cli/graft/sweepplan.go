package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"graft/finetune"
	"graft/finetune/data"
	"graft/finetune/sweep"
	"graft/models"
	"graft/onnx"
)

// planSweep is sweep plan.
func planSweep(c *cli.Context, u *ui, path string) error {
	if err := required(c, "output", "-o study/plan.json"); err != nil {
		return err
	}
	out := c.String("output")
	if err := checkOutput(out, path); err != nil {
		return err
	}
	o, err := sweepOptions(c, path, filepath.Dir(out))
	if err != nil {
		return err
	}
	d, err := data.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	u.infof("%s; %s", d.Train.Describe(), described(d.Val))
	p, err := sweep.New(c.Context, d, o.Options)
	if err != nil {
		return err
	}
	if err := p.Write(out); err != nil {
		return err
	}
	for _, t := range p.Tasks {
		if err := writeFile(filepath.Join(filepath.Dir(out), "idxmap-"+t.Name+".csv"), func(w io.Writer) error { return p.WriteMap(w, t) }); err != nil {
			return err
		}
	}
	return u.next(u.result("", p, func(w io.Writer) error {
		r := p.Recipe
		rows := [][]string{{"wrote", out}, {"network", fmt.Sprintf("%s, %d layers, %s, %s parameters", o.name(), p.Network.Depth, macs(int64(p.Network.MACs)), count(int64(p.Network.Params)))},
			{"networks to train", fmt.Sprint(len(p.Cells))}}
		switch {
		case r.LR == 0 && r.Epochs > 0:
			rows = append(rows, []string{"recipe", fmt.Sprintf("%d epochs, the rest chosen for each network", r.Epochs)})
		case r.LR == 0:
			rows = append(rows, []string{"recipe", "chosen for each network"})
		default:
			rows = append(rows, []string{"recipe", fmt.Sprintf("%d epochs, batches of %d, %s at %g, %s", r.Epochs, r.Batch, r.Optimizer, r.LR, r.Schedule)})
		}
		return writeTable(w, nil, rows)
	}), "graft sweep run "+inShell(out))
}

// sweepOptions reads the flags of sweep plan; dir is the plan's folder, which its paths
// start from.
func sweepOptions(c *cli.Context, path, dir string) (o namedOptions, err error) {
	o.Options = sweep.Options{Splits: c.Int("splits"), Repeats: c.Int("repeats"), Controls: c.Int("controls"), Val: c.Float64("val"), Seed: c.Uint64("seed"), Head: c.String("head")}
	if o.Path, err = seenFrom(dir, path); err != nil {
		return o, err
	}
	for i, name := range []string{"half-a", "half-b"} {
		if o.Halves[i], err = classList(c.String(name)); err != nil {
			return o, err
		}
	}
	if (o.Halves[0] == nil) != (o.Halves[1] == nil) {
		return o, usagef("", "sweep: --half-a and --half-b go together")
	}
	for _, f := range []struct {
		name string
		to   *[]int
	}{{"layers", &o.Layers}, {"per-class", &o.PerClass}} {
		if v := c.String(f.name); v != "" {
			for _, word := range strings.Split(v, ",") {
				n, err := strconv.Atoi(word)
				if err != nil || n < 1 {
					return o, usagef("", "--%s %s: want whole numbers above 0, as 1,3,5", f.name, quote(v))
				}
				*f.to = append(*f.to, n)
			}
		}
	}
	if v := c.String("treatments"); v != "" {
		o.Treatments = strings.Split(v, ",")
	}
	if v := c.String("model"); v != "" {
		err = o.pretrained(c, v, dir)
	} else {
		err = o.fromScratch(c)
	}
	return o, err
}

// namedOptions are options and what they call the network.
type namedOptions struct{ sweep.Options }

func (o namedOptions) name() string {
	if o.Model != nil {
		return o.ModelPath
	}
	return o.Architecture
}

// fromScratch is the study: the paper's recipe, with the flags over it.
func (o *namedOptions) fromScratch(c *cli.Context) error {
	if c.IsSet("head") {
		return usagef("", "sweep: --head is for --model: the study draws the layers above the cut anew")
	}
	if o.Architecture = c.String("arch"); o.Architecture == "" {
		o.Architecture = "caffenet-32"
	}
	if v := c.String("size"); v != "" {
		h, w, err := parseSize(v)
		if err != nil {
			return err
		}
		if h != w {
			return usagef("", "--size %s: the networks of a study take squares", quote(v))
		}
		o.Size = h
	}
	o.Recipe = sweep.Paper
	o.setRecipe(c)
	if !anySet(c, preprocessingNames...) {
		return nil
	}
	m, err := models.New(o.Architecture, 2, o.Size)
	if err != nil {
		return err
	}
	pre, err := preprocessing(c, m)
	o.Preprocess = &pre
	return err
}

// preprocessingNames are the flags of how pictures become inputs, but for --size.
var preprocessingNames = []string{"mean", "std", "resize", "channels", "layout"}

// setRecipe puts the flags that were given over the recipe.
func (o *namedOptions) setRecipe(c *cli.Context) {
	r := &o.Recipe
	for name, to := range map[string]*int{"epochs": &r.Epochs, "batch-size": &r.Batch} {
		if c.IsSet(name) {
			*to = c.Int(name)
		}
	}
	for name, to := range map[string]*float64{"lr": &r.LR, "momentum": &r.Momentum, "weight-decay": &r.WeightDecay, "warmup": &r.Warmup} {
		if c.IsSet(name) {
			*to = c.Float64(name)
		}
	}
	for name, to := range map[string]*string{"opt": &r.Optimizer, "schedule": &r.Schedule, "augment": &r.Augment} {
		if c.IsSet(name) {
			*to = c.String(name)
		}
	}
}

// pretrained is the practical form: what the flags leave open finetune.Train chooses.
func (o *namedOptions) pretrained(c *cli.Context, path, dir string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%s: %w", quote(path), pathless(err))
	}
	sum := sha256.Sum256(b)
	o.ModelSHA256 = hex.EncodeToString(sum[:])
	if o.Model, err = readModel(path); err != nil {
		return err
	}
	if files, _ := onnx.DataFiles(path); len(files) > 0 {
		return fmt.Errorf("%s: a model with external data, a study wants one file", quote(path))
	}
	if o.ModelPath, err = seenFrom(dir, path); err != nil {
		return err
	}
	o.setRecipe(c)
	if anySet(c, append(preprocessingNames, "size")...) {
		pre, err := preprocessing(c, o.Model)
		if err != nil {
			return err
		}
		o.Preprocess = &pre
	} else if _, err := finetune.StoredPreprocess(o.Model); err != nil {
		return fmt.Errorf("%s: %w", quote(path), err)
	}
	return nil
}

func anySet(c *cli.Context, names ...string) bool {
	for _, n := range names {
		if c.IsSet(n) {
			return true
		}
	}
	return false
}

// seenFrom is a path as it is seen from a folder; an absolute one that leads out of it
// stays as it is.
func seenFrom(dir, path string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	seen, err := filepath.Rel(dir, full)
	if filepath.IsAbs(path) && (err != nil || strings.HasPrefix(filepath.ToSlash(seen), "../")) {
		return path, nil
	}
	return seen, err
}

// classList reads a file of class names, one a line; nil without a file.
func classList(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	b, err := readSmall(path, maxConfig)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", quote(path), pathless(err))
	}
	names := []string{}
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		if name := strings.TrimSpace(lines.Text()); name != "" {
			names = append(names, name)
		}
	}
	return names, nil
}
