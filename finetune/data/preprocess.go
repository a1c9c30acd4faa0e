package data

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Exact as Preprocess.Resize says that pictures already have the network's size; others are refused.
const Exact = -1

// Preprocess says how a picture becomes the network's input. As JSON it is stored in models, with its defaults
// resolved: {"size":[224,224],"mean":[…],"std":[…],"channels":"rgb","layout":"nchw","resize":256}; resize may be "exact".
type Preprocess struct {
	Height, Width int
	Channels      string // "rgb" (default), "bgr" or "gray"
	Layout        string // "nchw" (default) or "nhwc"

	// Mean and Std are in pixel units, 0 to 255, in the order of Channels; one value stands for all channels.
	// The input is (pixel-Mean)/Std. Default: 0 and 1.
	Mean, Std []float32

	// Resize is the length that the short side gets before the centre crop to Height x Width; 0 means
	// round(max(Height, Width)*256/224). A picture of Height x Width is taken as it is.
	Resize int
}

// maxSide bounds Height, Width and Resize.
const maxSide = 1 << 14

// Check says what is wrong with p, if anything.
func (p Preprocess) Check() error {
	if p.Height < 1 || p.Width < 1 || p.Height > maxSide || p.Width > maxSide {
		return fmt.Errorf("data: preprocess: size %dx%d, want 1 to %d", p.Height, p.Width, maxSide)
	}
	if p.channels() == 0 {
		return fmt.Errorf("data: preprocess: channels %q, want rgb, bgr or gray", p.Channels)
	}
	if p.Layout != "" && p.Layout != "nchw" && p.Layout != "nhwc" {
		return fmt.Errorf("data: preprocess: layout %q, want nchw or nhwc", p.Layout)
	}
	if p.Resize < Exact || p.Resize > maxSide {
		return fmt.Errorf("data: preprocess: resize %d, want 1 to %d or exact", p.Resize, maxSide)
	}
	for _, v := range [][]float32{p.Mean, p.Std} {
		if n := len(v); n > 1 && n != p.channels() {
			return fmt.Errorf("data: preprocess: %d values of mean or std for %d channels", n, p.channels())
		}
		for _, x := range v {
			if x-x != 0 { // NaN or infinite
				return fmt.Errorf("data: preprocess: mean or std %v", x)
			}
		}
	}
	for _, x := range p.Std {
		if x <= 0 {
			return fmt.Errorf("data: preprocess: std %v, want more than 0", x)
		}
	}
	return nil
}

func (p Preprocess) channels() int {
	switch p.Channels {
	case "", "rgb", "bgr":
		return 3
	case "gray":
		return 1
	}
	return 0
}

// Shape is the shape of one input: [C,H,W], or [H,W,C] for the layout nhwc.
func (p Preprocess) Shape() [3]int {
	if p.Layout == "nhwc" {
		return [3]int{p.Height, p.Width, p.channels()}
	}
	return [3]int{p.channels(), p.Height, p.Width}
}

// ShortSide is Resize with its default.
func (p Preprocess) ShortSide() int {
	if p.Resize == 0 {
		return int(math.Round(float64(max(p.Height, p.Width)) * 256 / 224))
	}
	return p.Resize
}

// String is one line for messages: "224x224 rgb, short side to 256, less 127, over 128".
func (p Preprocess) String() string {
	channels := p.Channels
	if channels == "" {
		channels = "rgb"
	}
	s := fmt.Sprintf("%dx%d %s", p.Height, p.Width, channels)
	if p.Layout == "nhwc" {
		s += " nhwc"
	}
	if p.Resize == Exact {
		s += ", taken as it is"
	} else {
		s += fmt.Sprintf(", short side to %d", p.ShortSide())
	}
	for _, v := range []struct {
		what string
		of   []float32
	}{{"less", p.Mean}, {"over", p.Std}} {
		if len(v.of) == 0 {
			continue
		}
		var parts []string
		for _, x := range v.of {
			parts = append(parts, strconv.FormatFloat(float64(x), 'g', 6, 32))
		}
		s += ", " + v.what + " " + strings.Join(parts, ",")
	}
	return s
}

// Apply writes im as one network input of p.Shape to dst, varied as v says. The picture is made gray before it is
// resized; a random crop takes the place of resizing by the short side and the centre crop.
func (p Preprocess) Apply(dst []float32, im *Image, v View) error {
	if err := p.Check(); err != nil {
		return err
	}
	if n := p.channels() * p.Height * p.Width; len(dst) != n {
		return fmt.Errorf("data: preprocess: %d floats for an input of %d", len(dst), n)
	}
	if im.W < 1 || im.H < 1 || len(im.Pix) != im.W*im.H*3 {
		return fmt.Errorf("data: preprocess: %d bytes for a picture of %dx%d", len(im.Pix), im.H, im.W)
	}
	out, err := p.pixels(im, v)
	if err != nil {
		return err
	}
	p.normalise(dst, out, v.Flips())
	if v.a.Erase > 0 {
		v.erase(dst, p.Height, p.Width, p.Layout == "nhwc")
	}
	return nil
}

// pixels is what the network sees of im, Height x Width, before it is mirrored and normalised.
func (p Preprocess) pixels(im *Image, v View) (plane, error) {
	src := plane{im.W, im.H, 3, im.Pix}
	if p.Channels == "gray" {
		src = plane{im.W, im.H, 1, im.gray()}
	}
	var out plane
	if v.a.Crop > 0 {
		x, y, w, h := v.box(im.W, im.H, float64(p.Width)/float64(p.Height))
		out = src.crop(x, y, w, h).window(p.Width, p.Height, 0, 0, p.Width, p.Height)
	} else {
		toW, toH, err := p.target(im.W, im.H)
		if err != nil {
			return plane{}, err
		}
		x0, y0 := p.corner(toW, toH)
		out = src.window(toW, toH, x0, y0, p.Width, p.Height)
	}
	if v.a.Rotate > 0 {
		out = out.turned(v.within(drawRotate, -v.a.Rotate, v.a.Rotate))
	}
	if v.a.Jitter > 0 {
		out = v.jitter(out)
	}
	return out, nil
}

// target is the size that a picture of w x h gets before the crop: torchvision's rule for the short side.
func (p Preprocess) target(w, h int) (toW, toH int, err error) {
	if w == p.Width && h == p.Height {
		return w, h, nil
	}
	short := p.ShortSide()
	if short == Exact {
		return 0, 0, fmt.Errorf("a picture of %dx%d (height x width), want exactly %dx%d", h, w, p.Height, p.Width)
	}
	if w <= h {
		toW, toH = short, int(float64(short)*float64(h)/float64(w))
	} else {
		toW, toH = int(float64(short)*float64(w)/float64(h)), short
	}
	if toW < p.Width || toH < p.Height {
		return 0, 0, fmt.Errorf("a picture of %dx%d resized to %dx%d is smaller than the input, %dx%d", h, w, toH, toW, p.Height, p.Width)
	}
	return toW, toH, nil
}

// Window is the part of an upright picture of w x h that the network sees, in the
// picture's pixels: from its left upper corner x, y, and its width and height.
func (p Preprocess) Window(w, h int) (x, y, width, height float64, err error) {
	toW, toH, err := p.target(w, h)
	if err != nil {
		return 0, 0, 0, 0, err
	}
	left, top := p.corner(toW, toH)
	byX, byY := float64(w)/float64(toW), float64(h)/float64(toH)
	return float64(left) * byX, float64(top) * byY, float64(p.Width) * byX, float64(p.Height) * byY, nil
}

// corner is the left upper corner of torchvision's centre crop of a picture of w x h;
// Python's round() goes to the even neighbour.
func (p Preprocess) corner(w, h int) (x, y int) {
	return int(math.RoundToEven(float64(w-p.Width) / 2)), int(math.RoundToEven(float64(h-p.Height) / 2))
}

// gray is Pillow's convert("L"): ITU-R 601-2 luma with 16-bit weights (libImaging/Convert.c, L24).
func (im *Image) gray() []uint8 {
	out := make([]uint8, im.W*im.H)
	for i := range out {
		p := im.Pix[3*i : 3*i+3]
		out[i] = uint8((int(p[0])*19595 + int(p[1])*38470 + int(p[2])*7471 + 1<<15) >> 16)
	}
	return out
}

// normalise writes (pixel-mean)/std in the order and layout of p; the quotients of all 256 levels are made once.
func (p Preprocess) normalise(dst []float32, src plane, flip bool) {
	c, area := src.c, src.w*src.h
	for k := range c {
		from, at, step := k, k*area, 1
		if p.Channels == "bgr" {
			from = c - 1 - k
		}
		if p.Layout == "nhwc" {
			at, step = k, c
		}
		levels := p.levels(k)
		for y := range src.h {
			in := src.pix[y*src.w*c : (y+1)*src.w*c]
			o, by := at+y*src.w*step, step
			if flip {
				o, by = o+(src.w-1)*step, -step
			}
			for i := from; i < len(in); i += c {
				dst[o] = levels[in[i]]
				o += by
			}
		}
	}
}

// levels maps a pixel of channel k to its input value.
func (p Preprocess) levels(k int) (t [256]float32) {
	pick := func(v []float32, otherwise float32) float32 {
		switch len(v) {
		case 0:
			return otherwise
		case 1:
			return v[0]
		}
		return v[k]
	}
	mean, std := pick(p.Mean, 0), pick(p.Std, 1)
	for i := range t {
		t[i] = (float32(i) - mean) / std
	}
	return t
}

// preprocessJSON is the stored form.
type preprocessJSON struct {
	Size     [2]int          `json:"size"` // height, width
	Mean     []float32       `json:"mean"`
	Std      []float32       `json:"std"`
	Channels string          `json:"channels"`
	Layout   string          `json:"layout"`
	Resize   json.RawMessage `json:"resize"`
}

// MarshalJSON writes p with its defaults resolved, so that a later change of these does not change stored models.
func (p Preprocess) MarshalJSON() ([]byte, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	all := func(v []float32, otherwise float32) []float32 {
		if len(v) == p.channels() {
			return v
		}
		if len(v) == 1 {
			otherwise = v[0]
		}
		out := make([]float32, p.channels())
		for i := range out {
			out[i] = otherwise
		}
		return out
	}
	j := preprocessJSON{
		Size: [2]int{p.Height, p.Width}, Mean: all(p.Mean, 0), Std: all(p.Std, 1),
		Channels: p.Channels, Layout: p.Layout, Resize: json.RawMessage(`"exact"`),
	}
	if j.Channels == "" {
		j.Channels = "rgb"
	}
	if j.Layout == "" {
		j.Layout = "nchw"
	}
	if r := p.ShortSide(); r != Exact {
		j.Resize = json.RawMessage(fmt.Sprint(r))
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads the stored form and checks it; unknown keys are refused.
func (p *Preprocess) UnmarshalJSON(b []byte) error {
	var j preprocessJSON
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		return fmt.Errorf("data: preprocess: %w", err)
	}
	q := Preprocess{
		Height: j.Size[0], Width: j.Size[1], Mean: j.Mean, Std: j.Std, Channels: j.Channels, Layout: j.Layout,
	}
	switch r := string(j.Resize); r {
	case "", "null":
	case `"exact"`:
		q.Resize = Exact
	default:
		if err := json.Unmarshal(j.Resize, &q.Resize); err != nil {
			return fmt.Errorf("data: preprocess: resize %s, want a number or \"exact\"", show(r))
		}
	}
	if err := q.Check(); err != nil {
		return err
	}
	*p = q
	return nil
}
