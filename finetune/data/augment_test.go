package data

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// noise is a picture of h x w that no symmetry maps onto itself.
func noise(w, h int) *Image {
	im := newImage(w, h)
	for i := range im.Pix {
		im.Pix[i] = uint8(mix(9, uint64(i)))
	}
	return im
}

func TestViewIsAFunction(t *testing.T) {
	a := Presets[3].Augment
	p := Preprocess{Height: 12, Width: 16}
	apply := func(v View) []float32 {
		x := make([]float32, 3*12*16)
		if err := p.Apply(x, noise(40, 30), v); err != nil {
			t.Fatal(err)
		}
		return x
	}
	one := apply(a.View(1, 2, 3))
	if !slices.Equal(one, apply(a.View(1, 2, 3))) {
		t.Error("the same draw gives another picture")
	}
	for name, v := range map[string]View{"seed": a.View(2, 2, 3), "epoch": a.View(1, 3, 3), "example": a.View(1, 2, 4)} {
		if slices.Equal(one, apply(v)) {
			t.Errorf("another %s gives the same picture", name)
		}
	}
	if !slices.Equal(apply(View{}), apply(Augment{}.View(1, 2, 3))) {
		t.Error("no augmentation changes the picture")
	}
}

func TestFlipIsFair(t *testing.T) {
	heads := 0
	for i := range 10000 {
		if Presets[1].View(1, 2, i).Flips() {
			heads++
		}
	}
	if heads < 4800 || heads > 5200 { // sd 50
		t.Errorf("%d of 10000 are mirrored", heads)
	}
	if !Mirrored.Flips() || (View{}).Flips() {
		t.Error("Mirrored does not mirror, or the zero View does")
	}
}

// A random crop keeps the share and the side ratio it may, lies inside, and reaches every border.
func TestBox(t *testing.T) {
	a := Augment{Crop: 0.25}
	least, most := 1.0, 0.0
	touched := [4]bool{}
	for i := range 4000 {
		x, y, w, h := a.View(0, 0, i).box(200, 100, 1)
		if x < 0 || y < 0 || x+w > 200 || y+h > 100 {
			t.Fatalf("box %d,%d %dx%d leaves the picture", x, y, w, h)
		}
		if r := float64(w) / float64(h); r < 0.72 || r > 1.39 {
			t.Fatalf("side ratio %v", r)
		}
		share := float64(w*h) / 20000
		least, most = min(least, share), max(most, share)
		for k, at := range []bool{x == 0, y == 0, x+w == 200, y+h == 100} {
			touched[k] = touched[k] || at
		}
	}
	if least < 0.24 || least > 0.27 || most < 0.6 {
		t.Errorf("shares from %v to %v, want from 0.25 to most of the 2:1 picture", least, most)
	}
	if touched != [4]bool{true, true, true, true} {
		t.Errorf("borders reached: %v", touched)
	}
	// A picture too narrow for any ratio gives its middle.
	if x, y, w, h := a.View(0, 0, 1).box(300, 10, 1); x != 143 || y != 0 || w != 13 || h != 10 {
		t.Errorf("of 300x10: %d,%d %dx%d", x, y, w, h)
	}
}

func TestTurned(t *testing.T) {
	src := plane{3, 3, 1, []uint8{1, 2, 3, 4, 5, 6, 7, 8, 9}}
	if got := src.turned(0); !slices.Equal(got.pix, src.pix) {
		t.Errorf("by 0 degrees: %v", got.pix)
	}
	if got := src.turned(90); fmt.Sprint(got.pix) != "[7 4 1 8 5 2 9 6 3]" && fmt.Sprint(got.pix) != "[3 6 9 2 5 8 1 4 7]" {
		t.Errorf("by 90 degrees: %v", got.pix)
	}
}

func TestJitterStaysNear(t *testing.T) {
	src := plane{8, 8, 3, slices.Repeat([]uint8{100, 120, 140}, 64)}
	for i := range 200 {
		got := Augment{Jitter: 0.3}.View(0, 0, i).jitter(src)
		for k, v := range got.pix {
			if d := math.Abs(float64(v) - float64(src.pix[k])); d > 60 {
				t.Fatalf("draw %d: %d became %d", i, src.pix[k], v)
			}
		}
	}
	if src.pix[0] != 100 {
		t.Error("the source was changed")
	}
}

func TestErase(t *testing.T) {
	erased, blank := 0, 0.0
	for i := range 2000 {
		x := slices.Repeat([]float32{1}, 3*20*30)
		Augment{Erase: 0.25}.View(0, 0, i).erase(x, 20, 30, i%2 == 0)
		n := 0
		for _, v := range x {
			if v == 0 {
				n++
			}
		}
		if n%3 != 0 {
			t.Fatal("a pixel is blank in some channels only")
		}
		if n > 0 {
			erased, blank = erased+1, blank+float64(n)/float64(len(x))
		}
	}
	if erased < 430 || erased > 570 { // sd 19
		t.Errorf("%d of 2000 are erased", erased)
	}
	if mean := blank / float64(erased); mean < 0.09 || mean > 0.15 {
		t.Errorf("mean share %v", mean)
	}
}
