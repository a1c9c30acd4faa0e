package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// groups are the headings of the front page, in order; a verb names its group
// in Category.
var groups = []string{groupMake, groupUse, groupVerify}

const (
	groupMake   = "Make a model"
	groupUse    = "Use a model"
	groupVerify = "Check a model"
)

// printHelp is urfave/cli's hook for help: the front page for the App, else
// the page of a verb.
func printHelp(w io.Writer, _ string, data any) {
	var b strings.Builder
	switch d := data.(type) {
	case *cli.App:
		frontPage(&b, d)
	case *cli.Command:
		verbPage(&b, d)
	}
	io.WriteString(w, b.String())
}

func frontPage(b *strings.Builder, app *cli.App) {
	b.WriteString(`graft cuts a pretrained ONNX convnet after layer n, grafts a new head onto what
is left, trains it on your images, and writes a standard ONNX model.

Start here:
  graft demo                                        the whole job in seconds, offline
  graft finetune MODEL.onnx PHOTOS/ -o mine.onnx    a folder of photographs per class

Usage: graft VERB MODEL [DATA] [flags]
`)
	for _, group := range groups {
		heading := "\n" + group + ":\n"
		for _, v := range app.Commands {
			if v.Category == group {
				fmt.Fprintf(b, "%s  %-10s %s\n", heading, v.Name, v.Usage)
				heading = ""
			}
		}
	}
	b.WriteString("\nFlags of every verb:\n")
	writeFlags(b, append(commonFlags(), cli.HelpFlag, versionFlag))
	b.WriteString("\ngraft VERB --help shows the flags of a verb and examples.\n")
}

func verbPage(b *strings.Builder, v *cli.Command) {
	fmt.Fprintf(b, "graft %s: %s\n\nUsage: graft %s %s\n", v.Name, v.Usage, v.Name, v.ArgsUsage)
	if v.Description != "" {
		b.WriteString("\n" + strings.TrimSpace(v.Description) + "\n")
	}
	isCommon := map[string]bool{"help": true}
	for _, f := range commonFlags() {
		isCommon[f.Names()[0]] = true
	}
	var own, shared []cli.Flag
	for _, f := range v.Flags {
		if isCommon[f.Names()[0]] {
			shared = append(shared, f)
		} else {
			own = append(own, f)
		}
	}
	if len(own) > 0 {
		b.WriteString("\nFlags:\n")
		writeFlags(b, own)
	}
	b.WriteString("\nFlags of every verb:\n")
	writeFlags(b, shared)
}

// writeFlags writes a line a flag: its names, its value and what it does.
func writeFlags(b *strings.Builder, flags []cli.Flag) {
	var left, right []string
	width := 0
	for _, f := range flags {
		l, r := flagLine(f)
		left, right = append(left, l), append(right, r)
		width = max(width, utf8.RuneCountInString(l))
	}
	for i, l := range left {
		fmt.Fprintf(b, "  %s%s  %s\n", l, strings.Repeat(" ", width-utf8.RuneCountInString(l)), right[i])
	}
}

// flagLine splits a flag into "-b, --batch-size N" and its explanation. The
// value's name is what stands between backquotes in Usage, as in package flag.
func flagLine(f cli.Flag) (left, right string) {
	d := f.(cli.DocGenerationFlag)
	short, long := "    ", ""
	for _, n := range f.Names() {
		if len(n) == 1 {
			short = "-" + n + ", "
		} else {
			long += "--" + n
		}
	}
	before, rest, _ := strings.Cut(d.GetUsage(), "`")
	value, after, _ := strings.Cut(rest, "`")
	left = short + long
	if d.TakesValue() {
		left += " " + value
	}
	// A value in the middle of a sentence is part of it, at the end it is not.
	right = before + value + after
	if after == "" {
		right = strings.TrimRight(before, " ,:")
	}
	if _, many := f.(cli.DocGenerationSliceFlag); many {
		right += " (repeatable)"
	} else if text := d.GetDefaultText(); d.TakesValue() && text != "" && text != `""` {
		right += " (default: " + strings.Trim(text, `"`) + ")"
	}
	return left, right
}
