package data

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func decodeFile(t testing.TB, name string) *Image {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	im, err := Decode(b)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return im
}

func mirror(flip bool) View {
	if flip {
		return Mirrored
	}
	return View{}
}

// levels runs p without normalisation and gives the input back as bytes.
func levels(t testing.TB, p Preprocess, im *Image, flip bool) []byte {
	t.Helper()
	s := p.Shape()
	x := make([]float32, s[0]*s[1]*s[2])
	if err := p.Apply(x, im, mirror(flip)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, len(x))
	for i, v := range x {
		b[i] = byte(v)
	}
	return b
}

// Resizing and cropping give Pillow's bytes (testdata/make.py), up and down, in RGB and gray.
func TestResizeEqualsPillow(t *testing.T) {
	goldens, err := filepath.Glob("testdata/resize/*.p?m")
	if err != nil || len(goldens) != 24 {
		t.Fatalf("%d goldens, %v", len(goldens), err)
	}
	for _, golden := range goldens {
		var w, h, short, crop int
		base := filepath.Base(golden)
		if _, err := fmt.Sscanf(base, "%d_%d_%d_%d", &w, &h, &short, &crop); err != nil {
			t.Fatal(err)
		}
		p := Preprocess{Height: crop, Width: crop, Layout: "nhwc", Resize: short}
		if strings.HasSuffix(base, ".pgm") {
			p.Channels = "gray"
		}
		want, _, _ := readPPM(t, golden)
		im := decodeFile(t, fmt.Sprintf("testdata/resize/source_%d_%d.png", w, h))
		if most, _ := apart(levels(t, p, im, false), want); most != 0 {
			t.Errorf("%s: differs from Pillow by up to %d", base, most)
		}
	}
}

// ramp is a 4x2 picture whose bytes count up from 0.
func ramp() *Image {
	im := newImage(4, 2)
	for i := range im.Pix {
		im.Pix[i] = uint8(i)
	}
	return im
}

func TestApply(t *testing.T) {
	for _, c := range []struct {
		name string
		p    Preprocess
		flip bool
		want []float32
	}{
		{"nchw", Preprocess{}, false, []float32{0, 3, 6, 9, 12, 15, 18, 21, 1, 4, 7, 10, 13, 16, 19, 22, 2, 5, 8, 11, 14, 17, 20, 23}},
		{"nhwc", Preprocess{Layout: "nhwc"}, false, []float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}},
		{"bgr", Preprocess{Channels: "bgr"}, false, []float32{2, 5, 8, 11, 14, 17, 20, 23, 1, 4, 7, 10, 13, 16, 19, 22, 0, 3, 6, 9, 12, 15, 18, 21}},
		{"flip", Preprocess{Channels: "gray"}, true, []float32{10, 7, 4, 1, 22, 19, 16, 13}},
		{"flip nhwc bgr", Preprocess{Channels: "bgr", Layout: "nhwc"}, true, []float32{11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12}},
		{"mean and std", Preprocess{Channels: "gray", Mean: []float32{1}, Std: []float32{2}}, false, []float32{0, 1.5, 3, 4.5, 6, 7.5, 9, 10.5}},
		{"mean of each channel", Preprocess{Channels: "bgr", Mean: []float32{2, 1, 0}, Std: []float32{1, 1, 3}}, false, []float32{0, 3, 6, 9, 12, 15, 18, 21, 0, 3, 6, 9, 12, 15, 18, 21, 0, 1, 2, 3, 4, 5, 6, 7}},
	} {
		c.p.Height, c.p.Width = 2, 4
		dst := make([]float32, len(c.want))
		if err := c.p.Apply(dst, ramp(), mirror(c.flip)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if fmt.Sprint(dst) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", c.name, dst, c.want)
		}
	}
}

// A picture that has the size already is taken as it is, whatever Resize says.
func TestApplyExactSize(t *testing.T) {
	im := decodeFile(t, "testdata/resize/source_40_40.png")
	for _, resize := range []int{0, Exact, 64} {
		p := Preprocess{Height: 40, Width: 40, Layout: "nhwc", Resize: resize}
		if !bytes.Equal(levels(t, p, im, false), im.Pix) {
			t.Errorf("resize %d: pixels changed", resize)
		}
	}
}

func TestPreprocessRefuses(t *testing.T) {
	for _, c := range []struct {
		p    Preprocess
		want string
	}{
		{Preprocess{}, "size 0x0"},
		{Preprocess{Height: 2, Width: 1 << 30}, "size 2x1073741824"},
		{Preprocess{Height: 2, Width: 2, Channels: "rgba"}, `channels "rgba"`},
		{Preprocess{Height: 2, Width: 2, Layout: "chw"}, `layout "chw"`},
		{Preprocess{Height: 2, Width: 2, Resize: -2}, "resize -2"},
		{Preprocess{Height: 2, Width: 2, Mean: []float32{1, 2}}, "2 values of mean or std for 3 channels"},
		{Preprocess{Height: 2, Width: 2, Std: []float32{0}}, "std 0"},
		{Preprocess{Height: 3, Width: 3, Resize: Exact}, "want exactly 3x3"},
		{Preprocess{Height: 3, Width: 3, Resize: 2}, "smaller than the input"},
	} {
		dst := make([]float32, 3*min(c.p.Height, 9)*min(c.p.Width, 9))
		if err := c.p.Apply(dst, ramp(), View{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want %q", c.p, err, c.want)
		}
	}
	if err := (Preprocess{Height: 2, Width: 2}).Apply(make([]float32, 11), ramp(), View{}); err == nil {
		t.Error("a short destination is taken")
	}
}

func TestPreprocessJSON(t *testing.T) {
	for _, c := range []struct {
		p    Preprocess
		want string
	}{
		{Preprocess{Height: 224, Width: 224}, `{"size":[224,224],"mean":[0,0,0],"std":[1,1,1],"channels":"rgb","layout":"nchw","resize":256}`},
		{Preprocess{Height: 28, Width: 20, Channels: "gray", Mean: []float32{33.3}, Resize: Exact, Layout: "nhwc"}, `{"size":[28,20],"mean":[33.3],"std":[1],"channels":"gray","layout":"nhwc","resize":"exact"}`},
		{Preprocess{Height: 160, Width: 160, Channels: "bgr", Mean: []float32{104, 117, 123}, Std: []float32{2}, Resize: 170}, `{"size":[160,160],"mean":[104,117,123],"std":[2,2,2],"channels":"bgr","layout":"nchw","resize":170}`},
	} {
		b, err := json.Marshal(c.p)
		if err != nil || string(b) != c.want {
			t.Errorf("%s, %v, want %s", b, err, c.want)
		}
		var back Preprocess
		if err := json.Unmarshal(b, &back); err != nil {
			t.Error(err)
		}
		if again, _ := json.Marshal(back); string(again) != c.want {
			t.Errorf("read back: %s, want %s", again, c.want)
		}
	}
	for in, want := range map[string]string{
		`{"size":[2,2],"crop":3}`:          "crop",
		`{"size":[2,2],"resize":"bigger"}`: "resize",
		`{"size":[0,2]}`:                   "size 0x2",
		`{"size":"224"}`:                   "size",
	} {
		var p Preprocess
		if err := json.Unmarshal([]byte(in), &p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", in, err, want)
		}
	}
}
