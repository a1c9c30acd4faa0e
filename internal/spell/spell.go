// Package spell finds the word that was meant: a verb, a flag, a value or the name of
// a layer.
package spell

import "strings"

// Hint asks "did you mean …?" with the nearest candidate; "" where none is near.
func Hint(name string, candidates []string) string {
	if near, ok := Nearest(name, candidates); ok {
		return "did you mean " + near + "?"
	}
	return ""
}

// Nearest returns the candidate that name most likely is a misspelling or a
// beginning of, if there is one.
func Nearest(name string, candidates []string) (string, bool) {
	best, least := "", 1+len(name)/4
	for _, c := range candidates {
		d := distance(name, c)
		if len(strings.TrimLeft(name, "-")) >= 3 && strings.HasPrefix(c, name) {
			d = 1
		}
		if d < least || d == least && best == "" {
			best, least = c, d
		}
	}
	return best, best != ""
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment; Damerau 1964).
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return len(a) + len(b) // no flag is that long
	}
	before, last := []int(nil), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(last[j]+1, row[j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
