package data

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// scene draws a picture that no other number gives, as a JPEG of a quality.
func scene(t *testing.T, number, side, quality int) []byte {
	t.Helper()
	im := image.NewRGBA(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			at := func(k int) uint8 { // blocks of a twelfth of the side, so that the size does not matter
				return uint8(mix(uint64(number), uint64(12*y/side), uint64(12*x/side), uint64(k)))
			}
			im.Set(x, y, color.RGBA{at(0), at(1), at(2), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, im, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// writeTree writes files below a new folder.
func writeTree(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// sound is a folder in which nothing is wrong: 12 training images of each of two classes
// and 100 to validate.
func sound(t *testing.T) map[string][]byte {
	files := map[string][]byte{}
	for i := range 24 {
		files[fmt.Sprintf("train/%c/%02d.jpg", 'a'+i%2, i)] = scene(t, i, 96, 90)
	}
	for i := range 100 {
		files[fmt.Sprintf("val/%c/%02d.jpg", 'a'+i%2, i)] = scene(t, 100+i, 96, 90)
	}
	return files
}

func check(t *testing.T, files map[string][]byte) []Finding {
	t.Helper()
	d, err := Open(writeTree(t, files))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	f, err := d.Check(context.Background(), CheckOptions{Height: 96, Width: 96})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestCheckFinds: each thing that can be wrong is found, named, and nothing else is.
func TestCheckFinds(t *testing.T) {
	dot := func() []byte {
		var b bytes.Buffer
		if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for _, c := range []struct {
		name   string
		change func(files map[string][]byte)
		want   map[string]string // what is found of each kind
	}{
		{"nothing", func(map[string][]byte) {}, nil},
		{"a copy in val", func(f map[string][]byte) { f["val/a/copy.jpg"] = f["train/a/04.jpg"] },
			map[string]string{"leak": "val/a/copy.jpg (is train/a/04.jpg)"}},
		{"a copy under another label", func(f map[string][]byte) { f["train/b/copy.jpg"] = f["train/a/04.jpg"] },
			map[string]string{"contradiction": "train/b/copy.jpg (is train/a/04.jpg)"}},
		{"a mislabelled copy in val", func(f map[string][]byte) { f["val/b/copy.jpg"] = f["train/a/04.jpg"] },
			map[string]string{"contradiction": "val/b/copy.jpg (is train/a/04.jpg)"}},
		{"a copy in its class", func(f map[string][]byte) { f["train/a/z.jpg"] = f["train/a/04.jpg"] },
			map[string]string{"duplicate": "train/a/z.jpg (is train/a/04.jpg)"}},
		{"saved again in val", func(f map[string][]byte) { f["val/a/again.jpg"] = scene(t, 4, 80, 60) },
			map[string]string{"near leak": "val/a/again.jpg (looks like train/a/04.jpg)"}},
		{"saved again", func(f map[string][]byte) { f["train/b/z.jpg"] = scene(t, 4, 120, 50) },
			map[string]string{"near duplicate": "train/b/z.jpg (looks like train/a/04.jpg, of another class)"}},
		{"cut short", func(f map[string][]byte) { f["train/a/04.jpg"] = f["train/a/04.jpg"][:500] },
			map[string]string{"unreadable": "train/a/04.jpg (JPEG image is cut short)"}},
		{"one pixel", func(f map[string][]byte) { f["train/a/dot.png"] = dot() },
			map[string]string{"tiny": "train/a/dot.png (1x1)"}},
		{"small", func(f map[string][]byte) { f["train/a/04.jpg"] = scene(t, 4, 40, 90) },
			map[string]string{"small": "train/a/04.jpg (40x40)"}},
		{"misnamed", func(f map[string][]byte) { f["train/a/04.png"] = f["train/a/04.jpg"]; delete(f, "train/a/04.jpg") },
			map[string]string{"odd": "train/a/04.png (holds a JPEG image)"}},
		{"a class of three", func(f map[string][]byte) {
			for i := range 3 {
				f[fmt.Sprintf("train/c/%d.jpg", i)] = scene(t, 300+i, 96, 90)
				f[fmt.Sprintf("val/c/%d.jpg", i)] = scene(t, 310+i, 96, 90)
			}
		}, map[string]string{"few": "c (3)"}},
		{"one much larger", func(f map[string][]byte) {
			for i := range 110 {
				f[fmt.Sprintf("train/a/z%d.jpg", i)] = scene(t, 300+i, 96, 90)
			}
		}, map[string]string{"imbalance": "a (122, and b 12)"}},
		{"little to validate", func(f map[string][]byte) {
			for i := range 99 {
				delete(f, fmt.Sprintf("val/%c/%02d.jpg", 'a'+(i+1)%2, i+1))
			}
		}, map[string]string{"small validation": "1 images (accuracies are known to 60 points or so)", "missing": "b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := sound(t)
			c.change(files)
			found := check(t, files)
			for _, f := range found {
				if c.want[f.Kind] == "" {
					t.Errorf("found %s: %s", f.Kind, f.Text)
				} else if f.Count != 1 || f.Names[0] != c.want[f.Kind] || !strings.Contains(f.Text, f.Names[0]) {
					t.Errorf("%s: %d of them, %q, text %s; want %q", f.Kind, f.Count, f.Names, f.Text, c.want[f.Kind])
				}
			}
			if len(found) != len(c.want) {
				t.Errorf("%d findings, want %d", len(found), len(c.want))
			}
		})
	}
}

// TestCheckArrays: float32 arrays are compared by their bytes.
func TestCheckArrays(t *testing.T) {
	x := make([]float32, 30*4)
	y := make([]int, 30)
	for i := range x {
		x[i], y[i/4] = float32(i), i/4%2
	}
	copy(x[4*28:4*29], x[:4])
	d := &Data{Train: FromArrays(x, [3]int{1, 2, 2}, y, []string{"a", "b"})}
	f, err := d.Check(context.Background(), CheckOptions{})
	if err != nil || len(f) != 1 || f[0].Kind != "duplicate" {
		t.Errorf("%v, %v", f, err)
	}
}
