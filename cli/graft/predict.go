package main

import "github.com/urfave/cli/v2"

func predictVerb() *cli.Command {
	return &cli.Command{
		Name:      "predict",
		Category:  groupUse,
		Usage:     "name the classes of images",
		ArgsUsage: "MODEL FILE|DIR... [flags]",
		Description: `
Class names and preprocessing come from the model when graft wrote it; for other
models give the preprocessing by flags.

Examples:
  graft predict mine.onnx photo.jpg
  graft predict mine.onnx photos/ --top 1 --csv -o predictions.csv`,
		Flags: append([]cli.Flag{
			whole("top", 5, 1, "`K` show this many classes, the likeliest first", ""),
			&cli.BoolFlag{Name: "csv", Usage: "print a line file,rank,class,probability for each"},
			output("`FILE` write the result here instead of to stdout"),
			batchSize("1"),
			workers(),
			outputName(),
		}, preprocessingFlags()...),
	}
}
