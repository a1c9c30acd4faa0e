package report

import (
	"encoding/csv"
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// An Epoch is what one pass over the training set measured; NaN where absent.
type Epoch struct {
	N                     int     // counted from 1
	TrainLoss, TrainScore float64 // mean over the epoch; the score is by a Measure
	ValLoss, ValScore     float64 // after the epoch
	LR                    float64 // learning rate of the epoch's first step
	Seconds               float64 // wall clock
}

// A Series is a measured curve: point i lies at X[i], Mean[i] and has an error
// bar of Mean[i] ± Spread[i]. Spread may be nil; the lengths are equal otherwise.
type Series struct {
	Name            string
	X, Mean, Spread []float64
	Color           color.Color // nil: the next of the palette
}

// A Line is a level to compare a Series with, drawn as Mean with a band of
// ± Spread.
type Line struct {
	Name         string
	Mean, Spread float64
	Color        color.Color // nil: the next of the palette
}

// WriteCSV writes the columns epoch, train_loss, train_acc, val_loss, val_acc,
// lr and seconds, a line an epoch; other measures than Top1 have other names than acc. Numbers have the digits that give them back
// exactly; absent ones are empty.
func WriteCSV(w io.Writer, epochs []Epoch, m Measure) error {
	c := csv.NewWriter(w)
	c.Write(columns(m))
	for _, e := range epochs {
		row := []string{strconv.Itoa(e.N)}
		for _, v := range []float64{e.TrainLoss, e.TrainScore, e.ValLoss, e.ValScore, e.LR, e.Seconds} {
			field := ""
			if !math.IsNaN(v) {
				field = strconv.FormatFloat(v, 'g', -1, 64)
			}
			row = append(row, field)
		}
		c.Write(row)
	}
	c.Flush()
	return c.Error()
}

// ReadCSV reads what WriteCSV has written; it is an error where the columns are others or a
// field is no number.
func ReadCSV(r io.Reader) ([]Epoch, Measure, error) {
	c := csv.NewReader(r)
	c.ReuseRecord = true
	header, err := c.Read()
	if err != nil {
		return nil, "", fmt.Errorf("report: results: %w", err)
	}
	measure, ok := Measure(""), false
	for _, m := range []Measure{Top1, MAP, R2, Mean} {
		if slices.Equal(header, columns(m)) {
			measure, ok = m, true
		}
	}
	if !ok {
		return nil, "", fmt.Errorf("report: results: the columns are %.200q, want those of a training", strings.Join(header, ","))
	}
	var epochs []Epoch
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return epochs, measure, nil
		}
		if err != nil {
			return nil, "", fmt.Errorf("report: results: %w", err)
		}
		var e Epoch
		fields := []*float64{&e.TrainLoss, &e.TrainScore, &e.ValLoss, &e.ValScore, &e.LR, &e.Seconds}
		if e.N, err = strconv.Atoi(row[0]); err != nil {
			return nil, "", fmt.Errorf("report: results: line %d: epoch %.40q", len(epochs)+2, row[0])
		}
		for i, f := range fields {
			if *f = math.NaN(); row[i+1] == "" {
				continue
			}
			if *f, err = strconv.ParseFloat(row[i+1], 64); err != nil {
				return nil, "", fmt.Errorf("report: results: line %d: %s is %.40q", len(epochs)+2, columns(measure)[i+1], row[i+1])
			}
		}
		epochs = append(epochs, e)
	}
}

// columns are those of results.csv.
func columns(m Measure) []string {
	return []string{"epoch", "train_loss", "train_" + m.of().column, "val_loss", "val_" + m.of().column, "lr", "seconds"}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// at is the spread of point i, 0 where there is none.
func (s Series) at(i int) float64 {
	if i < len(s.Spread) && finite(s.Spread[i]) {
		return s.Spread[i]
	}
	return 0
}

// points are the indices of the points that can be drawn.
func (s Series) points() []int {
	var out []int
	for i := range min(len(s.X), len(s.Mean)) {
		if finite(s.X[i]) && finite(s.Mean[i]) {
			out = append(out, i)
		}
	}
	return out
}
