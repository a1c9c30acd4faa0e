package finetune

import (
	"context"

	"graft/finetune/data"
	"graft/graph"
	"graft/graph/optim"
	"graft/onnx"
)

// stage is a phase that is being trained: what it reads, its programs and its optimizer.
type stage struct {
	*Phase
	train, val feed                   // val is nil without validation
	programs   map[int]*graph.Program // by batch size; they share what they learn
	eval       *graph.Program
	solver     *optim.Solver
	gathered   optim.Accumulator
	average    *average  // nil: none
	standard   *standard // of the features, where a head alone learns
	schedule   optim.Schedule
	cached     bool  // the frozen part ran once an image
	kept       int64 // bytes of its features
}

func (g *stage) close() {
	for _, p := range g.programs {
		p.Close()
	}
	if g.eval != nil {
		g.eval.Close()
	}
}

// open prepares a phase: it computes features where that is possible, and compiles what
// learns, beginning with the values that earlier phases have learnt.
func (t *training) open(ctx context.Context, ph *Phase) (*stage, error) {
	g := &stage{Phase: ph}
	from := func(s *data.Set) images {
		return images{set: s, pre: t.plan.Preprocess, augment: ph.Augment, seed: t.Seed, workers: t.Workers, skip: t.skipping(s)}
	}
	train, val := from(t.trainSet), from(t.valSet)
	g.train = train
	if val.set != nil {
		g.val = val
	}
	model, err := graph.WithValues(t.plan.Model, t.values)
	if err != nil {
		return nil, err
	}
	if model, err = t.plan.joined(model); err != nil {
		return nil, err
	}
	if g.kept = t.keeps(ph); g.kept > 0 {
		if err := t.affords(g.kept); err != nil {
			return nil, err
		}
		if err := t.keepFeatures(ctx, g, train, val); err != nil {
			return nil, err
		}
		if model, err = graph.Tail(model, ph.Frontier, graph.Options{}); err != nil {
			return nil, err
		}
	}
	if err := t.compile(g, model); err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

// keepFeatures replaces the images by their features.
func (t *training) keepFeatures(ctx context.Context, g *stage, train, val images) error {
	c := t.Config
	c.MaxMemory = t.memory(g)
	f, err := newFrozenPart(t.plan, g.Phase, c)
	if err != nil {
		return err
	}
	defer f.program.Close()
	total := train.len()
	if g.Augment.Flip > 0 {
		total *= 2
	}
	if val.set != nil {
		total += val.len()
	}
	done := 0
	step := func(n int) { done += n; t.report("features", done, total) }
	tr, err := t.featuresOf(ctx, f, train, step)
	if err != nil {
		return err
	}
	var va *features
	if val.set != nil {
		val.augment = data.Augment{}
		if va, err = t.featuresOf(ctx, f, val, step); err != nil {
			return err
		}
	}
	t.useFeatures(g, tr, va)
	return nil
}

// useFeatures trains on features; those of a head alone are standardised.
func (t *training) useFeatures(g *stage, train, val *features) {
	g.train, g.cached = train, true
	if val != nil {
		g.val = val
	}
	if len(t.plan.firstGemms(g.Phase)) > 0 && g.headOnly {
		s := standardise(train, val)
		g.standard = &s
	}
}

func (t *training) featuresOf(ctx context.Context, f *frozenPart, s images, step func(int)) (*features, error) {
	r := &features{width: f.width, augment: s.augment, seed: t.Seed, bad: map[int]bool{}}
	if skip := s.skip; skip != nil {
		s.skip = func(i int, err error) error { r.bad[i] = true; return skip(i, err) }
	}
	for _, it := range s.set.Items {
		r.labels = append(r.labels, it.Label)
	}
	var err error
	if r.plain, err = f.run(ctx, s, false, step); err == nil && s.augment.Flip > 0 {
		r.mirrored, err = f.run(ctx, s, true, step)
	}
	return r, err
}

func (t *training) compile(g *stage, m *onnx.ModelProto) error {
	size := min(t.Batch, g.train.len())
	p, err := graph.Compile(m, graph.Config{
		Options:  graph.Options{Batch: size, Output: t.outputName(m), MaxMemory: t.memory(g), Exact: t.Exact},
		Threads:  t.Threads,
		Training: &graph.Training{Learning: g.Learning, Loss: t.plan.loss(), Seed: t.Seed, Recompute: t.Recompute},
	})
	if err != nil {
		return err
	}
	g.programs = map[int]*graph.Program{size: p}
	if t.result.Dot, err = p.Dot(); err != nil {
		return err
	}
	if g.eval, err = p.Variant(t.Batch, true); err != nil {
		return err
	}
	for _, s := range t.plan.scaled {
		s.unfold(p.State())
	}
	groups := make([]optim.Group, len(p.Params()))
	for i, q := range p.Params() {
		groups[i] = g.groups[q.Name]
	}
	if g.solver, err = optim.New(g.Optimizer, groups...); err != nil {
		return err
	}
	g.solver.On(p.Pool())
	steps := t.stepsOf(g.train.len())
	g.schedule = optim.Schedule{Name: t.Schedule, Steps: steps * g.Epochs, Warmup: int(t.Warmup*float64(steps) + 0.5)}
	g.average = newAverage(t.EMA, p.State())
	return nil
}

// affords refuses features that take more than MaxMemory.
func (t *training) affords(kept int64) error {
	if t.MaxMemory == 0 || kept < t.MaxMemory {
		return nil
	}
	return failf("allow more with --max-memory, or compute them anew in every epoch by --cache off",
		"the images' features take %.4g MB, at most %.4g MB are allowed", float64(kept)/1e6, float64(t.MaxMemory)/1e6)
}

// memory is what the programs of a stage may take.
func (t *training) memory(g *stage) int64 {
	if t.MaxMemory == 0 {
		return 0
	}
	return t.MaxMemory - g.kept
}

// stepsOf is the number of steps in an epoch of n images.
func (t *training) stepsOf(n int) int {
	size := t.Batch * t.Accumulate
	return (n + size - 1) / size
}

// outputName keeps the caller's choice among several outputs.
func (t *training) outputName(m *onnx.ModelProto) string {
	if len(m.GetGraph().GetOutput()) > 1 {
		return t.Output
	}
	return ""
}

// program is the one for batches of k images.
func (g *stage) program(k int) (*graph.Program, error) {
	if p := g.programs[k]; p != nil {
		return p, nil
	}
	for _, q := range g.programs {
		p, err := q.Variant(k, false)
		if err != nil {
			return nil, err
		}
		g.programs[k] = p
		return p, nil
	}
	panic("finetune: a stage without a program")
}

// learnt copies the learnt tensors, or their average, as they belong into the whole model.
func (t *training) learnt(g *stage) map[string][]float32 {
	state := g.eval.State()
	if g.average != nil {
		state = g.average.values
	}
	state = cloned(state)
	if g.standard != nil {
		for _, gemm := range t.plan.firstGemms(g.Phase) {
			g.standard.fold(state[gemm[0]], state[gemm[1]])
		}
	}
	for _, s := range t.plan.scaled {
		s.fold(state)
	}
	return state
}
