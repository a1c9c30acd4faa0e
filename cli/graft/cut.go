package main

import "github.com/urfave/cli/v2"

func cutVerb() *cli.Command {
	return &cli.Command{
		Name:      "cut",
		Category:  groupMake,
		Usage:     "write the part of a model up to a cut point",
		ArgsUsage: "MODEL --after N -o FILE [flags]",
		Description: `
The result is a model of its own that ends in the cut tensor: a feature
extractor. Weights of the layers above are left out of the file.

Examples:
  graft cut squeezenet.onnx --after 12 -o features.onnx
  graft cut squeezenet.onnx --after layer:12 -o features.onnx`,
		Flags: append([]cli.Flag{output("`FILE` write the model here")}, cutFlags()...),
	}
}

// cutFlags say where a model is cut.
func cutFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "after", Usage: "`N|layer:K|NAME` keep the model up to this cut point; graft inspect lists them",
			DefaultText: "the last one before the final layer"},
		&cli.BoolFlag{Name: "allow-partial-cut", Usage: "cut a tensor that some path goes around, and lose that path"},
		outputName(),
	}
}
