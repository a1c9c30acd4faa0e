package finetune

import (
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"graft/finetune/data"
	"graft/graph"
	"graft/graph/optim"
	"graft/onnx"
)

// Result is what a training leaves.
type Result struct {
	Plan   *Plan
	Best   *onnx.ModelProto // by validation top-1, then loss; Last without validation
	Last   *onnx.ModelProto
	Epochs []Epoch
	Cached bool   // the frozen part ran once an image
	Dot    []byte // the Gorgonia graph that ran, in the language of Graphviz
}

// BestEpoch is the record of the best epoch, nil without validation.
func (r *Result) BestEpoch() *Epoch {
	for i := len(r.Epochs) - 1; i >= 0; i-- {
		if r.Epochs[i].Best {
			return &r.Epochs[i]
		}
	}
	return nil
}

// Train fine-tunes a model on the images of train and validates on val, which may
// be nil. When ctx ends it returns what the finished epochs have made, if any, along
// with the error.
func Train(ctx context.Context, m *onnx.ModelProto, train, val *data.Set, c Config) (*Result, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if train.Len() == 0 {
		return nil, failf("", "the training set is empty")
	}
	c.arrays = arraysOf(train)
	p, err := Graft(m, train.Classes, c)
	if err != nil {
		return nil, err
	}
	t := &training{Config: c, plan: p, result: &Result{Plan: p}}
	defer t.close()
	if err := t.prepare(ctx, train, val); err != nil {
		return nil, err
	}
	err = t.run(ctx)
	if storeErr := t.store(); err == nil {
		err = storeErr
	}
	if len(t.result.Epochs) == 0 {
		return nil, err
	}
	return t.result, err
}

// arraysOf is the shape of the examples of a set of float32 arrays, nil for images.
func arraysOf(s *data.Set) *[3]int {
	if s.Len() > 0 {
		if _, shape, ok := s.Tensor(0); ok {
			return &shape
		}
	}
	return nil
}

// training is one run of Train.
type training struct {
	Config
	plan       *Plan
	train, val feed // val is nil without validation

	programs map[int]*graph.Program // by batch size; they share what they learn
	eval     *graph.Program
	solver   *optim.Solver
	standard *standard // of the features, where a head alone learns

	best   map[string][]float32 // the learnt tensors after the best epoch
	result *Result
}

func (t *training) close() {
	for _, p := range t.programs {
		p.Close()
	}
	if t.eval != nil {
		t.eval.Close()
	}
}

func (t *training) report(stage string, done, total int) {
	if t.Progress != nil {
		t.Progress(stage, done, total)
	}
}

// prepare computes features where that is possible, and compiles what learns.
func (t *training) prepare(ctx context.Context, train, val *data.Set) error {
	from := func(s *data.Set) images {
		return images{set: s, pre: t.plan.Preprocess, mirror: t.Augment == "light", seed: t.Seed, workers: t.Workers}
	}
	if val != nil && val.Len() == 0 {
		val = nil
	}
	t.train = from(train)
	n := 0
	if val != nil {
		t.val, n = from(val), val.Len()
	}
	model := t.plan.Model
	if t.plan.fits(t.Config, train.Len(), n) {
		if err := t.cache(ctx, train, val); err != nil {
			return err
		}
		var err error
		if model, err = t.plan.above(); err != nil {
			return err
		}
	}
	return t.compile(model)
}

// cache replaces the images by their features.
func (t *training) cache(ctx context.Context, train, val *data.Set) error {
	f, err := newFrozenPart(t.plan, t.Config)
	if err != nil {
		return err
	}
	defer f.program.Close()
	total := train.Len()
	if t.Augment == "light" {
		total *= 2
	}
	if val != nil {
		total += val.Len()
	}
	done := 0
	step := func(n int) { done += n; t.report("features", done, total) }
	tr, err := t.featuresOf(ctx, f, t.train.(images), t.Augment == "light", step)
	if err != nil {
		return err
	}
	var va *features
	if val != nil {
		if va, err = t.featuresOf(ctx, f, t.val.(images), false, step); err != nil {
			return err
		}
	}
	t.useFeatures(tr, va)
	return nil
}

// useFeatures trains on features; those of a head alone are standardised.
func (t *training) useFeatures(train, val *features) {
	t.train, t.result.Cached = train, true
	if val != nil {
		t.val = val
	}
	if _, _, ok := t.plan.firstGemm(); ok && t.plan.headOnly {
		s := standardise(train, val)
		t.standard = &s
	}
}

func (t *training) featuresOf(ctx context.Context, f *frozenPart, s images, mirrored bool, step func(int)) (*features, error) {
	r := &features{width: f.width, seed: t.Seed}
	for _, it := range s.set.Items {
		r.labels = append(r.labels, it.Label)
	}
	var err error
	if r.plain, err = f.run(ctx, s, false, step); err == nil && mirrored {
		r.mirrored, err = f.run(ctx, s, true, step)
	}
	return r, err
}

func (t *training) compile(m *onnx.ModelProto) error {
	batch := min(t.Batch, t.train.len())
	p, err := graph.Compile(m, graph.Config{
		Options:  graph.Options{Batch: batch, Output: t.outputName(m)},
		Threads:  t.Threads,
		Training: &graph.Training{Learning: t.plan.Learning, Loss: optim.CrossEntropy, Seed: t.Seed},
	})
	if err != nil {
		return err
	}
	t.programs = map[int]*graph.Program{batch: p}
	if t.result.Dot, err = p.Dot(); err != nil {
		return err
	}
	if t.eval, err = p.Variant(t.Batch, true); err != nil {
		return err
	}
	t.solver, err = optim.New(t.Optimizer)
	return err
}

// outputName keeps the caller's choice among several outputs.
func (t *training) outputName(m *onnx.ModelProto) string {
	if len(m.GetGraph().GetOutput()) > 1 {
		return t.Output
	}
	return ""
}

// run trains for all epochs.
func (t *training) run(ctx context.Context) error {
	for epoch := range t.Epochs {
		start := time.Now()
		factor, err := (optim.Schedule{Name: t.Schedule, Epochs: t.Epochs}).Factor(epoch)
		if err != nil {
			return err
		}
		e := Epoch{N: epoch + 1, LR: t.Optimizer.LR * factor, ValLoss: math.NaN(), ValTop1: math.NaN()}
		t.solver.SetLR(e.LR)
		if err := t.epoch(ctx, epoch, &e); err != nil {
			return err
		}
		if t.val != nil {
			if e.ValLoss, e.ValTop1, err = t.validate(ctx); err != nil {
				return err
			}
			t.keepBest(&e)
		}
		e.Seconds = time.Since(start).Seconds()
		t.result.Epochs = append(t.result.Epochs, e)
		if t.OnEpoch != nil {
			t.OnEpoch(e)
		}
	}
	return nil
}

// epoch makes one pass over the training images.
func (t *training) epoch(ctx context.Context, epoch int, e *Epoch) error {
	n := t.train.len()
	order := upTo(n)
	if !t.NoShuffle {
		order = data.Shuffle(n, t.Seed, epoch)
	}
	steps := (n + t.Batch - 1) / t.Batch
	step, seen, right, loss := 0, 0, 0, 0.0
	err := t.train.each(ctx, order, epoch, t.Batch, func(x []float32, k int, labels []int) error {
		step++
		if k == 1 && n > 1 && len(t.plan.Learning.BatchStatistics) > 0 {
			return nil // one image has no variance
		}
		l, hits, err := t.step(x, k, labels, uint64(epoch*steps+step))
		if err != nil {
			return err
		}
		if l-l != 0 { // NaN or infinite
			return failf("lower the learning rate with --lr", "the loss is %v in epoch %d, step %d", l, epoch+1, step)
		}
		seen, right, loss = seen+k, right+hits, loss+float64(l)*float64(k)
		t.report("training", seen, n)
		return nil
	})
	e.TrainLoss, e.TrainTop1 = loss/float64(seen), float64(right)/float64(seen)
	return err
}

// step learns from one batch of k images.
func (t *training) step(x []float32, k int, labels []int, number uint64) (loss float32, hits int, err error) {
	p := t.programs[k]
	if p == nil {
		for _, q := range t.programs {
			if p, err = q.Variant(k, false); err != nil {
				return 0, 0, err
			}
			break
		}
		t.programs[k] = p
	}
	copy(p.Input(0), x)
	classes := len(t.plan.Classes)
	oneHot(p.Target(), labels, classes)
	if err := p.Step(number); err != nil {
		return 0, 0, err
	}
	y, _ := p.Output(0).Floats()
	for i, label := range labels {
		if argmax(y[i*classes:(i+1)*classes]) == label {
			hits++
		}
	}
	loss = p.LossValue()
	return loss, hits, t.solver.Step(p.ValueGrads())
}

func oneHot(target []float32, labels []int, classes int) {
	clear(target)
	for i, l := range labels {
		target[i*classes+l] = 1
	}
}

func argmax(v []float32) int {
	best := 0
	for i, x := range v {
		if x > v[best] {
			best = i
		}
	}
	return best
}

// validate measures loss and top-1 with what has been learnt so far.
func (t *training) validate(ctx context.Context) (loss, top1 float64, err error) {
	classes, right, done := len(t.plan.Classes), 0, 0
	err = t.val.each(ctx, upTo(t.val.len()), unvaried, t.Batch, func(x []float32, n int, labels []int) error {
		copy(t.eval.Input(0), x)
		if err := t.eval.Run(); err != nil {
			return err
		}
		y, _ := t.eval.Output(0).Floats()
		for i, label := range labels {
			row := y[i*classes : (i+1)*classes]
			if argmax(row) == label {
				right++
			}
			loss -= t.logProbability(row, label)
		}
		done += n
		t.report("validation", done, t.val.len())
		return nil
	})
	n := float64(t.val.len())
	return loss / n, float64(right) / n, err
}

// logProbability is the logarithm of the share that the output gives a label.
func (t *training) logProbability(row []float32, label int) float64 {
	if t.plan.structure.EndsInSoftmax() {
		return math.Log(math.Max(float64(row[label]), 1e-30))
	}
	return math.Log(softmax(row)[label])
}

// softmax is exp(x)/sum(exp(x)), in float64.
func softmax(x []float32) []float64 {
	p, sum, largest := make([]float64, len(x)), 0.0, float64(slices.Max(x))
	for i, v := range x {
		p[i] = math.Exp(float64(v) - largest)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// keepBest remembers what has been learnt if no epoch before did better.
func (t *training) keepBest(e *Epoch) {
	if b := t.result.BestEpoch(); b != nil && (e.ValTop1 < b.ValTop1 || e.ValTop1 == b.ValTop1 && !(e.ValLoss < b.ValLoss)) {
		return
	}
	e.Best = true
	t.best = t.learnt()
}

// learnt copies the learnt tensors as they belong into the whole model.
func (t *training) learnt() map[string][]float32 {
	state := maps.Clone(t.eval.State())
	for name, v := range state {
		state[name] = slices.Clone(v)
	}
	if t.standard != nil {
		weight, bias, _ := t.plan.firstGemm()
		t.standard.fold(state[weight], state[bias])
	}
	return state
}

// store makes the models of the result.
func (t *training) store() error {
	if len(t.result.Epochs) == 0 {
		return nil
	}
	var err error
	if t.result.Last, err = graph.WithValues(t.plan.Model, t.learnt()); err != nil {
		return err
	}
	if t.best == nil {
		t.result.Best = t.result.Last
		return nil
	}
	t.result.Best, err = graph.WithValues(t.plan.Model, t.best)
	return err
}
