package finetune

import (
	"context"
	"math"

	"graft/finetune/data"
	"graft/graph"
)

// maxCache is Config.CacheBytes where it is not given.
const maxCache = 2 << 30

// frozenPart is the network up to the frontier, run once an image.
type frozenPart struct {
	program *graph.Program
	width   int // floats of one image's features
	batch   int
	store   *store // nil: features are not kept across trainings
}

// newFrozenPart compiles the network up to a phase's frontier.
func newFrozenPart(p *Plan, ph *Phase, c Config) (*frozenPart, error) {
	m, err := graph.Cut(p.Model, ph.Frontier, graph.Options{})
	if err != nil {
		return nil, err
	}
	batch := min(c.Batch, 32)
	program, err := graph.Compile(m, graph.Config{Options: graph.Options{Batch: batch, MaxMemory: c.MaxMemory, Exact: c.Exact}, Threads: c.Threads})
	if err != nil {
		return nil, err
	}
	f := &frozenPart{program: program, width: numel(p.structure.Shape(ph.Frontier)), batch: batch}
	if c.Cache != "auto" {
		if f.store, err = newStore(c.Cache, m, p.Preprocess, p.arrays, c.Exact, f.width); err != nil {
			program.Close()
			return nil, err
		}
	}
	return f, nil
}

func numel(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// run computes the features of a set, its images mirrored or not; what the store has is
// taken from there.
func (f *frozenPart) run(ctx context.Context, s images, mirrored bool, step func(n int)) ([]float32, error) {
	out := make([]float32, s.len()*f.width)
	order, sums, err := f.missing(ctx, s, mirrored, out)
	if err != nil {
		return nil, err
	}
	step(s.len() - len(order))
	l := data.Loader{Set: s.set, Pre: s.pre, Batch: f.batch, Order: order, Workers: s.workers, Skip: s.skip}
	if mirrored {
		l.View = func(int) data.View { return data.Mirrored }
	}
	err = l.Each(ctx, func(b *data.Batch) error {
		copy(f.program.Input(0), b.X)
		if err := f.program.Run(); err != nil {
			return err
		}
		v, _ := f.program.Output(0).Floats()
		for k, i := range b.Index {
			one := v[k*f.width : (k+1)*f.width]
			copy(out[i*f.width:], one)
			if f.store != nil {
				if err := f.store.save(one, sums[i].SHA256, mirrored); err != nil {
					return err
				}
			}
		}
		step(b.Taken)
		return nil
	})
	return out, err
}

// missing takes from the store what it has, and gives the images that remain.
func (f *frozenPart) missing(ctx context.Context, s images, mirrored bool, out []float32) (order []int, sums []data.Sum, err error) {
	if f.store == nil {
		return upTo(s.len()), nil, nil
	}
	if sums, err = s.set.Manifest(ctx); err != nil {
		return nil, nil, err
	}
	order = []int{}
	for i := range sums {
		if !f.store.load(out[i*f.width:(i+1)*f.width], sums[i].SHA256, mirrored) {
			order = append(order, i)
		}
	}
	return order, sums, nil
}

// keeps is how many bytes the features of a phase take where they are kept, else 0: they
// are where they are the same in every epoch, but for mirroring, and those of all sets
// stay within CacheBytes.
func (t *training) keeps(ph *Phase) int64 {
	if ph.Frontier == "" || t.Cache == "off" || !ph.Augment.FlipOnly() || t.Mixup > 0 || t.CutMix > 0 {
		return 0
	}
	images := t.trainSet.Len()
	if ph.Augment.Flip > 0 {
		images *= 2
	}
	if t.valSet != nil {
		images += t.valSet.Len()
	}
	if n := int64(numel(t.plan.structure.Shape(ph.Frontier))) * int64(images) * 4; n <= t.CacheBytes {
		return n
	}
	return 0
}

// standard is the mean and deviation of each feature over the training set.
type standard struct{ mean, deviation []float32 }

// standardise makes every feature of the training set one of mean 0 and deviation
// 1, and moves the validation set's along.
func standardise(train, val *features) standard {
	w := train.width
	sum, squares := make([]float64, w), make([]float64, w)
	n := float64(train.len() - len(train.bad))
	for i, v := range train.plain {
		if !train.bad[i/w] {
			sum[i%w] += float64(v)
		}
	}
	for i, v := range train.plain {
		if !train.bad[i/w] {
			d := float64(v) - sum[i%w]/n
			squares[i%w] += d * d
		}
	}
	s := standard{make([]float32, w), make([]float32, w)}
	for k := range w {
		s.mean[k] = float32(sum[k] / n)
		s.deviation[k] = float32(math.Sqrt(squares[k]/n)) + 1e-6
		if s.deviation[k] < 2e-6 { // it never varies: it is 0, and so is its weight in the end
			s.deviation[k] = float32(math.Inf(1))
		}
	}
	all := [][]float32{train.plain, train.mirrored}
	if val != nil {
		all = append(all, val.plain)
	}
	for _, x := range all {
		for i := range x {
			x[i] = (x[i] - s.mean[i%w]) / s.deviation[i%w]
		}
	}
	return s
}

// fold rewrites a Gemm trained on standardised features x' = (x-mean)/deviation for
// plain ones: w x' + b = (w/deviation) x + (b - w mean/deviation). w is [m,n], b [m].
func (s standard) fold(w, b []float32) {
	n := len(s.mean)
	for j := range b {
		row, shift := w[j*n:(j+1)*n], 0.0
		for k := range row {
			row[k] /= s.deviation[k]
			shift += float64(row[k]) * float64(s.mean[k])
		}
		b[j] -= float32(shift)
	}
}

// firstGemms names the weight and bias of each Gemm of new heads that reads the frontier,
// through a Dropout if there is one; none where another operator does.
func (p *Plan) firstGemms(ph *Phase) (gemms [][2]string) {
	reads := map[string]bool{ph.Frontier: true}
	for _, n := range p.Model.GetGraph().GetNode() {
		if len(n.GetInput()) == 0 || !reads[n.GetInput()[0]] {
			continue
		}
		switch n.GetOpType() {
		case "Gemm":
			gemms = append(gemms, [2]string{n.GetInput()[1], n.GetInput()[2]})
		case "Dropout":
			reads[n.GetOutput()[0]] = true
		default:
			return nil
		}
	}
	return gemms
}
