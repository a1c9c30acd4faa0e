package graph

import (
	"fmt"
	"slices"
)

// Fold is a run of rows that repeats those above it, so that a picture may leave it out.
type Fold struct {
	First, Last int  // rows
	Period      int  // rows of one repetition
	Same        bool // in all sizes; else some have other numbers of channels
}

// A fold is worth it from so many rows on, more where sizes differ, which it hides; a
// small drawing has none.
const (
	foldSame, foldAlike = 4, 12
	maxPeriod           = 32
	smallDrawing        = 70
)

// folding finds what repeats by what rows look like: in all sizes, but for the numbers of
// channels, and but for the lanes that begin there, too.
type folding struct {
	rows              []Row
	same, alike, ends []string
}

// findFolds finds what repeats, greedily from the top.
func findFolds(rows []Row) []Fold {
	if len(rows) <= smallDrawing {
		return nil
	}
	f := folding{rows: rows}
	for _, r := range rows {
		through := slices.DeleteFunc(slices.Clone(r.Lanes), func(l Lane) bool { return l.From < 0 })
		end := fmt.Sprint(r.Kind, r.State, r.Cut > 0, r.Direct, through)
		for _, p := range r.Parts {
			end += fmt.Sprintf(" %q %q", p.Op, p.Detail)
		}
		if len(r.Shape) == 4 {
			end += fmt.Sprint(r.Shape[2:])
		}
		alike := fmt.Sprint(end, r.Lanes)
		f.ends, f.alike, f.same = append(f.ends, end), append(f.alike, alike), append(f.same, fmt.Sprint(alike, r.Shape, r.Params, r.MACs))
	}
	var folds []Fold
	for i := 0; i < len(rows); {
		best := f.at(i)
		if best.Period == 0 {
			i++
			continue
		}
		// A block begins behind a cut point, where it can without hiding less.
		for k := i; k < i+best.Period; k++ {
			if k > 0 && rows[k-1].Cut > 0 {
				if g := f.at(k); g.Period == best.Period && g.Last-g.First >= best.Last-best.First {
					best = g
				}
				break
			}
		}
		folds = append(folds, best)
		i = best.Last + 1
	}
	return folds
}

// at is the longest run of repetitions of the rows from first on, if it is worth it.
func (f folding) at(first int) (best Fold) {
	for p := 1; p <= maxPeriod && first+2*p <= len(f.rows); p++ {
		for _, key := range [][]string{f.same, f.alike} {
			n := 0
			for first+p+n < len(key) && key[first+n] == key[first+p+n] {
				n++
			}
			if at := first + p + n; (n+1)%p == 0 && at < len(key) && f.ends[at-p] == f.ends[at] {
				n++ // no further repetition reads the last row
			}
			n -= n % p
			same := f.sized(first, n, p)
			if (n >= foldAlike || same && n >= foldSame) && n > best.Last-best.First+1 {
				best = Fold{first + p, first + p + n - 1, p, same}
			}
		}
	}
	return best
}

// sized says whether n rows from first on have the sizes of those a period further.
func (f folding) sized(first, n, period int) bool {
	for i := first; i < first+n; i++ {
		a, b := f.rows[i], f.rows[i+period]
		if a.Params != b.Params || a.MACs != b.MACs || !slices.Equal(a.Shape, b.Shape) {
			return false
		}
	}
	return true
}
