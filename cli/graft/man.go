package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/urfave/cli/v2"
)

func manVerb() *cli.Command {
	return &cli.Command{
		Name:      "man",
		Usage:     "write manual pages, one for each verb",
		ArgsUsage: "-o DIR",
		UsageText: `
  graft man -o man1
  graft man -o ~/.local/share/man/man1`,
		Description: `
Writes graft.1 and a page graft-VERB.1 for each verb, made of the same text as the
help. Put them into a folder man1 of your MANPATH.`,
		Flags:  []cli.Flag{&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "`DIR` write the pages into this folder"}},
		Action: runMan,
	}
}

func runMan(c *cli.Context) error {
	u := newUI(c)
	if c.NArg() > 0 {
		return usagef("graft man -o DIR", "man: unexpected argument %s", quote(c.Args().First()))
	}
	if err := required(c, "output", "-o man1"); err != nil {
		return err
	}
	dir := c.String("output")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("output %s: %w", quote(dir), pathless(err))
	}
	pages := manPages(c.App.Commands, builtOn())
	for name, text := range pages {
		if err := writeFile(filepath.Join(dir, name), func(w io.Writer) error { _, err := io.WriteString(w, text); return err }); err != nil {
			return err
		}
	}
	return u.next(u.result("", map[string]any{"folder": dir, "pages": len(pages)}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s: %d pages\n", quote(dir), len(pages))
		return err
	}), "man "+inShell(filepath.Join(dir, "graft.1")))
}

// builtOn is the day of the commit that graft was built from, "" where that is unknown.
func builtOn() string {
	b, _ := debug.ReadBuildInfo()
	if b == nil {
		return ""
	}
	for _, s := range b.Settings {
		if s.Key == "vcs.time" {
			day, _, _ := strings.Cut(s.Value, "T")
			return day
		}
	}
	return ""
}

// manPages are the pages of the manual by their file names, in the macros of man(7).
func manPages(verbs []*cli.Command, date string) map[string]string {
	pages := map[string]string{}
	var front strings.Builder
	title(&front, "graft", date)
	front.WriteString(".SH NAME\ngraft \\- fine\\-tune pretrained ONNX convnets\n")
	front.WriteString(".SH SYNOPSIS\n\\fBgraft\\fR \\fIVERB MODEL\\fR [\\fIDATA\\fR] [flags]\n")
	front.WriteString(".SH DESCRIPTION\n" + prose(aboutGraft) + ".PP\nFlags may stand before, between or after the arguments.\n.SH VERBS\n")
	for _, v := range verbs {
		fmt.Fprintf(&front, ".TP\n\\fBgraft\\-%s\\fR(1)\n%s\n", v.Name, roff(v.Usage))
		pages["graft-"+v.Name+".1"] = verbManual(v, date)
	}
	front.WriteString(".SH OPTIONS\n")
	manFlags(&front, append(commonFlags(), helpFlag, versionFlag))
	manExit(&front)
	pages["graft.1"] = front.String()
	return pages
}

func verbManual(v *cli.Command, date string) string {
	var b strings.Builder
	title(&b, "graft-"+v.Name, date)
	fmt.Fprintf(&b, ".SH NAME\ngraft\\-%s \\- %s\n", v.Name, roff(v.Usage))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n\\fBgraft %s\\fR %s\n.SH DESCRIPTION\n", v.Name, roff(v.ArgsUsage))
	for i, p := range paragraphs(v) {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		b.WriteString(prose(p))
	}
	b.WriteString(".SH EXAMPLES\n.EX\n")
	for _, e := range examples(v) {
		b.WriteString(roff(e) + "\n")
	}
	b.WriteString(".EE\n.SH OPTIONS\n")
	for _, s := range flagSections(v) {
		fmt.Fprintf(&b, ".SS %s\n", roff(s.heading))
		manFlags(&b, s.flags)
	}
	manExit(&b)
	b.WriteString(".SH SEE ALSO\n\\fBgraft\\fR(1)\n")
	return b.String()
}

func title(b *strings.Builder, name, date string) {
	fmt.Fprintf(b, ".TH %s 1 \"%s\" \"%s\" \"graft\"\n", roff(strings.ToUpper(name)), date, roff("graft "+version()))
}

func manFlags(b *strings.Builder, flags []cli.Flag) {
	for _, f := range flags {
		left, right := flagLine(f)
		var names []string
		value := ""
		for _, w := range strings.Split(strings.TrimSpace(left), ", ") {
			name, v, _ := strings.Cut(w, " ")
			names, value = append(names, "\\fB"+roff(name)+"\\fR"), v
		}
		if value != "" {
			value = " \\fI" + roff(value) + "\\fR"
		}
		fmt.Fprintf(b, ".TP\n%s%s\n%s", strings.Join(names, ", "), value, prose(right))
	}
}

func manExit(b *strings.Builder) {
	b.WriteString(".SH EXIT STATUS\n")
	for _, s := range exitStatuses {
		fmt.Fprintf(b, ".TP\n%d\n%s", s.status, prose(s.meaning))
	}
}

// prose is text in lines as troff wants them.
func prose(text string) string {
	var b, out strings.Builder
	fill(&b, "", 0, roff(text))
	for line := range strings.Lines(b.String()) {
		if line[0] == '.' {
			line = `\&` + line
		}
		out.WriteString(line)
	}
	return out.String()
}

// roff writes text so that troff takes none of it for its own.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", "\\`", "~", `\(ti`, "^", `\(ha`).Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}
