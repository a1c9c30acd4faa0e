package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"graft/finetune/data"
	"graft/graph"
	"graft/graph/check"
	"graft/onnx"
)

func runVerb() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Category:  groupUse,
		Usage:     "run a model on raw tensors",
		ArgsUsage: "MODEL --input NAME=FILE --out DIR [flags]",
		Description: `
Inputs are .npy files, TensorProto .pb files or images; NAME= may be left out
where the model has one input. An image becomes a batch of one, by the
preprocessing that the model stores or that the flags give. The outputs become
DIR/0.npy, DIR/1.npy and so on, in the order of the model's outputs, and
DIR/outputs.json tells their names, shapes and types.`,
		UsageText: `
  graft run model.onnx --input x.npy --out result
  graft run model.onnx --input image=cat.png --input mask=mask.npy --out result`,
		Flags: append([]cli.Flag{
			repeated("input", "`NAME=FILE` give the input NAME the tensor in FILE"),
			&cli.StringFlag{Name: "out", Usage: "`DIR` write the outputs here"},
			memoryLimit(),
			exactFlag(),
		}, preprocessingFlags()...),
		Action: runRun,
	}
}

// runOutputs is what run shows and outputs.json holds.
type runOutputs struct {
	Outputs []runOutput `json:"outputs"`
}

type runOutput struct {
	File  string `json:"file"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	Shape []int  `json:"shape"`
}

func runRun(c *cli.Context) error {
	u := newUI(c)
	args, err := positionals(c, "MODEL")
	if err != nil {
		return err
	}
	given := c.StringSlice("input")
	if len(given) == 0 {
		return usagef("for example: graft run … --input x.npy", "run: --input is missing")
	}
	if err := required(c, "out", "--out DIR"); err != nil {
		return err
	}
	dir := c.String("out")
	if err := checkFolder(dir); err != nil {
		return err
	}
	m, err := readModel(args[0])
	if err != nil {
		return err
	}
	files, err := inputFiles(given, graph.InputNames(m))
	if err != nil {
		return fmt.Errorf("%s: %w", quote(args[0]), err)
	}
	if isDir(dir) {
		for i := range m.GetGraph().GetOutput() {
			if err := checkOutput(filepath.Join(dir, outputFile(i)), append(files, args[0])...); err != nil {
				return err
			}
		}
	}
	out, err := infer(c, m, files)
	if err != nil {
		return fmt.Errorf("%s: %w", quote(args[0]), err)
	}
	r := runOutputs{[]runOutput{}}
	for i, v := range m.GetGraph().GetOutput() {
		r.Outputs = append(r.Outputs, runOutput{outputFile(i), v.GetName(), typeName(out[i].Type), out[i].Shape})
	}
	if err := r.save(dir, out); err != nil {
		return err
	}
	return u.result("", r, func(w io.Writer) error {
		var rows [][]string
		for _, o := range r.Outputs {
			rows = append(rows, []string{o.File, o.Name, shape(o.Shape), o.Type})
		}
		return writeTable(w, []string{"file", "output", "shape", "type"}, rows)
	})
}

// outputFile is the file of output i: names from a model never become paths.
func outputFile(i int) string { return fmt.Sprintf("%d.npy", i) }

// save writes the outputs out and what r says of them into the folder dir.
func (r runOutputs) save(dir string, out []*onnx.Tensor) error {
	const description = "outputs.json"
	return writeFolder(dir, description, func(dir string) error {
		for i, o := range r.Outputs {
			write := func(w io.Writer) error { return data.WriteNpy(w, out[i]) }
			if err := writeFile(filepath.Join(dir, o.File), write); err != nil {
				return fmt.Errorf("output %s: %w", quote(o.Name), err)
			}
		}
		return writeFile(filepath.Join(dir, description), func(w io.Writer) error { return writeJSON(w, r) })
	})
}

// infer runs the model once on the tensors in files, one for each input.
func infer(c *cli.Context, m *onnx.ModelProto, files []string) ([]*onnx.Tensor, error) {
	var in []*onnx.Tensor
	for k, name := range graph.InputNames(m) {
		t, err := readInput(c, m, name, files[k])
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", quote(name), err)
		}
		in = append(in, t)
	}
	out, err := check.Options{Threads: threads(c), MaxMemory: maxMemory(c, m), Exact: c.Bool("exact")}.Infer(m, in)
	if err != nil {
		return nil, err
	}
	return out, c.Context.Err()
}

// inputFiles sorts what --input gives into the order of the model's inputs.
func inputFiles(given, names []string) ([]string, error) {
	files := make([]string, len(names))
	for _, g := range given {
		name, file, err := splitInput(g, names)
		if err != nil {
			return nil, err
		}
		k := slices.Index(names, name)
		if files[k] != "" {
			return nil, usagef("", "input %s is given twice", quote(name))
		}
		files[k] = file
	}
	if k := slices.Index(files, ""); k >= 0 {
		return nil, hinted{fmt.Errorf("input %s is not given", quote(names[k])), "its inputs are " + quoted(names)}
	}
	return files, nil
}

// splitInput separates NAME=FILE. Names and files may hold "=" themselves: the
// longest name that the model has counts.
func splitInput(given string, names []string) (name, file string, err error) {
	found := false
	for _, n := range names {
		if rest, ok := strings.CutPrefix(given, n+"="); ok && (!found || len(n) > len(name)) {
			name, file, found = n, rest, true
		}
	}
	first, _, isNamed := strings.Cut(given, "=")
	switch {
	case found && file == "":
		return "", "", usagef("", "--input %s: there is no file after the name", quote(given))
	case found:
		return name, file, nil
	case len(names) == 1 && (!isNamed || exists(given)):
		return names[0], given, nil
	case isNamed:
		return "", "", hinted{fmt.Errorf("the model has no input %s", quote(first)), "its inputs are " + quoted(names)}
	}
	return "", "", hinted{fmt.Errorf("--input %s names none of the model's %d inputs", quote(given), len(names)),
		"write NAME=FILE; its inputs are " + quoted(names)}
}

// quoted lists names, the first ten of them.
func quoted(names []string) string {
	var q []string
	for _, n := range names[:min(len(names), 10)] {
		q = append(q, quote(n))
	}
	if len(names) > 10 {
		q = append(q, "…")
	}
	return strings.Join(q, ", ")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// readInput reads one tensor; the suffix says what kind of file it is.
func readInput(c *cli.Context, m *onnx.ModelProto, name, file string) (*onnx.Tensor, error) {
	return check.ReadInput(m, name, file, func() (data.Preprocess, error) { return preprocessing(c, m) })
}
