package main

import "github.com/urfave/cli/v2"

func inspectVerb() *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Category:  groupUse,
		Usage:     "show layers, numbered cut points, parameters and cost",
		ArgsUsage: "MODEL [flags]",
		Description: `
Each row is a cut point: a tensor that every path from the input to the output
crosses, the only places where "after layer n" is well defined. Its number n is
what --after and --freeze of the other verbs take.

Examples:
  graft inspect resnet18.onnx
  graft inspect resnet18.onnx --json`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "nodes", Usage: "list every node with its shapes"},
			outputName(),
			output("`FILE` write the result here instead of to stdout"),
		},
	}
}
