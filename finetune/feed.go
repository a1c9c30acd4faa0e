package finetune

import (
	"context"

	"graft/finetune/data"
)

// feed gives a network's inputs batch by batch.
type feed interface {
	// each calls f with the examples of order in batches; x holds n inputs. In epoch
	// 0 and later the images are varied as the configuration says, before it they are not.
	each(ctx context.Context, order []int, epoch, batch int, f func(x []float32, n int, labels []int) error) error
	len() int
}

// unvaried is the epoch of validation and of prediction.
const unvaried = -1

// images are decoded and preprocessed every time.
type images struct {
	set     *data.Set
	pre     data.Preprocess
	mirror  bool
	seed    uint64
	workers int
}

func (s images) len() int { return s.set.Len() }

func (s images) each(ctx context.Context, order []int, epoch, batch int, f func([]float32, int, []int) error) error {
	l := data.Loader{Set: s.set, Pre: s.pre, Batch: batch, Order: order, Workers: s.workers}
	if s.mirror && epoch != unvaried {
		l.Flip = func(pos int) bool { return data.Coin(s.seed, epoch, order[pos]) }
	}
	return l.Each(ctx, func(b *data.Batch) error { return f(b.X, b.N, b.Label) })
}

// features are what the frozen part makes of the images, in memory.
type features struct {
	plain, mirrored []float32 // [n,width]; mirrored is nil where it is not asked for
	width           int
	labels          []int
	seed            uint64
}

func (s *features) len() int { return len(s.labels) }

func (s *features) each(ctx context.Context, order []int, epoch, batch int, f func([]float32, int, []int) error) error {
	x, labels := make([]float32, batch*s.width), make([]int, batch)
	for at := 0; at < len(order); at += batch {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(batch, len(order)-at)
		for k, i := range order[at : at+n] {
			from := s.plain
			if s.mirrored != nil && epoch != unvaried && data.Coin(s.seed, epoch, i) {
				from = s.mirrored
			}
			copy(x[k*s.width:(k+1)*s.width], from[i*s.width:])
			labels[k] = s.labels[i]
		}
		if err := f(x[:n*s.width], n, labels[:n]); err != nil {
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
