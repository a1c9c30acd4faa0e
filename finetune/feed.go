package finetune

import (
	"context"

	"graft/finetune/data"
)

// feed gives a network's inputs batch by batch.
type feed interface {
	// each calls f with the examples of order in batches. In epoch 0 and later the images
	// are varied as the phase says, before it they are not.
	each(ctx context.Context, order []int, epoch, batch int, f func(b batch) error) error
	len() int
}

// batch is a run of examples; it is valid until the function that got it returns.
type batch struct {
	x      []float32 // n inputs
	n      int
	taken  int   // of the order: n, and the images that are skipped
	index  []int // in the set
	labels []int
}

// unvaried is the epoch of validation and of prediction.
const unvaried = -1

// images are decoded and preprocessed every time.
type images struct {
	set     *data.Set
	pre     data.Preprocess
	augment data.Augment
	seed    uint64
	workers int
	skip    func(i int, err error) error // nil: what does not decode is an error
}

func (s images) len() int { return s.set.Len() }

func (s images) each(ctx context.Context, order []int, epoch, size int, f func(batch) error) error {
	l := data.Loader{Set: s.set, Pre: s.pre, Batch: size, Order: order, Workers: s.workers, Skip: s.skip}
	if s.augment != (data.Augment{}) && epoch != unvaried {
		l.View = func(pos int) data.View { return s.augment.View(s.seed, epoch, order[pos]) }
	}
	return l.Each(ctx, func(b *data.Batch) error { return f(batch{b.X, b.N, b.Taken, b.Index, b.Label}) })
}

// features are what the frozen part makes of the images, in memory.
type features struct {
	plain, mirrored []float32 // [n,width]; mirrored is nil where it is not asked for
	width           int
	labels          []int
	bad             map[int]bool // images that are skipped
	augment         data.Augment // which mirrors at most
	seed            uint64
}

func (s *features) len() int { return len(s.labels) }

func (s *features) each(ctx context.Context, order []int, epoch, size int, f func(batch) error) error {
	b := batch{x: make([]float32, size*s.width), labels: make([]int, size), index: make([]int, size)}
	for at := 0; at < len(order); at += size {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, taken := 0, min(size, len(order)-at)
		for _, i := range order[at : at+taken] {
			if s.bad[i] {
				continue
			}
			from := s.plain
			if s.mirrored != nil && epoch != unvaried && s.augment.View(s.seed, epoch, i).Flips() {
				from = s.mirrored
			}
			copy(b.x[n*s.width:(n+1)*s.width], from[i*s.width:])
			b.labels[n], b.index[n] = s.labels[i], i
			n++
		}
		if err := f(batch{b.x[:n*s.width], n, taken, b.index[:n], b.labels[:n]}); err != nil {
			return err
		}
	}
	return nil
}

// upTo is the order 0, 1, … n-1.
func upTo(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}
