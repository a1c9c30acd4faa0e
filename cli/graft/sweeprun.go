package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/urfave/cli/v2"

	"graft/finetune"
	"graft/finetune/sweep"
)

// runCells is sweep run.
func runCells(c *cli.Context, u *ui, path string) error {
	s, err := openStudy(path)
	if err != nil {
		return err
	}
	defer s.Close()
	cells, err := chosenCells(c, s)
	if err != nil {
		return err
	}
	done := 0
	for _, st := range s.States() {
		if st.Status == sweep.Done && slices.ContainsFunc(cells, func(x sweep.Cell) bool { return x.ID == st.Cell.ID }) {
			done++
		}
	}
	u.infof("%d of %d networks are done", done, len(cells))
	epochs, unit := s.Plan.Recipe.Epochs, "epochs"
	if epochs == 0 { // each network has its own number
		epochs, unit = 1, "networks"
	}
	p := u.progress("training", (len(cells)-done)*epochs, unit)
	defer p.done()
	counted := map[string]int{} // epochs of a cell that p knows of
	count := func(x sweep.Cell, n int) {
		p.add(n - counted[x.ID])
		counted[x.ID] = n
	}
	var mu sync.Mutex // the hooks are called by several goroutines
	o := sweep.RunOptions{Jobs: threads(c), Wait: c.Duration("wait"), Version: version(),
		OnCell: func(x sweep.Cell, r *sweep.Result) {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case r.Failed != "":
				u.warnf("%s: %s", x.ID, r.Failed)
			default:
				u.debugf("%s: top-1 %s after %d epochs, %s", x.ID, percent(r.Last), len(r.Epochs), ofSeconds(r.Made.Seconds))
			}
			done++
			count(x, epochs)
		},
		OnEpoch: func(x sweep.Cell, e finetune.Epoch) {
			mu.Lock()
			defer mu.Unlock()
			u.debugf("%s: epoch %d: loss %.4f, top-1 %s, %s", x.ID, e.N, e.TrainLoss, percent(e.ValScore), ofSeconds(e.Seconds))
			if unit == "epochs" {
				count(x, e.N)
			}
		},
		OnAgain: func(st sweep.State) {
			u.warnf("%s: its result is %s, and is made again: %s", st.Cell.ID, st.Status, st.Reason)
		},
	}
	if err := s.Run(c.Context, cells, o); err != nil {
		return err
	}
	shown := u.result("", map[string]int{"networks": len(cells), "done": done}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "%d of %d networks are done\n", done, len(cells))
		return err
	})
	if done < len(s.Plan.Cells) {
		return shown
	}
	return u.next(shown, "graft sweep report "+inShell(path)+" -o "+inShell(filepath.Join(filepath.Dir(path), "report")))
}

// chosenCells are those that --stage, --shard and --cell leave.
func chosenCells(c *cli.Context, s *sweep.Study) ([]sweep.Cell, error) {
	cells := s.Stage(c.String("stage"))
	if ids := c.StringSlice("cell"); len(ids) > 0 {
		var some []sweep.Cell
		for _, id := range ids {
			i := slices.IndexFunc(cells, func(x sweep.Cell) bool { return x.ID == id })
			if i < 0 {
				return nil, hinted{fmt.Errorf("sweep: the plan has no network %s", quote(id)), "graft sweep status -v lists them"}
			}
			some = append(some, cells[i])
		}
		cells = some
	}
	if v := c.String("shard"); v != "" {
		i, n, err := shard(v)
		if err != nil {
			return nil, err
		}
		cells = sweep.Shard(cells, i, n)
	}
	return cells, nil
}

// arrayVariables tell a job its number: of a Slurm array, of a Kubernetes Indexed Job.
var arrayVariables = []string{"SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"}

// shard reads I/N or auto/N.
func shard(v string) (i, n int, err error) {
	first, second, ok := strings.Cut(v, "/")
	if first == "auto" {
		first = ""
		for _, name := range arrayVariables {
			if first == "" {
				first = os.Getenv(name)
			}
		}
		if first == "" {
			return 0, 0, hinted{fmt.Errorf("--shard %s: neither %s is set", quote(v), strings.Join(arrayVariables, " nor ")), "give the number of the shard, as 0/" + second}
		}
	}
	i, errI := strconv.Atoi(first)
	n, errN := strconv.Atoi(second)
	if !ok || errI != nil || errN != nil || n < 1 || i < 0 || i >= n {
		return 0, 0, usagef("", "--shard %s: want I/N with 0 <= I < N, or auto/N; I is %s", quote(v), quote(first))
	}
	return i, n, nil
}
