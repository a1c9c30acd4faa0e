package data

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
)

// Only is the examples of some of the classes of s, in the order of s, with their labels
// numbered as classes has them.
func (s *Set) Only(classes []string) (*Set, error) {
	number, known := indexOf(classes), indexOf(s.Classes)
	for _, c := range classes {
		if _, ok := known[c]; !ok {
			return nil, fmt.Errorf("data: there is no class %s among the %d", show(c), len(s.Classes))
		}
	}
	var idx []int
	for i, it := range s.Items {
		if it.Label >= 0 {
			if _, ok := number[s.Classes[it.Label]]; ok {
				idx = append(idx, i)
			}
		}
	}
	sub := s.Subset(idx)
	sub.Classes = classes
	for k, i := range idx {
		sub.Items[k].Label = number[s.Classes[s.Items[i].Label]]
	}
	return sub, nil
}

// Decoded is s with its pictures decoded and kept in memory, for several trainings on the
// same data. Float32 arrays are in memory already. Where the pictures take more than limit
// bytes it gives s as it is. A picture that does not decode is an error.
func (s *Set) Decoded(ctx context.Context, limit int64) (*Set, error) {
	if s.Len() == 0 {
		return s, nil
	}
	if _, _, arrays := s.Tensor(0); arrays {
		return s, nil
	}
	if first, err := s.Image(0); err != nil || int64(len(first.Pix))*int64(s.Len()) > 2*limit {
		return s, err // by far
	}
	d := decoded{source: s, pictures: make([]*Image, s.Len())}
	errs := make([]error, s.Len())
	var taken atomic.Int64
	full := func() bool { return taken.Load() > limit }
	s.each(runtime.GOMAXPROCS(0), func() bool { return ctx.Err() != nil || full() }, func(i int) {
		if d.pictures[i], errs[i] = s.Image(i); errs[i] == nil {
			taken.Add(int64(len(d.pictures[i].Pix)))
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	if full() {
		return s, nil
	}
	return &Set{Classes: s.Classes, Items: s.Items, src: d}, nil
}

// decoded is a source of pictures in memory.
type decoded struct {
	source   *Set
	pictures []*Image
}

func (d decoded) image(i int) (*Image, error)    { return d.pictures[i], nil }
func (d decoded) tensor(int) ([]float32, [3]int) { return nil, [3]int{} }
func (d decoded) content(i int) ([]byte, error)  { return d.source.src.content(d.source.position(i)) }
