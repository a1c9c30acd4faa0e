package models

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"fmt"
	"io"

	"graft/onnx"
)

//go:embed base.onnx
var base []byte

//go:embed digits.npz
var digits []byte

// Base returns the embedded network: input [N,1,16,16] -> logits [N,5], the digits 0 to 4. It is a new message at
// every call.
func Base() (*onnx.ModelProto, error) {
	m, err := onnx.Unmarshal(base)
	if err != nil {
		return nil, fmt.Errorf("models: base.onnx: %w", err)
	}
	return m, nil
}

// Digits returns the embedded pictures x [N,8,8], ink from 0 to 16, and their labels y [N], 5 to 9.
func Digits() (x []uint8, y []int, err error) {
	x, err = bytesOf(digits, "x.npy")
	if err != nil {
		return nil, nil, err
	}
	labels, err := bytesOf(digits, "y.npy")
	if err != nil {
		return nil, nil, err
	}
	if len(x) != len(labels)*from*from {
		return nil, nil, fmt.Errorf("models: digits.npz: %d pixels for %d labels", len(x), len(labels))
	}
	y = make([]int, len(labels))
	for i, v := range labels {
		y[i] = int(v)
	}
	return x, y, nil
}

// bytesOf reads an array of uint8 in C order from an .npz: version 1.0 of
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, a header of 10 bytes with the length of the
// description that follows it. It is for the embedded file alone; package data reads those of others.
func bytesOf(npz []byte, name string) ([]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(npz), int64(len(npz)))
	if err != nil {
		return nil, fmt.Errorf("models: digits.npz: %w", err)
	}
	f, err := z.Open(name)
	if err != nil {
		return nil, fmt.Errorf("models: digits.npz: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("models: digits.npz: %s: %w", name, err)
	}
	if len(b) < 10 || string(b[:8]) != "\x93NUMPY\x01\x00" {
		return nil, fmt.Errorf("models: digits.npz: %s: no array of format 1.0", name)
	}
	head := 10 + int(b[8]) + int(b[9])<<8
	if len(b) < head || !bytes.Contains(b[10:head], []byte(`'descr': '|u1', 'fortran_order': False`)) {
		return nil, fmt.Errorf("models: digits.npz: %s: no array of uint8 in C order", name)
	}
	return b[head:], nil
}
