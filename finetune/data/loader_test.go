package data

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// somePictures is a set of the resize sources and the WebP and PNG images of testdata: files of several sizes.
func somePictures(t testing.TB) *Set {
	t.Helper()
	s, err := OpenImages("testdata/resize", "testdata/images/png_rgb.png", "testdata/images/webp_lossy.webp")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The batches are the same for any number of workers, and hold the examples of Order.
func TestLoaderDeterminism(t *testing.T) {
	s := somePictures(t)
	order := slices.Concat(Shuffle(s.Len(), 3, 0), Shuffle(s.Len(), 3, 1), Shuffle(s.Len(), 3, 2))
	load := func(workers, ahead, batch int) (x []float32, index []int, sizes []int) {
		l := Loader{Set: s, Pre: Preprocess{Height: 16, Width: 16}, Batch: batch, Order: order, Workers: workers, Ahead: ahead,
			View: func(pos int) View { return Presets[3].View(1, 0, pos) }}
		if err := l.Each(context.Background(), func(b *Batch) error {
			if len(b.X) != b.N*3*16*16 || len(b.Label) != b.N || b.Shape != [3]int{3, 16, 16} {
				t.Errorf("batch of %d with %d floats, %d labels, shape %v", b.N, len(b.X), len(b.Label), b.Shape)
			}
			x, index, sizes = append(x, b.X...), append(index, b.Index...), append(sizes, b.N)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return x, index, sizes
	}
	x, index, sizes := load(1, 1, 4)
	if !slices.Equal(index, order) {
		t.Errorf("examples %v, want %v", index, order)
	}
	if fmt.Sprint(sizes) != "[4 4 4 3]" {
		t.Errorf("batches of %v", sizes)
	}
	for _, c := range [][3]int{{2, 1, 4}, {8, 3, 4}, {3, 2, 7}, {4, 9, 100}} {
		again, _, _ := load(c[0], c[1], c[2])
		if !slices.Equal(x, again) {
			t.Errorf("workers %d, ahead %d, batch %d: other floats", c[0], c[1], c[2])
		}
	}
}

func TestLoaderTensors(t *testing.T) {
	s := FromArrays([]float32{1, 2, 3, 4, 5, 6, 7, 8}, [3]int{1, 2, 2}, []int{0, 1}, []string{"a", "b"})
	l := Loader{Set: s, View: func(pos int) View { return []View{{}, Mirrored}[pos] }}
	err := l.Each(context.Background(), func(b *Batch) error {
		if got := fmt.Sprint(b.X, b.Label, b.Shape); got != "[1 2 3 4 6 5 8 7] [0 1] [1 2 2]" {
			t.Error(got)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	l.Pre = Preprocess{Height: 4, Width: 4}
	if err := l.Each(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "[1 2 2], the network's input is [3 4 4]") {
		t.Errorf("error %v", err)
	}
}

// The first bad file in order is named, whichever worker meets one first; nothing is left running.
func TestLoaderErrors(t *testing.T) {
	before := runtime.NumGoroutine()
	dir := t.TempDir()
	png, _ := os.ReadFile("testdata/images/png_rgb.png")
	for i := range 20 {
		b := png
		if i == 9 || i == 11 {
			b = png[:200]
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%02d.png", i)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := OpenImages(dir)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		seen := 0
		l := Loader{Set: s, Pre: Preprocess{Height: 8, Width: 8}, Batch: 4, Workers: 4}
		err := l.Each(context.Background(), func(b *Batch) error { seen += b.N; return nil })
		if err == nil || !strings.Contains(err.Error(), "09.png: PNG image") || seen != 8 {
			t.Fatalf("after %d images: %v", seen, err)
		}
	}
	l := Loader{Set: s, Pre: Preprocess{Height: 8, Width: 8}, Batch: 2}
	stop := errors.New("enough")
	if err := l.Each(context.Background(), func(b *Batch) error { return stop }); err != stop {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := l.Each(ctx, func(b *Batch) error { cancel(); return nil }); err != context.Canceled {
		t.Errorf("error %v", err)
	}
	l.Order = []int{0, 20}
	if err := l.Each(context.Background(), nil); err == nil {
		t.Error("an example outside of the set is taken")
	}
	l.Order = []int{}
	if err := l.Each(context.Background(), nil); err != nil {
		t.Error(err)
	}
	for deadline := time.Now().Add(2 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// While one batch is read the next ones are decoded: as many as Ahead says and no more.
func TestLoaderWorksAhead(t *testing.T) {
	s := somePictures(t)
	const batch, ahead = 2, 3
	var mu sync.Mutex
	begun := map[int]bool{}
	order := slices.Concat(upTo(s.Len()), upTo(s.Len()), upTo(s.Len()))
	l := Loader{Set: s, Pre: Preprocess{Height: 8, Width: 8}, Batch: batch, Order: order, Workers: 2, Ahead: ahead, View: func(pos int) View {
		mu.Lock()
		defer mu.Unlock()
		begun[pos] = true
		return View{}
	}}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(begun)
	}
	read := 0
	if err := l.Each(context.Background(), func(b *Batch) error {
		want := min(read+(1+ahead)*batch, len(order)) // this one and those ahead
		for end := time.Now().Add(10 * time.Second); count() < want; time.Sleep(100 * time.Microsecond) {
			if time.Now().After(end) {
				t.Fatalf("%d pictures are begun while those from %d on are read, want %d", count(), read, want)
			}
		}
		time.Sleep(time.Millisecond) // time to go too far
		if n := count(); n > want {
			t.Errorf("%d pictures are begun while those from %d on are read, want %d", n, read, want)
		}
		read += b.N
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if read != len(order) {
		t.Errorf("%d pictures, want %d", read, len(order))
	}
}

func upTo(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}

// BenchmarkLoaderOverlap decodes on one goroutine while a step on other cores, which a
// sleep stands for, takes as long for each batch: of-sum is the time that both take over
// the sum of what each takes alone, near 0.5 where they overlap wholly.
func BenchmarkLoaderOverlap(b *testing.B) {
	s := somePictures(b)
	l := Loader{Set: s, Pre: Preprocess{Height: 224, Width: 224}, Batch: 4, Order: slices.Repeat(upTo(s.Len()), 20), Workers: 1}
	load := func(f func()) time.Duration {
		start := time.Now()
		if err := l.Each(context.Background(), func(*Batch) error { f(); return nil }); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	batches := (len(l.Order) + l.Batch - 1) / l.Batch
	var alone, both time.Duration
	for b.Loop() {
		decoding := load(func() {})
		compute := decoding / time.Duration(batches)
		alone += 2 * decoding
		both += load(func() { time.Sleep(compute) })
	}
	b.ReportMetric(both.Seconds()/alone.Seconds(), "of-sum")
}
