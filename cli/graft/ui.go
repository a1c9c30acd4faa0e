package main

// The rules of graft's user interface; every message obeys them.
//
//   - stdout carries the result and nothing else, so it can be piped. Messages
//     and progress go to stderr.
//   - What makes something ends in the next commands to type, a line "next: " each.
//   - A failure is one line, "graft: error: " and where, what, got and want,
//     then at most one line "graft: hint: " with the next thing to type.
//     A warning is one line, "graft: warning: ". Nothing follows a failure.
//   - Messages start in lower case and end without a period. They name the
//     file, the flag or the layer meant, and never say "failed to".
//   - Names that come from files or arguments are quoted, escaped and cut at
//     maxName; a line is cut at maxLine. No byte of a file reaches the
//     terminal unescaped.
//   - The words error, warning and hint are coloured where stderr is a terminal:
//     not with NO_COLOR or TERM=dumb, and elsewhere too with CLICOLOR_FORCE.
//     Nothing else is, and no colour carries a meaning of its own.
//   - Bars appear only where stderr is a terminal and nothing says CI; elsewhere
//     the same news comes as a plain line now and then.
//   - Times, sizes, counts and rates are written as table.go does.
//   - -q leaves warnings and failures; -v adds details.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

const (
	maxName = 200     // characters of a name in a message
	maxLine = 4 << 10 // bytes of a message
)

// A ui is how a verb talks: result for its product, infof, debugf, warnf and
// progress for all the rest.
type ui struct {
	out, err       io.Writer
	quiet, verbose bool
	json           bool
	terminal       bool      // stderr is one
	bar            *progress // drawn on the last line of the terminal, or nil
}

func newUI(c *cli.Context) *ui {
	u := &ui{out: c.App.Writer, err: c.App.ErrWriter,
		quiet: c.Bool("quiet"), verbose: c.Bool("verbose"), json: c.Bool("json")}
	ci := os.Getenv("CI")
	u.terminal = isTerminal(u.err) && (ci == "" || ci == "false")
	return u
}

// isTerminal reports whether w is one that does what it is told.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// infof tells what is going on, unless -q.
func (u *ui) infof(format string, args ...any) {
	if !u.quiet {
		u.line("", format, args...)
	}
}

// debugf tells details, with -v only.
func (u *ui) debugf(format string, args ...any) {
	if u.verbose && !u.quiet {
		u.line("", format, args...)
	}
}

// warnf tells of something that does not stop the verb but needs attention.
func (u *ui) warnf(format string, args ...any) { u.line("warning", format, args...) }

func (u *ui) line(label, format string, args ...any) {
	u.bar.hide()
	writeLine(u.err, label, fmt.Sprintf(format, args...))
}

// next passes err on; where there is none it shows what to type next.
func (u *ui) next(err error, commands ...string) error {
	if err != nil {
		return err
	}
	for _, c := range commands {
		u.infof("next: %s", c)
	}
	return nil
}

// inShell is an argument as a shell takes it.
func inShell(s string) string {
	plain := func(r rune) bool {
		return r > 127 || strings.ContainsRune("%+,-./:=@_~", r) || unicode.IsDigit(r) || unicode.IsLetter(r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// result writes what the verb was asked for, to the file path or, where path
// is empty, to stdout: v as JSON with --json, else what text writes.
// NaN and infinities are not JSON: leave such fields out of v.
func (u *ui) result(path string, v any, text func(w io.Writer) error) error {
	write := text
	if u.json {
		write = func(w io.Writer) error { return writeJSON(w, v) }
	}
	u.bar.hide()
	if path != "" {
		return writeFile(path, write)
	}
	return write(u.out)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// hinted is an error with the next thing to try. Errors of the libraries give
// theirs by a method Hint() string.
type hinted struct {
	error
	hint string
}

func (h hinted) Hint() string  { return h.hint }
func (h hinted) Unwrap() error { return h.error }

// usageError is a wrong command line: exit status 2.
type usageError struct{ hinted }

// usagef returns a usage error; hint may be empty.
func usagef(hint, format string, args ...any) error {
	return usageError{hinted{fmt.Errorf(format, args...), hint}}
}

// showError writes err as one line and its hint, if it has one, as a second.
func showError(w io.Writer, err error) {
	writeLine(w, "error", strings.ReplaceAll(err.Error(), "\n", "; "))
	var h interface{ Hint() string }
	if errors.As(err, &h) && h.Hint() != "" {
		writeLine(w, "hint", h.Hint())
	}
}

// labels are what a line of graft's own begins with, and their colours.
var labels = map[string]string{"error": "\x1b[1;31m", "warning": "\x1b[1;33m", "hint": "\x1b[1;36m"}

// writeLine writes a message, under a label or under none.
func writeLine(w io.Writer, label, s string) {
	if label != "" {
		s = "graft: " + label + ": " + s
	}
	s = cut(escape(s), maxLine)
	if label != "" && coloured(w) {
		s = strings.Replace(s, label+":", labels[label]+label+":\x1b[0m", 1)
	}
	io.WriteString(w, s+"\n")
}

// coloured reports whether what is written to w may have colours: <https://no-color.org>,
// <https://bixense.com/clicolors>.
func coloured(w io.Writer) bool {
	if os.Getenv("NO_COLOR") != "" {
		return false
	}
	force := os.Getenv("CLICOLOR_FORCE")
	return force != "" && force != "0" || isTerminal(w)
}

// quote makes a name from a file or an argument fit to be shown in a message.
func quote(name string) string { return strconv.Quote(cut(name, maxName)) }

// escape replaces what a terminal would act upon, as strconv.Quote does.
func escape(s string) string {
	clean := func(r rune) bool { return strconv.IsPrint(r) && r != utf8.RuneError }
	if strings.IndexFunc(s, func(r rune) bool { return !clean(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if clean(r) {
			b.WriteString(s[:n])
		} else {
			q := strconv.Quote(s[:n])
			b.WriteString(q[1 : len(q)-1])
		}
		s = s[n:]
	}
	return b.String()
}

// cut shortens s to at most n bytes, at a character's border, and marks it.
func cut(s string, n int) string {
	const mark = "…"
	if len(s) <= n {
		return s
	}
	n -= len(mark)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + mark
}
