package main

import (
	"slices"
	"strings"
	"testing"
)

// FuzzConfig reads any bytes as a file of flags: what is accepted are flags of the verb
// with values of their kinds, and what is refused is one line.
func FuzzConfig(f *testing.F) {
	for _, text := range []string{"model: m.onnx\ndata: photos\nepochs: 3\n", "train: [a, b]\nlr: 0.1\nskip-bad: true", "epochs: x", "- a", "a: &a [*a]", "epochs: {a: 1}",
		"epochs: 1\nepochs: 2", "? [a]\n: b", "config: x", "model: \"\\0\"", "\t", "%YAML 9.9\n---\nlr: 1", "lr: !!binary aGk="} {
		f.Add([]byte(text))
	}
	flags := append(finetuneVerb().Flags, commonFlags()...)
	f.Fuzz(func(t *testing.T, b []byte) {
		table := newFlagTable(flags)
		got, args, err := table.parseConfig("args.yaml", b)
		if err != nil {
			var said strings.Builder
			showError(&said, err)
			if s := said.String(); len(s) > 4096 || strings.Count(s, "\n") > 2 || strings.Contains(s, "\x1b") {
				t.Errorf("error %q", s)
			}
			return
		}
		for _, flag := range got {
			name, _, ok := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
			if !ok || table.byName[name] == nil || slices.Contains(notInConfig, name) {
				t.Errorf("%q is no flag", flag)
			}
		}
		if len(args) > len(positionalKeys) {
			t.Errorf("arguments %q", args)
		}
	})
}
