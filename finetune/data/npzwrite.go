package data

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

// Array is one array of an .npz that is being written.
type Array struct {
	name, descr string
	shape       []int
	write       func(io.Writer) error
}

// FloatsArray is an array of float32 whose elements fill gives in order, in any number of
// pieces.
func FloatsArray(name string, shape []int, fill func(put func([]float32) error) error) Array {
	return Array{name, "<f4", shape, func(w io.Writer) error {
		left := 1
		for _, d := range shape {
			left *= d
		}
		err := fill(func(x []float32) error {
			left -= len(x)
			b := make([]byte, 0, 4*len(x))
			for _, v := range x {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
			}
			_, err := w.Write(b)
			return err
		})
		if err == nil && left != 0 {
			err = fmt.Errorf("data: npz: array %s of shape %v: %d elements are missing", show(name), shape, left)
		}
		return err
	}}
}

// IntsArray is an array of int64 [n].
func IntsArray(name string, v []int) Array {
	return Array{name, "<i8", []int{len(v)}, func(w io.Writer) error {
		var b []byte
		for _, x := range v {
			b = binary.LittleEndian.AppendUint64(b, uint64(x))
		}
		_, err := w.Write(b)
		return err
	}}
}

// StringsArray is an array of strings [n].
func StringsArray(name string, v []string) Array {
	longest := 1
	for _, s := range v {
		longest = max(longest, utf8.RuneCountInString(s))
	}
	return Array{name, fmt.Sprintf("<U%d", longest), []int{len(v)}, func(w io.Writer) error {
		var b []byte
		for _, s := range v {
			r := []rune(s)
			for k := range longest {
				c := rune(0)
				if k < len(r) {
					c = r[k]
				}
				b = binary.LittleEndian.AppendUint32(b, uint32(c))
			}
		}
		_, err := w.Write(b)
		return err
	}}
}

// WriteNpz writes arrays as numpy.savez does; equal arrays give equal bytes.
func WriteNpz(w io.Writer, arrays ...Array) error {
	z := zip.NewWriter(w)
	for _, a := range arrays {
		f, err := z.CreateHeader(&zip.FileHeader{Name: a.name + ".npy", Method: zip.Store})
		if err == nil {
			_, err = f.Write(npyHead(a.descr, a.shape))
		}
		if err == nil {
			err = a.write(f)
		}
		if err != nil {
			return err
		}
	}
	return z.Close()
}

// npyHead is what a .npy of version 1.0 has before its elements.
func npyHead(descr string, shape []int) []byte {
	dims := strings.Trim(strings.ReplaceAll(fmt.Sprint(shape), " ", ", "), "[]")
	if len(shape) == 1 {
		dims += ","
	}
	dict := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, dims)
	const fixed = 10 // magic, version, length of the dict
	pad := 63 - (fixed+len(dict))%64
	dict += strings.Repeat(" ", pad) + "\n" // the elements start at a multiple of 64
	return append(binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(dict))), dict...)
}
