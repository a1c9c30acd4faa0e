package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"graft/finetune/data"
	"graft/graph/check"
)

func checkVerb() *cli.Command {
	return &cli.Command{
		Name:      "check",
		Category:  groupVerify,
		Usage:     "check models as their check files and ONNX test folders say",
		ArgsUsage: "PATH... [flags]",
		Description: `
PATH is a check file, *.check.yaml, which says what a model must be and do; or a
test folder in ONNX's own layout, one .onnx file with test_data_set_* folders; or
a folder that holds any number of both. With --record or --against it is a model.
A test passes where |got-want| is at most atol + rtol*|want| everywhere. A failed
test ends in exit status 1, and the reports are written all the same.`,
		UsageText: `
  graft check mine.check.yaml
  graft check --record mine.onnx -o mine.check.yaml
  graft check mine.onnx --against exported.onnx --data photos/val
  graft check models/ --rtol 1e-3 --atol 1e-4 --junit report.xml`,
		Flags: []cli.Flag{
			number("rtol", check.Default.Rtol, 0, math.Inf(1), "`R` relative tolerance", "1e-3; 2e-2 for 16-bit float outputs"),
			number("atol", check.Default.Atol, 0, math.Inf(1), "`A` absolute tolerance", "1e-4; 2e-2 for 16-bit float outputs"),
			&cli.BoolFlag{Name: "allow-unsupported", Usage: "pass over tests that need an operator or type graft lacks"},
			&cli.BoolFlag{Name: "by-operator", Usage: "show for each operator how many tests passed"},
			&cli.StringFlag{Name: "junit", Usage: "`FILE.xml` write a JUnit report here", TakesFile: true},
			memoryLimit(),
			exactFlag(),
			whole("jobs", 0, 1, "`N` run this many tests at a time", "as --threads", "j"),
			&cli.StringFlag{Name: "root", Usage: "`DIR` check files may name files below this folder", DefaultText: "their own"},
			&cli.StringFlag{Name: "model", Usage: "`MODEL` check this model in the place of the one that check files name", TakesFile: true},
			&cli.BoolFlag{Name: "record", Usage: "write a check file of what the model PATH does now; it is drawn from --seed or takes --input"},
			repeated("input", "`NAME=FILE` with --record: give the input NAME the tensor or image in FILE"),
			&cli.StringFlag{Name: "against", Usage: "`MODEL` compare the model PATH with this one", TakesFile: true},
			&cli.StringFlag{Name: "data", Usage: "`DATA` with --against: compare on these images", DefaultText: "seeded inputs"},
			&cli.BoolFlag{Name: "schema", Usage: "print the JSON schema of check files, for editors, and stop"},
			output("`FILE` write the result here instead of to stdout"),
		},
		Action: runCheck,
	}
}

// checkReport is what check shows, as --json gives it.
type checkReport struct {
	Cases     []check.Case      `json:"cases"`
	Operators []check.OpSummary `json:"operators"`

	passed, failed, unsupported int
	tol, half                   check.Tolerance
	allow, byOperator           bool
}

func runCheck(c *cli.Context) error {
	u := newUI(c)
	if c.Bool("schema") {
		return writeBytes(u, c.String("output"), check.Schema)
	}
	paths, err := positionals(c, "PATH...")
	if err != nil {
		return err
	}
	for _, out := range []string{c.String("output"), c.String("junit")} {
		if err := checkOutput(out, paths...); err != nil {
			return err
		}
	}
	r := checkReport{allow: c.Bool("allow-unsupported"), byOperator: c.Bool("by-operator")}
	r.tol, r.half = tolerances(c)
	o := check.Options{Tolerance: r.tol, Half: r.half, Threads: threads(c), Root: c.String("root"), Model: c.String("model"), MaxMemory: maxMemory(c, nil), Exact: c.Bool("exact")}
	if c.Bool("record") {
		return record(c, u, o)
	}
	if c.String("against") != "" {
		r.Cases, err = against(c, paths, o)
	} else {
		r.Cases, err = checkPaths(c, u, paths, o)
	}
	if err != nil {
		return err
	}
	return r.report(c, u)
}

func writeBytes(u *ui, path string, b []byte) error {
	write := func(w io.Writer) error { _, err := w.Write(b); return err }
	if path != "" {
		return writeFile(path, write)
	}
	return write(u.out)
}

// report counts, writes what was asked for, and says whether all is well.
func (r *checkReport) report(c *cli.Context, u *ui) error {
	r.Operators = check.Summary(r.Cases)
	for _, k := range r.Cases {
		switch {
		case k.Status == check.Pass:
			r.passed++
		case k.Status == check.Unsupported && r.allow:
			r.unsupported++
		default:
			r.failed++
		}
	}
	if path := c.String("junit"); path != "" {
		if err := writeFile(path, func(w io.Writer) error { return check.WriteJUnit(w, r.Cases, r.allow) }); err != nil {
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

// tolerances are those of 16-bit float outputs and of all others: a flag that is given
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

// checkPaths runs what lies at the paths, --jobs at a time, and keeps its order. What
// measures time runs afterwards, by itself.
func checkPaths(c *cli.Context, u *ui, paths []string, o check.Options) ([]check.Case, error) {
	var tests []string
	for _, path := range paths {
		found, err := check.Find(path)
		if err != nil {
			return nil, err
		}
		tests = append(tests, found...)
	}
	results := make([][]check.Case, len(tests))
	var timed []int
	jobs := min(c.Int("jobs"), len(tests))
	if jobs == 0 {
		jobs = min(o.Threads, len(tests))
	}
	p := u.progress("checking", len(tests), "tests")
	defer p.done()
	next := make(chan int)
	var wg sync.WaitGroup
	for range jobs {
		wg.Go(func() {
			share := o
			share.Threads = max(o.Threads/jobs, 1)
			for i := range next {
				results[i] = runTest(c.Context, tests[i], share)
				p.add(1)
			}
		})
	}
	for i, path := range tests {
		if c.Context.Err() != nil {
			break
		}
		if strings.HasSuffix(path, check.Suffix) && check.HasLatency(path) {
			timed = append(timed, i)
			continue
		}
		next <- i
	}
	close(next)
	wg.Wait()
	for _, i := range timed {
		results[i] = runTest(c.Context, tests[i], o)
		p.add(1)
	}
	var cases []check.Case
	for _, r := range results {
		cases = append(cases, r...)
	}
	return cases, c.Context.Err()
}

func runTest(ctx context.Context, path string, o check.Options) []check.Case {
	if strings.HasSuffix(path, check.Suffix) {
		return check.RunFile(ctx, path, o)
	}
	return []check.Case{check.Run(path, o)}
}

// against compares models with another one.
func against(c *cli.Context, paths []string, o check.Options) ([]check.Case, error) {
	var cases []check.Case
	for _, path := range paths {
		all := 1.0
		a := &check.Agree{Model: c.String("against"), Data: c.String("data"), Top1: &all, MaxAbs: &o.Tolerance.Atol, Seed: c.Uint64("seed")}
		o.Model = path
		name := strings.TrimSuffix(filepath.Base(path), ".onnx")
		cases = append(cases, check.RunParsed(c.Context, name, &check.File{Agree: a}, o)...)
	}
	return cases, c.Context.Err()
}

// record writes a check file, and beside it the outputs too large for it.
func record(c *cli.Context, u *ui, o check.Options) error {
	args, err := positionals(c, "MODEL")
	if err != nil {
		return err
	}
	if err := required(c, "output", "-o mine"+check.Suffix); err != nil {
		return err
	}
	file := c.String("output")
	if !strings.HasSuffix(file, check.Suffix) {
		return usagef("give -o a name like mine"+check.Suffix, "output %s: a check file's name ends in %s", quote(file), check.Suffix)
	}
	r := check.Recording{Options: o, Model: args[0], File: file, Seed: c.Uint64("seed")}
	if given := c.StringSlice("input"); len(given) > 0 {
		if r.Inputs, err = recordInputs(args[0], given); err != nil {
			return err
		}
	}
	f, large, err := check.Record(c.Context, r)
	if err != nil {
		return err
	}
	text, err := f.Marshal()
	if err != nil {
		return err
	}
	for name, t := range large {
		path := filepath.Join(filepath.Dir(file), name)
		if err := writeFile(path, func(w io.Writer) error { return data.WriteNpy(w, t) }); err != nil {
			return err
		}
	}
	if err := writeFile(file, func(w io.Writer) error { _, err := w.Write(text); return err }); err != nil {
		return err
	}
	u.infof("wrote %s", quote(file))
	return u.next(nil, "graft check "+inShell(file)+rootFor(file, args[0]))
}

// rootFor is the flag that lets a check file name a model above its own folder, "" where
// it needs none.
func rootFor(file, model string) string {
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return ""
	}
	if model, err = filepath.Abs(model); err != nil {
		return ""
	}
	rel, err := filepath.Rel(dir, model)
	up, root := ".."+string(filepath.Separator), "."
	for err == nil && strings.HasPrefix(rel, up) {
		rel, root = rel[len(up):], filepath.Join(root, "..")
	}
	if root == "." {
		return ""
	}
	return " --root " + inShell(filepath.Join(filepath.Dir(file), root))
}

// recordInputs sorts what --input gives by the model's inputs.
func recordInputs(model string, given []string) (map[string]string, error) {
	m, err := readModel(model)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, p := range ports(m, m.GetGraph().GetInput()) {
		names = append(names, p.Name)
	}
	files := map[string]string{}
	for _, g := range given {
		name, file, err := splitInput(g, names)
		if err != nil {
			return nil, err
		}
		files[name] = file
	}
	return files, nil
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
	if r.byOperator {
		if err := r.writeOperators(w); err != nil {
			return err
		}
	}
	skipped := ""
	if r.unsupported > 0 {
		skipped = fmt.Sprintf(", %d unsupported", r.unsupported)
	}
	_, err := fmt.Fprintf(w, "%d passed, %d failed%s (rtol %g, atol %g; 16-bit float outputs rtol %g, atol %g)\n",
		r.passed, r.failed, skipped, r.tol.Rtol, r.tol.Atol, r.half.Rtol, r.half.Atol)
	return err
}

func (r checkReport) writeOperators(w io.Writer) error {
	var rows [][]string
	for _, s := range r.Operators {
		rows = append(rows, []string{s.Op, fmt.Sprint(s.Pass), fmt.Sprint(s.Fail), fmt.Sprint(s.Unsupported)})
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	if err := writeTable(w, []string{"operator", ">passed", ">failed", ">unsupported"}, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}
