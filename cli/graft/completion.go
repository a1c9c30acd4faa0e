package main

import (
	"embed"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"graft/internal/spell"
	"graft/models"
)

// The scripts ask graft itself what may come next, so they know the flags of the graft
// that is there.
//
//go:embed completion
var completionScripts embed.FS

var shells = []string{"bash", "zsh", "fish"}

func completionVerb() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "let the Tab key complete verbs, flags, values and files",
		ArgsUsage: "bash|zsh|fish",
		UsageText: `
  graft completion bash  for ~/.bashrc: source <(graft completion bash)
  graft completion zsh   for a file _graft in a folder of $fpath
  graft completion fish  for the file ~/.config/fish/completions/graft.fish`,
		Description: `
Prints a script for the shell. On Tab it runs graft completion words -- WORD...,
which prints what the last word can become, a line each, with a tab before what it
means; :files and the endings of their names, or :folders, stand for these.`,
		Action: runCompletion,
	}
}

func runCompletion(c *cli.Context) error {
	if c.Args().First() == "words" { // which may be empty
		for _, w := range complete(c.App.Commands, c.Args().Tail()) {
			fmt.Fprintln(c.App.Writer, w.line())
		}
		return nil
	}
	args, err := positionals(c, "SHELL")
	if err != nil {
		return err
	}
	if !slices.Contains(shells, args[0]) {
		return usagef(spell.Hint(args[0], shells), "completion: %s: want %s", quote(args[0]), orList(shells))
	}
	b, err := completionScripts.ReadFile("completion/graft." + args[0])
	if err != nil {
		return err
	}
	return newUI(c).result("", map[string]string{"script": string(b)}, func(w io.Writer) error { _, err := w.Write(b); return err })
}

// A completion is what a word can become. "\t" in word divides :files from endings.
type completion struct{ word, about string }

func (c completion) line() string {
	if c.about == "" {
		return c.word
	}
	return c.word + "\t" + c.about
}

// complete says what the last of words can become; they follow "graft".
func complete(verbs []*cli.Command, words []string) []completion {
	if len(words) == 0 {
		return nil
	}
	before, last := words[:len(words)-1], words[len(words)-1]
	l := readLine(verbs, before)
	if l.wrong {
		return nil
	}
	if last == "=" { // bash takes --flag=value for three words
		last = ""
	}
	var list []completion
	name, _, assigned := strings.Cut(last, "=")
	switch f := l.table.byName[strings.TrimLeft(name, "-")]; {
	case l.value != nil:
		list = candidates(placeholder(l.value))
	case l.ended:
		list = l.positional()
	case assigned && isFlag(name) && f != nil:
		for _, c := range candidates(placeholder(f)) {
			if !strings.HasPrefix(c.word, ":") {
				c.word = name + "=" + c.word
			}
			list = append(list, c)
		}
	case strings.HasPrefix(last, "-"):
		list = l.flags()
	case l.verb == nil:
		for _, v := range verbs {
			list = append(list, completion{v.Name, v.Usage})
		}
		list = append(list, completion{"help", "show the help of a verb"})
	default:
		list = l.positional()
	}
	return slices.DeleteFunc(list, func(c completion) bool {
		return !strings.HasPrefix(c.word, ":") && !strings.HasPrefix(c.word, last)
	})
}

// A typedLine is what the words before the last one are.
type typedLine struct {
	verb  *cli.Command
	table *flagTable
	value cli.Flag // that the last word is the value of
	ended bool     // by "--"
	wrong bool     // an unknown verb
	count int      // of positionals
}

func readLine(verbs []*cli.Command, words []string) typedLine {
	l := typedLine{table: newFlagTable(append(commonFlags(), versionFlag))}
	for _, w := range words {
		switch {
		case l.value != nil && w == "=":
		case l.value != nil:
			l.value = nil
		case l.ended:
			l.count++
		case w == "--":
			l.ended = true
		case isFlag(w):
			name, _, assigned := strings.Cut(w, "=")
			if f := l.table.byName[strings.TrimLeft(name, "-")]; f != nil {
				l.table.given[f.Names()[0]] = true
				if takesValue(f) && !assigned {
					l.value = f
				}
			}
		case l.verb != nil:
			l.count++
		case w == "help":
		default:
			for _, v := range verbs {
				if v.HasName(w) {
					l.verb, l.table = v, newFlagTable(v.Flags)
				}
			}
			l.wrong = l.verb == nil
		}
	}
	return l
}

// flags are those that may follow: all but the ones that were given, and take one value.
func (l typedLine) flags() []completion {
	var list []completion
	for _, name := range l.table.long {
		f := l.table.byName[name[2:]]
		if _, many := f.(cli.DocGenerationSliceFlag); !many && l.table.given[f.Names()[0]] {
			continue
		}
		about := f.(cli.DocGenerationFlag).GetUsage()
		if takesValue(f) {
			_, about, _ = strings.Cut(strings.TrimPrefix(about, "`"), "`")
		}
		list = append(list, completion{name, cut(strings.TrimSpace(about), 72)})
	}
	return list
}

// positional is what the verb's argument in this place can be.
func (l typedLine) positional() []completion {
	if l.verb == nil {
		return nil
	}
	var places []string
	for _, place := range strings.Fields(l.verb.ArgsUsage) {
		if strings.HasPrefix(place, "-") || place == "[flags]" {
			break
		}
		places = append(places, strings.Trim(place, "[]"))
	}
	if len(places) == 0 {
		return nil
	}
	place := places[min(l.count, len(places)-1)]
	if l.count >= len(places) && !strings.Contains(place, "...") {
		return nil
	}
	return candidates(strings.Trim(place, "[]."))
}

// placeholder is what the help writes for a flag's value, where it needs one.
func placeholder(f cli.Flag) string {
	if !takesValue(f) {
		return "true|false"
	}
	p, _, _ := strings.Cut(strings.TrimPrefix(f.(cli.DocGenerationFlag).GetUsage(), "`"), "`")
	return p
}

// endings are those of the files that a placeholder stands for; a folder is data too.
var endings = map[string]string{
	"MODEL": ".onnx", "DATA": ".csv\t.npz\t.zip\t.gz", "PLAN": ".json", "PATH": ".check.yaml\t.onnx",
}

// candidates are what a placeholder stands for: words in lower case for themselves, names
// in capitals for files, folders or networks; a number can be completed by nobody.
func candidates(placeholder string) []completion {
	var list []completion
	var files []string
	for _, p := range strings.Split(placeholder, "|") {
		name, ending, _ := strings.Cut(p, ".")
		switch {
		case endings[p] != "":
			files = append(files, endings[p])
			if p == "MODEL" {
				list = append(list, networks(true)...)
			}
		case p == "NETWORK":
			list = append(list, networks(false)...)
		case p == "FILE":
			list = append(list, completion{word: ":files"})
		case ending != "" && name == strings.ToUpper(name):
			files = append(files, "."+ending)
		case p == "DIR" || p == "RUN":
			list = append(list, completion{word: ":folders"})
		case p == strings.ToLower(p) && !strings.ContainsAny(p, ",/"):
			list = append(list, completion{word: p})
		}
	}
	if files != nil {
		list = append(list, completion{word: ":files\t" + strings.Join(files, "\t")})
	}
	return list
}

// networks are those that a name stands for: the pulled ones, or all in the catalogue and
// what models new makes.
func networks(pulled bool) []completion {
	var list []completion
	known, _ := models.Catalogue()
	for _, e := range known {
		if !pulled || (models.Cache{}).Has(e) {
			list = append(list, completion{e.Name, e.About})
		}
	}
	if !pulled {
		for _, a := range models.Architectures {
			list = append(list, completion{a.Name, a.About})
		}
	}
	return list
}
