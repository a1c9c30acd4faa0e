package report

import (
	"image"
	"time"
)

// A Run is the record of one training, or of one evaluation: what is absent is left out
// of its pictures and its page.
type Run struct {
	Title    string
	Facts    [][2]string // a name and a value each
	Choices  []Choice
	Warnings []string // about the data and the training
	Commands []string // to go on with

	Epochs  []Epoch
	Measure Measure   // of their scores
	Rates   []float64 // the learning rate of each step
	Test    RateTest

	Heads   []Head
	Sheets  []Sheet
	Changes []Change // of the layers, from the input up

	Made time.Time // zero: not told
}

// A Choice is a setting that was not given, and why it has its value.
type Choice struct{ Name, Value, Why string }

// A RateTest is the loss over a rising learning rate, and the rate that was taken.
type RateTest struct {
	LR, Loss []float64
	Best     float64
}

// A Head is the result of one head of a network: of classes, labels or numbers.
type Head struct {
	Name      string // "" of an only one
	Classes   []string
	Confusion [][]int // of classes: [label][predicted]
	Answers   []int   // of images without labels: how many were called each class or label
	Scores    []ClassScore
	Labels    bool // the scores are of labels
	Values    []Value
}

// A ClassScore is the result for one class or label; shares of one.
type ClassScore struct {
	Name              string
	Images            int
	Precision, Recall float64
	AP, F1            float64 // of a label
}

// A Value is the result for a number: in its unit, but for R2.
type Value struct {
	Name          string
	RMSE, MAE, R2 float64
	Truth, Guess  []float64
}

// A Sheet is images side by side.
type Sheet struct {
	Name    string // a file's name without its suffix
	Title   string
	Samples []Sample
}

// A Sample is an image with what it is and what the model makes of it; a training image
// has a label alone, an image that nobody has labelled only what the model makes of it.
type Sample struct {
	Image       image.Image
	Name        string
	Label       string
	Predicted   string
	Probability float64 // of what is predicted; NaN: not told
}

// A Change is how far training has moved a layer's weights, as a share of their norm.
type Change struct {
	Layer string
	Share float64
}
