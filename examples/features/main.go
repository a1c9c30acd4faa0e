// Command features finds for each picture the one that is most like it, by what a network
// makes of them at a cut point:
//
//	go run ./examples/features MODEL.onnx PHOTOS/
package main

import (
	"context"
	"fmt"
	"log"
	"math"
	"os"
	"slices"

	"graft/finetune"
	"graft/finetune/data"
	"graft/onnx"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: features MODEL.onnx PHOTOS/")
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(model, photos string) error {
	m, err := onnx.ReadFile(model)
	if err != nil {
		return err
	}
	pictures, err := data.OpenImages(photos)
	if err != nil {
		return err
	}
	// The default is the last cut point before the final layer; graft inspect lists all.
	e, err := finetune.NewExtractor(m, finetune.ExtractorConfig{})
	if err != nil {
		return err
	}
	defer e.Close()
	features := make([][]float32, pictures.Len())
	err = e.Each(context.Background(), pictures, func(i int, x []float32) error {
		features[i] = slices.Clone(x) // x is valid until we return
		return nil
	})
	if err != nil {
		return err
	}
	for i := range features {
		best, most := -1, math.Inf(-1)
		for j := range features {
			if c := cosine(features[i], features[j]); j != i && c > most {
				best, most = j, c
			}
		}
		if best >= 0 {
			fmt.Printf("%s is most like %s: %.3f\n", pictures.Items[i].Name, pictures.Items[best].Name, most)
		}
	}
	return nil
}

// cosine is that of the angle between two vectors of the same length.
func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return ab / math.Sqrt(aa*bb)
}
