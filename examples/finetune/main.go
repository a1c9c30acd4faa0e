// Command finetune trains a model on pictures of new classes and writes it as ONNX:
//
//	go run ./examples/finetune MODEL.onnx PHOTOS/ mine.onnx
//
// The model must say how pictures become its input, as those do that graft wrote; for
// another one set Preprocess in the finetune.Config.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"graft/finetune"
	"graft/finetune/data"
	"graft/onnx"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 {
		log.Fatal("usage: finetune MODEL.onnx PHOTOS/ mine.onnx")
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal(err)
	}
}

func run(model, photos, out string) error {
	m, err := onnx.ReadFile(model)
	if err != nil {
		return err
	}
	d, err := data.Open(photos)
	if err != nil {
		return err
	}
	defer d.Close()
	if d.Val == nil { // a fifth of each class
		if d.Train, d.Val, err = d.Train.Split(0.2, 1); err != nil {
			return err
		}
	}
	r, err := finetune.Train(context.Background(), m, d.Train, d.Val, finetune.Config{
		OnPlan: func(p *finetune.Plan) {
			for _, c := range p.Choices { // what is not given is chosen
				fmt.Printf("%s %s: %s\n", c.Name, c.Value, c.Why)
			}
		},
		OnEpoch: func(e finetune.Epoch) { fmt.Printf("epoch %d: %.1f %%\n", e.N, 100*e.ValScore) },
	})
	if err != nil {
		return err
	}
	return onnx.WriteFile(out, r.Best, onnx.WriteOptions{})
}
