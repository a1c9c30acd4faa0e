package main

import (
	"fmt"
	"io"
	"strings"

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
	writeFlags(b, append(commonFlags(), helpFlag, versionFlag))
	b.WriteString("\ngraft VERB --help shows the flags of a verb and examples.\n")
}

func verbPage(b *strings.Builder, v *cli.Command) {
	fmt.Fprintf(b, "graft %s: %s\n\nUsage: graft %s %s\n", v.Name, v.Usage, v.Name, v.ArgsUsage)
	if v.Description != "" {
		b.WriteString("\n" + strings.TrimSpace(v.Description) + "\n")
	}
	var headings []string
	bySection := map[string][]cli.Flag{}
	for _, f := range v.Flags {
		heading := f.(cli.CategorizableFlag).GetCategory()
		if heading == "" {
			heading = "Flags"
		}
		if bySection[heading] == nil {
			headings = append(headings, heading)
		}
		bySection[heading] = append(bySection[heading], f)
	}
	for _, heading := range headings {
		b.WriteString("\n" + heading + ":\n")
		writeFlags(b, bySection[heading])
	}
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
		line += strings.Repeat(" ", flagColumn-len(line)-1)
		for _, word := range strings.Fields(right) {
			if len(line)+1+len(word) > helpWidth {
				b.WriteString(line + "\n")
				line = strings.Repeat(" ", flagColumn-1)
			}
			line += " " + word
		}
		b.WriteString(line + "\n")
	}
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
