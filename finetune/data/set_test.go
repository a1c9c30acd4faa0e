package data

import (
	"fmt"
	"slices"
	"testing"
)

// numbered is a set of one-float examples x[i] = i with the given numbers of examples in the classes a, b, c, …
func numbered(counts ...int) *Set {
	var x []float32
	var y []int
	var classes []string
	for c, n := range counts {
		classes = append(classes, string(rune('a'+c)))
		for range n {
			x = append(x, float32(len(x)))
			y = append(y, c)
		}
	}
	return FromArrays(x, [3]int{1, 1, 1}, y, classes)
}

func values(s *Set) (v []int) {
	for i := range s.Len() {
		x, _, _ := s.Tensor(i)
		v = append(v, int(x[0]))
	}
	return v
}

func TestSplit(t *testing.T) {
	s := numbered(50, 10, 3, 1)
	train, val, err := s.Split(0.2, 7)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(train.Counts(), val.Counts()); got != "[40 8 2 1] [10 2 1 0]" {
		t.Errorf("counts %s", got)
	}
	all := slices.Concat(values(train), values(val))
	if !slices.IsSorted(values(train)) || !slices.IsSorted(values(val)) {
		t.Error("a part does not keep the order")
	}
	slices.Sort(all)
	if !slices.Equal(all, values(s)) {
		t.Errorf("the parts hold %v", all)
	}
	for i := range val.Len() {
		if x, _, _ := val.Tensor(i); val.Items[i].Name != fmt.Sprintf("x[%d]", int(x[0])) {
			t.Errorf("item %s has the pixels %v", val.Items[i].Name, x)
		}
	}
	_, again, _ := s.Split(0.2, 7)
	_, other, _ := s.Split(0.2, 8)
	if !slices.Equal(values(val), values(again)) {
		t.Error("the same seed splits differently")
	}
	if slices.Equal(values(val), values(other)) {
		t.Error("another seed splits alike")
	}
	_, high, err := s.Split(0.99, 7)
	if err != nil || fmt.Sprint(high.Counts()) != "[49 9 2 0]" {
		t.Errorf("a fraction of 0.99 gives %v, %v", high.Counts(), err)
	}
}

func TestSplitRefuses(t *testing.T) {
	for _, fraction := range []float64{0, 1, -1, 2, nan()} {
		if _, _, err := numbered(5, 5).Split(fraction, 1); err == nil {
			t.Errorf("fraction %v is taken", fraction)
		}
	}
	if _, _, err := numbered(1, 2).Split(0.1, 1); err == nil {
		t.Error("a split that leaves nothing to validate on is taken")
	}
}

func nan() float64 { z := 0.0; return z / z }

func TestSubsetOfSubset(t *testing.T) {
	s := numbered(6, 4).Subset([]int{9, 7, 5, 3, 1}).Subset([]int{4, 0, 2})
	if got := fmt.Sprint(values(s), s.Counts(), s.Items[1]); got != "[1 9 5] [2 1] {x[9] 1 []}" {
		t.Error(got)
	}
}

func TestAlign(t *testing.T) {
	s, err := numbered(2, 1).Align([]string{"c", "b", "x", "a"})
	if err != nil || fmt.Sprint(s.Items, s.Counts(), values(s)) != "[{x[0] 3 []} {x[1] 3 []} {x[2] 1 []}] [0 1 0 2] [0 1 2]" {
		t.Errorf("%v, %v", s, err)
	}
	if _, err := s.Align([]string{"c", "b", "x"}); err == nil || err.Error() != "data: class a is not among the 3 known ones" {
		t.Errorf("error %v", err)
	}
}

func TestDescribe(t *testing.T) {
	if got := numbered(3, 2).Describe(); got != "5 images, 2 classes: a 3, b 2" {
		t.Error(got)
	}
}

func TestShuffle(t *testing.T) {
	a := Shuffle(100, 1, 0)
	sorted := slices.Clone(a)
	slices.Sort(sorted)
	for i, v := range sorted {
		if v != i {
			t.Fatalf("not a permutation: %v", a)
		}
	}
	if !slices.Equal(a, Shuffle(100, 1, 0)) {
		t.Error("not a function of its arguments")
	}
	if slices.Equal(a, Shuffle(100, 1, 1)) || slices.Equal(a, Shuffle(100, 2, 0)) {
		t.Error("epoch or seed does not matter")
	}
	// Every place is as likely: over 6000 epochs of 3 each of the 6 orders comes about 1000 times (sd 29).
	seen := map[string]int{}
	for epoch := range 6000 {
		seen[fmt.Sprint(Shuffle(3, 5, epoch))]++
	}
	for order, n := range seen {
		if n < 850 || n > 1150 {
			t.Errorf("%s came %d times of 6000", order, n)
		}
	}
	// The order of a seed is part of what a resumed run relies on; made by this function when it was written.
	if got := fmt.Sprint(Shuffle(8, 42, 3)); got != "[2 1 4 7 5 6 3 0]" {
		t.Errorf("the order of seed 42, epoch 3 changed: %s", got)
	}
}

func TestFolds(t *testing.T) {
	s := FromArrays(make([]float32, 23), [3]int{1, 1, 1}, []int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1}, []string{"a", "b"})
	train, val, err := s.Folds(4, 7)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for f := range train {
		if train[f].Len()+val[f].Len() != 23 || val[f].Len() < 5 || val[f].Len() > 6 {
			t.Errorf("fold %d: %d and %d", f, train[f].Len(), val[f].Len())
		}
		if n := val[f].Counts(); n[0] < 3 || n[1] < 2 {
			t.Errorf("fold %d: classes %v", f, n)
		}
		for _, it := range val[f].Items {
			seen[it.Name]++
		}
	}
	if len(seen) != 23 {
		t.Errorf("%d examples are validated on, want each once", len(seen))
	}
}

func TestBalanced(t *testing.T) {
	labels := []int{0, 0, 0, 0, 0, 0, 0, 2, 2, 2}
	count := [3]int{}
	distinct := map[int]bool{}
	order := Balanced(labels, 3, 4, 5)
	for _, i := range order {
		count[labels[i]]++
		distinct[i] = true
	}
	if count != [3]int{5, 0, 5} || len(distinct) != 5+3 {
		t.Errorf("classes drawn %v, of %d examples", count, len(distinct))
	}
	if !slices.Equal(order, Balanced(labels, 3, 4, 5)) || slices.Equal(order, Balanced(labels, 3, 4, 6)) {
		t.Error("the draws are no function of seed and epoch")
	}
}

func TestShow(t *testing.T) {
	for in, want := range map[string]string{
		"a/b c.jpg": "a/b c.jpg", "Übung.png": "Übung.png", "": `""`, "a\x1b[31m\n": `"a\x1b[31m\n"`, `say "x"`: `"say \"x\""`,
	} {
		if got := show(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	if n := len([]rune(show(string(make([]rune, 5000))))); n > 900 {
		t.Errorf("a long name takes %d characters", n)
	}
}
