package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// everyFlag is a value that is not the default for each flag of finetune.
var everyFlag = map[string]string{
	"after": "2", "allow-partial-cut": "true", "output-name": "y", "head": "a=linear", "loss": "a=mse", "targets": "x,y", "dropout": "0.25",
	"freeze": "1", "unfreeze-at": "3", "bn": "frozen", "float32": "true", "max-memory": "3GB", "memory": "low", "exact": "true", "train": "w", "epochs": "7", "batch-size": "9", "accumulate": "2", "opt": "sgd", "lr": "0.125",
	"momentum": "0.5", "weight-decay": "0.001", "decay-exclude": "bias", "lr-mult": "0.5", "layer-decay": "0.75", "schedule": "step", "warmup": "1.5",
	"clip": "2", "ema": "0.9", "early-stop": "4", "label-smoothing": "0.05", "class-weights": "balanced", "val": "0.3", "data-check": "off",
	"strict": "true", "folds": "3", "skip-bad": "true", "no-shuffle": "true", "sampling": "balanced", "augment": "strong", "mixup": "0.2",
	"cutmix": "1", "cache": "off", "workers": "3", "size": "96x64", "resize": "100", "mean": "1,2,3", "std": "4,5,6", "channels": "bgr",
	"layout": "nhwc", "output": "o.onnx", "run": "r", "checkpoint-every": "11", "tensorboard": "true", "advise": "true", "dot": "g.dot",
	"threads": "2", "seed": "18446744073709551615", "json": "true", "quiet": "true", "verbose": "true",
}

// Every flag is in the help with what it does and its default, and comes back from the
// args.yaml that a run keeps as it was given.
func TestEveryFlagOfFinetune(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "args.yaml")
	values := func(args []string) (list []string, yaml []byte) {
		t.Helper()
		app := newApp(io.Discard, io.Discard)
		for _, v := range app.Commands {
			if v.Name == "finetune" {
				v.Before = nil
				for _, f := range v.Flags {
					switch f := f.(type) { // what is refused in company is not asked here
					case *cli.StringSliceFlag:
						f.Action = nil
					}
				}
				v.Action = func(c *cli.Context) error {
					for _, f := range v.Flags {
						name := f.Names()[0]
						value := c.Value(name)
						if s, ok := value.(cli.StringSlice); ok {
							value = s.Value()
						}
						list = append(list, fmt.Sprint(name, "=", value))
					}
					yaml = arguments(c)
					return nil
				}
			}
		}
		permuted, err := permute(app.Commands, args)
		if err == nil {
			err = app.Run(append([]string{"graft"}, permuted...))
		}
		if err != nil {
			t.Fatal(err)
		}
		return list, yaml
	}
	given := []string{"finetune", "m.onnx", "photos"}
	for name, v := range everyFlag {
		given = append(given, "--"+name+"="+v)
	}
	want, yaml := values(given)
	if err := os.WriteFile(file, yaml, 0o666); err != nil {
		t.Fatal(err)
	}
	got, again := values([]string{"finetune", "--config", file})
	for i := range want {
		if name, _, _ := strings.Cut(want[i], "="); got[i] != want[i] && !slices.Contains(notInConfig, name) {
			t.Errorf("%s came back as %s", want[i], got[i])
		}
	}
	if !bytes.Equal(yaml, again) {
		t.Errorf("args.yaml\n%s\nand after it was read\n%s", yaml, again)
	}

	defaults, _ := values([]string{"finetune", "m.onnx", "photos"})
	for i, f := range recipeFlags() {
		name := f.Names()[0]
		left, right := flagLine(f)
		d := f.(cli.DocGenerationFlag)
		switch {
		case everyFlag[name] == "" && !slices.Contains(notInConfig, name):
			t.Errorf("--%s has no value in this test", name)
		case everyFlag[name] != "" && want[i] == defaults[i]:
			t.Errorf("--%s: the test gives its default", name)
		case d.TakesValue() && !strings.Contains(right, "(default: ") && !slices.Contains([]string{"output", "resume", "config", "output-name", "dot"}, name):
			t.Errorf("--%s has no default in the help: %s %s", name, left, right)
		case d.TakesValue() && !strings.Contains(left, "--"+name+" "):
			t.Errorf("--%s: the help says not what it takes: %s", name, left)
		}
	}
}
