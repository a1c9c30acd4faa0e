package main

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"graft/internal/spell"
)

// permute rewrites a command line into the only order that urfave/cli parses
// without loss, VERB --flag=value … -- positionals: left alone, it stops at
// the first positional and silently ignores every flag after it.
//
// Flags may stand before, between and after the positionals, as --flag value,
// --flag=value, -f value or -f=value; "--" ends them. The common flags may
// also stand before the verb. Unknown verbs, unknown flags, missing values and
// values of the wrong kind are usage errors.
func permute(verbs []*cli.Command, args []string) ([]string, error) {
	front := newFlagTable(append(commonFlags(), versionFlag))
	flags, rest, err := front.takeFlags(args)
	if err != nil {
		return nil, err
	}
	if len(rest) == 0 || front.given["help"] || front.given["version"] {
		if front.given["version"] {
			return []string{"--version"}, nil
		}
		return []string{"--help"}, nil
	}
	name, rest := rest[0], rest[1:]
	if name == "help" {
		if len(rest) == 0 {
			return []string{"--help"}, nil
		}
		name, rest = rest[0], []string{"--help"}
	}
	verb, err := findVerb(verbs, name)
	if err != nil {
		return nil, err
	}

	table := newFlagTable(verb.Flags)
	table.verb = verb.Name
	var positionals []string
	for len(rest) > 0 {
		var some []string
		if some, rest, err = table.takeFlags(rest); err != nil {
			return nil, err
		}
		flags = append(flags, some...)
		if len(rest) > 0 && rest[0] == "--" {
			positionals = append(positionals, rest[1:]...)
			break
		}
		if len(rest) > 0 {
			positionals, rest = append(positionals, rest[0]), rest[1:]
		}
	}
	if table.given["help"] {
		return []string{verb.Name, "--help"}, nil
	}
	if flags, positionals, err = table.expandConfig(flags, positionals); err != nil {
		return nil, err
	}
	out := append([]string{verb.Name}, flags...)
	return append(append(out, "--"), positionals...), nil
}

func findVerb(verbs []*cli.Command, name string) (*cli.Command, error) {
	var names []string
	for _, v := range verbs {
		if v.HasName(name) {
			return v, nil
		}
		names = append(names, v.Name)
	}
	return nil, usagef(cmp.Or(spell.Hint(name, names), "graft --help lists the verbs"), "unknown verb %s", quote(name))
}

// A flagTable finds the flags of one verb by any of their names.
type flagTable struct {
	verb   string // "" before the verb
	byName map[string]cli.Flag
	long   []string        // candidates for suggestions
	given  map[string]bool // seen so far, by first name
}

func newFlagTable(flags []cli.Flag) *flagTable {
	t := &flagTable{byName: map[string]cli.Flag{}, given: map[string]bool{}}
	for _, f := range append([]cli.Flag{helpFlag}, flags...) {
		for _, n := range f.Names() {
			t.byName[n] = f
			if len(n) > 1 {
				t.long = append(t.long, "--"+n)
			}
		}
	}
	return t
}

// takeFlags consumes the flags at the front of args, up to the first
// positional or "--", and returns them as --name=value.
func (t *flagTable) takeFlags(args []string) (flags, rest []string, err error) {
	for len(args) > 0 && isFlag(args[0]) {
		spelt, value, hasValue := strings.Cut(args[0], "=")
		f, ok := t.byName[strings.TrimLeft(spelt, "-")]
		if !ok {
			return nil, nil, t.unknown(spelt)
		}
		args = args[1:]
		if !hasValue && takesValue(f) {
			if len(args) > 0 && t.isKnown(args[0]) {
				return nil, nil, usagef("write "+spelt+"="+args[0]+" if that is the value",
					"%s needs a value, got the flag %s", spelt, args[0])
			}
			if len(args) == 0 || args[0] == "--" {
				return nil, nil, usagef(t.helpHint(), "%s needs a value", spelt)
			}
			value, args = args[0], args[1:]
		} else if !hasValue {
			value = "true"
		}
		if err := checkKind(f, spelt, value); err != nil {
			return nil, nil, err
		}
		name := f.Names()[0]
		t.given[name] = true
		flags = append(flags, "--"+name+"="+value)
	}
	return flags, args, nil
}

// isFlag reports whether a has the form of a flag; "-" is a positional.
func isFlag(a string) bool { return len(a) > 1 && a[0] == '-' && a != "--" }

func (t *flagTable) isKnown(a string) bool {
	spelt, _, _ := strings.Cut(a, "=")
	_, ok := t.byName[strings.TrimLeft(spelt, "-")]
	return isFlag(a) && ok
}

func takesValue(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return ok && d.TakesValue()
}

// checkKind refuses values that the flag package would refuse in words of its own.
func checkKind(f cli.Flag, spelt, value string) error {
	var err error
	want := ""
	switch f.(type) {
	case *cli.BoolFlag:
		_, err = strconv.ParseBool(value)
		want = "true or false"
	case *cli.IntFlag, *cli.Int64Flag:
		_, err = strconv.ParseInt(value, 0, 64)
		want = "a whole number"
	case *cli.Uint64Flag:
		_, err = strconv.ParseUint(value, 0, 64)
		want = "a whole number, 0 or more"
	case *cli.Float64Flag:
		_, err = strconv.ParseFloat(value, 64)
		want = "a number"
	case *cli.DurationFlag:
		_, err = time.ParseDuration(value)
		want = "a time, as 90s or 12h"
	default:
		if value == "" {
			return usagef("", "%s needs a value, got an empty one", spelt)
		}
	}
	if err != nil {
		return usagef("", "%s %s: want %s", spelt, quote(value), want)
	}
	return nil
}

func (t *flagTable) unknown(spelt string) error {
	where := ""
	if t.verb != "" {
		where = t.verb + ": "
	}
	name := strings.TrimLeft(spelt, "-")
	hint := t.helpHint()
	short, glued := t.byName[name[:min(1, len(name))]]
	glued = glued && takesValue(short) && len(name) > 1
	if near := spell.Hint("--"+name, t.long); near != "" && !(glued && name[1] <= '9') {
		hint = near
	} else if glued {
		hint = "did you mean -" + name[:1] + " " + cut(name[1:], maxName) + "?"
	}
	return usagef(hint, "%sunknown flag %s", where, quote(spelt))
}

func (t *flagTable) helpHint() string {
	if t.verb == "" {
		return "the flags of a verb follow it; graft --help lists the verbs"
	}
	return "graft " + t.verb + " --help lists its flags"
}
