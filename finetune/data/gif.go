package data

import (
	"bytes"
	"fmt"
	"image"
	"image/gif"
	"slices"
)

// decodeGIF gives the first frame on its screen as Pillow does; where the frame leaves the screen bare, that is the
// transparent colour, or colour 0.
func decodeGIF(file []byte) (*Image, error) {
	file, bare := gifOpaque(file)
	c, err := gif.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	m, err := gif.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	frame, ok := m.(*image.Paletted)
	if !ok {
		return nil, fmt.Errorf("unsupported colour model %T", m)
	}
	at := frame.Rect
	if at.Eq(image.Rect(0, 0, c.Width, c.Height)) {
		return fromGo(frame)
	}
	screen := image.NewPaletted(image.Rect(0, 0, c.Width, c.Height), frame.Palette)
	for i := range screen.Pix {
		screen.Pix[i] = bare
	}
	for y := range at.Dy() {
		copy(screen.Pix[screen.PixOffset(at.Min.X, at.Min.Y+y):][:at.Dx()], frame.Pix[y*frame.Stride:])
	}
	return fromGo(screen)
}

// gifOpaque gives the file without the transparency flag of its first frame, and the index of that colour (0 without
// one): Go's decoder blackens the transparent colour, Pillow's conversion to RGB keeps it.
func gifOpaque(file []byte) (opaque []byte, transparent uint8) {
	const tableFlag, transparentFlag = 0x80, 0x01
	if len(file) < 13 {
		return file, 0
	}
	colours, at := 0, 13
	if file[10]&tableFlag != 0 {
		colours = 2 << (file[10] & 7)
		at += 3 * colours
	}
	control := -1 // where the last graphic control block before the frame has its flags
	for at+10 <= len(file) {
		if file[at] == 0x2c { // image descriptor
			if fields := file[at+9]; fields&tableFlag != 0 {
				colours = 2 << (fields & 7)
			}
			break
		}
		if file[at] != 0x21 { // no extension: the decoder will say what is wrong
			return file, 0
		}
		if file[at+1] == 0xf9 && file[at+2] == 4 {
			control = at + 3
		}
		for at += 2; at < len(file) && file[at] != 0; {
			at += 1 + int(file[at])
		}
		at++
	}
	if control < 0 || file[control]&transparentFlag == 0 || int(file[control+3]) >= colours {
		return file, 0
	}
	opaque = slices.Clone(file)
	opaque[control] &^= transparentFlag
	return opaque, file[control+3]
}
