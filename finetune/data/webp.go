package data

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"

	"golang.org/x/image/webp"
)

// decodeWebP decodes with x/image and converts lossy pictures itself: Go takes VP8's studio-range luma (16 to 235) for
// full range (golang.org/issue/40173) and repeats chroma where libwebp interpolates.
func decodeWebP(file []byte) (*Image, error) {
	if riffChunk(file, "ANIM") != nil {
		return nil, errors.New("animated pictures are not supported")
	}
	m, err := webp.Decode(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	switch m := m.(type) {
	case *image.YCbCr:
		return fromVP8(m), nil
	case *image.NYCbCrA:
		return fromVP8(&m.YCbCr), nil
	}
	return fromGo(m)
}

// fromVP8 converts 4:2:0 planes as libwebp does: chroma by the 9:3:3:1 filter in two rounded halves (upsampling.c),
// then BT.601 studio range with 14-bit constants (yuv.h).
func fromVP8(m *image.YCbCr) *Image {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	im := newImage(w, h)
	cw, ch := (w+1)/2, (h+1)/2
	line := func(plane []uint8, y int) []uint8 {
		y = min(max(y, 0), ch-1)
		return plane[y*m.CStride : y*m.CStride+cw]
	}
	u, v := make([]uint8, 2*cw), make([]uint8, 2*cw)
	for y := range h {
		near, far := y/2, y/2-1+y%2*2
		interpolate(u, line(m.Cb, near), line(m.Cb, far))
		interpolate(v, line(m.Cr, near), line(m.Cr, far))
		luma := m.Y[y*m.YStride : y*m.YStride+w]
		for x, l := range luma {
			yy, uu, vv := int(l)*19077>>8, int(u[x]), int(v[x])
			o := im.Pix[(y*w+x)*3 : (y*w+x)*3+3]
			o[0] = clip((yy + vv*26149>>8 - 14234) >> 6)
			o[1] = clip((yy - uu*6419>>8 - vv*13320>>8 + 8708) >> 6)
			o[2] = clip((yy + uu*33050>>8 - 17685) >> 6)
		}
	}
	return im
}

// interpolate gives the chroma of one row of pixels from the chroma row that covers it and the next nearest one.
func interpolate(out, near, far []uint8) {
	n := len(near)
	edge := func(x int) uint8 { return uint8((3*int(near[x]) + int(far[x]) + 2) >> 2) }
	out[0], out[2*n-1] = edge(0), edge(n-1)
	for x := 1; x < n; x++ {
		a, b := int(near[x-1]), int(near[x])
		c, d := int(far[x-1]), int(far[x])
		sum := a + b + c + d + 8
		out[2*x-1] = uint8(((sum+2*(b+c))>>3 + a) >> 1)
		out[2*x] = uint8(((sum+2*(a+d))>>3 + b) >> 1)
	}
}

// riffChunk is the body of the first chunk of that name in a WebP file; nil where there is none.
func riffChunk(file []byte, name string) []byte {
	for rest := file[min(12, len(file)):]; len(rest) >= 8; {
		size := uint64(binary.LittleEndian.Uint32(rest[4:8]))
		if size > uint64(len(rest)-8) {
			return nil
		}
		if string(rest[:4]) == name {
			return rest[8 : 8+size]
		}
		rest = rest[min(8+size+size&1, uint64(len(rest))):]
	}
	return nil
}
