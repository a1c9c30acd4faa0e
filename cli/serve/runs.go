package serve

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"graft/durable"
	"graft/finetune/report"
)

// The files of a run folder that are read. graft finetune writes them, under these names.
const (
	ArgsFile    = "args.yaml"
	ResultsFile = "results.csv"
	LogFile     = "log.jsonl"
	ModelFile   = "best.onnx"
	ReportFile  = "report.html"
	LockFile    = ".lock"
)

const (
	maxRuns   = 1000
	maxArgs   = 1 << 20 // bytes of args.yaml
	maxTable  = 16 << 20
	maxReport = 64 << 20
)

// A run is a folder that a training writes into.
type run struct {
	Name  string
	dir   string
	began time.Time
}

// runs are those of Config.Runs and of Config.Folder, the newest first.
func (s *Server) runs() []run {
	var list []run
	add := func(dir string) {
		info, err := os.Stat(filepath.Join(dir, ArgsFile))
		if err != nil || !info.Mode().IsRegular() {
			return
		}
		if abs, err := filepath.Abs(dir); err == nil {
			dir = abs
		}
		r := run{filepath.Base(dir), dir, info.ModTime()}
		for n := 2; ; n++ {
			i := slices.IndexFunc(list, func(o run) bool { return o.Name == r.Name })
			if i < 0 {
				break
			}
			if list[i].dir == dir {
				return
			}
			r.Name = filepath.Base(dir) + "-" + strconv.Itoa(n)
		}
		list = append(list, r)
	}
	for _, dir := range s.config.Runs {
		add(dir)
	}
	if s.config.Folder != "" {
		entries, _ := os.ReadDir(s.config.Folder) // it may be absent
		for _, e := range entries[:min(len(entries), maxRuns)] {
			if e.IsDir() {
				add(filepath.Join(s.config.Folder, e.Name()))
			}
		}
	}
	slices.SortStableFunc(list, func(a, b run) int {
		return cmp.Or(b.began.Compare(a.began), cmp.Compare(a.Name, b.Name))
	})
	return list
}

func (s *Server) findRun(name string) (run, bool) {
	list := s.runs()
	i := slices.IndexFunc(list, func(r run) bool { return r.Name == name })
	if i < 0 {
		return run{}, false
	}
	return list[i], true
}

// named is the run that a request names.
func (s *Server) named(r *http.Request) (run, error) {
	one, ok := s.findRun(r.PathValue("run"))
	if !ok {
		return one, refuse(http.StatusNotFound, "there is no run %s", quote(r.PathValue("run")))
	}
	return one, nil
}

// model is the place of the run's best model, and what tells it from a later one; "" where
// there is none yet.
func (r run) model() (path, stamp string) {
	info, err := os.Lstat(filepath.Join(r.dir, ModelFile))
	if err != nil || !info.Mode().IsRegular() {
		return "", ""
	}
	return filepath.Join(r.dir, ModelFile), fmt.Sprint(info.ModTime().UnixNano(), info.Size())
}

// running says whether a process trains in the folder: it holds the lock.
func running(root *os.Root) bool {
	f, err := root.Open(LockFile)
	if err != nil {
		return false
	}
	defer f.Close()
	taken, err := durable.TryLock(f)
	return err == nil && !taken
}

// read reads a regular file of at most most bytes in a run folder; nil where there is none.
func read(root *os.Root, name string, most int64) ([]byte, error) {
	info, err := root.Stat(name)
	switch {
	case err != nil:
		return nil, nil
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file", name)
	case info.Size() > most:
		return nil, fmt.Errorf("%s has %d bytes, at most %d are read", name, info.Size(), most)
	}
	return root.ReadFile(name)
}

// has says whether a run folder holds a file of that name.
func has(root *os.Root, name string) bool {
	info, err := root.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// listRuns answers with all runs, without their steps.
func (s *Server) listRuns(w http.ResponseWriter, r *http.Request) error {
	list := []course{}
	for _, one := range s.runs() {
		root, err := os.OpenRoot(one.dir)
		if err != nil {
			continue // it has gone meanwhile
		}
		c := one.course(root)
		root.Close()
		list = append(list, c)
	}
	s.answer(w, http.StatusOK, list)
	return nil
}

// describeRun answers with the course of a run.
func (s *Server) describeRun(w http.ResponseWriter, r *http.Request) error {
	f, err := s.follow(r)
	if err != nil {
		return err
	}
	defer f.close()
	s.answer(w, http.StatusOK, f.look())
	return nil
}

// report answers with a run's page, which whoever wrote it may have filled with anything:
// it runs no script and loads nothing.
func (s *Server) report(w http.ResponseWriter, r *http.Request) error {
	one, err := s.named(r)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(one.dir)
	if err != nil {
		return refuse(http.StatusNotFound, "run %s has gone", quote(one.Name))
	}
	defer root.Close()
	b, err := read(root, ReportFile, maxReport)
	if err != nil || b == nil {
		return refuse(http.StatusNotFound, "run %s has no report yet", quote(one.Name))
	}
	w.Header().Set("Content-Security-Policy", reportPolicy)
	s.send(w, http.StatusOK, "text/html; charset=utf-8", b)
	return nil
}

// course is how a run has gone so far.
type course struct {
	Name     string      `json:"name"`
	State    string      `json:"state"` // running, finished or stopped
	Began    time.Time   `json:"began"`
	Settings [][2]string `json:"settings"` // that were given, in their order
	Measure  string      `json:"measure"`  // of the scores
	Percent  bool        `json:"percent"`  // they are shown in percent
	Epochs   []epoch     `json:"epochs"`
	Best     int         `json:"best"` // the number of an epoch; 0: none
	Steps    *thinned    `json:"steps,omitempty"`
	Model    bool        `json:"model"`
	Report   bool        `json:"report"`
	Problem  string      `json:"problem,omitempty"` // what could not be read
}

// epoch is a line of results.csv.
type epoch struct {
	N          int    `json:"n"`
	TrainLoss  number `json:"train_loss"`
	TrainScore number `json:"train_score"`
	ValLoss    number `json:"val_loss"`
	ValScore   number `json:"val_score"`
	LR         number `json:"lr"`
	Seconds    number `json:"seconds"`
}

// course reads what the folder's small files say.
func (r run) course(root *os.Root) course {
	c := course{Name: r.Name, Began: r.began, State: "stopped", Settings: [][2]string{}, Epochs: []epoch{}, Model: has(root, ModelFile), Report: has(root, ReportFile)}
	switch {
	case running(root):
		c.State = "running"
	case c.Model:
		c.State = "finished"
	}
	problem := func(err error) {
		if err != nil && c.Problem == "" {
			c.Problem = message(err)
		}
	}
	b, err := read(root, ArgsFile, maxArgs)
	problem(err)
	c.Settings, err = settings(b)
	problem(err)
	if b, err = read(root, ResultsFile, maxTable); b == nil {
		problem(err)
		return c
	}
	epochs, measure, err := readResults(b)
	problem(err)
	c.Measure, c.Percent, c.Best = measure.Name(), measure.Percent(), report.Best(epochs)
	for _, e := range epochs {
		c.Epochs = append(c.Epochs, epoch{e.N, number(e.TrainLoss), number(e.TrainScore), number(e.ValLoss), number(e.ValScore), number(e.LR), number(e.Seconds)})
	}
	return c
}
