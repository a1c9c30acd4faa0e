package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"graft/finetune"
	"graft/finetune/data"
	"graft/graph/optim"
	"graft/internal/spell"
	"graft/onnx"
)

// lossFlag is --loss, of which several heads have one each.
func lossFlag(usage string) *cli.StringSliceFlag {
	return &cli.StringSliceFlag{Name: "loss", Usage: "`ce|bce|mse` " + usage + "; NAME=mse: of the head NAME", DefaultText: "ce",
		Action: func(_ *cli.Context, values []string) error {
			for _, v := range values {
				_, loss := named(v)
				if !slices.Contains(optim.Losses, loss) {
					return usagef(spell.Hint(loss, optim.Losses), "--loss %s: want %s, or NAME= and one of these", quote(v), orList(optim.Losses))
				}
			}
			return nil
		}}
}

// targetsFlag is --targets.
func targetsFlag() *cli.StringSliceFlag {
	return &cli.StringSliceFlag{Name: "targets", Usage: "`COLUMN,...` the columns of a .csv to learn", DefaultText: "label; with --loss bce or mse all but the path's"}
}

// named takes NAME=VALUE apart; without a name it is "".
func named(v string) (name, value string) {
	if name, value, ok := strings.Cut(v, "="); ok {
		return name, value
	}
	return "", v
}

// headFlags are the values of --head and --loss by the names of heads, and these names in
// the order in which they come; one name "" where there is a single head.
func headFlags(c *cli.Context) (names []string, head, loss map[string]string, err error) {
	head, loss = map[string]string{}, map[string]string{}
	for _, f := range []struct {
		name string
		to   map[string]string
	}{{"head", head}, {"loss", loss}} {
		for _, v := range c.StringSlice(f.name) {
			name, value := named(v)
			if f.to[name] != "" {
				return nil, nil, nil, usagef("", "--%s is given twice for one head: %s", f.name, quote(v))
			}
			if f.to[name] = value; !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	if slices.Contains(names, "") && len(names) > 1 {
		return nil, nil, nil, usagef("for example: --head kind=linear --head age=linear --loss age=mse", "of several heads each has its name, in --head and in --loss")
	}
	if len(names) == 0 {
		names = []string{""}
	}
	if names[0] != "" && len(c.StringSlice("targets")) > 0 {
		return nil, nil, nil, usagef("leave it out", "--targets: heads with names learn the columns of these names")
	}
	return names, head, loss, nil
}

// headSpecs are the heads to graft, as finetune.Config has them.
func headSpecs(c *cli.Context) (one string, several map[string]string, err error) {
	names, head, _, err := headFlags(c)
	if err != nil || names[0] == "" {
		return head[""], nil, err
	}
	return "", head, nil
}

// dataHeads are what DATA must tell; nil for one class an image.
func dataHeads(c *cli.Context) ([]data.Head, error) {
	names, _, loss, err := headFlags(c)
	if err != nil {
		return nil, err
	}
	kinds := map[string]data.Kind{"": data.Class, "ce": data.Class, "bce": data.Labels, "mse": data.Values}
	targets := commaList(c.StringSlice("targets"))
	if names[0] == "" {
		h := data.Head{Kind: kinds[loss[""]], Classes: targets}
		switch {
		case h.Kind == data.Class && len(targets) == 0:
			return nil, nil
		case h.Kind == data.Class && len(targets) > 1:
			return nil, usagef("use --loss bce for several labels an image, or --head COLUMN=linear for each", "--targets: %d columns, want one of classes", len(targets))
		case h.Kind == data.Class:
			h.Name, h.Classes = targets[0], nil
		}
		return []data.Head{h}, nil
	}
	var heads []data.Head
	for _, name := range names {
		heads = append(heads, data.Head{Name: name, Kind: kinds[loss[name]]})
	}
	return heads, nil
}

// modelHeads are what labelled data must tell for a model; its only classes are those of
// the column of --targets.
func modelHeads(c *cli.Context, path string, m *onnx.ModelProto) ([]data.Head, error) {
	heads, err := finetune.DataHeads(m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", quote(path), err)
	}
	if output := c.String("output-name"); output != "" && heads != nil {
		all, err := finetune.StoredHeads(m, 0)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", quote(path), err)
		}
		heads = nil
		for _, h := range all {
			if h.Output == output {
				heads = append(heads, h.Head)
			}
		}
	}
	if heads == nil {
		return dataHeads(c)
	}
	if len(c.StringSlice("targets")) > 0 {
		return nil, usagef("leave it out", "--targets: the model says which columns it tells")
	}
	return heads, nil
}

// described says what a validation set holds.
func described(val *data.Set) string {
	if val == nil {
		return "no validation"
	}
	return fmt.Sprintf("%d to validate", val.Len())
}

// openData opens DATA and settles its validation part by --val: a share, a folder,
// or "" for the data's own, a fifth where there is none.
func openData(c *cli.Context, path, val string) (*data.Data, error) {
	heads, err := dataHeads(c)
	if err != nil {
		return nil, err
	}
	d, err := data.OpenHeads(path, heads)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*data.Data, error) { d.Close(); return nil, err }
	if d.Train.Heads == nil && len(d.Train.Classes) < 2 {
		return fail(hinted{fmt.Errorf("%s has %d class, want 2 or more", quote(path), len(d.Train.Classes)), "put the images of each class into a folder of its own"})
	}
	share, notNumber := strconv.ParseFloat(val, 64)
	switch {
	case val == "" && d.Val != nil:
		return d, nil
	case val == "":
		share = 0.2
	case notNumber != nil:
		v, err := data.OpenHeads(val, d.Train.Heads)
		if err != nil {
			return fail(err)
		}
		if d.Val = v.Train; d.Train.Heads == nil {
			if d.Val, err = v.Train.Align(d.Train.Classes); err != nil {
				v.Close()
				return fail(err)
			}
		}
		return d, nil
	case share == 0:
		d.Val = nil
		return d, nil
	}
	if !(share > 0 && share < 1) {
		return fail(usagef("", "--val %s: want a share below 1, or a folder", quote(val)))
	}
	if d.Train, d.Val, err = d.Train.Split(share, c.Uint64("seed")); err != nil {
		return fail(err)
	}
	return d, nil
}
