package main

import "github.com/urfave/cli/v2"

func benchVerb() *cli.Command {
	return &cli.Command{
		Name:      "bench",
		Category:  groupVerify,
		Usage:     "measure images per second, latency and memory",
		ArgsUsage: "MODEL [flags]",
		Description: `
Measures inference; with --train a whole training step of all layers: forward,
backward and update.

Examples:
  graft bench resnet18.onnx --batch-size 8
  graft bench resnet18.onnx --train --json`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "train", Usage: "measure a training step"},
			batchSize("1, with --train 32"),
			&cli.StringFlag{Name: "size", Usage: "`N|HxW` input size in pixels, where the model leaves it open", DefaultText: "224"},
			output("`FILE` write the result here instead of to stdout"),
		},
	}
}
