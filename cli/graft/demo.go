package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"graft/finetune"
	"graft/finetune/data"
	"graft/finetune/report"
	"graft/graph/optim"
	"graft/models"
	"graft/onnx"
)

func demoVerb() *cli.Command {
	model := output("`FILE.onnx` write the fine-tuned model here")
	model.Value = "demo.onnx"
	return &cli.Command{
		Name:      "demo",
		Category:  groupMake,
		Usage:     "see the whole job in seconds, on data inside this program",
		ArgsUsage: "[flags]",
		Description: `
A small network that learnt the digits 0 to 4 is cut after each of its layers and
learns 5 to 9 from a few examples: with the first n layers frozen, fine-tuned, and
from scratch, over five seeds. The curve is drawn here and in a PNG; a fine-tuned
model is written as ONNX. --keep leaves the network and the pictures, to go on with.`,
		UsageText: `
  graft demo
  graft demo --keep play
  graft demo -o digits.onnx --plot digits.png`,
		Flags: []cli.Flag{
			model,
			&cli.StringFlag{Name: "plot", Usage: "`FILE.png` draw the curve here", Value: "demo.png", TakesFile: true},
			&cli.StringFlag{Name: "keep", Usage: "`DIR` write the network (base.onnx) and the pictures (digits/CLASS/*.png) here"},
		},
		Action: runDemo,
	}
}

// The demo's settings: few images, so that what the base knows matters.
const (
	demoSeeds    = 5
	demoPerClass = 5
	demoLayers   = 5 // below the last
)

// config is the recipe of a treatment. A head alone is a linear one, which takes a
// higher rate and more epochs to converge.
func (t treatment) config(seed uint64) finetune.Config {
	c := finetune.Config{
		After: strconv.Itoa(t.kept), Head: "redraw", Freeze: "0", BatchNorm: "batch", Seed: seed, Threads: 1, Workers: 1,
		Epochs: 40, Batch: 13, Schedule: "cosine", Optimizer: optim.Settings{Name: "adamw", LR: 5e-3, WeightDecay: 1e-2},
	}
	if t.frozen {
		c.Freeze = "all"
		if t.kept == demoLayers {
			c.Head, c.Epochs, c.Optimizer.LR = "linear", 100, 2e-2
		}
	}
	return c
}

// treatment is one way to start from the base: the first kept layers are copied,
// and learn too unless frozen. The others are drawn anew.
type treatment struct {
	name   string
	kept   int
	frozen bool
}

// treatments are the networks of Yosinski et al. 2014: AnB for every n, AnB+ with all
// layers but the last, and the network trained on the target alone.
func treatments() []treatment {
	list := []treatment{{"from scratch", 0, false}, {"fine-tuned", demoLayers, false}}
	for n := 1; n <= demoLayers; n++ {
		list = append(list, treatment{strconv.Itoa(n), n, true})
	}
	return list
}

// measured is the accuracies of one treatment, a seed each, in percent.
type measured struct {
	Name   string    `json:"name"`
	Kept   int       `json:"layers_kept"`
	Frozen bool      `json:"frozen"`
	Top1   []float64 `json:"top1"`
	Mean   float64   `json:"mean"`
	Spread float64   `json:"spread"` // standard deviation over the seeds
}

// demonstration is what demo shows, as --json gives it.
type demonstration struct {
	Model      string     `json:"model"`
	Plot       string     `json:"plot"`
	Images     int        `json:"training_images"`
	Validation int        `json:"validation_images"`
	Results    []measured `json:"results"`
}

func runDemo(c *cli.Context) error {
	u := newUI(c)
	if c.NArg() > 0 {
		return usagef("graft demo [flags]", "demo: unexpected argument %s", quote(c.Args().First()))
	}
	path, plot := c.String("output"), c.String("plot")
	for _, p := range []string{path, plot} {
		if err := checkOutput(p); err != nil {
			return err
		}
	}
	if dir := c.String("keep"); dir != "" {
		if err := checkFolder(dir); err != nil {
			return err
		}
	}
	d, err := newDemo(c)
	if err != nil {
		return err
	}
	u.infof("a network of %d layers that knows the digits 0 to 4 learns 5 to 9 from %d images of each", demoLayers+1, demoPerClass)
	if err := d.run(c.Context, u, threads(c)); err != nil {
		return err
	}
	if err := d.write(path); err != nil {
		return err
	}
	if err := writeFile(plot, func(w io.Writer) error { return d.plot(w) }); err != nil {
		return err
	}
	if dir := c.String("keep"); dir != "" {
		if err := d.keep(dir); err != nil {
			return err
		}
	}
	s := demonstration{path, plot, demoPerClass * 5, d.rest[0].Len(), d.results}
	return u.next(u.result("", s, func(w io.Writer) error { return d.tell(w, path, plot) }),
		"graft inspect "+inShell(path), "graft finetune MODEL.onnx PHOTOS/ -o mine.onnx")
}

// demo is the study in miniature.
type demo struct {
	base    *onnx.ModelProto
	few     []*data.Set // a seed each: the images to learn from
	rest    []*data.Set // and all others
	results []measured
	model   *onnx.ModelProto // the fine-tuned one of the first seed
	top1    float64          // and its accuracy, in percent
}

func newDemo(c *cli.Context) (*demo, error) {
	base, err := models.Base()
	if err != nil {
		return nil, err
	}
	x, y, err := models.Digits()
	if err != nil {
		return nil, err
	}
	labels := make([]int, len(y))
	for i, v := range y {
		labels[i] = v - 5
	}
	all := data.FromArrays(models.DigitsInput(x), [3]int{1, 16, 16}, labels, []string{"5", "6", "7", "8", "9"})
	d := &demo{base: base}
	for seed := range uint64(demoSeeds) {
		few, rest := firstOfEach(all, data.Shuffle(len(y), c.Uint64("seed")+seed, 0))
		d.few, d.rest = append(d.few, few), append(d.rest, rest)
	}
	for _, t := range treatments() {
		d.results = append(d.results, measured{Name: t.name, Kept: t.kept, Frozen: t.frozen, Top1: make([]float64, demoSeeds)})
	}
	return d, nil
}

// firstOfEach takes the first images of each class in an order, and the rest.
func firstOfEach(all *data.Set, order []int) (few, rest *data.Set) {
	taken := make([]int, len(all.Classes))
	var a, b []int
	for _, i := range order {
		if c := all.Items[i].Label; taken[c] < demoPerClass {
			taken[c]++
			a = append(a, i)
		} else {
			b = append(b, i)
		}
	}
	return all.Subset(a), all.Subset(b)
}

// run trains every treatment with every seed, one network a thread.
func (d *demo) run(ctx context.Context, u *ui, threads int) error {
	type job struct{ treatment, seed int }
	jobs := make(chan job)
	bar := u.progress("training", len(d.results)*demoSeeds, "networks")
	defer bar.done()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var running sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for range threads {
		running.Go(func() {
			for j := range jobs {
				err := d.train(ctx, j.treatment, j.seed)
				bar.add(1)
				if err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
					stop()
				}
			}
		})
	}
	for i := range d.results {
		for seed := range demoSeeds {
			if ctx.Err() == nil {
				jobs <- job{i, seed}
			}
		}
	}
	close(jobs)
	running.Wait()
	if failed != nil {
		return failed
	}
	for i := range d.results {
		d.results[i].Mean, d.results[i].Spread = meanAndSpread(d.results[i].Top1)
	}
	return ctx.Err()
}

// train makes and measures one network.
func (d *demo) train(ctx context.Context, which, seed int) error {
	r := &d.results[which]
	t := treatment{r.Name, r.Kept, r.Frozen}
	res, err := finetune.Train(ctx, d.base, d.few[seed], nil, t.config(uint64(seed)))
	if err != nil {
		return err
	}
	top1, err := accuracy(ctx, res.Last, d.rest[seed])
	r.Top1[seed] = top1
	if r.Name == "fine-tuned" && seed == 0 {
		d.model, d.top1 = res.Last, top1
	}
	return err
}

// accuracy is a model's top-1 in percent.
func accuracy(ctx context.Context, m *onnx.ModelProto, s *data.Set) (float64, error) {
	k, err := finetune.NewClassifier(m, finetune.ClassifierConfig{Data: s, Batch: 64, Threads: 1, Workers: 1})
	if err != nil {
		return 0, err
	}
	defer k.Close()
	e, err := k.Evaluate(ctx, s, nil)
	if err != nil {
		return 0, err
	}
	return 100 * e.Top1, nil
}

func meanAndSpread(v []float64) (mean, spread float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		spread += (x - mean) * (x - mean) / float64(len(v)-1)
	}
	return mean, math.Sqrt(spread)
}

// write writes the model, reads it back and measures it again.
func (d *demo) write(path string) error {
	if err := onnx.WriteFile(path, d.model, onnx.WriteOptions{}); err != nil {
		return err
	}
	m, err := readModel(path)
	if err != nil {
		return err
	}
	top1, err := accuracy(context.Background(), m, d.rest[0])
	if err == nil && top1 != d.top1 {
		err = fmt.Errorf("%s: read back it has top-1 %.2f %%, training had %.2f %%", quote(path), top1, d.top1)
	}
	return err
}

// curve is the frozen networks; before it, the two levels to compare them with.
func (d *demo) curve() (report.Series, []report.Line) {
	scratch, tuned := d.results[0], d.results[1]
	s := report.Series{Name: "first n layers frozen", X: []float64{0}, Mean: []float64{scratch.Mean}, Spread: []float64{scratch.Spread}}
	for _, r := range d.results[2:] {
		s.X, s.Mean, s.Spread = append(s.X, float64(r.Kept)), append(s.Mean, r.Mean), append(s.Spread, r.Spread)
	}
	return s, []report.Line{{Name: tuned.Name, Mean: tuned.Mean, Spread: tuned.Spread}, {Name: scratch.Name, Mean: scratch.Mean, Spread: scratch.Spread}}
}

func (d *demo) plot(w io.Writer) error {
	s, lines := d.curve()
	title := fmt.Sprintf("From 0-4 to 5-9 with %d images a class", demoPerClass)
	return report.TransferCurve(w, title, "n, layers taken from the base", "top-1 accuracy on new digits, %", []report.Series{s}, lines)
}

// tell shows the result and what it means.
func (d *demo) tell(w io.Writer, path, plot string) error {
	s, lines := d.curve()
	fmt.Fprintf(w, "\ntop-1 on %d new images, %%, over n; mean of %d seeds\n", d.rest[0].Len(), demoSeeds)
	if err := report.Terminal(w, []report.Series{s}, 72, 14, lines...); err != nil {
		return err
	}
	var rows [][]string
	for _, r := range d.results {
		name := r.Name
		if r.Frozen {
			name = "first " + r.Name + " frozen"
		}
		rows = append(rows, []string{name, fmt.Sprintf("%.1f", r.Mean), fmt.Sprintf("%.1f", r.Spread)})
	}
	fmt.Fprintln(w)
	if err := writeTable(w, []string{"network", ">top-1, %", ">spread"}, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n\nwrote %s (fine-tuned, read back and checked: %.1f %%) and %s\n", d.meaning(), path, d.top1, plot)
	return err
}

// meaning is two sentences on the curve as it came out.
func (d *demo) meaning() string {
	best, frozen := 2, d.results[2:]
	for i := range frozen {
		if frozen[i].Mean > d.results[best].Mean {
			best = 2 + i
		}
	}
	last, scratch := frozen[len(frozen)-1], d.results[0]
	var s strings.Builder
	if gain := d.results[best].Mean - scratch.Mean; gain > 0 {
		fmt.Fprintf(&s, "The lower layers are general: with the first %d taken over and frozen the new digits are told apart %.1f points better than from scratch.\n", d.results[best].Kept, gain)
	} else {
		fmt.Fprintf(&s, "The lower layers are general: freezing the first %d costs %.1f points against training all of them from scratch.\n", d.results[best].Kept, -gain)
	}
	fmt.Fprintf(&s, "The top ones are specific: with all %d frozen, the last made for the digits 0 to 4, it is %.1f points worse than the best.", last.Kept, d.results[best].Mean-last.Mean)
	return s.String()
}
