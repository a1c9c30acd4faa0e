package main

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"graft/graph"
	"graft/onnx"
)

func TestNetwork(t *testing.T) {
	m := newNetwork(16, 1)
	if err := onnx.Check(m); err != nil {
		t.Fatal(err)
	}
	s, err := graph.Analyse(m, graph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Layers) != 6 || len(s.CutPoints) != 6 {
		t.Errorf("%d layers, %d cut points, want 6 of each", len(s.Layers), len(s.CutPoints))
	}
}

// square is a picture with a block of ink somewhat off its centre.
func square() []byte {
	p := make([]byte, mnist*mnist)
	for y := 10; y < 16; y++ {
		for x := 12; x < 20; x++ {
			p[y*mnist+x] = 200
		}
	}
	return p
}

func TestAffine(t *testing.T) {
	p := square()
	if !bytes.Equal(affine(p, 1, 0, 0, 0), p) {
		t.Error("the identity changes the picture")
	}
	shifted := affine(p, 1, 0, 2, 3)
	for y := range mnist {
		for x := range mnist {
			want := byte(0)
			if x >= 2 && y >= 3 {
				want = p[(y-3)*mnist+x-2]
			}
			if got := shifted[y*mnist+x]; got != want {
				t.Fatalf("shifted by 2, 3: pixel %d, %d is %d, want %d", x, y, got, want)
			}
		}
	}
	turned := affine(p, 0, 1, 0, 0) // a quarter
	for y := range mnist {
		for x := range mnist {
			if got, want := turned[y*mnist+x], p[x*mnist+mnist-1-y]; got != want {
				t.Fatalf("turned: pixel %d, %d is %d, want %d", x, y, got, want)
			}
		}
	}
}

func TestDistortRepeats(t *testing.T) {
	draw := func(seed uint64) []byte { return distort(rand.New(rand.NewPCG(seed, 0)), true)(square()) }
	if !bytes.Equal(draw(1), draw(1)) {
		t.Error("one seed, two pictures")
	}
	if bytes.Equal(draw(1), draw(2)) {
		t.Error("two seeds, one picture")
	}
}

func TestRescanKeepsInk(t *testing.T) {
	sum := func(p []byte) (s int) {
		for _, v := range p {
			s += int(v)
		}
		return s
	}
	want := sum(square())
	if got := sum(rescan(square(), 14)); math.Abs(float64(got-want)) > 0.02*float64(want) {
		t.Errorf("ink %d, before %d", got, want)
	}
}

func TestOneCycle(t *testing.T) {
	for _, c := range []struct{ at, want float64 }{{0, 1.0 / 25}, {0.15, (1 + 1.0/25) / 2}, {0.3, 1}, {0.65, (1 + 4e-6) / 2}, {1, 4e-6}} {
		if got := oneCycle(c.at); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("at %v: %v, want %v", c.at, got, c.want)
		}
	}
}
