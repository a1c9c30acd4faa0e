package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"graft/internal/spell"
	"graft/models"
	"graft/onnx"
)

func modelsVerb() *cli.Command {
	return &cli.Command{
		Name:      "models",
		Category:  groupMake,
		Usage:     "list and download pretrained networks; make new ones",
		ArgsUsage: "list|show|pull|new [NETWORK...] [flags]",
		Description: `
list shows the catalogue, show one network's source, licence and preprocessing,
and pull downloads into the cache: what has a network's name there has the right
sha256, and is checked again each time it is used. Every verb takes a pulled
network by its name and knows its preprocessing. An interrupted pull goes on
where it stopped. No other verb uses the network.

new writes an untrained network with random weights: ` + strings.Join(architectures(), ", ") + `.`,
		UsageText: `
  graft models list
  graft models pull resnet18-v1-7
  graft finetune resnet18-v1-7 photos/ -o mine.onnx
  graft models pull vgg16-12 --mirror https://models.example.org/zoo/
  graft models new resnet14 --classes 5 --size 32 -o new.onnx
  graft finetune new.onnx photos/ --after 0 --head redraw -o mine.onnx`,
		Flags: []cli.Flag{
			repeated("mirror", "`URL` ask this server, which has the files directly below, instead of the zoo's"),
			&cli.BoolFlag{Name: "offline", Usage: "use no network: pull only checks what is in the cache"},
			whole("classes", 0, 2, "`N` new: tell N classes apart", "1000"),
			whole("size", 0, 1, "`N` new: for pictures of NxN pixels", "the architecture's own"),
			output("`FILE.onnx` new: write the network here"),
		},
		Action: runModels,
	}
}

// knownModel is what models shows of a network, as --json gives it.
type knownModel struct {
	models.Entry
	Path   string `json:"path"`
	Pulled bool   `json:"pulled"`
}

// modelsDo is what models does, by its first argument.
var modelsDo = []string{"list", "show", "pull", "new"}

func runModels(c *cli.Context) error {
	u := newUI(c)
	args, err := positionals(c, "list|show|pull|new", "NAME...")
	if len(c.Args().Slice()) == 1 && c.Args().First() == "list" {
		args, err = []string{"list"}, nil
	}
	if do := c.Args().First(); c.NArg() > 0 && !slices.Contains(modelsDo, do) {
		return usagef(spell.Hint(do, modelsDo), "models: %s: want %s", quote(do), orList(modelsDo))
	}
	if err != nil {
		return err
	}
	for _, name := range []string{"classes", "size", "output"} {
		if c.IsSet(name) && args[0] != "new" {
			return usagef("", "models %s: --%s is a flag of models new", cut(args[0], maxName), name)
		}
	}
	cache := models.Cache{Mirrors: c.StringSlice("mirror")}
	switch args[0] {
	case "list":
		if len(args) > 1 {
			return usagef("", "models: unexpected argument %s after list", quote(args[1]))
		}
		return listModels(u, cache)
	case "show":
		return showModels(u, cache, args[1:])
	case "pull":
		return pullModels(c, u, cache, args[1:])
	}
	return newModel(c, u, args[1:])
}

func inCache(cache models.Cache, e models.Entry) (knownModel, error) {
	path, err := cache.Path(e)
	return knownModel{e, path, cache.Has(e)}, err
}

func listModels(u *ui, cache models.Cache) error {
	list, err := models.Catalogue()
	if err != nil {
		return err
	}
	all := []knownModel{}
	for _, e := range list {
		k, err := inCache(cache, e)
		if err != nil {
			return err
		}
		all = append(all, k)
	}
	return u.result("", all, func(w io.Writer) error {
		var rows [][]string
		for _, k := range all {
			top1, pulled := "", ""
			if k.Top1 > 0 {
				top1 = percent(k.Top1)
			}
			if k.Pulled {
				pulled = "pulled"
			}
			rows = append(rows, []string{k.Name, size(k.Bytes), top1, k.Licence, pulled, k.About})
		}
		return writeTable(w, []string{"name", ">size", ">top-1", "licence", "", "about"}, rows)
	})
}

func showModels(u *ui, cache models.Cache, names []string) error {
	all := []knownModel{}
	for _, name := range names {
		e, err := findModel(name)
		if err != nil {
			return err
		}
		k, err := inCache(cache, e)
		if err != nil {
			return err
		}
		all = append(all, k)
	}
	return u.result("", all, func(w io.Writer) error {
		for i, k := range all {
			if i > 0 {
				fmt.Fprintln(w)
			}
			path := k.Path
			if !k.Pulled {
				path += " (not pulled)"
			}
			rows := [][]string{{"name", k.Name}, {"about", k.About}, {"licence", k.Licence}, {"size", size(k.Bytes)}, {"sha256", k.SHA256},
				{"source", "ONNX model zoo, " + k.File}, {"input", string(k.Input)}, {"path", path}}
			if err := writeTable(w, nil, rows); err != nil {
				return err
			}
		}
		return nil
	})
}

// findModel is the catalogue's entry of that name.
func findModel(name string) (models.Entry, error) {
	e, err := models.Find(name)
	if err == nil {
		return e, nil
	}
	var names []string
	if list, err := models.Catalogue(); err == nil {
		for _, e := range list {
			names = append(names, e.Name)
		}
	}
	return e, hinted{err, cmp.Or(spell.Hint(name, names), "graft models list shows them")}
}

func pullModels(c *cli.Context, u *ui, cache models.Cache, names []string) error {
	all := []knownModel{}
	for _, name := range names {
		e, err := findModel(name)
		if err != nil {
			return err
		}
		if c.Bool("offline") {
			if _, err := cache.Open(e); err != nil {
				return err
			}
		} else {
			p := u.progress("pulling "+e.Name, int(e.Bytes), bytesUnit)
			_, err := cache.Pull(c.Context, e, func(have int64) { p.add(int(have) - p.n) })
			p.done()
			if err != nil {
				return err
			}
		}
		k, err := inCache(cache, e)
		if err != nil {
			return err
		}
		all = append(all, k)
	}
	return u.next(u.result("", all, func(w io.Writer) error {
		var rows [][]string
		for _, k := range all {
			rows = append(rows, []string{k.Name, k.Path})
		}
		return writeTable(w, nil, rows)
	}), "graft finetune "+names[0]+" PHOTOS/ -o mine.onnx")
}

// cachedModel is the model of that name in the cache; nil where the catalogue knows no
// such name, or a file has it.
func cachedModel(path string) (*onnx.ModelProto, error) {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) || strings.ContainsAny(path, `/\`) {
		return nil, nil
	}
	e, err := models.Find(path)
	if err != nil {
		return nil, nil
	}
	return models.Cache{}.Open(e)
}
