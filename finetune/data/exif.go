package data

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"io"
	"regexp"
)

// Only one EXIF tag matters here, so it is read by the forty lines below: the EXIF packages for Go parse every tag,
// with the recursion and the offsets of the file, for that one number.

// orientJPEG is the orientation that a JPEG's APP1 segments state; 1 where they state none.
func orientJPEG(file []byte) int {
	var exif, xmp []byte
	for at := 2; at+4 <= len(file); {
		if file[at] != 0xff {
			break
		}
		marker := file[at+1]
		if marker == 0xff { // fill byte
			at++
			continue
		}
		if marker == 0xda || marker == 0xd9 { // the scan begins, or the file ends
			break
		}
		if marker == 0x01 || marker >= 0xd0 && marker <= 0xd7 { // markers without a length
			at += 2
			continue
		}
		size := int(binary.BigEndian.Uint16(file[at+2:]))
		if size < 2 || at+2+size > len(file) {
			break
		}
		if body := file[at+4 : at+2+size]; marker == 0xe1 {
			if b, ok := bytes.CutPrefix(body, []byte("Exif\x00\x00")); ok && exif == nil {
				exif = b
			} else if b, ok := bytes.CutPrefix(body, []byte("http://ns.adobe.com/xap/1.0/\x00")); ok && xmp == nil {
				xmp = b
			}
		}
		at += 2 + size
	}
	return orientation(exif, xmp)
}

// orientPNG reads the eXIf chunk, ImageMagick's "Raw profile type exif" text and the XMP text.
func orientPNG(file []byte) int {
	var exif, xmp []byte
	for rest := file[8:]; len(rest) >= 12; {
		size := uint64(binary.BigEndian.Uint32(rest))
		if size > uint64(len(rest)-12) {
			break
		}
		name, body := string(rest[4:8]), rest[8:8+size]
		switch name {
		case "eXIf":
			exif = body
		case "tEXt", "zTXt":
			if text, ok := bytes.CutPrefix(body, []byte("Raw profile type exif\x00")); ok && exif == nil {
				exif = rawProfile(text, name == "zTXt")
			}
		case "iTXt": // keyword, compression flag and method, language, translated keyword, text
			if text, ok := bytes.CutPrefix(body, []byte("XML:com.adobe.xmp\x00\x00\x00")); ok {
				xmp = text
			}
		}
		rest = rest[12+size:]
	}
	return orientation(exif, xmp)
}

// orientWebP reads the EXIF and XMP chunks of an extended file whose header announces them.
func orientWebP(file []byte) int {
	const exifFlag, xmpFlag = 0x08, 0x04
	header := riffChunk(file, "VP8X")
	if len(header) == 0 {
		return 1
	}
	var exif, xmp []byte
	if header[0]&exifFlag != 0 {
		exif = riffChunk(file, "EXIF")
	}
	if header[0]&xmpFlag != 0 {
		xmp = riffChunk(file, "XMP ")
	}
	return orientation(exif, xmp)
}

// rawProfile decodes ImageMagick's text form: a name and a length on lines of their own, then hexadecimal digits.
func rawProfile(text []byte, deflated bool) []byte {
	const most = 256 << 10
	if deflated {
		if len(text) == 0 {
			return nil
		}
		r, err := zlib.NewReader(bytes.NewReader(text[1:])) // after the compression method
		if err != nil {
			return nil
		}
		if text, err = io.ReadAll(io.LimitReader(r, most)); err != nil {
			return nil
		}
	}
	lines := bytes.Split(text[:min(len(text), most)], []byte("\n"))
	if len(lines) < 4 {
		return nil
	}
	digits := bytes.Join(lines[3:], nil)
	exif := make([]byte, len(digits)/2)
	if _, err := hex.Decode(exif, digits); err != nil {
		return nil
	}
	return exif
}

var xmpOrientation = regexp.MustCompile(`tiff:Orientation(?:="|>)([0-9])`)

// orientation takes the EXIF tag, else the XMP property (Pillow's order), else 1.
func orientation(exif, xmp []byte) int {
	if o, ok := exifOrientation(exif); ok {
		return o
	}
	if m := xmpOrientation.FindSubmatch(xmp); m != nil {
		return int(m[1][0] - '0')
	}
	return 1
}

// exifOrientation reads tag 0x0112 of the first directory (TIFF 6.0, section 2).
func exifOrientation(b []byte) (o int, ok bool) {
	b = bytes.TrimPrefix(b, []byte("Exif\x00\x00"))
	if len(b) < 8 {
		return 0, false
	}
	var order binary.ByteOrder
	switch string(b[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 0, false
	}
	first := uint64(order.Uint32(b[4:]))
	if first+2 > uint64(len(b)) {
		return 0, false
	}
	entries := b[first+2:]
	for range order.Uint16(b[first:]) {
		if len(entries) < 12 {
			return 0, false
		}
		e := entries[:12]
		entries = entries[12:]
		if order.Uint16(e) != 0x0112 || order.Uint32(e[4:]) != 1 {
			continue
		}
		switch order.Uint16(e[2:]) { // the type
		case 1: // byte
			return int(e[8]), true
		case 3: // short
			return int(order.Uint16(e[8:])), true
		case 4: // long
			return int(order.Uint32(e[8:])), true
		}
	}
	return 0, false
}
