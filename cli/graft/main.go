package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"

	"github.com/urfave/cli/v2"
)

// Exit statuses; a signal s ends in 128+s.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// exitStatuses are what the manual says of them.
var exitStatuses = []struct {
	status  int
	meaning string
}{
	{exitDone, "it is done"},
	{exitFailed, "it was refused or has failed, a failed check too; no output file is left behind"},
	{exitUsage, "the command line is wrong: an unknown verb or flag, a missing or malformed value"},
	{128 + int(syscall.SIGHUP), "the terminal was closed (SIGHUP)"},
	{128 + int(syscall.SIGINT), "interrupted by Ctrl-C (SIGINT); a training goes on by graft finetune --resume"},
	{128 + int(syscall.SIGTERM), "terminated (SIGTERM); as for an interrupt"},
}

// verbs is the command line of graft, in the order of its front page.
func verbs() []*cli.Command {
	return append([]*cli.Command{
		inspectVerb(),
		cutVerb(),
		demoVerb(),
		finetuneVerb(),
		predictVerb(),
		serveVerb(),
		evalVerb(),
		dataVerb(),
		runVerb(),
		checkVerb(),
		diffVerb(),
		benchVerb(),
		featuresVerb(),
		modelsVerb(),
		sweepVerb(),
		completionVerb(),
		manVerb(),
	}, testOnlyVerbs()...)
}

// testOnlyVerbs lets the tests drive the real main with a verb that needs no model.
var testOnlyVerbs = func() []*cli.Command { return nil }

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process: it returns the exit status.
func run(args []string, stdout, stderr io.Writer) (status int) {
	ctx, stop := withSignals(context.Background())
	defer stop()
	app := newApp(stdout, stderr)
	defer func() {
		if r := recover(); r != nil {
			if slices.Contains(args, "-v") || slices.Contains(args, "--verbose") {
				stderr.Write(debug.Stack())
			}
			showError(stderr, hinted{fmt.Errorf("internal error: %v", r),
				"this is a bug of graft: please report it, with the output of the same command and -v"})
			status = exitFailed
		}
	}()

	args, err := permute(app.Commands, args)
	if err == nil {
		err = app.RunContext(ctx, append([]string{app.Name}, args...))
	}
	if err == nil {
		return exitDone
	}
	var sig interrupted
	if errors.As(context.Cause(ctx), &sig) {
		showError(stderr, sig.at(err))
		return 128 + int(sig.Signal)
	}
	showError(stderr, err)
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitFailed
}

func newApp(stdout, stderr io.Writer) *cli.App {
	cli.HelpPrinter = printHelp
	cli.HelpFlag, cli.VersionFlag = helpFlag, versionFlag
	cli.VersionPrinter = func(c *cli.Context) { fmt.Fprintf(c.App.Writer, "graft %s\n", c.App.Version) }
	onUsageError := func(_ *cli.Context, err error, _ bool) error { return usagef("", "%v", err) }
	app := &cli.App{
		Name:                      "graft",
		Version:                   version(),
		Commands:                  verbs(),
		Writer:                    stdout,
		ErrWriter:                 stderr,
		HideHelpCommand:           true, // permute turns "help VERB" into "VERB --help"
		DisableSliceFlagSeparator: true, // mlp:512,256 is one value
		OnUsageError:              onUsageError,
		CommandNotFound:           func(*cli.Context, string) {}, // permute has refused it
		ExitErrHandler:            func(*cli.Context, error) {},  // run maps errors to statuses
	}
	for _, v := range app.Commands {
		v.Flags = append(v.Flags, commonFlags()...)
		v.HideHelpCommand = true // "help" is a legal file name
		v.OnUsageError = onUsageError
	}
	return app
}

// stamp is the version that make release puts into the binary.
var stamp string

// version is the stamp of a release, else what the Go tool has put into the binary.
func version() string {
	v := cmp.Or(stamp, "devel")
	if b, ok := debug.ReadBuildInfo(); ok && stamp == "" {
		if m := b.Main.Version; m != "" && m != "(devel)" {
			v = m
		}
	}
	return fmt.Sprintf("%s (%s %s/%s)", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// interrupted is the cause of a context cancelled by a signal.
type interrupted struct{ syscall.Signal }

func (i interrupted) Error() string {
	switch i.Signal {
	case syscall.SIGTERM:
		return "terminated"
	case syscall.SIGHUP:
		return "hung up"
	}
	return "interrupted"
}

// at says where the signal has ended a verb.
func (i interrupted) at(err error) error {
	var s stopped
	switch {
	case !errors.As(err, &s):
		return i
	case s.step == 0:
		return hinted{fmt.Errorf("%w before the first checkpoint", i), "graft finetune --resume " + quote(s.dir) + " begins again"}
	}
	return hinted{fmt.Errorf("%w at step %d", i, s.step), "graft finetune --resume " + quote(s.dir) + " goes on"}
}

// withSignals returns a context that the first SIGINT, SIGTERM or SIGHUP cancels, so
// that the verb can clean up; the second one ends the process at once.
func withSignals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		for s := range signals {
			sig := s.(syscall.Signal)
			if ctx.Err() != nil {
				os.Exit(128 + int(sig))
			}
			cancel(interrupted{sig})
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel(nil)
	}
}
