package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"graft/graph/check"
)

func diffVerb() *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Category:  groupVerify,
		Usage:     "show in what two models differ, and by how much",
		ArgsUsage: "A.onnx B.onnx [flags]",
		Description: `
Compares versions, metadata, inputs, outputs and nodes, and the tensors by value.
Nodes are matched by the tensor that they compute, tensors by name. What models
compute is compared by graft check A --against B.`,
		UsageText: `
  graft diff squeezenet.onnx mine.onnx
  graft diff before.onnx after.onnx --exit-code`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "exit-code", Usage: "end in exit status 1 where the models differ"},
			output("`FILE` write the result here instead of to stdout"),
		},
		Action: runDiff,
	}
}

// diffReport is what diff shows, as --json gives it.
type diffReport struct {
	Changes []check.Change `json:"changes"`
}

func runDiff(c *cli.Context) error {
	u := newUI(c)
	args, err := positionals(c, "A", "B")
	if err != nil {
		return err
	}
	if err := checkOutput(c.String("output"), args...); err != nil {
		return err
	}
	a, err := readModel(args[0])
	if err != nil {
		return err
	}
	b, err := readModel(args[1])
	if err != nil {
		return err
	}
	r := diffReport{}
	if r.Changes, err = check.Diff(a, b); err != nil {
		return err
	}
	if err := u.result(c.String("output"), r, r.write); err != nil {
		return err
	}
	if c.Bool("exit-code") && len(r.Changes) > 0 {
		return fmt.Errorf("diff: %d differences", len(r.Changes))
	}
	return nil
}

func (r diffReport) write(w io.Writer) error {
	if len(r.Changes) == 0 {
		_, err := fmt.Fprintln(w, "no differences")
		return err
	}
	var rows [][]string
	for _, d := range r.Changes {
		rows = append(rows, []string{d.Kind, d.Name, d.What})
	}
	return writeTable(w, []string{"what", "name", "difference"}, rows)
}
