package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
	"go.yaml.in/yaml/v3"

	"graft/cli/serve"
	"graft/durable"
	"graft/internal/spell"
)

// A file of flags, for --config and as a run folder's args.yaml, holds a value or a list
// of values for each flag by its long name, and the arguments as "model" and "data".

const maxConfig = 1 << 20 // bytes

// notInConfig are flags that say how to begin a run, not what it is.
var notInConfig = []string{"config", "resume", "overwrite", "allow-changes", "help"}

// positionalKeys name the arguments in a file of flags, in their order.
var positionalKeys = []string{"model", "data"}

// expandConfig adds what the file of --config, or that of the run of --resume, says. What
// the command line says itself counts.
func (t *flagTable) expandConfig(flags, positionals []string) ([]string, []string, error) {
	config, resume := valueOf(flags, "config"), valueOf(flags, "resume")
	if t.byName["config"] == nil || config == "" && resume == "" {
		return flags, positionals, nil
	}
	if config != "" && resume != "" {
		return nil, nil, usagef("a run goes on with the flags it had", "--config and --resume contradict each other")
	}
	if config == "" {
		config = filepath.Join(resume, serve.ArgsFile)
	}
	more, args, err := t.readConfig(config)
	if err != nil {
		return nil, nil, err
	}
	if len(positionals) == 0 {
		positionals = args
	}
	return append(more, flags...), positionals, nil
}

// valueOf finds a flag among flags of the form --name=value.
func valueOf(flags []string, name string) (value string) {
	for _, f := range flags {
		if v, ok := strings.CutPrefix(f, "--"+name+"="); ok {
			value = v
		}
	}
	return value
}

// readConfig reads a file of flags as --name=value and positionals; flags that the
// command line gives are left out.
func (t *flagTable) readConfig(path string) (flags, positionals []string, err error) {
	b, err := readSmall(path, maxConfig)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", quote(path), pathless(err))
	}
	return t.parseConfig(path, b)
}

// parseConfig is readConfig of the content of a file.
func (t *flagTable) parseConfig(path string, b []byte) (flags, positionals []string, err error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", quote(path), err)
	}
	if len(doc.Content) == 0 {
		return nil, nil, nil
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		return nil, nil, fmt.Errorf("%s: line %d: want lines of the form flag: value", quote(path), top.Line)
	}
	args := map[string]string{}
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		values, err := scalars(value)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: line %d: %s: %w", quote(path), value.Line, quote(key.Value), err)
		}
		if slices.Contains(positionalKeys, key.Value) && len(values) == 1 {
			args[key.Value] = values[0]
			continue
		}
		f, known := t.byName[key.Value]
		if !known || len(key.Value) < 2 || slices.Contains(notInConfig, key.Value) {
			return nil, nil, hinted{fmt.Errorf("%s: line %d: unknown flag %s", quote(path), key.Line, quote(key.Value)), strings.ReplaceAll(spell.Hint("--"+key.Value, t.long), "--", "")}
		}
		if t.given[f.Names()[0]] {
			continue
		}
		if _, many := f.(*cli.StringSliceFlag); !many && len(values) != 1 {
			return nil, nil, fmt.Errorf("%s: line %d: %s has %d values, want one", quote(path), value.Line, quote(key.Value), len(values))
		}
		for _, v := range values {
			if err := checkKind(f, "--"+key.Value, v); err != nil {
				return nil, nil, fmt.Errorf("%s: line %d: %w", quote(path), value.Line, err)
			}
			flags = append(flags, "--"+f.Names()[0]+"="+v)
		}
	}
	for _, key := range positionalKeys {
		if v := args[key]; v != "" {
			positionals = append(positionals, v)
		}
	}
	return flags, positionals, nil
}

// scalars are the values of one flag.
func scalars(n *yaml.Node) ([]string, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		return []string{n.Value}, nil
	case yaml.SequenceNode:
		var list []string
		for _, c := range n.Content {
			if c.Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("a list in a list")
			}
			list = append(list, c.Value)
		}
		return list, nil
	}
	return nil, fmt.Errorf("want a value or a list of values")
}

// readSmall reads a regular file of at most most bytes.
func readSmall(path string, most int64) ([]byte, error) {
	return readRegular(durable.OS, path, most)
}

func readRegular(disk durable.FS, path string, most int64) ([]byte, error) {
	info, err := disk.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("not a file but a %s", kindOf(info.Mode()))
	case info.Size() > most:
		return nil, fmt.Errorf("%s, at most %s are read", size(info.Size()), size(int64(most)))
	}
	f, err := disk.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, err
	}
	return b, nil
}

// arguments writes the positionals and every flag that was given as a file of flags. A
// JSON string is a YAML one.
func arguments(c *cli.Context) []byte {
	var b []byte
	put := func(name, value string) { b = fmt.Appendf(b, "%s: %s\n", name, value) }
	for i, name := range positionalKeys {
		put(name, strconv.Quote(c.Args().Get(i)))
	}
	names := c.LocalFlagNames()
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if len(name) == 1 || slices.Contains(notInConfig, name) { // an alias
			continue
		}
		switch v := c.Value(name).(type) {
		case cli.StringSlice:
			put(name, yamlList(v.Value()))
		case string:
			put(name, strconv.Quote(v))
		default:
			put(name, fmt.Sprint(v))
		}
	}
	return b
}

func yamlList(values []string) string {
	s := "["
	for i, v := range values {
		if i > 0 {
			s += ", "
		}
		s += strconv.Quote(v)
	}
	return s + "]"
}
