package main

import "github.com/urfave/cli/v2"

func evalVerb() *cli.Command {
	return &cli.Command{
		Name:      "eval",
		Category:  groupUse,
		Usage:     "measure accuracy, class by class, on labelled data",
		ArgsUsage: "MODEL DATA [flags]",
		Description: `
Prints top-1 and top-5 accuracy, precision and recall of every class and the
confusion matrix. DATA is as for graft finetune; where it has val/, that is used.

Examples:
  graft eval mine.onnx photos.zip
  graft eval mine.onnx photos/val --json -o eval.json`,
		Flags: append([]cli.Flag{
			output("`FILE` write the result here instead of to stdout"),
			batchSize("32"),
			workers(),
			outputName(),
		}, preprocessingFlags()...),
	}
}
