package main

import (
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/urfave/cli/v2"

	"graft/graph/check"
)

func checkVerb() *cli.Command {
	return &cli.Command{
		Name:      "check",
		Category:  groupVerify,
		Usage:     "run ONNX test folders and compare with their expected outputs",
		ArgsUsage: "PATH... [flags]",
		Description: `
A test is a folder with one .onnx file and test_data_set_* folders, in ONNX's
own layout; PATH may be one or hold many. A test passes where |got-want| is at
most atol + rtol*|want| everywhere. A failed test ends in exit status 1, and the
reports are written all the same.

Examples:
  graft check models/squeezenet1_1
  graft check models/ --rtol 1e-3 --atol 1e-4 --junit report.xml`,
		Flags: []cli.Flag{
			number("rtol", check.Default.Rtol, 0, math.Inf(1), "`R` relative tolerance", "1e-3; 2e-2 for float16 outputs"),
			number("atol", check.Default.Atol, 0, math.Inf(1), "`A` absolute tolerance", "1e-4; 2e-2 for float16 outputs"),
			&cli.StringFlag{Name: "junit", Usage: "`FILE` write a JUnit report here", TakesFile: true},
			whole("jobs", 1, 1, "`N` run this many tests at a time", "", "j"),
			output("`FILE` write the result here instead of to stdout"),
		},
		Action: runCheck,
	}
}

// checkReport is what check shows, as --json gives it.
type checkReport struct {
	Cases     []check.Case `json:"cases"`
	failed    int
	tol, half check.Tolerance
}

func runCheck(c *cli.Context) error {
	u := newUI(c)
	paths, err := positionals(c, "PATH...")
	if err != nil {
		return err
	}
	for _, out := range []string{c.String("output"), c.String("junit")} {
		if err := checkOutput(out); err != nil {
			return err
		}
	}
	var dirs []string
	for _, path := range paths {
		found, err := check.Find(path)
		if err != nil {
			return err
		}
		dirs = append(dirs, found...)
	}
	r := checkReport{}
	r.tol, r.half = tolerances(c)
	if r.Cases, err = checkAll(c, u, dirs, r.tol, r.half); err != nil {
		return err
	}
	for _, k := range r.Cases {
		if k.Status != check.Pass {
			r.failed++
		}
	}
	if path := c.String("junit"); path != "" {
		if err := writeFile(path, func(w io.Writer) error { return check.WriteJUnit(w, r.Cases) }); err != nil {
			return err
		}
	}
	if err := u.result(c.String("output"), r, r.write); err != nil {
		return err
	}
	if r.failed > 0 {
		return fmt.Errorf("check: %d of %d tests failed", r.failed, len(r.Cases))
	}
	return nil
}

// tolerances are those of float16 outputs and of all others: a flag that is given
// holds for both.
func tolerances(c *cli.Context) (tol, half check.Tolerance) {
	tol, half = check.Default, check.Half
	if c.IsSet("rtol") {
		tol.Rtol, half.Rtol = c.Float64("rtol"), c.Float64("rtol")
	}
	if c.IsSet("atol") {
		tol.Atol, half.Atol = c.Float64("atol"), c.Float64("atol")
	}
	return tol, half
}

// checkAll runs the tests, --jobs at a time, and keeps their order.
func checkAll(c *cli.Context, u *ui, dirs []string, tol, half check.Tolerance) ([]check.Case, error) {
	cases := make([]check.Case, len(dirs))
	jobs := min(c.Int("jobs"), len(dirs))
	share := max(threads(c)/jobs, 1)
	p := u.progress("checking", len(dirs), "tests")
	defer p.done()
	next := make(chan int)
	var wg sync.WaitGroup
	for range jobs {
		wg.Go(func() {
			for i := range next {
				cases[i] = check.Run(dirs[i], tol, half, share)
				p.add(1)
			}
		})
	}
	for i := range dirs {
		if c.Context.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	return cases, c.Context.Err()
}

func (r checkReport) write(w io.Writer) error {
	var rows [][]string
	for _, k := range r.Cases {
		abs, rel := "", ""
		if k.Status == check.Pass || k.MaxAbs > 0 {
			abs, rel = fmt.Sprintf("%.2g", k.MaxAbs), fmt.Sprintf("%.2g", k.MaxRel)
		}
		rows = append(rows, []string{string(k.Status), k.Name, abs, rel, k.Reason})
	}
	if err := writeTable(w, []string{"status", "test", ">max abs", ">max rel", "reason"}, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d passed, %d failed (rtol %g, atol %g; float16 outputs rtol %g, atol %g)\n",
		len(r.Cases)-r.failed, r.failed, r.tol.Rtol, r.tol.Atol, r.half.Rtol, r.half.Atol)
	return err
}
