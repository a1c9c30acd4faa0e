package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"graft/finetune"
	"graft/finetune/data"
	"graft/onnx"
)

// preprocessing is how a picture becomes the input of m: what the model stores, with
// the flags of preprocessingFlags over it. Where neither gives a size, Height and
// Width are 0: the model's input has one.
func preprocessing(c *cli.Context, m *onnx.ModelProto) (data.Preprocess, error) {
	var p data.Preprocess
	if _, stored := onnx.Metadata(m, finetune.InputKey); stored || !c.IsSet("mean") && !c.IsSet("std") {
		var err error
		if p, err = finetune.StoredPreprocess(m); err != nil {
			return p, err
		}
	}
	if v := c.String("size"); v != "" {
		h, w, err := parseSize(v)
		if err != nil {
			return p, err
		}
		if h != p.Height || w != p.Width {
			p.Height, p.Width, p.Resize = h, w, 0
		}
	}
	if n := c.Int("resize"); n > 0 {
		p.Resize = n
	}
	for _, f := range []struct {
		name string
		to   *[]float32
	}{{"mean", &p.Mean}, {"std", &p.Std}} {
		if v := c.String(f.name); v != "" {
			list, err := parseFloats(v)
			if err != nil {
				return p, usagef("", "--%s %s: %v", f.name, quote(v), err)
			}
			*f.to = list
		}
	}
	if v := c.String("channels"); v != "" {
		if v == "gray" && p.Channels != "gray" { // what is given for three channels holds on average
			p.Mean, p.Std = averaged(p.Mean), averaged(p.Std)
		}
		p.Channels = v
	}
	if v := c.String("layout"); v != "" {
		p.Layout = v
	}
	return p, nil
}

// averaged is the mean of the numbers of three channels; one is left alone.
func averaged(v []float32) []float32 {
	if len(v) != 3 {
		return v
	}
	return []float32{(v[0] + v[1] + v[2]) / 3}
}

// parseSize reads --size: N, or HxW.
func parseSize(v string) (h, w int, err error) {
	high, wide, two := strings.Cut(v, "x")
	if !two {
		wide = high
	}
	h, errH := strconv.Atoi(high)
	w, errW := strconv.Atoi(wide)
	if errH != nil || errW != nil || h < 1 || w < 1 {
		return 0, 0, usagef("", "--size %s: want N or HxW, in pixels", quote(v))
	}
	return h, w, nil
}

// parseFloats reads numbers separated by commas.
func parseFloats(v string) ([]float32, error) {
	var list []float32
	for _, s := range strings.Split(v, ",") {
		x, err := strconv.ParseFloat(strings.TrimSpace(s), 32)
		if err != nil {
			return nil, fmt.Errorf("want numbers separated by commas")
		}
		list = append(list, float32(x))
	}
	return list, nil
}
