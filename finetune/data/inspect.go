package data

import (
	"context"
	"crypto/sha256"
	"math"
	"math/bits"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// look is what one example looks like.
type look struct {
	sum       [sha256.Size]byte
	err       error // it cannot be read or decoded
	w, h      int   // 0 for arrays
	wrongName string
	hash      [2]uint64  // of its gradients, along rows and columns
	thumb     [256]uint8 // gray, 16x16
	flat      bool       // too even for its gradients to say anything
}

// thumbSide is the side of a look's thumbnail.
const thumbSide = 16

// looks examines every example of a set.
func (s *Set) looks(ctx context.Context, workers int, step func()) ([]look, error) {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	all := make([]look, s.Len())
	var mu sync.Mutex
	s.each(workers, func() bool { return ctx.Err() != nil }, func(i int) {
		all[i] = s.look(i)
		mu.Lock()
		step()
		mu.Unlock()
	})
	return all, ctx.Err()
}

func (s *Set) look(i int) (l look) {
	b, err := s.src.content(s.position(i))
	if err != nil {
		return look{err: reason(err)}
	}
	l.sum = sha256.Sum256(b)
	if _, _, arrays := s.Tensor(i); arrays {
		l.flat = true
		return l
	}
	im, err := s.src.image(s.position(i))
	if err != nil {
		l.err = reason(err)
		return l
	}
	l.w, l.h = im.W, im.H
	if f := sniff(b[:min(len(b), headBytes)]); f != nil && !f.named(s.Items[i].Name) {
		l.wrongName = f.name
	}
	gray := plane{im.W, im.H, 1, im.gray()}
	copy(l.thumb[:], gray.window(thumbSide, thumbSide, 0, 0, thumbSide, thumbSide).pix)
	l.hash, l.flat = gradients(gray), deviation(l.thumb[:]) < 6
	return l
}

// named says whether a file's suffix is one of the format's, or none at all.
func (f *format) named(name string) bool {
	of := map[string][]string{"JPEG": {".jpg", ".jpeg", ".jpe", ".jfif"}, "PNG": {".png"}, "GIF": {".gif"}, "WebP": {".webp"}, "BMP": {".bmp"}}
	suffix := strings.ToLower(path.Ext(name))
	return !slices.Contains(imageSuffix, suffix) || slices.Contains(of[f.name], suffix)
}

// gradients is the difference hash: whether each of 8x8 places is brighter than its right
// neighbour, and than the one below.
func gradients(gray plane) (h [2]uint64) {
	along := gray.window(9, 8, 0, 0, 9, 8)
	down := gray.window(8, 9, 0, 0, 8, 9)
	for y := range 8 {
		for x := range 8 {
			bit := uint64(1) << (8*y + x)
			if along.pix[9*y+x] > along.pix[9*y+x+1] {
				h[0] |= bit
			}
			if down.pix[8*y+x] > down.pix[8*(y+1)+x] {
				h[1] |= bit
			}
		}
	}
	return h
}

func deviation(v []uint8) float64 {
	sum, squares := 0.0, 0.0
	for _, x := range v {
		sum, squares = sum+float64(x), squares+float64(x)*float64(x)
	}
	n := float64(len(v))
	return math.Sqrt(max(squares/n-sum/n*sum/n, 0))
}

// Two pictures are near duplicates where their hashes differ in this many of 128 bits at
// most, and their thumbnails by this much on average.
const (
	nearBits   = 7
	nearPixels = 5
)

// near says whether two pictures show the same, but for size, compression or light.
func (l *look) near(m *look) bool {
	if l.err != nil || m.err != nil || l.flat || m.flat || l.sum == m.sum {
		return false
	}
	if bits.OnesCount64(l.hash[0]^m.hash[0])+bits.OnesCount64(l.hash[1]^m.hash[1]) > nearBits {
		return false
	}
	sum := 0
	for i, v := range l.thumb {
		d := int(v) - int(m.thumb[i])
		sum += max(d, -d)
	}
	return sum <= nearPixels*len(l.thumb)
}

// bands are eight parts of a hash of which near duplicates, by nearBits, share one.
func (l *look) bands() (b [8]uint16) {
	for i := range 4 {
		b[i], b[4+i] = uint16(l.hash[0]>>(16*i)), uint16(l.hash[1]>>(16*i))
	}
	return b
}

// pair is two examples by their positions in a list of looks.
type pair struct{ a, b int }

// duplicates finds equal and near examples among all; equal ones are paired with the
// first of their kind.
func duplicates(all []look) (equal, near []pair) {
	first := map[[sha256.Size]byte]int{}
	var distinct []int
	for i := range all {
		if all[i].err != nil {
			continue
		}
		if k, seen := first[all[i].sum]; seen {
			equal = append(equal, pair{k, i})
			continue
		}
		first[all[i].sum] = i
		if !all[i].flat {
			distinct = append(distinct, i)
		}
	}
	type key struct {
		band int
		bits uint16
	}
	buckets := map[key][]int{}
	for _, i := range distinct {
		found := map[int]bool{}
		for k, b := range all[i].bands() {
			at := key{k, b}
			for _, j := range buckets[at] {
				if !found[j] && all[i].near(&all[j]) {
					found[j] = true
					near = append(near, pair{j, i})
				}
			}
			buckets[at] = append(buckets[at], i)
		}
	}
	slices.SortFunc(near, func(x, y pair) int {
		if x.b != y.b {
			return x.b - y.b
		}
		return x.a - y.a
	})
	return equal, near
}
