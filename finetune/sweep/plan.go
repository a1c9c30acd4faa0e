package sweep

import (
	"bytes"
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
	"graft/finetune"
	"graft/finetune/data"
	"graft/graph/optim"
)

// Plan is a study: what is to be trained, fully described.
type Plan struct {
	Version int      `json:"graft_sweep"`
	Data    string   `json:"data"`    // path, from the plan's folder unless absolute
	Content string   `json:"content"` // sha256 of the examples' hashes, classes and names
	Classes []string `json:"classes"`
	Network Network  `json:"network"`
	// Preprocess is how pictures become inputs; nil for arrays of float32.
	Preprocess *data.Preprocess `json:"preprocess,omitempty"`
	Recipe     Recipe           `json:"recipe"`
	Val        float64          `json:"val,omitempty"` // share of the training data that is validated on; 0: the data have a part for it
	Seed       uint64           `json:"seed"`
	Layers     []int            `json:"layers"` // the n of the study
	Tasks      []Task           `json:"tasks"`
	Cells      []Cell           `json:"cells"`
}

// planVersion changes where an old plan's cells would be trained differently.
const planVersion = 1

// Network is what is trained: an architecture of package models, or a pretrained model.
type Network struct {
	Architecture string `json:"architecture,omitempty"`
	Size         int    `json:"size,omitempty"`
	Model        string `json:"model,omitempty"` // path, as Plan.Data
	SHA256       string `json:"sha256,omitempty"`
	Head         string `json:"head"` // finetune.Config.Head, "redraw" in the study
	Depth        int    `json:"depth"`
	MACs         int    `json:"macs"` // multiply-adds for one picture
	Params       int    `json:"params"`
}

// Recipe is how every cell is trained: its fields are those of [finetune.Config] and
// [optim.Settings]. Where one is left out finetune.Train chooses.
type Recipe struct {
	Epochs       int      `json:"epochs,omitempty"`
	Batch        int      `json:"batch_size,omitempty"`
	Optimizer    string   `json:"opt,omitempty"`
	LR           float64  `json:"lr,omitempty"`
	Momentum     float64  `json:"momentum,omitempty"`
	WeightDecay  float64  `json:"weight_decay,omitempty"`
	DecayExclude []string `json:"decay_exclude,omitempty"`
	BiasMult     float64  `json:"bias_mult,omitempty"`
	Schedule     string   `json:"schedule,omitempty"`
	Warmup       float64  `json:"warmup,omitempty"`
	Augment      string   `json:"augment,omitempty"`
}

// Paper is the recipe of Yosinski et al. 2014: SGD of momentum 0.9 in batches of 256 at
// 0.01, a tenth of that after each third of the steps (the authors: after each 100,000 of
// 450,000), weight decay 5e-4 but for biases, whose rate is twice the weights'. The
// authors' networks saw each picture some 179 times.
var Paper = Recipe{Epochs: 90, Batch: 256, Optimizer: "sgd", LR: 0.01, Momentum: 0.9, WeightDecay: 5e-4, DecayExclude: []string{"bias"}, BiasMult: 2,
	Schedule: "step", Augment: "flip"}

func (r Recipe) config() finetune.Config {
	c := finetune.Config{Epochs: r.Epochs, Batch: r.Batch, Schedule: r.Schedule, Warmup: r.Warmup, Augment: r.Augment, DecayExclude: r.DecayExclude, BiasMult: r.BiasMult,
		Optimizer: optim.Settings{Name: r.Optimizer, LR: r.LR, Momentum: r.Momentum, WeightDecay: r.WeightDecay}}
	return c
}

// Task is what a network learns: some of the classes, maybe of fewer pictures.
type Task struct {
	Name     string `json:"name"`
	Classes  []int  `json:"classes"` // indices into Plan.Classes, in order
	PerClass int    `json:"per_class,omitempty"`
	Fold     uint64 `json:"fold,omitempty"` // seed of the validation part, where the data have none
}

// Treatments, by the letters of the paper; "scratch" and "reduced" are bases too.
const (
	Base     = "base"    // from random weights, on a half
	Selffer  = "BnB"     // copied from the target's own base
	Transfer = "AnB"     // copied from the other half's base, or from a pretrained model
	Random   = "random"  // random and frozen
	Reduced  = "reduced" // a base on fewer pictures a class
)

// Cell is one training.
type Cell struct {
	ID        string `json:"id"`
	Treatment string `json:"treatment"`
	Tuned     bool   `json:"tuned,omitempty"` // the copied layers learn too: BnB+, AnB+
	Split     string `json:"split"`
	Base      string `json:"base,omitempty"` // the task whose network is copied
	Target    string `json:"target"`         // the task that is learnt
	N         int    `json:"n,omitempty"`    // layers copied
	Repeat    int    `json:"repeat"`
	Seed      uint64 `json:"seed"`
	Needs     string `json:"needs,omitempty"` // the cell whose network is copied
	Hash      string `json:"hash"`            // of all that the result depends on
}

// Label is the treatment with the paper's plus.
func (c Cell) Label() string {
	if c.Tuned {
		return c.Treatment + "+"
	}
	return c.Treatment
}

// seal computes the hash of each cell, which takes that of the cell it needs along.
func (p *Plan) seal() error {
	hashes := map[string]string{}
	for i := range p.Cells {
		c := &p.Cells[i]
		h, err := p.hash(*c, hashes)
		if err != nil {
			return err
		}
		c.Hash, hashes[c.ID] = h, h
	}
	return nil
}

func (p *Plan) hash(c Cell, known map[string]string) (string, error) {
	c.Hash = ""
	target, ok := p.task(c.Target)
	if !ok {
		return "", fmt.Errorf("cell %q: there is no task %q", c.ID, c.Target)
	}
	if c.Needs != "" && known[c.Needs] == "" {
		return "", fmt.Errorf("cell %q: the cell %q that it needs does not come before it", c.ID, c.Needs)
	}
	network := p.Network
	network.Model = "" // its content counts, not its place
	b, err := json.Marshal([]any{planVersion, p.Content, p.Classes, network, p.Preprocess, p.Recipe, p.Val, target, c, known[c.Needs]})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

func (p *Plan) task(name string) (Task, bool) {
	i := slices.IndexFunc(p.Tasks, func(t Task) bool { return t.Name == name })
	if i < 0 {
		return Task{}, false
	}
	return p.Tasks[i], true
}

// maxPlan is the largest plan file that is read, in bytes.
const maxPlan = 64 << 20

// ReadPlan reads a plan file and checks it.
func ReadPlan(path string) (*Plan, error) {
	b, err := readSmall(path, maxPlan)
	if err == nil {
		var p *Plan
		if p, err = parsePlan(b); err == nil {
			return p, nil
		}
	}
	return nil, fmt.Errorf("sweep: plan %q: %w", path, err)
}

func parsePlan(b []byte) (*Plan, error) {
	p := &Plan{}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(p); err != nil {
		return nil, fmt.Errorf("no plan: %w", err)
	}
	if p.Version != planVersion {
		return nil, fmt.Errorf("format %d, this graft reads format %d", p.Version, planVersion)
	}
	return p, p.check()
}

// check refuses what New would not have written.
func (p *Plan) check() error {
	if p.Preprocess != nil {
		if err := p.Preprocess.Check(); err != nil {
			return err
		}
	}
	tasks := map[string]bool{}
	for _, t := range p.Tasks {
		if !fileName.MatchString(t.Name) || tasks[t.Name] {
			return fmt.Errorf("task %.40q: no name, or the name of another", t.Name)
		}
		tasks[t.Name] = true
		for i, c := range t.Classes {
			if c < 0 || c >= len(p.Classes) || i > 0 && c <= t.Classes[i-1] {
				return fmt.Errorf("task %q: class number %d of %d, or out of order", t.Name, c, len(p.Classes))
			}
		}
	}
	known := map[string]string{}
	for _, c := range p.Cells {
		if !fileName.MatchString(c.ID) || known[c.ID] != "" {
			return fmt.Errorf("cell %.40q: no name, or the name of another", c.ID)
		}
		h, err := p.hash(c, known)
		if err != nil {
			return err
		}
		if h != c.Hash {
			return &hinted{fmt.Errorf("cell %q: its description is not that of its hash", c.ID), "graft sweep plan makes a plan; one that was edited is refused"}
		}
		known[c.ID] = h
	}
	return nil
}

// Write writes a plan file.
func (p *Plan) Write(path string) error {
	err := durable.WriteFile(durable.OS, path, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", " ")
		return e.Encode(p)
	})
	if err != nil {
		return fmt.Errorf("sweep: plan %q: %w", path, err)
	}
	return nil
}

// hinted is an error with the next thing to try.
type hinted struct {
	error
	hint string
}

func (h *hinted) Hint() string  { return h.hint }
func (h *hinted) Unwrap() error { return h.error }

// readSmall reads a regular file of at most most bytes.
func readSmall(path string, most int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, durable.Bare(err)
	case !info.Mode().IsRegular():
		return nil, errors.New("not a file")
	case info.Size() > most:
		return nil, fmt.Errorf("%d bytes, at most %d are read", info.Size(), most)
	}
	b, err := os.ReadFile(path)
	return b, durable.Bare(err)
}

// from is a path of a plan, seen from the plan's folder.
func from(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
