package data

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/bmp"
	"golang.org/x/image/webp"
)

const (
	// MaxPixels is the largest picture that Decode takes.
	MaxPixels = 100_000_000
	// maxFile is the largest image file, in bytes.
	maxFile = 256 << 20
)

// Image is an upright 8-bit RGB picture: Pix [H,W,3], row-major. Gray is R = G = B.
type Image struct {
	W, H int
	Pix  []uint8
}

func newImage(w, h int) *Image { return &Image{W: w, H: h, Pix: make([]uint8, w*h*3)} }

// format is one way to write a picture.
type format struct {
	name   string
	magic  string // '?' stands for any byte
	config func(io.Reader) (image.Config, error)
	decode func([]byte) (*Image, error)
	// orient is the EXIF orientation, 1 to 8; nil where the format has none.
	orient func([]byte) int
	// densest is the number of pixels that a byte can stand for; 0: no bound. JPEG: every 8x8 block takes a bit;
	// PNG: deflate expands 1032-fold, 8 pixels a byte.
	densest int
}

var formats = []format{
	{"JPEG", "\xff\xd8\xff", jpeg.DecodeConfig, decodeJPEG, orientJPEG, 512},
	{"PNG", "\x89PNG\r\n\x1a\n", png.DecodeConfig, decodePNG, orientPNG, 1032 * 8},
	{"GIF", "GIF8?a", gif.DecodeConfig, decodeGIF, nil, 0},
	{"WebP", "RIFF????WEBPVP8", webp.DecodeConfig, decodeWebP, orientWebP, 0},
	{"BMP", "BM", bmp.DecodeConfig, decodeBMP, nil, 8},
}

// errNotImage is returned for bytes of no known format.
var errNotImage = errors.New("not a JPEG, PNG, GIF, WebP or BMP image")

// sniff finds the format by the first bytes; nil where there is none.
func sniff(head []byte) *format {
	for i := range formats {
		f := &formats[i]
		if len(head) < len(f.magic) {
			continue
		}
		match := true
		for k := range len(f.magic) {
			match = match && (f.magic[k] == '?' || f.magic[k] == head[k])
		}
		if match {
			return f
		}
	}
	return nil
}

// Size is the width and the height, in pixels, that a picture says it has, as it is stored.
func Size(file []byte) (w, h int, err error) {
	f := sniff(file)
	if f == nil {
		return 0, 0, errNotImage
	}
	defer f.guard(&err)
	c, err := f.config(bytes.NewReader(file))
	if err != nil {
		return 0, 0, decodeError(f, err)
	}
	return c.Width, c.Height, nil
}

// guard, deferred, makes an error of a panic. Third-party decoders have a history of these
// on crafted files (golang.org/issue/45694, CVE-2026-46601).
func (f *format) guard(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("damaged %s image", f.name)
	}
}

// Decode reads a picture. The errors do not name the file: the caller does.
func Decode(file []byte) (im *Image, err error) {
	if len(file) == 0 {
		return nil, errors.New("the file is empty")
	}
	f := sniff(file)
	if f == nil {
		return nil, errNotImage
	}
	defer f.guard(&err)
	c, err := f.config(bytes.NewReader(file))
	if err != nil {
		return nil, decodeError(f, err)
	}
	switch {
	case c.Width <= 0 || c.Height <= 0:
		return nil, fmt.Errorf("%s image of %dx%d pixels", f.name, c.Width, c.Height)
	case c.Width > MaxPixels/c.Height:
		return nil, fmt.Errorf("%s image of %dx%d pixels, at most %d are taken", f.name, c.Width, c.Height, MaxPixels)
	case f.densest > 0 && c.Width*c.Height/f.densest > len(file):
		return nil, fmt.Errorf("%s image of %dx%d pixels in %d bytes: cut short or forged", f.name, c.Width, c.Height, len(file))
	}
	if im, err = f.decode(file); err != nil {
		return nil, decodeError(f, err)
	}
	if f.orient != nil {
		im = im.upright(f.orient(file))
	}
	return im, nil
}

// decodeError says which format was being read and keeps the decoder's reason.
func decodeError(f *format, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s image is cut short", f.name)
	}
	return fmt.Errorf("%s image: %w", f.name, err)
}

func decodePNG(file []byte) (*Image, error) {
	m, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	return fromGo(m)
}

func decodeBMP(file []byte) (*Image, error) {
	m, err := bmp.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	return fromGo(m)
}

// upright turns a picture with the EXIF orientation o (CIPA DC-008, 4.6.4 A) the right way up.
func (im *Image) upright(o int) *Image {
	if o < 2 || o > 8 {
		return im
	}
	w, h := im.W, im.H
	if o >= 5 {
		w, h = h, w
	}
	// Pixel (x, y) of the upright picture is at start + x*dx + y*dy of the stored one, counted in pixels.
	row, last, foot := im.W, im.W-1, (im.H-1)*im.W
	var start, dx, dy int
	switch o {
	case 2: // mirrored left to right
		start, dx, dy = last, -1, row
	case 3: // turned by 180 degrees
		start, dx, dy = foot+last, -1, -row
	case 4: // mirrored top to bottom
		start, dx, dy = foot, 1, -row
	case 5: // transposed
		start, dx, dy = 0, row, 1
	case 6: // to be turned clockwise
		start, dx, dy = foot, -row, 1
	case 7: // transposed along the other diagonal
		start, dx, dy = foot+last, -row, -1
	case 8: // to be turned anticlockwise
		start, dx, dy = last, row, -1
	}
	out := newImage(w, h)
	for y := range h {
		p := start + y*dy
		for d := y * w * 3; d < (y+1)*w*3; d += 3 {
			copy(out.Pix[d:d+3], im.Pix[p*3:p*3+3])
			p += dx
		}
	}
	return out
}
