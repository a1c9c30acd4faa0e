package main

import (
	"math"
	"runtime"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"graft/internal/spell"
)

const everyVerbSection = "Flags of every verb"

// helpFlag and versionFlag replace urfave/cli's own; its version flag claims
// -v, which is --verbose here.
var (
	helpFlag    = &cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "show this help", Category: everyVerbSection}
	versionFlag = &cli.BoolFlag{Name: "version", Aliases: []string{"V"}, Usage: "print the version and stop"}
)

// commonFlags are understood by every verb. Each call makes new ones: urfave/cli
// keeps parsed values in the flags.
func commonFlags() []cli.Flag {
	return section(everyVerbSection,
		whole("threads", 0, 1, "`N` compute with this many threads", "all cores"),
		&cli.Uint64Flag{Name: "seed", Usage: "`N` start all random numbers here"},
		&cli.BoolFlag{Name: "json", Usage: "print the result as JSON"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print no progress, only warnings and errors"},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "print details"},
	)
}

// section puts flags under a heading of the verb's help.
func section(heading string, flags ...cli.Flag) []cli.Flag {
	for _, f := range flags {
		switch f := f.(type) {
		case *cli.BoolFlag:
			f.Category = heading
		case *cli.IntFlag:
			f.Category = heading
		case *cli.Uint64Flag:
			f.Category = heading
		case *cli.Float64Flag:
			f.Category = heading
		case *cli.StringFlag:
			f.Category = heading
		case *cli.StringSliceFlag:
			f.Category = heading
		case *cli.DurationFlag:
			f.Category = heading
		}
	}
	return flags
}

// output is -o/--output FILE.
func output(usage string) *cli.StringFlag {
	return &cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: usage, TakesFile: true}
}

// word is a flag whose value is one of a few words; "" stands for the
// library's own choice, which fallback describes in the help.
func word(name, usage, fallback string, words ...string) *cli.StringFlag {
	return &cli.StringFlag{Name: name, Usage: "`" + strings.Join(words, "|") + "` " + usage, DefaultText: fallback,
		Action: func(_ *cli.Context, v string) error {
			if slices.Contains(words, v) {
				return nil
			}
			return usagef(spell.Hint(v, words), "--%s %s: want %s", name, quote(v), orList(words))
		}}
}

// orList writes a, b or c.
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// whole is a flag whose value is a whole number of at least least. Where
// fallback is not "", value stands for the library's own choice.
func whole(name string, value, least int, usage, fallback string, aliases ...string) *cli.IntFlag {
	return &cli.IntFlag{Name: name, Aliases: aliases, Usage: usage, Value: value, DefaultText: fallback,
		Action: func(_ *cli.Context, v int) error {
			if v < least {
				return usagef("", "--%s %d: want %d or more", name, v, least)
			}
			return nil
		}}
}

// number is a flag whose value lies in [least, below). Where fallback is not
// "", value stands for the library's own choice.
func number(name string, value, least, below float64, usage, fallback string) *cli.Float64Flag {
	return &cli.Float64Flag{Name: name, Usage: usage, Value: value, DefaultText: fallback,
		Action: func(_ *cli.Context, v float64) error {
			switch {
			case !(v >= least) || math.IsInf(v, 0): // NaN too
				return usagef("", "--%s %g: want a number of %g or more", name, v, least)
			case v >= below:
				return usagef("", "--%s %g: want a number below %g", name, v, below)
			}
			return nil
		}}
}

// repeated is a flag that may be given several times; each value stays whole.
func repeated(name, usage string) *cli.StringSliceFlag {
	return &cli.StringSliceFlag{Name: name, Usage: usage}
}

// preprocessingFlags describe the network's input where the model does not:
// models written by graft carry it in their metadata.
func preprocessingFlags() []cli.Flag {
	const stored = "from the model"
	return section("Preprocessing",
		&cli.StringFlag{Name: "size", Usage: "`N|HxW` input size in pixels", DefaultText: stored},
		whole("resize", 0, 1, "`N` scale the short side to N pixels before the centre crop", "from the model, else size x 256/224"),
		&cli.StringFlag{Name: "mean", Usage: "`R,G,B` subtract these, in pixel units 0 to 255", DefaultText: stored},
		&cli.StringFlag{Name: "std", Usage: "`R,G,B` then divide by these", DefaultText: stored},
		word("channels", "order of the channels; a training adapts the network to gray, or from it", stored, "rgb", "bgr", "gray"),
		word("layout", "order of the input's axes", stored, "nchw", "nhwc"),
	)
}

// batchSize is -b/--batch-size N.
func batchSize(fallback string) *cli.IntFlag {
	return whole("batch-size", 0, 1, "`N` images in a batch", fallback, "b")
}

// workers is -j/--workers N.
func workers() *cli.IntFlag {
	return whole("workers", 0, 1, "`N` decode this many images at a time", "as --threads", "j")
}

// outputName is --output-name NAME.
func outputName() *cli.StringFlag {
	return &cli.StringFlag{Name: "output-name", Usage: "`NAME` the output to use, where the model has several"}
}

// threads is the number of threads that --threads asks for.
func threads(c *cli.Context) int {
	if n := c.Int("threads"); n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0) // counts what the container may use
}

// positionals returns the verb's arguments, one for each name; a last name
// that ends in "..." takes one or more.
func positionals(c *cli.Context, names ...string) ([]string, error) {
	args := c.Args().Slice()
	usage := "graft " + c.Command.Name + " " + c.Command.ArgsUsage
	many := strings.HasSuffix(names[len(names)-1], "...")
	if len(args) < len(names) {
		return nil, usagef(usage, "%s: %s is missing", c.Command.Name, strings.TrimSuffix(names[len(args)], "..."))
	}
	if len(args) > len(names) && !many {
		return nil, usagef(usage, "%s: unexpected argument %s after %s", c.Command.Name,
			quote(args[len(names)]), names[len(names)-1])
	}
	for _, a := range args {
		if a == "" {
			return nil, usagef(usage, "%s: an argument is empty", c.Command.Name)
		}
	}
	return args, nil
}

// required refuses a command line without the flag name.
func required(c *cli.Context, name, example string) error {
	if c.String(name) != "" {
		return nil
	}
	return usagef("for example: graft "+c.Command.Name+" … "+example, "%s: --%s is missing", c.Command.Name, name)
}
