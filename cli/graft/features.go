package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"graft/finetune"
	"graft/finetune/data"
	"graft/onnx"
)

func featuresVerb() *cli.Command {
	flags := append(cutFlags(),
		output("`FILE.npz|DIR` write the features here; with --shard the folder of the shards"),
		word("part", "of the data", "train", "train", "val", "test"),
		&cli.StringFlag{Name: "shard", Usage: "`I/N` write one of N files, counted from 0, unless it is done; auto/N: I is the job's number in its array, all/N: all that are not done"},
		&cli.StringFlag{Name: "join", Usage: "`DIR/N` join the N shards in a folder into one file"},
		&cli.StringFlag{Name: "maps", Usage: "`DIR` instead draw the features of each image, a file or all of a folder, as a picture into this folder"},
		batchSize("8"), memoryLimit(), exactFlag(), workers())
	return &cli.Command{
		Name:      "features",
		Category:  groupUse,
		Usage:     "write what a model makes of images at a cut point",
		ArgsUsage: "MODEL DATA --after N -o FILE.npz|--maps DIR [flags]",
		Description: `
The file has x [N,C,H,W], y [N], and the names of the classes and images; it is
data for finetune. Many images can be divided into shards, a file each with its
checksum, that any number of jobs write into one folder; only what is missing
is computed again.`,
		UsageText: `
  graft features squeezenet.onnx photos.zip --after 12 -o features.npz
  graft features net.onnx photos.zip --after 12 --shard 3/16 -o shards
  graft features net.onnx photos.zip --after 12 --join shards/16 -o f.npz
  graft features squeezenet.onnx photo.jpg --after 2 --maps maps`,
		Flags:  append(flags, preprocessingFlags()...),
		Action: runFeatures,
	}
}

func runFeatures(c *cli.Context) error {
	u := newUI(c)
	args, err := positionals(c, "MODEL", "DATA")
	if err != nil {
		return err
	}
	if err := checkFeatures(c, args); err != nil {
		return err
	}
	m, err := readModel(args[0])
	if err != nil {
		return err
	}
	set, done, err := featuresOf(c, args[1])
	if err != nil {
		return err
	}
	defer done()
	e, err := newExtractor(c, m, set)
	if err != nil {
		return fmt.Errorf("%s: %w", quote(args[0]), err)
	}
	defer e.Close()
	if c.IsSet("maps") {
		return writeMaps(c, u, args[0], e, set)
	}
	p := u.progress("features", set.Len(), "images")
	defer p.done()
	switch {
	case c.IsSet("shard"):
		first, count, err := shardOf(c.String("shard"))
		if err != nil {
			return err
		}
		return makeShards(c, u, e, first, count, func(dir string) (*finetune.Shards, error) { return e.Shards(c.Context, m, set, dir, count) }, p)
	case c.IsSet("join"):
		dir, n, ok := cutLast(c.String("join"))
		_, count, err := shard("0/" + n)
		if !ok || err != nil {
			return usagef("", "--join %s: want DIR/N, the folder and the number of its shards", quote(c.String("join")))
		}
		s, err := e.Shards(c.Context, m, set, dir, count)
		if err != nil {
			return err
		}
		err = writeFile(c.String("output"), s.Join)
		if err != nil {
			return err
		}
	default:
		if err := writeFile(c.String("output"), func(w io.Writer) error { return e.WriteNpz(c.Context, w, set, p.add) }); err != nil {
			return err
		}
	}
	return u.next(u.result("", map[string]any{"file": c.String("output"), "tensor": e.Tensor, "shape": e.Shape, "images": set.Len()}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s: %d images at %s, %s each\n", quote(c.String("output")), set.Len(), quote(e.Tensor), shape(e.Shape))
		return err
	}), "graft data "+inShell(c.String("output")))
}

// checkFeatures refuses flags that contradict each other, and outputs that cannot be.
func checkFeatures(c *cli.Context, args []string) error {
	if c.IsSet("maps") {
		for _, name := range []string{"output", "shard", "join", "part"} {
			if c.IsSet(name) {
				return usagef("leave one of them out", "features: --maps and --%s contradict each other", name)
			}
		}
		return checkFolder(c.String("maps"))
	}
	if err := required(c, "output", "-o features.npz"); err != nil {
		return err
	}
	if c.IsSet("shard") && c.IsSet("join") {
		return usagef("leave one of them out", "features: --shard and --join contradict each other")
	}
	if c.IsSet("shard") {
		return nil
	}
	return checkOutput(c.String("output"), args...)
}

// featuresOf opens the part of the data whose features are asked for, or with --maps all
// images at a path.
func featuresOf(c *cli.Context, path string) (set *data.Set, done func() error, err error) {
	if c.IsSet("maps") {
		set, err = data.OpenImages(path)
		return set, func() error { return nil }, err
	}
	d, err := data.Open(path)
	if err != nil {
		return nil, nil, err
	}
	if set, err = partOf(d, c.String("part")); err != nil {
		d.Close()
		return nil, nil, fmt.Errorf("%s: %w", quote(path), err)
	}
	return set, d.Close, nil
}

// newExtractor compiles the model for the images of a set.
func newExtractor(c *cli.Context, m *onnx.ModelProto, set *data.Set) (*finetune.Extractor, error) {
	config := finetune.ExtractorConfig{After: c.String("after"), AllowPartialCut: c.Bool("allow-partial-cut"), Output: c.String("output-name"), Data: set,
		Batch: c.Int("batch-size"), Threads: threads(c), Workers: c.Int("workers"), MaxMemory: maxMemory(c, m), Exact: c.Bool("exact")}
	if c.IsSet("maps") {
		config.Batch = min(max(config.Batch, 1), set.Len())
	}
	if anySet(c, append(preprocessingNames, "size")...) {
		pre, err := preprocessing(c, m)
		if err != nil {
			return nil, err
		}
		config.Preprocess = &pre
	}
	return finetune.NewExtractor(m, config)
}

// partOf is a part of the data by its name, training by default.
func partOf(d *data.Data, name string) (*data.Set, error) {
	set, ok := map[string]*data.Set{"": d.Train, "train": d.Train, "val": d.Val, "test": d.Test}[name]
	switch {
	case !ok:
		return nil, usagef("", "--part %s: want train, val or test", quote(name))
	case set == nil:
		return nil, fmt.Errorf("there is no part %s", name)
	}
	return set, nil
}

// shardOf reads --shard; first is -1 for all.
func shardOf(v string) (first, count int, err error) {
	if n, ok := strings.CutPrefix(v, "all/"); ok {
		_, count, err = shard("0/" + n)
		return -1, count, err
	}
	return shard(v)
}

// cutLast splits a path before its last element.
func cutLast(v string) (dir, last string, ok bool) {
	i := strings.LastIndex(v, "/")
	if i < 1 {
		return "", "", false
	}
	return v[:i], v[i+1:], true
}

// makeShards writes one shard, or all that are missing where first is -1.
func makeShards(c *cli.Context, u *ui, e *finetune.Extractor, first, count int, open func(dir string) (*finetune.Shards, error), p *progress) error {
	dir := c.String("output")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("output %s: %w", quote(dir), pathless(err))
	}
	s, err := open(dir)
	if err != nil {
		return err
	}
	todo := []int{first}
	if first < 0 {
		todo = s.Missing()
	}
	made := 0
	for _, i := range todo {
		done, err := s.Make(c.Context, i, p.add)
		if err != nil {
			return err
		}
		if done {
			made++
		}
	}
	left := len(s.Missing())
	shown := u.result("", map[string]any{"folder": dir, "tensor": e.Tensor, "shape": e.Shape, "shards": count, "made": made, "missing": left}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%s: %d of %d shards are done, %d of them made now\n", quote(dir), count-left, count, made)
		return err
	})
	if left > 0 {
		return shown
	}
	args := c.Args().Slice()
	return u.next(shown, fmt.Sprintf("graft features %s %s --after %s --join %s -o features.npz", inShell(args[0]), inShell(args[1]), inShell(e.Tensor), inShell(fmt.Sprintf("%s/%d", dir, count))))
}
