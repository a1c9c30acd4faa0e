package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// groups are the parts of the front page, in order; a verb names its group in
// Category. What is in no group serves the shell and packagers, and is not on the
// front page.
var groups = []string{groupMake, groupUse, groupVerify}

const (
	groupMake   = "Make"
	groupUse    = "Use"
	groupVerify = "Check"
)

// printHelp is urfave/cli's hook for help: the front page for the App, else
// the page of a verb.
func printHelp(w io.Writer, _ string, data any) {
	var b strings.Builder
	switch d := data.(type) {
	case *cli.App:
		frontPage(&b, d.Commands)
	case *cli.Command:
		verbPage(&b, d)
	}
	io.WriteString(w, b.String())
}

const aboutGraft = "graft cuts a pretrained ONNX convnet after layer n, grafts a new head onto what is left, " +
	"trains it on your images, and writes a standard ONNX model."

// frontPage fits a screen of 80 columns and 24 lines.
func frontPage(b *strings.Builder, verbs []*cli.Command) {
	fill(b, "", 0, aboutGraft)
	b.WriteString(`
  graft demo                                        the whole job, offline
  graft finetune MODEL.onnx PHOTOS/ -o mine.onnx    a folder of photos per class

`)
	for _, group := range groups {
		heading := group
		for _, v := range verbs {
			if v.Category == group {
				fmt.Fprintf(b, "%-7s%-10s%s\n", heading, v.Name, v.Usage)
				heading = ""
			}
		}
	}
	b.WriteString("\ngraft VERB --help: examples and flags. graft completion: Tab for your shell.\n")
}

func verbPage(b *strings.Builder, v *cli.Command) {
	fmt.Fprintf(b, "graft %s: %s\n\nExamples:\n", v.Name, v.Usage)
	for _, e := range examples(v) {
		b.WriteString("  " + e + "\n")
	}
	fmt.Fprintf(b, "\nUsage: graft %s %s\n", v.Name, v.ArgsUsage)
	for _, p := range paragraphs(v) {
		b.WriteString("\n")
		fill(b, "", 0, p)
	}
	for _, s := range flagSections(v) {
		b.WriteString("\n" + s.heading + ":\n")
		writeFlags(b, s.flags)
	}
}

// examples are a verb's command lines; some end in two spaces and what they show.
func examples(v *cli.Command) []string {
	var list []string
	for line := range strings.Lines(v.UsageText) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// paragraphs are a verb's description.
func paragraphs(v *cli.Command) []string {
	return strings.Split(strings.TrimSpace(v.Description), "\n\n")
}

// A flagSection is what stands under one heading of a verb's help.
type flagSection struct {
	heading string
	flags   []cli.Flag
}

func flagSections(v *cli.Command) []flagSection {
	var sections []flagSection
	at := map[string]int{}
	for _, f := range v.Flags {
		heading := f.(cli.CategorizableFlag).GetCategory()
		if heading == "" {
			heading = "Flags"
		}
		i, seen := at[heading]
		if !seen {
			i = len(sections)
			at[heading], sections = i, append(sections, flagSection{heading: heading})
		}
		sections[i].flags = append(sections[i].flags, f)
	}
	return sections
}

// The flag lists fit 80 columns; a longer name gets a line of its own.
const (
	flagColumn = 32
	helpWidth  = 80
)

// writeFlags writes each flag's names and value on the left, what it does on
// the right.
func writeFlags(b *strings.Builder, flags []cli.Flag) {
	for _, f := range flags {
		left, right := flagLine(f)
		line := "  " + left
		if len(line) > flagColumn-2 {
			b.WriteString(line + "\n")
			line = ""
		}
		fill(b, line+strings.Repeat(" ", flagColumn-len(line)), flagColumn, right)
	}
}

// fill writes text after line, and breaks it before helpWidth into lines that are
// indented.
func fill(b *strings.Builder, line string, indent int, text string) {
	between := ""
	for _, word := range strings.Fields(text) {
		if utf8.RuneCountInString(line+between+word) > helpWidth {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line, between = strings.Repeat(" ", indent), ""
		}
		line += between + word
		between = " "
	}
	b.WriteString(line + "\n")
}

// flagLine splits a flag into "-b, --batch-size N" and its explanation. A flag
// with a value has its name between backquotes at the start of Usage: "`N` images
// in a batch".
func flagLine(f cli.Flag) (left, right string) {
	d := f.(cli.DocGenerationFlag)
	left = "    "
	for _, n := range f.Names() {
		if len(n) == 1 {
			left = "-" + n + ", "
		}
	}
	left += "--" + f.Names()[0]
	right = d.GetUsage()
	if !d.TakesValue() {
		return left, right
	}
	value, right, _ := strings.Cut(strings.TrimPrefix(right, "`"), "`")
	left += " " + value
	right = strings.TrimSpace(right)
	var notes []string
	if text := strings.Trim(d.GetDefaultText(), `"`); text != "" {
		notes = append(notes, "default: "+text)
	}
	if _, many := f.(cli.DocGenerationSliceFlag); many {
		notes = append(notes, "repeatable")
	}
	if notes != nil {
		right += " (" + strings.Join(notes, "; ") + ")"
	}
	return left, right
}
