package graft_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"graft/finetune"
	"graft/finetune/data"
	"graft/onnx"
)

// Cut a network before its last layer, give it a new one, train it on new pictures, and
// then all layers, and write the result. The README and docs/howto/use-from-go.md show this.
func Example() {
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	written := filepath.Join(os.TempDir(), fmt.Sprintf("digits-%d.onnx", os.Getpid()))
	defer os.Remove(written)

	m, err := onnx.ReadFile("models/base.onnx") // has learnt the digits 0 to 4
	check(err)
	digits, err := data.Open("models/digits.npz") // 5 to 9, pictures of 8x8 with ink from 0 to 16
	check(err)
	train, val, err := digits.Train.Split(0.2, 1)
	check(err)
	r, err := finetune.Train(context.Background(), m, train, val, finetune.Config{
		Preprocess: &data.Preprocess{Height: 16, Width: 16, Resize: 16, Channels: "gray", Mean: []float32{4}, Std: []float32{5.6}},
	})
	check(err)
	check(onnx.WriteFile(written, r.Best, onnx.WriteOptions{}))
	fmt.Println(r.Plan.Classes, r.BestEpoch().ValScore > 0.9)

	// Output:
	// [5 6 7 8 9] true
}
