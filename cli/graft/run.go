package main

import "github.com/urfave/cli/v2"

func runVerb() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Category:  groupUse,
		Usage:     "run a model on raw tensors",
		ArgsUsage: "MODEL --input NAME=FILE --out DIR [flags]",
		Description: `
Inputs are .npy files, TensorProto .pb files or images. The outputs become
DIR/0.npy, DIR/1.npy and so on, in the order of the model's outputs, and
DIR/outputs.json tells their names, shapes and types.

Examples:
  graft run model.onnx --input x=x.npy --out result
  graft run model.onnx --input image=cat.png --input mask=mask.npy --out result`,
		Flags: append([]cli.Flag{
			repeated("input", "`NAME=FILE` give the input NAME the tensor in FILE"),
			&cli.StringFlag{Name: "out", Usage: "`DIR` write the outputs here"},
		}, preprocessingFlags()...),
	}
}
