package data

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// The .npy format (numpy/lib/_format_impl.py): magic, version, the length of a header, the header (a Python dict
// literal), the elements. The .npy packages for Go trust the header's length and shape, so this reader is our own.

const maxNpyHeader = 64 << 10

// npyHeader says what elements follow.
type npyHeader struct {
	kind  byte // 'f', 'i', 'u', 'b', 'U' or 'S'
	width int  // bytes of an element
	order binary.ByteOrder
	shape []int
	count int // elements; count*width does not overflow
}

// readNpyHeader reads up to the first element; read is the number of bytes that this took.
func readNpyHeader(r io.Reader) (h npyHeader, read int, err error) {
	fixed := make([]byte, 8)
	if _, err := io.ReadFull(r, fixed); err != nil || string(fixed[:6]) != "\x93NUMPY" {
		return h, 0, errors.New("not an .npy array")
	}
	size := make([]byte, 2)
	switch fixed[6] {
	case 1:
	case 2, 3:
		size = make([]byte, 4)
	default:
		return h, 0, fmt.Errorf(".npy version %d, want 1 to 3", fixed[6])
	}
	if _, err := io.ReadFull(r, size); err != nil {
		return h, 0, errors.New("array header is cut short")
	}
	n := uint64(binary.LittleEndian.Uint16(size))
	if len(size) == 4 {
		n = uint64(binary.LittleEndian.Uint32(size))
	}
	if n > maxNpyHeader {
		return h, 0, fmt.Errorf("array header of %d bytes, at most %d are read", n, maxNpyHeader)
	}
	dict := make([]byte, n)
	if _, err := io.ReadFull(r, dict); err != nil {
		return h, 0, errors.New("array header is cut short")
	}
	h, err = parseNpyHeader(string(dict))
	return h, len(fixed) + len(size) + len(dict), err
}

// parseNpyHeader reads {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, the keys in any order.
func parseNpyHeader(s string) (h npyHeader, err error) {
	bad := fmt.Errorf("array header %s is not understood", show(strings.TrimSpace(s)))
	rest, ok := strings.CutPrefix(strings.TrimSpace(s), "{")
	var descr, fortran, shape string
	for ok && strings.TrimSpace(rest) != "}" {
		var key, value string
		if key, rest, ok = quoted(rest); !ok {
			break
		}
		if rest, ok = strings.CutPrefix(strings.TrimSpace(rest), ":"); !ok {
			break
		}
		switch rest = strings.TrimSpace(rest); {
		case key == "descr":
			value, rest, ok = quoted(rest)
		case key == "shape" && strings.HasPrefix(rest, "("):
			value, rest, ok = strings.Cut(rest[1:], ")")
			value = "(" + value
		default:
			end := strings.IndexAny(rest, ",}")
			if ok = end >= 0; ok {
				value, rest = strings.TrimSpace(rest[:end]), rest[end:]
			}
		}
		field := map[string]*string{"descr": &descr, "fortran_order": &fortran, "shape": &shape}[key]
		if !ok || field == nil || *field != "" {
			return h, bad
		}
		*field = value
		rest = strings.TrimPrefix(strings.TrimSpace(rest), ",")
		rest = strings.TrimSpace(rest)
	}
	if !ok || descr == "" || shape == "" || fortran != "True" && fortran != "False" {
		return h, bad
	}
	if err := h.setType(descr); err != nil {
		return h, err
	}
	if err := h.setShape(shape[1:]); err != nil {
		return h, err
	}
	if fortran == "True" && len(h.shape) > 1 {
		return h, errors.New("an array in Fortran order, want C order (numpy.ascontiguousarray)")
	}
	return h, nil
}

// quoted cuts a string literal without escapes off the front.
func quoted(s string) (text, rest string, ok bool) {
	s = strings.TrimSpace(s)
	if s == "" || s[0] != '\'' && s[0] != '"' {
		return "", "", false
	}
	return strings.Cut(s[1:], s[:1])
}

// setType reads a type such as '<f4': byte order, kind, bytes (characters for 'U').
func (h *npyHeader) setType(descr string) error {
	bad := fmt.Errorf("array of type %s, want numbers or strings", show(descr))
	if len(descr) < 3 {
		return bad
	}
	h.order = binary.LittleEndian
	if descr[0] == '>' {
		h.order = binary.BigEndian
	} else if !strings.Contains("<|=", descr[:1]) {
		return bad
	}
	width, err := strconv.ParseUint(descr[2:], 10, 16)
	h.kind, h.width = descr[1], int(width)
	if err != nil || width == 0 {
		return bad
	}
	switch h.kind {
	case 'f', 'i', 'u':
		if width != 1 && width != 2 && width != 4 && width != 8 || h.kind == 'f' && width == 1 {
			return bad
		}
	case 'b':
		if width != 1 {
			return bad
		}
	case 'U':
		h.width *= 4
	case 'S':
	default:
		return bad
	}
	return nil
}

// setShape reads the inside of a tuple of dimensions.
func (h *npyHeader) setShape(tuple string) error {
	h.count = 1
	for dim := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(tuple), ","), ",") {
		if dim = strings.TrimSpace(dim); dim == "" && len(h.shape) == 0 {
			break // a scalar
		}
		n, err := strconv.ParseUint(dim, 10, 62)
		if err != nil || len(h.shape) == 32 {
			return fmt.Errorf("array of shape (%s)", show(tuple))
		}
		if n > 0 && h.count > math.MaxInt/h.width/int(n) {
			return fmt.Errorf("array of shape (%s): too large", show(tuple))
		}
		h.shape = append(h.shape, int(n))
		h.count *= int(n)
	}
	return nil
}

// bytes is the size of the elements.
func (h npyHeader) bytes() int { return h.count * h.width }

// each calls f with the position and the bytes of every element, read in pieces.
func (h npyHeader) each(r io.Reader, f func(i int, b []byte)) error {
	piece := make([]byte, max(64<<10/h.width, 1)*h.width)
	for i := 0; i < h.count; {
		b := piece[:min(len(piece), (h.count-i)*h.width)]
		if _, err := io.ReadFull(r, b); err != nil {
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				return errors.New("cut short")
			}
			return err
		}
		for ; len(b) > 0; b = b[h.width:] {
			f(i, b[:h.width])
			i++
		}
	}
	return atEnd(r)
}

// integer is the value of one element of kind i, u or b; not ok where it does not fit an int64.
func (h npyHeader) integer(b []byte) (v int64, ok bool) {
	var u uint64
	switch h.width {
	case 1:
		u = uint64(b[0])
	case 2:
		u = uint64(h.order.Uint16(b))
	case 4:
		u = uint64(h.order.Uint32(b))
	case 8:
		u = h.order.Uint64(b)
	}
	if h.kind == 'i' {
		unused := 64 - 8*h.width
		return int64(u<<unused) >> unused, true
	}
	return int64(u), u <= math.MaxInt64
}

// text is one element of kind U or S, without the padding.
func (h npyHeader) text(b []byte) string {
	var s strings.Builder
	if h.kind == 'S' {
		s.Write(b)
	} else {
		for ; len(b) > 0; b = b[4:] {
			s.WriteRune(rune(h.order.Uint32(b)))
		}
	}
	return strings.TrimRight(s.String(), "\x00")
}
