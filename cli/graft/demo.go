package main

import "github.com/urfave/cli/v2"

func demoVerb() *cli.Command {
	model := output("`FILE` write the fine-tuned model here")
	model.Value = "demo.onnx"
	return &cli.Command{
		Name:      "demo",
		Category:  groupMake,
		Usage:     "see the whole job in seconds, on a model and data inside this program",
		ArgsUsage: "[flags]",
		Description: `
A small network that learnt the digits 0 to 4 is cut after each of its layers and
learns 5 to 9 from a few examples: with the first n layers frozen, fine-tuned, and
from scratch, over five seeds. The curve is drawn here and in a PNG; the best
model is written as ONNX.

Examples:
  graft demo
  graft demo -o digits.onnx --plot digits.png`,
		Flags: []cli.Flag{
			model,
			&cli.StringFlag{Name: "plot", Usage: "`FILE` draw the curve here", Value: "demo.png", TakesFile: true},
		},
	}
}
