package sweep

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"graft/finetune/data"
	"graft/graph"
	"graft/models"
	"graft/onnx"
)

// Options say what a study measures; zero fields are its defaults.
type Options struct {
	Path string // of the data, for the plan
	// Network: an architecture of package models for pictures of Size, or a pretrained
	// model with its path and bytes, which makes the practical form.
	Architecture string
	Size         int              // in pixels; 0: the architecture's own
	Model        *onnx.ModelProto // pretrained; nil: an architecture
	ModelPath    string           // seen from the plan's folder
	ModelSHA256  string           // of its file, in hexadecimal
	Head         string           // of the practical form, "linear"; the study's is "redraw"

	Splits     int              // random divisions into halves; 1, none where Halves are given. In the practical form, validation parts
	Halves     [2][]string      // class names of a given division A, B: the dissimilar split
	Layers     []int            // n; all
	Treatments []string         // labels; nil all of Labels
	Repeats    int              // networks of each kind in each split; 1
	Controls   int              // networks of each kind on all classes: random filters, fewer pictures; 1
	PerClass   []int            // pictures a class of bases on all classes that learn from fewer of them
	Val        float64          // share of the training data to validate on, where they have no part for it
	Preprocess *data.Preprocess // of pictures; nil what the network says
	Recipe     Recipe           // how every cell is trained; the study's is Paper
	Seed       uint64           // of the divisions, and of each cell's own seed
}

// Labels are the treatments that a study has.
var Labels = []string{Base, Selffer, Selffer + "+", Transfer, Transfer + "+", Random}

// fileName is what tasks and cells may be called: their results are files.
var fileName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.+_-]{0,99}$`)

// New plans a study of a data set.
func New(ctx context.Context, d *data.Data, o Options) (*Plan, error) {
	o.Repeats, o.Controls = max(o.Repeats, 1), max(o.Controls, 1)
	if o.Treatments == nil {
		o.Treatments = Labels
	}
	for _, t := range o.Treatments {
		if !slices.Contains(Labels, t) {
			return nil, fmt.Errorf("sweep: no treatment is called %q, only %v", t, Labels)
		}
	}
	p := &Plan{Version: planVersion, Data: o.Path, Classes: d.Train.Classes, Recipe: o.Recipe, Seed: o.Seed}
	if d.Val == nil && o.Val == 0 {
		o.Val = 0.2
	}
	p.Val = o.Val
	var err error
	if p.Content, err = content(ctx, d); err != nil {
		return nil, err
	}
	if err := p.setNetwork(o); err != nil {
		return nil, err
	}
	if err := p.setPreprocess(ctx, d.Train, o); err != nil {
		return nil, err
	}
	if err := p.setLayers(o.Layers); err != nil {
		return nil, err
	}
	b := &planner{Plan: p, o: o}
	if o.Model != nil {
		b.practical()
	} else if err := b.study(); err != nil {
		return nil, err
	}
	if b.err != nil {
		return nil, b.err
	}
	if len(p.Cells) == 0 {
		return nil, fmt.Errorf("sweep: there is nothing to train: of the treatments %v none is left", o.Treatments)
	}
	if err := p.seal(); err != nil {
		return nil, err
	}
	return p, p.check()
}

// content is the hash of all examples.
func content(ctx context.Context, d *data.Data) (string, error) {
	h := sha256.New()
	for _, s := range []*data.Set{d.Train, d.Val, d.Test} {
		if s == nil {
			fmt.Fprintln(h, "none")
			continue
		}
		sums, err := s.Manifest(ctx)
		if err != nil {
			return "", err
		}
		h.Write(data.WriteManifest(sums))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (p *Plan) setNetwork(o Options) error {
	m, n := o.Model, &p.Network
	if m == nil {
		var err error
		if m, err = models.New(o.Architecture, max(len(p.Classes), 2), o.Size); err != nil {
			return err
		}
		*n = Network{Architecture: o.Architecture, Size: o.Size, Head: "redraw"}
		for _, a := range models.Architectures {
			if a.Name == o.Architecture && n.Size == 0 {
				n.Size = a.Size
			}
		}
	} else {
		*n = Network{Model: o.ModelPath, SHA256: o.ModelSHA256, Head: o.Head}
		if n.Head == "" {
			n.Head = "linear"
		}
	}
	s, err := graph.Analyse(m, graph.Options{})
	if err != nil {
		return err
	}
	if len(s.CutPoints) < 2 {
		return fmt.Errorf("sweep: the network has %d cut points, a study wants 2 or more", len(s.CutPoints))
	}
	last := s.CutPoints[len(s.CutPoints)-1]
	n.Depth, n.MACs, n.Params = len(s.CutPoints), last.MACs, last.Params
	return nil
}

// setPreprocess settles how pictures become inputs: as given, or as the network's
// metadata say, with the mean of the training pictures, channel by channel (the authors:
// pixel by pixel).
func (p *Plan) setPreprocess(ctx context.Context, train *data.Set, o Options) error {
	if train.Len() == 0 {
		return fmt.Errorf("sweep: there are no training pictures")
	}
	if _, _, arrays := train.Tensor(0); arrays {
		return nil
	}
	if o.Preprocess != nil || o.Model != nil {
		p.Preprocess = o.Preprocess // nil: the model says
		return nil
	}
	m, err := models.New(o.Architecture, 2, o.Size)
	if err != nil {
		return err
	}
	var pre data.Preprocess
	text, _ := onnx.Metadata(m, "graft.input")
	if err := pre.UnmarshalJSON([]byte(text)); err != nil {
		return err
	}
	if pre.Mean, err = train.Mean(ctx); err != nil {
		return err
	}
	p.Preprocess = &pre
	return nil
}

func (p *Plan) setLayers(layers []int) error {
	if layers == nil {
		for n := 1; n < p.Network.Depth; n++ {
			layers = append(layers, n)
		}
	}
	layers = slices.Clone(layers)
	slices.Sort(layers)
	for _, n := range layers {
		if n < 1 || n >= p.Network.Depth {
			return fmt.Errorf("sweep: n of %d, the network has cut points 1 to %d below its output", n, p.Network.Depth-1)
		}
	}
	p.Layers = slices.Compact(layers)
	return nil
}

// planner adds tasks and cells to a plan.
type planner struct {
	*Plan
	o   Options
	err error
}

func (b *planner) wants(label string) bool { return slices.Contains(b.o.Treatments, label) }

// add completes a cell and gives its name: treatment, what it copies and learns, n.
func (b *planner) add(c Cell) string {
	switch c.Treatment {
	case Base, Reduced:
		c.ID = "base-" + c.Target
	case Random:
		c.ID = fmt.Sprintf("random-%d-%s", c.N, c.Target)
	default:
		c.ID = fmt.Sprintf("%s-%d-%s", c.Base, c.N, c.Target)
	}
	if c.Tuned {
		c.ID += "+"
	}
	if c.Repeat > 0 {
		c.ID += ".r" + strconv.Itoa(c.Repeat+1)
	}
	c.Seed = seedOf(b.Seed, c.ID)
	b.Cells = append(b.Cells, c)
	return c.ID
}

// seedOf is a cell's own seed. It fits a float64, as numbers in JSON should.
func seedOf(seed uint64, id string) uint64 {
	h := sha256.Sum256(fmt.Appendf(nil, "%d %s", seed, id))
	return binary.LittleEndian.Uint64(h[:]) >> 12
}

// half is a division of the classes.
type half struct {
	split string
	a, b  []int
}

func (h half) tasks() [2]Task {
	return [2]Task{{Name: h.split + "A", Classes: h.a}, {Name: h.split + "B", Classes: h.b}}
}

// study adds the paper's cells, bases first.
func (b *planner) study() error {
	halves, err := b.halves()
	if err != nil {
		return err
	}
	bases := map[string]string{} // cell by task and repeat
	key := func(task string, repeat int) string { return fmt.Sprint(task, " ", repeat) }
	for _, h := range halves {
		for _, t := range h.tasks() {
			b.Tasks = append(b.Tasks, t)
			for r := range b.o.Repeats {
				bases[key(t.Name, r)] = b.add(Cell{Treatment: Base, Split: h.split, Target: t.Name, Repeat: r})
			}
		}
	}
	for _, label := range []string{Selffer, Selffer + "+", Transfer, Transfer + "+"} {
		if !b.wants(label) {
			continue
		}
		tuned := label[len(label)-1] == '+'
		for _, h := range halves {
			tasks := h.tasks()
			for i, target := range tasks {
				base, treatment := target, Selffer
				if label[0] == 'A' {
					base, treatment = tasks[1-i], Transfer
				}
				for r := range b.o.Repeats {
					for _, n := range b.Layers {
						b.add(Cell{Treatment: treatment, Tuned: tuned, Split: h.split, Base: base.Name, Target: target.Name, N: n, Repeat: r, Needs: bases[key(base.Name, r)]})
					}
				}
			}
		}
	}
	b.controls()
	return nil
}

// halves are the divisions of the classes: those drawn, and the one that is given.
func (b *planner) halves() ([]half, error) {
	count := len(b.Classes)
	given := b.o.Halves[0] != nil || b.o.Halves[1] != nil
	if b.o.Splits == 0 && !given {
		b.o.Splits = 1
	}
	if count < 4 && b.o.Splits > 0 {
		return nil, fmt.Errorf("sweep: %d classes cannot be divided into halves of 2 or more", count)
	}
	var all []half
	for s := range b.o.Splits {
		order := data.Shuffle(count, b.Seed, s)
		h := half{strconv.Itoa(s), slices.Clone(order[:count/2]), slices.Clone(order[count/2:])}
		slices.Sort(h.a)
		slices.Sort(h.b)
		all = append(all, h)
	}
	if given {
		h := half{split: givenSplit}
		for i, to := range []*[]int{&h.a, &h.b} {
			for _, name := range b.o.Halves[i] {
				k := slices.Index(b.Classes, name)
				if k < 0 {
					return nil, fmt.Errorf("sweep: half %c: the data have no class %q", 'A'+i, name)
				}
				*to = append(*to, k)
			}
			slices.Sort(*to)
			if *to = slices.Compact(*to); len(*to) < 2 {
				return nil, fmt.Errorf("sweep: half %c has %d classes, want 2 or more", 'A'+i, len(*to))
			}
		}
		for _, c := range h.a {
			if slices.Contains(h.b, c) {
				return nil, fmt.Errorf("sweep: the class %q is in both halves", b.Classes[c])
			}
		}
		all = append(all, h)
	}
	return all, nil
}

// controls adds the networks on all classes: a base, random filters, and bases on fewer
// pictures.
func (b *planner) controls() {
	random := b.wants(Random) && len(b.Layers) > 0
	if !random && len(b.o.PerClass) == 0 {
		return
	}
	whole := Task{Name: wholeSplit, Classes: upTo(len(b.Classes))}
	b.Tasks = append(b.Tasks, whole)
	for r := range b.o.Controls {
		b.add(Cell{Treatment: Base, Split: whole.Name, Target: whole.Name, Repeat: r})
	}
	for _, k := range b.o.PerClass {
		if k < 1 {
			b.err = fmt.Errorf("sweep: %d pictures a class, want 1 or more", k)
			return
		}
		t := Task{Name: "whole-" + strconv.Itoa(k), Classes: whole.Classes, PerClass: k}
		b.Tasks = append(b.Tasks, t)
		for r := range b.o.Controls {
			b.add(Cell{Treatment: Reduced, Split: whole.Name, Target: t.Name, Repeat: r})
		}
	}
	for r := range b.o.Controls {
		for _, n := range b.Layers {
			if random {
				b.add(Cell{Treatment: Random, Split: whole.Name, Target: whole.Name, N: n, Repeat: r})
			}
		}
	}
}

// practical adds the cells that start from a pretrained model: each n frozen and learnt,
// and the network from scratch.
func (b *planner) practical() {
	for s := range max(b.o.Splits, 1) {
		t := Task{Name: "all", Classes: upTo(len(b.Classes))}
		if b.Val > 0 {
			t.Name, t.Fold = "all"+strconv.Itoa(s), seedOf(b.Seed, "fold "+strconv.Itoa(s))
		}
		b.Tasks = append(b.Tasks, t)
		for r := range b.o.Repeats {
			if b.wants(Base) {
				b.add(Cell{Treatment: Base, Split: strconv.Itoa(s), Target: t.Name, Repeat: r})
			}
			for _, tuned := range []bool{false, true} {
				for _, n := range b.Layers {
					if c := (Cell{Treatment: Transfer, Tuned: tuned, Split: strconv.Itoa(s), Base: "model", Target: t.Name, N: n, Repeat: r}); b.wants(c.Label()) {
						b.add(c)
					}
				}
			}
		}
		if b.Val == 0 {
			return // the data's own validation part is the only one
		}
	}
}

func upTo(n int) []int {
	v := make([]int, n)
	for i := range v {
		v[i] = i
	}
	return v
}
