package data

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func colours(t *testing.T) *Set {
	t.Helper()
	root := t.TempDir()
	for class, pixel := range map[string]uint8{"a": 10, "b": 20, "c": 30} {
		for i := range 3 {
			im := newImage(2, 1)
			for k := range im.Pix {
				im.Pix[k] = pixel + uint8(i) + uint8(k%3)
			}
			path := filepath.Join(root, class, string(rune('0'+i))+".bmp")
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, bmpOf(im), 0o666)); err != nil {
				t.Fatal(err)
			}
		}
	}
	d, err := Open(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d.Train
}

// bmpOf writes a picture as an uncompressed BMP of 24 bits, bottom row first.
func bmpOf(im *Image) []byte {
	row := (im.W*3 + 3) / 4 * 4
	size := 54 + row*im.H
	b := make([]byte, size)
	copy(b, "BM")
	le := func(at int, v uint32) {
		b[at], b[at+1], b[at+2], b[at+3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
	}
	le(2, uint32(size))
	le(10, 54)
	le(14, 40)
	le(18, uint32(im.W))
	le(22, uint32(im.H))
	b[26], b[28] = 1, 24
	for y := range im.H {
		for x := range im.W {
			at, p := 54+(im.H-1-y)*row+3*x, (y*im.W+x)*3
			b[at], b[at+1], b[at+2] = im.Pix[p+2], im.Pix[p+1], im.Pix[p]
		}
	}
	return b
}

func TestOnly(t *testing.T) {
	s := colours(t)
	two, err := s.Only([]string{"c", "a"})
	if err != nil {
		t.Fatal(err)
	}
	if two.Len() != 6 || !slices.Equal(two.Counts(), []int{3, 3}) {
		t.Fatalf("%d examples, %v a class", two.Len(), two.Counts())
	}
	for i, it := range two.Items {
		im, err := two.Image(i)
		if err != nil {
			t.Fatal(err)
		}
		if class := two.Classes[it.Label]; it.Name[0] != class[0] || (im.Pix[0] >= 30) != (class == "c") {
			t.Errorf("%s has label %s and pixel %d", it.Name, class, im.Pix[0])
		}
	}
	if _, err := s.Only([]string{"a", "d"}); err == nil || err.Error() != "data: there is no class d among the 3" {
		t.Errorf("%v", err)
	}
}

func TestDecoded(t *testing.T) {
	s := colours(t)
	kept, err := s.Decoded(context.Background(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if kept == s {
		t.Fatal("nothing is kept")
	}
	was, err := s.Manifest(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	is, err := kept.Manifest(context.Background())
	if err != nil || !slices.Equal(was, is) {
		t.Errorf("the manifest is another one: %v", err)
	}
	for i := range s.Items {
		a, _ := s.Image(i)
		b, err := kept.Image(i)
		if err != nil || !slices.Equal(a.Pix, b.Pix) {
			t.Errorf("picture %d is another one: %v", i, err)
		}
	}
	if full, err := s.Decoded(context.Background(), 10); err != nil || full != s {
		t.Errorf("above the limit: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := s.Decoded(ctx, 1<<20); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestMean(t *testing.T) {
	mean, err := colours(t).Mean(context.Background())
	if err != nil || !slices.Equal(mean, []float32{21, 22, 23}) {
		t.Errorf("%v, %v; want 21 22 23", mean, err)
	}
}
