package finetune

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"graft/finetune/data"
	"graft/graph"
	"graft/onnx"
)

// Result is what a training leaves.
type Result struct {
	Plan   *Plan
	Best   *onnx.ModelProto // by validation top-1, then loss; Last without validation
	Last   *onnx.ModelProto
	Epochs []Epoch
	// Outputs [n,C] are what the trained program gave for the validation images in the best
	// epoch, those that were skipped left out.
	Outputs []float32
	Skipped []string // images that were left out, by name
	Cached  bool     // the frozen part ran once an image
	Dot     []byte   // the Gorgonia graph that ran last, in the language of Graphviz
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
	if train.Len() == 0 {
		return nil, failf("", "the training set is empty")
	}
	p, err := Graft(m, train, c)
	if err != nil {
		return nil, err
	}
	if val != nil && val.Len() == 0 {
		val = nil
	}
	if c.OnPlan != nil {
		c.OnPlan(p)
	}
	t := newTraining(p, train, val)
	if c.Save != nil || c.Resume != nil {
		if t.identity, err = identify(ctx, m, p, train, val); err != nil {
			return nil, err
		}
	}
	if c.Resume != nil {
		if err := t.resume(c.Resume); err != nil {
			return nil, err
		}
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
	plan             *Plan
	trainSet, valSet *data.Set // valSet is nil without validation
	targets          targets
	mixing           mixing

	at     position
	values map[string][]float32 // what has been learnt, as it belongs into the whole model
	best   map[string][]float32 // the same after the best epoch
	// outputs are those for the validation images after the last whole epoch.
	outputs []float32
	result  *Result

	identity   map[string]string // with Save or Resume
	skipped    map[*data.Set]map[int]bool
	from       *Checkpoint // what the first phase goes on from
	saved      uint64      // step and epoch of the last checkpoint
	savedEpoch int
}

// position is how far a training has come.
type position struct {
	Phase, Epoch int    // both from 0; the epoch over all phases
	Taken        int    // images of the epoch's order that have been learnt from or passed over
	Step         uint64 // changes of the weights
	sums
}

// sums are what an epoch has measured so far.
type sums struct {
	Seen, Right int
	Loss        float64
	LR          float64 // of the first step
	Seconds     float64
}

func newTraining(p *Plan, train, val *data.Set) *training {
	c := p.Config
	return &training{Config: c, plan: p, trainSet: train, valSet: val, result: &Result{Plan: p}, skipped: map[*data.Set]map[int]bool{},
		targets: newTargets(p, train.Counts()),
		mixing:  mixing{mixup: c.Mixup, cutmix: c.CutMix, seed: c.Seed, channelsLast: p.Preprocess.Layout == "nhwc"}}
}

func (t *training) report(stage string, done, total int) {
	if t.Progress != nil {
		t.Progress(stage, done, total)
	}
}

// run trains for all epochs of all phases.
func (t *training) run(ctx context.Context) error {
	if err := t.foresee(); err != nil {
		return err
	}
	first := 0 // epoch of the phase
	for k := range t.plan.Phases {
		ph := &t.plan.Phases[k]
		if t.at.Epoch < first+ph.Epochs {
			if t.at.Phase < k {
				t.at.Phase, t.from = k, nil
			}
			if err := t.phase(ctx, ph, first); err != nil {
				return err
			}
		}
		first += ph.Epochs
	}
	return nil
}

// foresee compiles the programs of the phases to come, so that one that takes too much
// memory is refused before hours are spent on the way to it.
func (t *training) foresee() error {
	for k := t.at.Phase + 1; k < len(t.plan.Phases); k++ {
		ph := &t.plan.Phases[k]
		if t.keeps(ph) > 0 { // the head alone learns, which is less than what comes before
			continue
		}
		g := &stage{Phase: ph, train: images{set: t.trainSet}}
		model, err := t.plan.joined(t.plan.Model)
		if err == nil {
			err = t.compile(g, model)
		}
		g.close()
		if err != nil {
			return err
		}
	}
	return nil
}

// phase trains for what is left of the epochs of a phase, the first of which is given.
func (t *training) phase(ctx context.Context, ph *Phase, first int) error {
	g, err := t.open(ctx, ph)
	if err != nil {
		return err
	}
	defer g.close()
	if err := t.restore(g); err != nil {
		return err
	}
	t.result.Cached = t.result.Cached || g.cached
	for t.at.Epoch < first+ph.Epochs && !(ph == t.plan.Last() && t.stale()) {
		if err := t.oneEpoch(ctx, g, first); err != nil {
			return t.leave(g, err)
		}
		if err := t.save(g); err != nil {
			return err
		}
	}
	return nil
}

// leave saves where an error has ended the training, unless it is an error of saving.
func (t *training) leave(g *stage, err error) error {
	if errors.As(err, new(saveError)) || t.at.Step == 0 {
		return err
	}
	if saveErr := t.save(g); saveErr != nil {
		return errors.Join(err, saveErr)
	}
	return err
}

// saveError is an error of Config.Save.
type saveError struct{ error }

func (e saveError) Unwrap() error { return e.error }

// oneEpoch learns for what is left of an epoch, validates and records it.
func (t *training) oneEpoch(ctx context.Context, g *stage, first int) (err error) {
	start, spent := time.Now(), t.at.Seconds
	e := Epoch{N: t.at.Epoch + 1, ValLoss: math.NaN(), ValScore: math.NaN()}
	if err := t.epoch(ctx, g, first, &e); err != nil {
		return err
	}
	if g.val != nil {
		if e.ValLoss, e.ValScore, err = t.validate(ctx, g); err != nil {
			return err
		}
	}
	t.values = t.learnt(g)
	if g.val != nil {
		t.keepBest(&e)
	}
	e.Seconds = spent + time.Since(start).Seconds()
	t.result.Epochs = append(t.result.Epochs, e)
	t.at = position{Phase: t.at.Phase, Epoch: t.at.Epoch + 1, Step: t.at.Step}
	if t.OnEpoch != nil {
		t.OnEpoch(e)
	}
	return nil
}

// stale says whether EarlyStop epochs have brought nothing better.
func (t *training) stale() bool {
	b := t.result.BestEpoch()
	return t.EarlyStop > 0 && b != nil && t.at.Epoch-b.N >= t.EarlyStop
}

// order is the order of the training images in an epoch.
func (t *training) order(g *stage, epoch int) []int {
	n := g.train.len()
	switch t.Sampling {
	case "sequential":
		return upTo(n)
	case "balanced":
		labels := make([]int, n)
		for i, it := range t.trainSet.Items {
			labels[i] = it.Label
		}
		return data.Balanced(labels, len(t.plan.Classes), t.Seed, epoch)
	}
	return data.Shuffle(n, t.Seed, epoch)
}

// epoch makes what is left of one pass over the training images. What is counted moves
// with the steps, so that after an error it stands where the last step has left it.
func (t *training) epoch(ctx context.Context, g *stage, first int, e *Epoch) error {
	epoch := t.at.Epoch
	order := t.order(g, epoch)
	started, spent := time.Now(), t.at.Seconds
	var open group
	err := g.train.each(ctx, order[t.at.Taken:], epoch, t.Batch, func(b batch) error {
		at := t.at.Taken + open.taken
		size := min(t.Batch*t.Accumulate, len(order)-t.at.Taken)
		if err := t.learn(g, b, &open, uint64(epoch)<<32+uint64(at), float64(b.n)/float64(size)); err != nil {
			return err
		}
		open.taken += b.taken
		if open.taken == size {
			step := (epoch-first)*t.stepsOf(len(order)) + t.at.Taken/(t.Batch*t.Accumulate)
			if err := t.step(g, &open, step); err != nil {
				return err
			}
			t.at.Seconds = spent + time.Since(started).Seconds()
			if t.SaveEvery > 0 && t.at.Step%uint64(t.SaveEvery) == 0 && t.at.Taken < len(order) {
				if err := t.save(g); err != nil {
					return saveError{err}
				}
			}
		}
		t.report("training", t.at.Taken+open.taken, len(order))
		return nil
	})
	e.TrainLoss, e.TrainScore = t.at.Loss/float64(t.at.Seen), math.NaN()
	if onlyClasses(t.plan.Heads) {
		e.TrainScore = float64(t.at.Right) / float64(t.at.Seen)
	}
	e.LR = t.at.LR
	return err
}

// group is the batches that make one step.
type group struct {
	taken, learnt int // images
	right         int
	loss          float64
	program       *graph.Program // of the last batch
}

// learn computes the gradients of one batch, which is the given share of its group.
func (t *training) learn(g *stage, b batch, open *group, number uint64, share float64) error {
	if b.n == 0 || b.n == 1 && len(g.Learning.BatchStatistics) > 0 && g.train.len() > 1 {
		return nil // one image has no variance, none no gradient
	}
	p, err := g.program(b.n)
	if err != nil {
		return err
	}
	copy(p.Input(0), b.x)
	t.targets.fill(p.Target(), t.trainSet, b.index)
	if t.mixing.on() {
		t.mixing.mix(p.Inputs()[0], p.Input(0), p.Target(), b.n, number)
	}
	if err := p.Step(number); err != nil {
		return err
	}
	loss := float64(p.LossValue())
	if loss-loss != 0 { // NaN or infinite
		return &LossError{failf("lower the learning rate with --lr", "the loss is %v in epoch %d, step %d", loss, t.at.Epoch+1, t.at.Step+1)}
	}
	if onlyClasses(t.plan.Heads) {
		y, _ := p.Output(0).Floats()
		classes := len(t.plan.Classes)
		for i, label := range b.labels {
			if argmax(y[i*classes:(i+1)*classes]) == label {
				open.right++
			}
		}
	}
	open.learnt, open.loss, open.program = open.learnt+b.n, open.loss+loss*float64(b.n), p
	if t.Accumulate > 1 {
		return g.gathered.Add(p.ValueGrads(), share)
	}
	return nil
}

// A LossError says that the loss has become infinite or NaN.
type LossError struct{ error }

func (e *LossError) Unwrap() error { return e.error }

// step changes the weights by the gradients of a group; number counts the steps of the
// phase from 0.
func (t *training) step(g *stage, open *group, number int) error {
	factor, err := g.schedule.Factor(number)
	if err != nil {
		return err
	}
	lr := g.Optimizer.LR * factor
	if t.at.Taken == 0 {
		t.at.LR = lr
	}
	if open.learnt > 0 {
		g.solver.SetLR(lr)
		grads := open.program.ValueGrads()
		if t.Accumulate > 1 {
			grads = g.gathered.Take()
		}
		if err := g.solver.Step(grads); err != nil {
			return err
		}
		t.at.Step++
		g.average.follow(g.eval.State())
	}
	t.at.Taken += open.taken
	t.at.Seen, t.at.Right, t.at.Loss = t.at.Seen+open.learnt, t.at.Right+open.right, t.at.Loss+open.loss
	if t.OnStep != nil && open.learnt > 0 {
		t.OnStep(Step{N: t.at.Step, Epoch: t.at.Epoch + 1, Loss: open.loss / float64(open.learnt), LR: lr})
	}
	*open = group{}
	return nil
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

// validate measures loss and score with what has been learnt so far.
func (t *training) validate(ctx context.Context, g *stage) (loss, score float64, err error) {
	g.average.exchange(g.eval.State())
	defer g.average.exchange(g.eval.State())
	var heads []*judged
	for _, h := range t.plan.Heads {
		heads = append(heads, newJudged(h))
	}
	columns, done, seen := len(t.plan.Classes), 0, 0
	target := make([]float32, t.Batch*columns)
	sharp := t.targets
	sharp.smoothing, sharp.weight = 0, nil
	t.outputs = t.outputs[:0]
	err = g.val.each(ctx, upTo(g.val.len()), unvaried, t.Batch, func(b batch) error {
		copy(g.eval.Input(0), b.x)
		if err := g.eval.Run(); err != nil {
			return err
		}
		sharp.fill(target, t.valSet, b.index)
		y, _ := g.eval.Output(0).Floats()
		for n, i := range b.index {
			row := y[n*columns : (n+1)*columns]
			loss += t.lossOf(row, target[n*columns:(n+1)*columns])
			t.outputs = append(t.outputs, t.unscaled(row)...)
			t.judge(heads, t.outputs[len(t.outputs)-columns:], told(t.valSet, i))
		}
		done, seen = done+b.taken, seen+b.n
		t.report("validation", done, g.val.len())
		return nil
	})
	for _, h := range heads {
		score += h.score() / float64(len(heads))
	}
	return loss / float64(seen), score, err
}

// lossOf is the loss of one image's outputs, head by head.
func (t *training) lossOf(row, target []float32) (sum float64) {
	for _, h := range t.plan.Heads {
		n := len(h.Classes)
		if h.Kind == data.Class && t.plan.structure.EndsInSoftmax() {
			sum -= math.Log(math.Max(float64(row[argmax(target[:n])]), 1e-30))
		} else {
			sum += h.loss().Of(row[:n], target[:n])
		}
		row, target = row[n:], target[n:]
	}
	return sum
}

// unscaled makes the outputs of a row those of the written model, in place.
func (t *training) unscaled(row []float32) []float32 {
	at := 0
	for k, h := range t.plan.Heads {
		if h.Kind == data.Values {
			for j := range h.Classes {
				row[at+j] = row[at+j]*t.plan.scaled[k].dev[j] + t.plan.scaled[k].mean[j]
			}
		}
		at += len(h.Classes)
	}
	return row
}

// judge adds an image's outputs and what is told of it to the heads.
func (t *training) judge(heads []*judged, row, told []float32) {
	p := meaning(t.plan.Heads, row, !t.plan.structure.EndsInSoftmax())
	for _, h := range heads {
		h.add(p[:len(h.Classes)], told[:h.Told()])
		p, told = p[len(h.Classes):], told[h.Told():]
	}
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
	if b := t.result.BestEpoch(); b != nil && (e.ValScore < b.ValScore || e.ValScore == b.ValScore && !(e.ValLoss < b.ValLoss)) {
		return
	}
	e.Best = true
	t.best, t.result.Outputs = t.values, slices.Clone(t.outputs)
}

// store makes the models of the result.
func (t *training) store() error {
	if len(t.result.Epochs) == 0 {
		return nil
	}
	var err error
	if t.result.Last, err = graph.WithValues(t.plan.Model, t.values); err != nil {
		return err
	}
	if t.best == nil {
		t.result.Best = t.result.Last
		return nil
	}
	t.result.Best, err = graph.WithValues(t.plan.Model, t.best)
	return err
}
