package main

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"graft/models"
	"graft/onnx"
)

// Names in the folder of demo's --keep.
const (
	keptModel  = "base.onnx"
	keptDigits = "digits"
)

// keep writes the network and the pictures inside the program as a user has them: a model file, and a folder of PNGs
// for each class.
func (d *demo) keep(path string) error {
	return writeFolder(path, keptModel, func(dir string) error {
		x, y, err := models.Digits()
		if err != nil {
			return err
		}
		input := models.DigitsInput(x)
		for i, digit := range y {
			folder := filepath.Join(dir, keptDigits, strconv.Itoa(digit))
			if err := os.MkdirAll(folder, 0o777); err != nil {
				return fmt.Errorf("output %s: %w", quote(path), pathless(err))
			}
			if err := writeDigit(filepath.Join(folder, fmt.Sprintf("%03d.png", i)), input[i*side*side:][:side*side]); err != nil {
				return fmt.Errorf("output %s: %w", quote(path), pathless(err))
			}
		}
		return onnx.WriteFile(filepath.Join(dir, keptModel), d.base, onnx.WriteOptions{})
	})
}

const side = 16 // of the pictures, in pixels

// writeDigit writes one picture [16,16] of the base's input, back in gray values from 0 to 255: what the base makes
// of the file is what it makes of the input.
func writeDigit(path string, input []float32) error {
	im := image.NewGray(image.Rect(0, 0, side, side))
	for i, v := range input {
		im.Pix[i] = uint8(math.Round(255 * (0.35*float64(v) + 0.25)))
	}
	var b bytes.Buffer
	if err := png.Encode(&b, im); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o666)
}
