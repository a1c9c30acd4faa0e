package main

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// everyVerb is the command line of all verbs, that of the tests among them.
func everyVerb() []*cli.Command { return newApp(io.Discard, io.Discard).Commands }

func TestPermute(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", "--help"},
		{"-q", "--help"},
		{"--help", "--help"},
		{"help", "--help"},
		{"-V", "--version"},
		{"help cut", "cut --help"},
		{"cut -h", "cut --help"},
		{"cut m.onnx --after", ""},
		{"-v cut m", "cut --verbose=true -- m"},
		{"cut m --after 3 -o f", "cut --after=3 --output=f -- m"},
		{"cut --after 3 m -o=f", "cut --after=3 --output=f -- m"},
		{"cut -o f --after=3 m", "cut --output=f --after=3 -- m"},
		{"cut -o=a=b m", "cut --output=a=b -- m"},
		{"cut m -- --after", "cut -- m --after"},
		{"cut -- -o -- x", "cut -- -o -- x"},
		{"cut - --json", "cut --json=true -- -"},
		{"cut --json=false m", "cut --json=false -- m"},
		{"cut help", "cut -- help"},
		{"finetune m -b 8 d --lr -1 --head mlp:512,256", "finetune --batch-size=8 --lr=-1 --head=mlp:512,256 -- m d"},
		{"finetune m d --train a --train b", "finetune --train=a --train=b -- m d"},
		{"finetune m d --lr 1e-3 --mean 123.7,116.3,103.5", "finetune --lr=1e-3 --mean=123.7,116.3,103.5 -- m d"},
	} {
		got, err := permute(everyVerb(), strings.Fields(c.in))
		if (err != nil) != (c.want == "") || strings.Join(got, " ") != c.want {
			t.Errorf("%q: got %q, %v; want %q", c.in, got, err, c.want)
		}
	}
}

func TestPermuteRefuses(t *testing.T) {
	for _, c := range []struct{ in, message, hint string }{
		{"fintune m d", `unknown verb "fintune"`, "did you mean finetune?"},
		{"frobnicate", `unknown verb "frobnicate"`, "graft --help lists the verbs"},
		{"help nothing", `unknown verb "nothing"`, "graft --help lists the verbs"},
		{"finetune m d --epoch 3", `finetune: unknown flag "--epoch"`, "did you mean --epochs?"},
		{"finetune m d --epohcs=3", `finetune: unknown flag "--epohcs"`, "did you mean --epochs?"},
		{"finetune m d --batch 3", `finetune: unknown flag "--batch"`, "did you mean --batch-size?"},
		{"finetune m d --zzz", `finetune: unknown flag "--zzz"`, "graft finetune --help lists its flags"},
		{"finetune m d -b32", `finetune: unknown flag "-b32"`, "did you mean -b 32?"},
		{"finetune m d -x", `finetune: unknown flag "-x"`, "graft finetune --help lists its flags"},
		{"--epochs 3 finetune m d", `unknown flag "--epochs"`, "the flags of a verb follow it; graft --help lists the verbs"},
		{"finetune m d --lr", `--lr needs a value`, "graft finetune --help lists its flags"},
		{"finetune m d -o --json", `-o needs a value, got the flag --json`, "write -o=--json if that is the value"},
		{"finetune m d --clip fast", `--clip "fast": want a number`, ""},
		{"finetune m d --epochs 1.5", `--epochs "1.5": want a whole number`, ""},
		{"finetune m d --json=maybe", `--json "maybe": want true or false`, ""},
		{"finetune m d --seed -1", `--seed "-1": want a whole number, 0 or more`, ""},
		{"finetune m d --output=", `--output needs a value, got an empty one`, ""},
	} {
		_, err := permute(everyVerb(), strings.Fields(c.in))
		var u usageError
		if !errors.As(err, &u) {
			t.Errorf("%q: %v is no usage error", c.in, err)
			continue
		}
		if u.Error() != c.message || u.hint != c.hint {
			t.Errorf("%q: got %q, hint %q; want %q, hint %q", c.in, u.Error(), u.hint, c.message, c.hint)
		}
	}
}

// FuzzPermute: no command line is lost or invents arguments.
func FuzzPermute(f *testing.F) {
	for _, s := range []string{"cut m --after 3 -o f", "finetune m -- -x", "cut -o=", "-v cut", "cut --=", "cut -=1 --", "help"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, " ")
		out, err := permute(everyVerb(), args)
		if err != nil || len(out) < 2 || out[1] == "--help" {
			return
		}
		end := slices.Index(out, "--")
		for _, flag := range out[1:max(end, 1)] {
			if !strings.HasPrefix(flag, "--") || !strings.Contains(flag, "=") {
				t.Fatalf("%q: %q is no --flag=value", args, flag)
			}
		}
		for _, p := range out[end+1:] {
			if !slices.Contains(args, p) {
				t.Fatalf("%q: positional %q is invented", args, p)
			}
		}
	})
}
