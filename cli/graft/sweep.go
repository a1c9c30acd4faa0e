package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"graft/finetune/sweep"
	"graft/internal/spell"
)

func sweepVerb() *cli.Command {
	return &cli.Command{
		Name:      "sweep",
		Category:  groupMake,
		Usage:     "measure how transferable each layer of a network is",
		ArgsUsage: "plan|run|status|gather|report|slurm|kubernetes DATA|PLAN",
		Description: `
The study of Yosinski et al. 2014 on your data: networks learn one half of the
classes (baseA, baseB), then their first n layers are copied, frozen or not, to
learn the same half anew (BnB, BnB+) or the other one (AnB, AnB+); random
filters are the control. plan writes what is to be trained into a plan file,
run trains what is not done yet, and can be stopped and started at any time,
report draws the figures. Results lie beside the plan, a file a network.

With --model the study starts from a pretrained network instead, and tells at
which layer to cut and freeze it for your data.

For a cluster, slurm and kubernetes write a job script; its jobs run shards of
the plan on a shared folder: --shard auto/N takes its number from
SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX.`,
		UsageText: `
  graft sweep plan photos.zip --arch caffenet-32 --splits 2 -o study/plan.json
  graft sweep run study/plan.json
  graft sweep report study/plan.json -o study/report --overlay paper
  graft sweep slurm study/plan.json -o study/job.sh
  graft sweep plan photos/ --model squeezenet.onnx --epochs 2 -o cut/plan.json`,
		Flags:  sweepFlags(),
		Action: runSweep,
	}
}

func sweepFlags() []cli.Flag {
	flags := section("plan: what is measured",
		word("arch", "train this network", "caffenet-32", architectures()...),
		&cli.StringFlag{Name: "model", Usage: "`MODEL` copy the layers of this pretrained network", TakesFile: true},
		&cli.StringFlag{Name: "head", Usage: "`linear|mlp:H1,H2|redraw` with --model: what comes above the cut", DefaultText: "linear"},
		whole("splits", 0, 0, "`N` divide the classes at random N times; with --model and --val: validation parts", "1, 0 with --half-a"),
		&cli.StringFlag{Name: "half-a", Usage: "`FILE` a given half A, a class name a line", TakesFile: true},
		&cli.StringFlag{Name: "half-b", Usage: "`FILE` a given half B", TakesFile: true},
		&cli.StringFlag{Name: "layers", Usage: "`N,N...` copy so many layers", DefaultText: "1 to all but the last"},
		&cli.StringFlag{Name: "treatments", Usage: "`NAME,NAME...` of base, BnB, BnB+, AnB, AnB+, random", DefaultText: "all"},
		whole("repeats", 1, 1, "`N` networks of each kind in each split", ""),
		whole("controls", 1, 1, "`N` networks of each kind on all classes", ""),
		&cli.StringFlag{Name: "per-class", Usage: "`N,N...` train bases on so many pictures a class too", DefaultText: "none"},
		number("val", 0, 0, 1, "`FRACTION` validate on this share of the training data", "the data's own val, else 0.2"),
	)
	flags = append(flags, section("plan: how networks are trained",
		whole("epochs", 0, 1, "`N` go through the data this many times", "90; with --model chosen, as finetune does"),
		batchSize("256, with --model 32"),
		word("opt", "optimizer", "sgd", "sgd", "adam", "adamw", "rmsprop"),
		number("lr", 0, 0, 1e6, "`RATE` learning rate", "0.01"),
		number("momentum", 0.9, 0, 1, "`M` momentum", "0.9"),
		number("weight-decay", 5e-4, 0, 1e6, "`W` weight decay, but for biases", "0.0005"),
		word("schedule", "course of the learning rate", "step", "constant", "step", "cosine", "onecycle"),
		number("warmup", 0, 0, 1e6, "`EPOCHS` let the rate rise for so long first", "0"),
		word("augment", "vary the training pictures", "flip", "none", "flip", "light", "strong"),
	)...)
	flags = append(flags, preprocessingFlags()...)
	flags = append(flags, section("run: which networks",
		word("stage", "those that others copy, or all others", "both", sweep.Bases, sweep.Rest),
		&cli.StringFlag{Name: "shard", Usage: "`I/N` every N-th from the I-th on, counted from 0; auto/N: I is the job's number in its array"},
		repeated("cell", "`ID` this one; status lists them"),
		&cli.DurationFlag{Name: "wait", Usage: "`TIME` wait so long for bases that other jobs train, as 12h", DefaultText: "not at all"},
	)...)
	flags = append(flags, section("report",
		word("overlay", "draw the authors' values too", "none", "paper"),
		word("measure", "top-1 at the end, or the mean of the ten best epochs", "best10", sweep.Measures...),
	)...)
	flags = append(flags, section("slurm, kubernetes",
		whole("jobs", 0, 1, "`N` array tasks in each stage", "one a cell, at most 1000"),
		&cli.StringFlag{Name: "image", Usage: "`IMAGE` kubernetes: the container with graft in it", DefaultText: "graft:latest"},
		&cli.StringFlag{Name: "claim", Usage: "`NAME` kubernetes: the volume claim that holds the study", DefaultText: "study"},
	)...)
	flags = append(flags, section("gather, report",
		&cli.BoolFlag{Name: "partial", Usage: "take what is done so far"})...)
	return append(flags, section("Files", output("`FILE|DIR` write the plan, table, report or job here"))...)
}

// refuseStrays refuses flags that the first argument has no use for: a section of flags
// that is not for all is named after those that it is for.
func refuseStrays(c *cli.Context, verb string) error {
	for _, f := range c.Command.Flags {
		section := f.(cli.CategorizableFlag).GetCategory()
		if section == "Preprocessing" {
			section = "plan"
		}
		verbs, _, _ := strings.Cut(section, ":")
		if name := f.Names()[0]; c.IsSet(name) && section != "Files" && section != everyVerbSection && !slices.Contains(strings.Split(verbs, ", "), verb) {
			return usagef("", "sweep %s: --%s is a flag of sweep %s", verb, name, strings.ReplaceAll(verbs, ", ", " and "))
		}
	}
	return nil
}

// sweepVerbs are what sweep does, by its first argument.
var sweepVerbs = []struct {
	name string
	run  func(c *cli.Context, u *ui, path string) error
}{
	{"plan", planSweep}, {"run", runCells}, {"status", showStatus}, {"gather", gatherSweep}, {"report", reportSweep}, {"slurm", writeJob}, {"kubernetes", writeJob},
}

func runSweep(c *cli.Context) error {
	args, err := positionals(c, "plan|run|status|gather|report|slurm|kubernetes", "DATA or PLAN")
	if err != nil {
		return err
	}
	var names []string
	for _, v := range sweepVerbs {
		if v.name == args[0] {
			if err := refuseStrays(c, v.name); err != nil {
				return err
			}
			return v.run(c, newUI(c), args[1])
		}
		names = append(names, v.name)
	}
	return usagef(spell.Hint(args[0], names), "sweep: %s: want %s", quote(args[0]), orList(names))
}

// openStudy reads a plan and says where its results are.
func openStudy(path string) (*sweep.Study, error) {
	if isDir(path) {
		return nil, hinted{fmt.Errorf("sweep: plan %s: a folder", quote(path)), "give its plan file, as " + quote(path+"/plan.json")}
	}
	return sweep.Open(path)
}

func showStatus(c *cli.Context, u *ui, path string) error {
	s, err := openStudy(path)
	if err != nil {
		return err
	}
	defer s.Close()
	type cellState struct {
		Cell   string `json:"cell"`
		Status string `json:"status"`
		Reason string `json:"reason,omitempty"`
	}
	counts, all := map[string]map[string]int{}, []cellState{}
	var order []string
	for _, st := range s.States() {
		label := st.Cell.Label()
		if counts[label] == nil {
			counts[label] = map[string]int{}
			order = append(order, label)
		}
		counts[label][st.Status]++
		counts[label]["all"]++
		if st.Result != nil && st.Result.Failed != "" {
			counts[label]["failed"]++
			st.Reason = st.Result.Failed
		}
		all = append(all, cellState{st.Cell.ID, st.Status, st.Reason})
	}
	return u.result(c.String("output"), all, func(w io.Writer) error {
		var rows [][]string
		for _, label := range order {
			row := []string{label}
			for _, k := range []string{"all", sweep.Done, sweep.Missing, sweep.Damaged, sweep.Stale, "failed"} {
				row = append(row, fmt.Sprint(counts[label][k]))
			}
			rows = append(rows, row)
		}
		if err := writeTable(w, []string{"", ">networks", ">done", ">missing", ">damaged", ">stale", ">failed"}, rows); err != nil {
			return err
		}
		for _, st := range all {
			if st.Reason != "" || u.verbose {
				fmt.Fprintf(w, "%s: %s %s\n", st.Cell, st.Status, escape(st.Reason))
			}
		}
		return nil
	})
}

func gatherSweep(c *cli.Context, u *ui, path string) error {
	s, err := openStudy(path)
	if err != nil {
		return err
	}
	defer s.Close()
	out := c.String("output")
	if err := checkOutput(out, path); err != nil {
		return err
	}
	rows, err := s.Rows(c.Bool("partial"))
	if err != nil {
		return err
	}
	return u.result(out, rows, func(w io.Writer) error { return sweep.WriteTable(w, rows) })
}
