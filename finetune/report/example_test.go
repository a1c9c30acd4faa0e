package report_test

import (
	"bytes"
	"fmt"
	"image"
	_ "image/png"
	"math"
	"os"
	"strings"

	"graft/finetune/report"
)

func ExampleWriteCSV() {
	report.WriteCSV(os.Stdout, []report.Epoch{
		{N: 1, TrainLoss: 0.71, TrainScore: 0.5, ValLoss: 0.625, ValScore: 0.75, LR: 0.001, Seconds: 1.5},
		{N: 2, TrainLoss: 0.5, TrainScore: 0.875, ValLoss: math.NaN(), ValScore: math.NaN(), LR: 5e-05, Seconds: 1.25},
	}, report.Top1)
	// Output:
	// epoch,train_loss,train_acc,val_loss,val_acc,lr,seconds
	// 1,0.71,0.5,0.625,0.75,0.001,1.5
	// 2,0.5,0.875,,,5e-05,1.25
}

func ExampleTerminal() {
	report.Terminal(os.Stdout, []report.Series{{
		Name:   "first n layers frozen",
		X:      []float64{0, 1, 2, 3, 4, 5},
		Mean:   []float64{94.7, 95.7, 96.5, 96.8, 95.3, 77.9},
		Spread: []float64{1.2, 0.9, 0.8, 0.7, 1.1, 2.4},
	}}, 60, 14, report.Line{Name: "from scratch", Mean: 90, Spread: 1.5})
	// Output:
	// 100 ┤
	//     │                   ···●·········●···
	//  95 ┤  ●·········●······                 ······●
	//     │                                           ··
	//  90 ┤╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌·╌╌╌╌╌╌╌╌╌
	//     │                                              ··
	//  85 ┤                                                ·
	//     │                                                 ··
	//  80 ┤                                                   ·│
	//     │                                                    ●
	//  75 ┤                                                    │
	//     └──┬─────────┬─────────┬─────────┬─────────┬─────────┬──
	//        0         1         2         3         4         5
	//    ● first n layers frozen   ╌ from scratch 90.0 ± 1.5
}

// The page of a run: what is absent is left out.
func ExampleRun_HTML() {
	r := report.Run{Title: "Tags", Measure: report.MAP, Epochs: []report.Epoch{{N: 1, TrainLoss: 0.7, TrainScore: math.NaN(), ValLoss: 0.6, ValScore: 0.8125}},
		Heads: []report.Head{{Labels: true, Scores: []report.ClassScore{{Name: "red", Images: 3, AP: 0.9, F1: 0.8}}}}}
	for _, f := range r.Figures() {
		fmt.Println(f.Name)
	}
	var page strings.Builder
	err := r.HTML(&page)
	fmt.Println(strings.Contains(page.String(), "81.2 %"), err)
	// Output:
	// loss
	// mean_average_precision
	// classes
	// true <nil>
}

// The accuracy over the number of layers that a network took from another task.
func ExampleTransferCurve() {
	var png bytes.Buffer
	err := report.TransferCurve(&png, "From cats to dogs", "n, layers taken over", "top-1, %",
		[]report.Series{{Name: "frozen", X: []float64{1, 2, 3}, Mean: []float64{92, 93, 75}, Spread: []float64{1, 1, 2}}},
		[]report.Line{{Name: "from scratch", Mean: 90, Spread: 2}})
	if err != nil {
		fmt.Println(err)
		return
	}
	c, format, err := image.DecodeConfig(&png)
	fmt.Println(format, c.Width, c.Height, err)
	// Output: png 1536 960 <nil>
}
