package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"graft/graph"
	"graft/onnx"
)

func cutVerb() *cli.Command {
	return &cli.Command{
		Name:      "cut",
		Category:  groupMake,
		Usage:     "write the part of a model up to a cut point",
		ArgsUsage: "MODEL --after N -o FILE [flags]",
		Description: `
The result is a model of its own that ends in the cut tensor: a feature
extractor. Weights of the layers above are left out of the file.`,
		UsageText: `
  graft cut squeezenet.onnx --after 12 -o features.onnx
  graft cut squeezenet.onnx --after layer:12 -o features.onnx`,
		Flags:  append([]cli.Flag{output("`FILE.onnx` write the model here")}, cutFlags()...),
		Action: runCut,
	}
}

func runCut(c *cli.Context) error {
	u := newUI(c)
	args, err := positionals(c, "MODEL")
	if err != nil {
		return err
	}
	if err := required(c, "output", "-o FILE"); err != nil {
		return err
	}
	path := c.String("output")
	if err := checkOutput(path, args[0]); err != nil {
		return err
	}
	m, s, err := openModel(c, args[0])
	if err != nil {
		return err
	}
	tensor, err := cutTensor(c, s)
	if err != nil {
		return fmt.Errorf("%s: %w", quote(args[0]), err)
	}
	body, err := graph.Cut(m, tensor, graph.Options{Output: c.String("output-name")})
	if err != nil {
		return fmt.Errorf("%s: %w", quote(args[0]), err)
	}
	if err := onnx.WriteFile(path, body, onnx.WriteOptions{}); err != nil {
		return err
	}
	out := ports(body, body.GetGraph().GetOutput())
	return u.next(u.result("", map[string]any{"file": path, "outputs": out}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s: up to %s, %s\n", quote(path), quote(tensor), shape(out[0].Shape))
		return err
	}), "graft inspect "+inShell(path))
}

// cutTensor is the tensor that --after names.
func cutTensor(c *cli.Context, s *graph.Structure) (string, error) {
	if at := c.String("after"); at != "" {
		return s.Find(at, c.Bool("allow-partial-cut"))
	}
	return s.LastCut()
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
