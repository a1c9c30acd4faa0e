package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// completed is what the words after "graft" can become, the last in each line of which
// may be empty; the descriptions are left out.
func completed(verbs []*cli.Command, words ...string) []string {
	var list []string
	for _, c := range complete(verbs, words) {
		word := c.word
		if !strings.HasPrefix(word, ":") {
			word, _, _ = strings.Cut(word, "\t")
		}
		list = append(list, word)
	}
	return list
}

func TestComplete(t *testing.T) {
	verbs := everyVerb()
	for _, c := range []struct{ line, want string }{
		{"fi", "finetune"},
		{"help fi", "finetune"},
		{"-q fi", "finetune"},
		{"--thr", "--threads"},
		{"finetune --opt ", "sgd adam adamw rmsprop"},
		{"finetune --opt ad", "adam adamw"},
		{"finetune --opt=ad", "--opt=adam --opt=adamw"},
		{"finetune --opt = ad", "adam adamw"}, // as bash has it
		{"finetune --opt =", "sgd adam adamw rmsprop"},
		{"finetune --sched", "--schedule"},
		{"finetune --no", "--no-shuffle"},
		{"finetune m d --epochs 3 --epo", ""}, // given
		{"finetune m d --train x --tra", "--train"},
		{"finetune m d --freeze a", "all auto"},
		{"finetune m d --epochs ", ""}, // a number
		{"finetune m d x", ""},
		{"finetune -o ", ":files\t.onnx"},
		{"finetune m ", ":files\t.csv\t.npz\t.zip\t.gz"},
		{"finetune --run ", ":folders"},
		{"finetune --config=", ":files\t.yaml"},
		{"finetune -- -", ":files\t.onnx"},
		{"diff a.onnx ", ":files\t.onnx"},
		{"predict m.onnx a.jpg ", ":files :folders"},
		{"models sh", "show"},
		{"models show resnet18", "resnet18-v1-7 resnet18-v2-7"},
		{"models new conv", "convnet6"},
		{"sweep re", "report"},
		{"sweep plan --arch caffe", "caffenet caffenet-32"},
		{"completion ", "bash zsh fish"},
		{"nonsense ", ""},
		{"demo ", ""},
	} {
		got := completed(verbs, strings.Split(c.line, " ")...)
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: got %q, want %q", c.line, strings.Join(got, " "), c.want)
		}
	}
}

// TestEveryFlagCompletes: each verb and each flag comes out, and what it may be is taken.
func TestEveryFlagCompletes(t *testing.T) {
	verbs := everyVerb()
	for _, v := range verbs {
		if !slices.Contains(completed(verbs, v.Name[:1]), v.Name) {
			t.Errorf("%s is not completed", v.Name)
		}
		for _, f := range v.Flags {
			name := f.Names()[0]
			if !slices.Contains(completed(verbs, v.Name, "--"+name[:1]), "--"+name) {
				t.Errorf("%s --%s is not completed", v.Name, name)
			}
			for _, given := range completed(verbs, v.Name, "--"+name+"=") {
				if strings.HasPrefix(given, ":") || name == "config" {
					continue
				}
				if err := accepted("graft " + v.Name + " " + given); err != nil {
					t.Errorf("%s is offered %s: %v", v.Name, given, err)
				}
			}
		}
	}
}

// TestShells lets the shells that are here complete: words, and files by their endings.
func TestShells(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"net.onnx", "two words.onnx", "photo.jpg", "data.npz"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "nets"), 0o777); err != nil {
		t.Fatal(err)
	}
	drivers := map[string]func(words []string) []string{
		// COMP_WORDS as readline fills it.
		"bash": func(words []string) []string {
			return []string{"-c", `source <(graft completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _graft; printf '%s\n' "${COMPREPLY[@]}"`, "bash"}
		},
		// The completion system is there in line editors only: its calls are written out.
		"zsh": func(words []string) []string {
			return []string{"-f", "-c", `compdef() { :; }; source <(graft completion zsh)
_describe() { print -rl -- ${words_of_graft%%:*}; }
_files() { [[ $1 == -g ]] && print -rl -- ${(M)$(print -rl -- *):#$~2}; print -rl -- *(/N); }
words=("$@"); CURRENT=$#; PREFIX=$words[-1]; _graft`, "zsh"}
		},
		"fish": func(words []string) []string {
			return []string{"-N", "-c", `graft completion fish | source; complete -C (string join ' ' -- $argv)`}
		},
	}
	for shell, driver := range drivers {
		t.Run(shell, func(t *testing.T) {
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skipf("no %s here", shell)
			}
			for _, c := range []struct {
				line string
				want []string
			}{
				{"graft fi", []string{"finetune"}},
				{"graft finetune net.onnx data.npz --opt ad", []string{"adam", "adamw"}},
				{"graft finetune --no-sh", []string{"--no-shuffle"}},
				{"graft inspect n", []string{"net.onnx", "nets"}},
				{"graft features --report", nil},
			} {
				words := strings.Split(c.line, " ")
				cmd := exec.Command(path, append(driver(words), words...)...)
				cmd.Dir = dir
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%s: %v\n%s", c.line, err, out)
				}
				var got []string
				for line := range strings.Lines(string(out)) {
					word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
					word = strings.TrimSuffix(word, "/")
					// The stand-in for zsh's _files shows all that would be matched against the word.
					if word != "" && strings.HasPrefix(word, words[len(words)-1]) && !slices.Contains(got, word) {
						got = append(got, word)
					}
				}
				slices.Sort(got)
				if !slices.Equal(got, c.want) {
					t.Errorf("%s: got %q, want %q\n%s", c.line, got, c.want, out)
				}
			}
		})
	}
}
