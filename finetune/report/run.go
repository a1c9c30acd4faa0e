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

	Epochs []Epoch
	Rates  []float64 // the learning rate of each step
	Test   RateTest

	Classes   []string
	Confusion [][]int // [label][predicted]
	Scores    []ClassScore
	Wrong     []Sample // the mistakes that were surest, the surest first
	Right     []Sample // the surest rights
	Seen      []Sample // training images as the network sees them
	Changes   []Change // of the layers, from the input up

	Made time.Time // zero: not told
}

// A Choice is a setting that was not given, and why it has its value.
type Choice struct{ Name, Value, Why string }

// A RateTest is the loss over a rising learning rate, and the rate that was taken.
type RateTest struct {
	LR, Loss []float64
	Best     float64
}

// A ClassScore is the result for one class; shares of one.
type ClassScore struct {
	Name              string
	Images            int
	Precision, Recall float64
}

// A Sample is an image with what it is and what the model makes of it; a training image
// has a label alone.
type Sample struct {
	Image       image.Image
	Name        string
	Label       string
	Predicted   string
	Probability float64
}

// A Change is how far training has moved a layer's weights, as a share of their norm.
type Change struct {
	Layer string
	Share float64
}
