package main

import (
	"math"

	"github.com/urfave/cli/v2"
)

func checkVerb() *cli.Command {
	return &cli.Command{
		Name:      "check",
		Category:  groupVerify,
		Usage:     "run ONNX test folders and compare with their expected outputs",
		ArgsUsage: "PATH... [flags]",
		Description: `
A test is a folder with one .onnx file and test_data_set_* folders, in ONNX's own
layout; PATH may be one or hold many. A test passes where |got-want| is at most
atol + rtol*|want| everywhere. A failed test ends in exit status 1.

Examples:
  graft check models/squeezenet1_1
  graft check models/ --rtol 1e-3 --atol 1e-4 --junit report.xml`,
		Flags: []cli.Flag{
			number("rtol", 0, 0, math.Inf(1), "`R` relative tolerance", "1e-3; 2e-2 for float16 outputs"),
			number("atol", 0, 0, math.Inf(1), "`A` absolute tolerance", "1e-7; 2e-2 for float16 outputs"),
			&cli.StringFlag{Name: "junit", Usage: "`FILE` write a JUnit report here", TakesFile: true},
			output("`FILE` write the result here instead of to stdout"),
		},
	}
}
