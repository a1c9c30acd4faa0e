package main

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/urfave/cli/v2"

	"graft/finetune/data"
)

func dataVerb() *cli.Command {
	return &cli.Command{
		Name:      "data",
		Category:  groupUse,
		Usage:     "say what is wrong with labelled images before a training",
		ArgsUsage: "DATA [flags]",
		Description: `
Looks at every image and names those that cannot be read, are there twice, lie
in training and validation alike, carry two labels, or are too small; and classes
with few images. DATA is as for graft finetune, which looks at it likewise.`,
		UsageText: `
  graft data photos/
  graft data photos.zip --size 224 --strict`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "size", Usage: "`N|HxW` input size of the network, in pixels: smaller images are named", DefaultText: "not compared"},
			&cli.StringFlag{Name: "val", Usage: "`FRACTION|DIR` as for finetune", DefaultText: "the data's own val, else 0.2"},
			lossFlag("what the data tell, as for finetune: ce one class an image, bce any of several labels, mse numbers"),
			targetsFlag(),
			&cli.BoolFlag{Name: "strict", Usage: "exit status 1 where anything is found"},
			output("`FILE` write the result here instead of to stdout"),
			workers(),
		},
		Action: runData,
	}
}

// dataReport is what data shows, as --json gives it.
type dataReport struct {
	Kind     string         `json:"kind"`
	Classes  []string       `json:"classes"`
	Images   []int          `json:"images"` // of each part there is
	Train    []int          `json:"train"`  // images of each class or label
	Val      []int          `json:"val"`
	Test     []int          `json:"test"`
	Findings []data.Finding `json:"findings"`
}

func runData(c *cli.Context) error {
	u := newUI(c)
	args, err := positionals(c, "DATA")
	if err != nil {
		return err
	}
	if err := checkOutput(c.String("output"), args...); err != nil {
		return err
	}
	o := data.CheckOptions{Workers: c.Int("workers")}
	if v := c.String("size"); v != "" {
		if o.Height, o.Width, err = parseSize(v); err != nil {
			return err
		}
	}
	d, err := openData(c, args[0], c.String("val"))
	if err != nil {
		return err
	}
	defer d.Close()
	found, err := checkData(c.Context, u, d, o)
	if err != nil {
		return err
	}
	r := dataReport{Kind: d.Kind, Classes: d.Train.Classes, Images: []int{d.Train.Len()}, Train: d.Train.Counts(), Findings: found}
	if d.Val != nil {
		r.Val, r.Images = d.Val.Counts(), append(r.Images, d.Val.Len())
	}
	if d.Test != nil {
		r.Test, r.Images = d.Test.Counts(), append(r.Images, d.Test.Len())
	}
	if err := u.result(c.String("output"), r, r.write); err != nil {
		return err
	}
	if c.Bool("strict") && len(found) > 0 {
		return fmt.Errorf("%s: %d findings", quote(args[0]), len(found))
	}
	return nil
}

// checkData looks at data with a progress bar.
func checkData(ctx context.Context, u *ui, d *data.Data, o data.CheckOptions) ([]data.Finding, error) {
	var p *progress
	o.Progress = func(done, total int) {
		if p == nil {
			p = u.progress("looking at the data", total, "images")
		}
		p.add(done - p.n)
	}
	found, err := d.Check(ctx, o)
	if p != nil {
		p.done()
	}
	return found, err
}

func (r dataReport) write(w io.Writer) error {
	header := []string{"class", ">train"}
	parts := [][]int{r.Train}
	for _, p := range []struct {
		name   string
		counts []int
	}{{">val", r.Val}, {">test", r.Test}} {
		if p.counts != nil {
			header, parts = append(header, p.name), append(parts, p.counts)
		}
	}
	var rows [][]string
	for k, class := range r.Classes {
		row := []string{class}
		for _, p := range parts {
			row = append(row, strconv.Itoa(p[k]))
		}
		rows = append(rows, row)
	}
	total := []string{"in all"}
	for _, n := range r.Images {
		total = append(total, strconv.Itoa(n))
	}
	if err := writeTable(w, header, append(rows, total)); err != nil {
		return err
	}
	if len(r.Findings) == 0 {
		_, err := fmt.Fprintln(w, "\nnothing found wrong")
		return err
	}
	for _, f := range r.Findings {
		fmt.Fprintf(w, "\n%s\n", escape(fmt.Sprintf("%s: %d", f.Kind, f.Count)))
		for _, n := range f.Names {
			fmt.Fprintf(w, "  %s\n", escape(n))
		}
		if more := f.Count - len(f.Names); more > 0 {
			fmt.Fprintf(w, "  … %d more\n", more)
		}
	}
	return nil
}

// guard looks at the data before a training: what is found is told, or with --strict
// refused; an image that cannot be read is refused in any case, unless --skip-bad.
func guard(c *cli.Context, u *ui, d *data.Data, o data.CheckOptions) ([]data.Finding, error) {
	if c.String("data-check") == "off" {
		if c.Bool("strict") {
			return nil, usagef("leave one of them out", "--strict and --data-check off contradict each other")
		}
		return nil, nil
	}
	both := &data.Data{Train: d.Train, Val: d.Val} // test is not read in a training
	found, err := checkData(c.Context, u, both, o)
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		bad := f.Kind == "unreadable"
		switch {
		case bad && !c.Bool("skip-bad"):
			return nil, hinted{fmt.Errorf("%s", f.Text), "mend or remove them, or leave them out by --skip-bad"}
		case bad: // told as they are skipped
		case c.Bool("strict"):
			return nil, hinted{fmt.Errorf("%s: %s", f.Kind, f.Text), "graft data lists all that was found; without --strict it is a warning"}
		default:
			u.warnf("%s: %s", f.Kind, f.Text)
		}
	}
	return found, nil
}
