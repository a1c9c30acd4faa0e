package main

import (
	"math"
	"runtime"
	"strings"

	"github.com/urfave/cli/v2"
)

// commonFlags are understood by every verb. Each call makes new ones: urfave/cli
// keeps parsed values in the flags.
func commonFlags() []cli.Flag {
	return []cli.Flag{
		whole("threads", 0, 1, "use `N` threads", "all cores"),
		&cli.Uint64Flag{Name: "seed", Usage: "start all random numbers from `N`"},
		&cli.BoolFlag{Name: "json", Usage: "print the result as JSON"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print no progress, only warnings and errors"},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "print details"},
	}
}

// output is -o/--output FILE.
func output(usage string) *cli.StringFlag {
	return &cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: usage, TakesFile: true}
}

// word is a flag whose value is one of a few words; "" stands for the
// library's own choice, which fallback describes in the help.
func word(name, usage, fallback string, words ...string) *cli.StringFlag {
	return &cli.StringFlag{Name: name, Usage: usage + " `" + strings.Join(words, "|") + "`", DefaultText: fallback,
		Action: func(_ *cli.Context, v string) error {
			for _, w := range words {
				if v == w {
					return nil
				}
			}
			hint := ""
			if near, ok := nearest(v, words); ok {
				hint = "did you mean " + near + "?"
			}
			return usagef(hint, "--%s %s: want %s", name, quote(v), orList(words))
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
	return []cli.Flag{
		&cli.StringFlag{Name: "size", Usage: "input size in pixels, `N or HxW`", DefaultText: stored},
		&cli.StringFlag{Name: "mean", Usage: "subtract `R,G,B`, in pixel units 0 to 255", DefaultText: stored},
		&cli.StringFlag{Name: "std", Usage: "then divide by `R,G,B`, in pixel units", DefaultText: stored},
		word("channels", "order of the channels:", stored, "rgb", "bgr", "gray"),
		word("layout", "order of the input's axes:", stored, "nchw", "nhwc"),
	}
}

// batchSize is -b/--batch-size N.
func batchSize(fallback string) *cli.IntFlag {
	return whole("batch-size", 0, 1, "images in a batch, `N`", fallback, "b")
}

// workers is -j/--workers N.
func workers() *cli.IntFlag {
	return whole("workers", 0, 1, "decode images in `N` goroutines", "as --threads", "j")
}

// outputName is --output-name NAME.
func outputName() *cli.StringFlag {
	return &cli.StringFlag{Name: "output-name", Usage: "in a model with several outputs, the one called `NAME`"}
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
