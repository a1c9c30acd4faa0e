package data

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// readPPM reads a golden picture of P5 or P6; testdata/make.py writes no comments.
func readPPM(t testing.TB, name string) (pix []byte, w, h int) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var kind, most int
	if _, err := fmt.Sscanf(string(b[:min(len(b), 20)]), "P%d\n%d %d\n%d\n", &kind, &w, &h, &most); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b[len(b)-w*h*map[int]int{5: 1, 6: 3}[kind]:], w, h
}

// apart is the largest and the mean difference of two pictures' samples.
func apart(a, b []byte) (most int, mean float64) {
	for i := range a {
		d := max(int(a[i])-int(b[i]), int(b[i])-int(a[i]))
		most = max(most, d)
		mean += float64(d) / float64(len(a))
	}
	return most, mean
}

// Every picture of testdata/images decodes to what Pillow gives: exactly, or for JPEG to the 3 levels by which the
// rounding of Go's inverse DCT and colour conversion differ from libjpeg-turbo's.
func TestDecodeEqualsPillow(t *testing.T) {
	goldens, err := filepath.Glob("testdata/images/*.ppm")
	if err != nil || len(goldens) < 60 {
		t.Fatalf("%d goldens, %v", len(goldens), err)
	}
	for _, golden := range goldens {
		name := strings.TrimSuffix(golden, ".ppm")
		t.Run(filepath.Base(name), func(t *testing.T) {
			file, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			im, err := Decode(file)
			if err != nil {
				t.Fatal(err)
			}
			want, w, h := readPPM(t, golden)
			if im.W != w || im.H != h {
				t.Fatalf("%dx%d, Pillow %dx%d", im.W, im.H, w, h)
			}
			tolerance := 0
			if strings.HasSuffix(name, ".jpg") {
				tolerance = 3
			}
			if most, mean := apart(im.Pix, want); most > tolerance {
				t.Errorf("differs from Pillow by %d, mean %.3f", most, mean)
			}
		})
	}
}

// A crafted header is refused by the size it declares, before anything is allocated for it.
func TestDecodeRefuses(t *testing.T) {
	png, _ := os.ReadFile("testdata/images/png_rgb.png")
	jpg, _ := os.ReadFile("testdata/images/jpeg_420.jpg")
	gif, _ := os.ReadFile("testdata/images/gif_plain.gif")
	sized := func(w, h uint32) []byte {
		b := bytes.Clone(png)
		binary.BigEndian.PutUint32(b[16:], w)
		binary.BigEndian.PutUint32(b[20:], h)
		binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
		return b
	}
	jpgSized := func(w, h uint16) []byte {
		b := bytes.Clone(jpg)
		at := bytes.Index(b, []byte{0xff, 0xc0})
		binary.BigEndian.PutUint16(b[at+5:], h)
		binary.BigEndian.PutUint16(b[at+7:], w)
		return b
	}
	gifEmpty := bytes.Clone(gif)
	copy(gifEmpty[6:10], make([]byte, 4))
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "the file is empty"},
		{"text", []byte("hello, world"), "not a JPEG, PNG, GIF, WebP or BMP image"},
		{"html as jpeg", []byte("<html></html>"), "not a JPEG"},
		{"png too large", sized(20000, 20000), "PNG image of 20000x20000 pixels, at most 100000000 are taken"},
		{"png bomb", sized(10000, 9000), "cut short or forged"},
		{"png of width 0", sized(0, 5), "PNG image"},
		{"jpeg of height 0", jpgSized(8, 0), "JPEG image"},
		{"jpeg bomb", jpgSized(9000, 9000), "cut short or forged"},
		{"gif of 0x0", gifEmpty, "GIF image of 0x0 pixels"},
		{"jpeg cut", jpg[:len(jpg)/2], "JPEG image is cut short"},
		{"png cut", png[:len(png)/2], "PNG image: png: invalid format: not enough pixel data"},
		{"png damaged", append(bytes.Clone(png[:60]), bytes.Repeat([]byte{7}, 900)...), "PNG image: "},
	} {
		im, err := Decode(c.file)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, error %v, want %q", c.name, im != nil, err, c.want)
		}
	}
}

func TestDecodeRefusesAnimatedWebP(t *testing.T) {
	file, _ := os.ReadFile("testdata/images/exif.webp")
	at := bytes.Index(file, []byte("EXIF"))
	copy(file[at:], "ANIM")
	if _, err := Decode(file); err == nil || !strings.Contains(err.Error(), "animated") {
		t.Errorf("error %v", err)
	}
}

// Turning a picture and turning it back gives it again.
func TestUpright(t *testing.T) {
	im := newImage(3, 2)
	for i := range im.Pix {
		im.Pix[i] = uint8(i)
	}
	for o, back := range map[int]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6, 0: 9} {
		again := im.upright(o).upright(back)
		if again.W != im.W || again.H != im.H || !bytes.Equal(again.Pix, im.Pix) {
			t.Errorf("orientation %d and then %d: %v", o, back, again.Pix)
		}
	}
}

func FuzzDecode(f *testing.F) {
	names, _ := filepath.Glob("testdata/images/*")
	for _, n := range names {
		if b, err := os.ReadFile(n); err == nil && !strings.HasSuffix(n, ".ppm") {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		im, err := Decode(file)
		if err != nil {
			if im != nil || strings.Contains(err.Error(), "damaged") {
				t.Fatalf("a decoder panicked: %v", err)
			}
			return
		}
		if im.W < 1 || im.H < 1 || len(im.Pix) != im.W*im.H*3 {
			t.Fatalf("%dx%d with %d bytes", im.W, im.H, len(im.Pix))
		}
	})
}

func FuzzExif(f *testing.F) {
	f.Add([]byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("II*\x00\xff\xff\xff\xff"))
	f.Add([]byte("\n exif\n 4\n00ff00ff\n"))
	f.Add([]byte("\xff\xd8\xff\xe1\x00\x02\xff\xe1\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		exifOrientation(b)
		rawProfile(b, true)
		rawProfile(b, false)
		orientJPEG(b)
		if len(b) >= 8 {
			orientPNG(b)
		}
		orientWebP(b)
	})
}
