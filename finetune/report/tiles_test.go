package report

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"testing"
)

// checks is a picture of w x h where every pixel differs from its neighbours.
func checks(w, h int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		m.SetRGBA(i%w, i/w, color.RGBA{uint8(40 * (i % 6)), uint8(255 - 30*i%256), uint8(i), 255})
	}
	return m
}

// A grid enlarges pixel by pixel, has full rows where it can, and reaches the file as it is.
func TestTiles(t *testing.T) {
	for _, c := range []struct{ n, w, h, columns, rows, cellW, cellH int }{
		{1, 3, 3, 1, 1, 159, 159}, {8, 5, 5, 4, 2, 160, 160}, {64, 7, 7, 8, 8, 154, 154}, {7, 3, 2, 3, 3, 159, 106},
		{512, 13, 13, 32, 16, 39, 39}, {96, 11, 11, 12, 8, 110, 110}, {13, 4, 4, 4, 4, 160, 160}, {64, 300, 150, 8, 8, 160, 80}, {2000, 1, 1, 32, 32, 41, 41},
	} {
		var list []image.Image
		for range c.n {
			list = append(list, checks(c.w, c.h))
		}
		g := Tiles{Pictures: list}.grid()
		want := image.Pt(c.columns*(c.cellW+4)-4, c.rows*(c.cellH+4)-4)
		if g.Bounds().Size() != want {
			t.Errorf("%+v: %v, want %v", c, g.Bounds().Size(), want)
			continue
		}
		if c.w > c.cellW {
			continue
		}
		for y := range c.cellH {
			for x := range c.cellW {
				at := image.Pt(x, y).Add(image.Pt((c.columns-1)*(c.cellW+4), 0)) // the last of the first row
				if got, want := g.At(at.X, at.Y), list[0].At(x*c.w/c.cellW, y*c.h/c.cellH); got != want {
					t.Fatalf("%+v: %v at %d,%d, want %v", c, got, x, y, want)
				}
			}
		}
	}
	var b bytes.Buffer
	if err := (Tiles{Title: "some", Photo: checks(100, 50), Pictures: []image.Image{checks(2, 2)}}).PNG(&b); err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	found := map[color.Color]int{}
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			found[color.RGBAModel.Convert(m.At(x, y))]++
		}
	}
	for y := range 2 { // each pixel of the tile is 80x80
		for x := range 2 {
			if n := found[checks(2, 2).At(x, y)]; n < 79*79 {
				t.Errorf("%d dots of pixel %d,%d", n, x, y)
			}
		}
	}
	if err := (Tiles{}).PNG(io.Discard); err == nil {
		t.Error("no pictures: no error")
	}
}

// A map is stretched between the middles of its elements, and what is no number of 0 to 1
// has the colour of one.
func TestHeatOver(t *testing.T) {
	nan := float32(math.NaN())
	h := Heat{H: 2, W: 2, Values: []float32{-1, 2, nan, 1}}
	got := h.Over(image.NewRGBA(image.Rect(0, 0, 4, 4)), 1)
	for y, row := range [][]float64{{0, 0.25, 0.75, 1}, {0, 0.25, 0.75, 1}, {0, 0.25, 0.75, 1}, {0, 0.25, 0.75, 1}} {
		for x, v := range row {
			if c := got.RGBAAt(x, y); c != heatAt(v) {
				t.Errorf("%v at %d,%d, want that of %g, %v", c, x, y, v, heatAt(v))
			}
		}
	}
	white := image.NewRGBA(image.Rect(0, 0, 4, 4))
	for i := range white.Pix {
		white.Pix[i] = 255
	}
	if c := h.Over(white, 0).RGBAAt(3, 3); c != (color.RGBA{255, 255, 255, 255}) {
		t.Errorf("a map of no alpha changes the picture to %v", c)
	}
}
