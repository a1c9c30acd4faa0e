package data

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Item is one labelled example.
type Item struct {
	Name  string // path inside the source, for messages and reports
	Label int    // index into Set.Classes; -1 where unlabelled, or told by Told

	// Told is what Set.Heads tell, one after the other: the index of a class, a 1 or 0 for
	// each label, the numbers. nil where the set has no heads.
	Told []float32
}

// Set is a list of examples with their pixels on demand. It is safe for concurrent use as long as nobody changes
// its fields.
type Set struct {
	Classes []string // or labels, of a set whose only head has them
	Items   []Item
	Heads   []Head // nil: an example has one class, its Label

	src source
	at  []int // position in src of each item; nil: the same position
}

// source gives the pixels of example i, in one of two forms; exactly one of the two is not nil.
type source interface {
	image(i int) (*Image, error)
	tensor(i int) (x []float32, shape [3]int)
	// content is the bytes that example i is made from.
	content(i int) ([]byte, error)
}

// Data is what a path holds. Val and Test are nil where the source has none.
type Data struct {
	Train, Val, Test *Set
	Kind             string // "folder", "csv", "npz", "idx" or "arrays"; "zip " in front where it was read from a .zip

	closer io.Closer
}

// Close frees the files that Open holds; the sets must not be read afterwards.
func (d *Data) Close() error {
	if d.closer == nil {
		return nil
	}
	return d.closer.Close()
}

// Len is the number of examples.
func (s *Set) Len() int { return len(s.Items) }

// Image decodes example i. The error names the file. Sets of float32 arrays have no images.
func (s *Set) Image(i int) (*Image, error) {
	im, err := s.src.image(s.position(i))
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", show(s.Items[i].Name), err)
	}
	return im, nil
}

// Tensor gives example i of a set of float32 arrays, x [C,H,W] row-major; ok is false where the set holds pictures.
// The slice is the source's own: do not write to it.
func (s *Set) Tensor(i int) (x []float32, shape [3]int, ok bool) {
	x, shape = s.src.tensor(s.position(i))
	return x, shape, x != nil
}

// each calls f for every example, in order, on so many goroutines, until stop.
func (s *Set) each(workers int, stop func() bool, f func(i int)) {
	next := make(chan int)
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := 0; i < s.Len() && !stop(); i++ {
		next <- i
	}
	close(next)
	running.Wait()
}

func (s *Set) position(i int) int {
	if s.at == nil {
		return i
	}
	return s.at[i]
}

// Subset is the set of the examples idx of s, in that order; the classes stay.
func (s *Set) Subset(idx []int) *Set {
	sub := &Set{Classes: s.Classes, Heads: s.Heads, Items: make([]Item, len(idx)), src: s.src, at: make([]int, len(idx))}
	for k, i := range idx {
		sub.Items[k] = s.Items[i]
		sub.at[k] = s.position(i)
	}
	return sub
}

// strata are the examples that are divided evenly: those of each class, all together
// where they have none.
func (s *Set) strata(what string) ([][]int, error) {
	of := make([][]int, max(len(s.Classes), 1))
	for i, it := range s.Items {
		switch {
		case it.Label >= 0:
			of[it.Label] = append(of[it.Label], i)
		case it.Told != nil:
			of[0] = append(of[0], i)
		default:
			return nil, fmt.Errorf("data: %s: %s has no label", what, show(it.Name))
		}
	}
	return of, nil
}

// Align is s with its labels numbered as in classes, as a model or a training set has them; a class of s that is not
// among these is an error.
func (s *Set) Align(classes []string) (*Set, error) {
	index := indexOf(classes)
	to := make([]int, len(s.Classes))
	for c, name := range s.Classes {
		label, ok := index[name]
		if !ok {
			return nil, fmt.Errorf("data: class %s is not among the %d known ones", show(name), len(classes))
		}
		to[c] = label
	}
	aligned := &Set{Classes: classes, Items: slices.Clone(s.Items), src: s.src, at: s.at}
	for i, it := range s.Items {
		if it.Label >= 0 {
			aligned.Items[i].Label = to[it.Label]
		}
	}
	return aligned, nil
}

// Counts is the number of examples of each class, or of each label of an only head.
func (s *Set) Counts() []int {
	counts := make([]int, len(s.Classes))
	for _, it := range s.Items {
		if it.Label >= 0 {
			counts[it.Label]++
			continue
		}
		for c := range counts {
			if c < len(it.Told) && it.Told[c] == 1 {
				counts[c]++
			}
		}
	}
	return counts
}

// Describe is one line for messages: "244 images, 2 classes: ants 123, bees 121". Long lists are cut.
func (s *Set) Describe() string {
	const most = 10
	var b strings.Builder
	if len(s.Heads) > 1 || len(s.Heads) == 1 && s.Heads[0].Kind == Values {
		return fmt.Sprintf("%d images%s", s.Len(), s.describeHeads())
	}
	what := "classes"
	if len(s.Heads) == 1 && s.Heads[0].Kind == Labels {
		what = "labels"
	}
	fmt.Fprintf(&b, "%d images, %d %s", s.Len(), len(s.Classes), what)
	for c, n := range s.Counts() {
		if c == most {
			fmt.Fprintf(&b, ", … %d more", len(s.Classes)-most)
			break
		}
		sep := ", "
		if c == 0 {
			sep = ": "
		}
		fmt.Fprintf(&b, "%s%s %d", sep, show(s.Classes[c]), n)
	}
	return b.String()
}

// Split divides s into a training part and a validation part that holds round(fraction*n) of the n examples of each
// class, at most n-1. Which ones is a function of the seed, the class and n alone; both parts keep the order of s.
func (s *Set) Split(fraction float64, seed uint64) (train, val *Set, err error) {
	if !(fraction > 0 && fraction < 1) {
		return nil, nil, fmt.Errorf("data: split: validation fraction %v, want more than 0 and less than 1", fraction)
	}
	byClass, err := s.strata("split")
	if err != nil {
		return nil, nil, err
	}
	var in, out []int
	for c, members := range byClass {
		n := min(int(math.Round(fraction*float64(len(members)))), len(members)-1)
		for k, j := range Shuffle(len(members), mix(seed, uint64(c)), 0) {
			if k < n {
				out = append(out, members[j])
			} else {
				in = append(in, members[j])
			}
		}
	}
	if len(out) == 0 {
		return nil, nil, fmt.Errorf("data: split: a fraction %v of %d examples leaves none to validate on", fraction, s.Len())
	}
	slices.Sort(in)
	slices.Sort(out)
	return s.Subset(in), s.Subset(out), nil
}

// FromArrays is the set of the examples x [N,C,H,W] (shape is [C,H,W]) with labels y [N], indices into classes.
// It panics where the lengths disagree or a label is out of range.
func FromArrays(x []float32, shape [3]int, y []int, classes []string) *Set {
	size := shape[0] * shape[1] * shape[2]
	if size <= 0 || len(x) != len(y)*size {
		panic("data: FromArrays: len(x) is not len(y) times the shape")
	}
	items := make([]Item, len(y))
	for i, label := range y {
		if label < 0 || label >= len(classes) {
			panic("data: FromArrays: label out of range")
		}
		items[i] = Item{Name: "x[" + strconv.Itoa(i) + "]", Label: label}
	}
	return &Set{Classes: classes, Items: items, src: floats{x, shape}}
}

// FromImages is the set of pictures that are in memory already, without labels; names are
// for messages. It panics where there are not as many names as pictures.
func FromImages(names []string, p []*Image) *Set {
	if len(names) != len(p) {
		panic("data: FromImages: names and pictures differ in number")
	}
	items := make([]Item, len(p))
	for i, name := range names {
		items[i] = Item{Name: name, Label: -1}
	}
	return &Set{Items: items, src: pictures(p)}
}

// pictures is a source of decoded pictures.
type pictures []*Image

func (p pictures) image(i int) (*Image, error)    { return p[i], nil }
func (p pictures) tensor(int) ([]float32, [3]int) { return nil, [3]int{} }
func (p pictures) content(i int) ([]byte, error)  { return p[i].Pix, nil }

// floats is a source of float32 examples, taken as they are.
type floats struct {
	x     []float32 // [N,C,H,W]
	shape [3]int    // C, H, W
}

func (f floats) image(int) (*Image, error) {
	return nil, fmt.Errorf("a float32 array, not an image")
}

func (f floats) tensor(i int) ([]float32, [3]int) {
	size := f.shape[0] * f.shape[1] * f.shape[2]
	return f.x[i*size : (i+1)*size : (i+1)*size], f.shape
}

func (f floats) content(i int) ([]byte, error) {
	x, _ := f.tensor(i)
	b := make([]byte, 0, 4*len(x))
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b, nil
}

// raster is a source of 8-bit pictures held in memory.
type raster struct {
	pix     []byte // [N,H,W,C]
	h, w, c int    // c is 1 (gray), 3 (RGB) or 4 (RGB and an alpha that is dropped)
}

func (r raster) image(i int) (*Image, error) {
	size := r.h * r.w * r.c
	pix := r.pix[i*size : (i+1)*size]
	im := newImage(r.w, r.h)
	for s, d := 0, 0; d < len(im.Pix); s, d = s+r.c, d+3 {
		if r.c == 1 {
			im.Pix[d], im.Pix[d+1], im.Pix[d+2] = pix[s], pix[s], pix[s]
		} else {
			copy(im.Pix[d:d+3], pix[s:s+3])
		}
	}
	return im, nil
}

func (r raster) content(i int) ([]byte, error) {
	size := r.h * r.w * r.c
	return r.pix[i*size : (i+1)*size], nil
}

func (r raster) tensor(int) ([]float32, [3]int) { return nil, [3]int{} }

// show makes a name from outside fit for one line of a message: escaped where it does not print, cut at 200 characters.
func show(name string) string {
	if r := []rune(name); len(r) > 200 {
		name = string(r[:200]) + "…"
	}
	if q := strconv.Quote(name); q != `"`+name+`"` || name == "" {
		return q
	}
	return name
}

// Folds divides s into k parts, class by class, and gives each part as a validation set with the others as its
// training set. It is a function of the seed, k and the labels.
func (s *Set) Folds(k int, seed uint64) (train, val []*Set, err error) {
	if k < 2 || k > s.Len() {
		return nil, nil, fmt.Errorf("data: folds: %d of %d examples, want 2 to all of them", k, s.Len())
	}
	fold := make([]int, s.Len())
	byClass, err := s.strata("folds")
	if err != nil {
		return nil, nil, err
	}
	next := 0 // goes on from class to class, so that the parts are of one size
	for c, members := range byClass {
		for _, j := range Shuffle(len(members), mix(seed, uint64(c)), 0) {
			fold[members[j]] = next % k
			next++
		}
	}
	for f := range k {
		var in, out []int
		for i, of := range fold {
			if of == f {
				out = append(out, i)
			} else {
				in = append(in, i)
			}
		}
		train, val = append(train, s.Subset(in)), append(val, s.Subset(out))
	}
	return train, val, nil
}
