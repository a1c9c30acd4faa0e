package data

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// Loader fills batches in order on goroutines of its own, a bounded number ahead of the reader.
type Loader struct {
	Set   *Set
	Pre   Preprocess         // for pictures; float32 arrays are taken as they are, or mirrored
	Batch int                // examples in a batch; default 32
	Order []int              // examples to load, in this order; nil: all, as they are in the set
	View  func(pos int) View // how the example at Order[pos] is varied; nil: not at all

	// Skip, if not nil, is told each example that does not load, in order and by the goroutine that called Each; where
	// it returns nil the example is left out of its batch.
	Skip func(i int, err error) error

	Workers int // goroutines that decode; default: one per core. The batches do not depend on it.
	Ahead   int // batches filled before they are asked for; default 2
}

// Batch is a run of examples. Its slices are filled again after the call that got them has returned.
type Batch struct {
	N     int       // examples: Taken, less those that are left out
	Taken int       // positions of Order: Loader.Batch, or fewer in the last batch
	Shape [3]int    // of one example: Preprocess.Shape, or [C,H,W] of float32 arrays
	X     []float32 // [N, Shape]
	Index []int     // [N], positions in the Set
	Label []int     // [N]

	pos    int // of the first example in Order
	filled sync.WaitGroup
	errs   []error // [Taken], of those that did not load
}

// job is one example to load into a batch.
type job struct {
	b *Batch
	k int
}

// Each calls f with every batch in order. It ends with the first error in that order, of f, of ctx or of an example
// (whose file it names), and leaves no goroutine behind.
func (l *Loader) Each(ctx context.Context, f func(b *Batch) error) error {
	plan, err := l.plan()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()

	free := make(chan *Batch, plan.ahead+1) // the one being read is not ahead
	ready := make(chan *Batch, plan.ahead+1)
	jobs := make(chan job)
	for range plan.ahead + 1 {
		free <- &Batch{Shape: plan.shape, X: make([]float32, plan.batch*plan.size)}
	}
	running.Go(func() {
		defer close(ready)
		defer close(jobs)
		plan.feed(ctx, free, ready, jobs)
	})
	for range plan.workers {
		running.Go(func() {
			for j := range jobs {
				plan.fill(ctx, j)
			}
		})
	}
	for b := range ready {
		b.filled.Wait()
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := plan.compact(b); err != nil {
			return err
		}
		if err := f(b); err != nil {
			return err
		}
		free <- b
	}
	return ctx.Err()
}

// loading is a Loader with its defaults resolved.
type loading struct {
	*Loader
	order                       []int
	shape                       [3]int
	size, batch, workers, ahead int // size: floats of an example
}

func (l *Loader) plan() (*loading, error) {
	p := &loading{Loader: l, order: l.Order, batch: l.Batch, workers: l.Workers, ahead: l.Ahead}
	if p.batch <= 0 {
		p.batch = 32
	}
	if p.workers <= 0 {
		p.workers = runtime.GOMAXPROCS(0)
	}
	if p.ahead <= 0 {
		p.ahead = 2
	}
	if p.order == nil {
		p.order = make([]int, l.Set.Len())
		for i := range p.order {
			p.order[i] = i
		}
	}
	for pos, i := range p.order {
		if i < 0 || i >= l.Set.Len() {
			return nil, fmt.Errorf("data: order: example %d at position %d of a set of %d", i, pos, l.Set.Len())
		}
	}
	if len(p.order) == 0 {
		return p, nil
	}
	p.batch = min(p.batch, len(p.order))
	if _, shape, ok := l.Set.Tensor(p.order[0]); ok {
		p.shape = shape
		if want := l.Pre.Shape(); l.Pre.Height > 0 && want != shape {
			return nil, fmt.Errorf("data: %s: a float32 array of %v, the network's input is %v", show(l.Set.Items[p.order[0]].Name), shape, want)
		}
	} else {
		if err := l.Pre.Check(); err != nil {
			return nil, err
		}
		p.shape = l.Pre.Shape()
	}
	p.size = p.shape[0] * p.shape[1] * p.shape[2]
	return p, nil
}

// feed hands out the batches in order, and their examples one by one.
func (p *loading) feed(ctx context.Context, free <-chan *Batch, ready chan<- *Batch, jobs chan<- job) {
	for pos := 0; pos < len(p.order); pos += p.batch {
		var b *Batch
		select {
		case b = <-free:
		case <-ctx.Done():
			return
		}
		b.Index = append(b.Index[:0], p.order[pos:min(pos+p.batch, len(p.order))]...)
		b.N, b.Taken, b.pos = len(b.Index), len(b.Index), pos
		b.errs = slices.Grow(b.errs[:0], b.N)[:b.N]
		clear(b.errs)
		b.X = b.X[:b.N*p.size]
		b.Label = slices.Grow(b.Label[:0], b.N)
		for _, i := range b.Index {
			b.Label = append(b.Label, p.Set.Items[i].Label)
		}
		b.filled.Add(b.N)
		ready <- b // never blocks: there are no more batches than places
		for k := range b.N {
			jobs <- job{b, k} // the workers take every job, quickly once ctx is done
		}
	}
}

// fill loads one example.
func (p *loading) fill(ctx context.Context, j job) {
	defer j.b.filled.Done()
	if ctx.Err() == nil {
		j.b.errs[j.k] = p.load(j.b.X[j.k*p.size:(j.k+1)*p.size], j.b.Index[j.k], j.b.pos+j.k)
	}
}

// compact closes the gaps of the examples that Skip leaves out.
func (p *loading) compact(b *Batch) error {
	n := 0
	for k, err := range b.errs {
		if err != nil {
			if p.Skip != nil {
				err = p.Skip(b.Index[k], err)
			}
			if err != nil {
				return err
			}
			continue
		}
		if n < k {
			copy(b.X[n*p.size:(n+1)*p.size], b.X[k*p.size:(k+1)*p.size])
			b.Index[n], b.Label[n] = b.Index[k], b.Label[k]
		}
		n++
	}
	b.N, b.X, b.Index, b.Label = n, b.X[:n*p.size], b.Index[:n], b.Label[:n]
	return nil
}

func (p *loading) load(x []float32, i, pos int) error {
	var v View
	if p.View != nil {
		v = p.View(pos)
	}
	if t, shape, ok := p.Set.Tensor(i); ok {
		copy(x, t)
		if v.Flips() {
			for w := shape[2]; len(x) > 0; x = x[w:] {
				slices.Reverse(x[:w])
			}
		}
		return nil
	}
	im, err := p.Set.Image(i)
	if err != nil {
		return err
	}
	if err := p.Pre.Apply(x, im, v); err != nil {
		return fmt.Errorf("data: %s: %w", show(p.Set.Items[i].Name), err)
	}
	return nil
}
