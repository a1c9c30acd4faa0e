package data

import (
	"bytes"
	"context"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// shared is a path below the data that lies beside the repository; the test is skipped where it is missing.
func shared(t *testing.T, name string) string {
	t.Helper()
	p := filepath.Join("..", "..", "..", "shared", "data", filepath.FromSlash(name))
	if _, err := os.Stat(p); err != nil {
		t.Skipf("shared data %s is missing", name)
	}
	return p
}

func TestSharedSets(t *testing.T) {
	for _, c := range []struct {
		path, kind               string
		classes, train, val, tst int
	}{
		{"datasets/hymenoptera.zip", "zip folder", 2, 244, 153, 0},
		{"datasets/clothing10.zip", "zip folder", 10, 3068, 341, 372},
		{"datasets/flowers5_32.zip", "zip folder", 5, 3446, 865, 0},
		{"datasets/mnist_t10k", "idx", 10, 10000, 0, 0},
		{"datasets/mnist_t10k/t10k-images-idx3-ubyte.gz", "idx", 10, 10000, 0, 0},
		{"photos/photos.csv", "csv", 24, 24, 0, 0},
	} {
		d, err := Open(shared(t, c.path))
		if err != nil {
			t.Fatal(err)
		}
		n := func(s *Set) int {
			if s == nil {
				return 0
			}
			return s.Len()
		}
		if d.Kind != c.kind || len(d.Train.Classes) != c.classes || n(d.Train) != c.train || n(d.Val) != c.val || n(d.Test) != c.tst {
			t.Errorf("%s: %s with %d classes and %d, %d, %d images, want %v", c.path, d.Kind, len(d.Train.Classes), n(d.Train), n(d.Val), n(d.Test), c)
		}
		d.Close()
	}
}

func TestSharedLoad(t *testing.T) {
	d, err := Open(shared(t, "datasets/hymenoptera.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	l := Loader{Set: d.Train, Pre: Preprocess{Height: 224, Width: 224}}
	n, start := 0, time.Now()
	if err := l.Each(context.Background(), func(b *Batch) error { n += b.N; return nil }); err != nil {
		t.Fatal(err)
	}
	if n != d.Train.Len() {
		t.Errorf("%d images loaded, want %d", n, d.Train.Len())
	}
	t.Logf("%d images in %v: %s", n, time.Since(start), d.Train.Describe())
}

// Photographs decode and resize to what Pillow gives: the moments of the input agree to a tenth of a level.
func TestSharedPhotosEqualPillow(t *testing.T) {
	b, err := os.ReadFile("testdata/photos.csv")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil || len(rows) != 7 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		im := decodeFile(t, shared(t, row[0]))
		x := make([]float32, 3*224*224)
		if err := (Preprocess{Height: 224, Width: 224}).Apply(x, im, View{}); err != nil {
			t.Fatal(err)
		}
		for c := range 3 {
			var got [3]float64 // mean, weighted by column, weighted by row
			for i, v := range x[c*224*224 : (c+1)*224*224] {
				m := float64(v) / (224 * 224)
				got[0] += m
				got[1] += m * float64(i%224) / 223
				got[2] += m * float64(i/224) / 223
			}
			for k, g := range got {
				want, err := strconv.ParseFloat(row[1+3*c+k], 64)
				if err != nil || math.Abs(g-want) > 0.1 {
					t.Errorf("%s: moment %d of channel %d is %.4f, Pillow's %s", row[0], k, c, g, row[1+3*c+k])
				}
			}
		}
	}
}
