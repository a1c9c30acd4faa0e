package serve

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"graft/durable"
	"graft/finetune/report"
	"graft/models"
	"graft/onnx"
)

// aRun makes the folder of a run of three epochs.
func aRun(t testing.TB, dir, name string) string {
	t.Helper()
	dir = filepath.Join(dir, name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, dir, ArgsFile, "model: \"base.onnx\"\ndata: \"photos\"\nepochs: 5\nhead: [\"linear\"]\nlr: 0.01\n")
	epochs(t, dir, 3)
	steps(t, dir, 30)
	return dir
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// epochs writes results.csv anew, as a training does.
func epochs(t testing.TB, dir string, n int) {
	t.Helper()
	var list []report.Epoch
	for i := range n {
		x := float64(i)
		list = append(list, report.Epoch{N: i + 1, TrainLoss: 1.5 * math.Exp(-x/3), TrainScore: 1 - 0.6*math.Exp(-x/2), ValLoss: 0.3 + math.Exp(-x/2), ValScore: 0.9 - 0.5*math.Exp(-x/2), LR: 0.01, Seconds: 2})
	}
	var b strings.Builder
	if err := report.WriteCSV(&b, list, report.Top1); err != nil {
		t.Fatal(err)
	}
	write(t, dir, ResultsFile, b.String())
}

// steps writes n steps of a log.
func steps(t testing.TB, dir string, n int) {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"step":%d,"epoch":%d,"loss":%g,"lr":0.01,"time":"2024-05-06 07:08:09"}`+"\n", i+1, i/10+1, 1.5*math.Exp(-float64(i)/30))
	}
	write(t, dir, LogFile, b.String())
}

func courseOf(t testing.TB, s *Server, name string) (c course) {
	t.Helper()
	w := ask(s, "GET", "/api/runs/"+name, "")
	if err := json.Unmarshal(w.Body.Bytes(), &c); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return c
}

// TestRuns: what the folders say of runs, the states they go through, and what is damaged.
func TestRuns(t *testing.T) {
	dir := t.TempDir()
	one := aRun(t, dir, "finetune1")
	other := aRun(t, filepath.Join(dir, "elsewhere"), "finetune1") // of the same name
	if err := os.MkdirAll(filepath.Join(dir, "no run"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(other, ArgsFile), filepath.Join(one, ReportFile)); err != nil {
		t.Fatal(err)
	}
	opened := 0
	s := server(t, Config{Folder: dir, Runs: []string{other, other}, Open: func(string) (*onnx.ModelProto, error) { opened++; return models.Base() }})
	var list []struct{ Name, State string }
	if json.Unmarshal(ask(s, "GET", "/api/runs", "").Body.Bytes(), &list); len(list) != 2 {
		t.Errorf("%+v", list)
	}
	c := courseOf(t, s, "finetune1-2")
	if c.State != "stopped" || c.Best != 3 || len(c.Epochs) != 3 || c.Measure != "top-1" || !c.Percent || len(c.Steps.Step) != 30 || c.Problem != "" ||
		fmt.Sprint(c.Settings) != "[[model base.onnx] [data photos] [epochs 5] [head linear] [lr 0.01]]" {
		t.Errorf("%+v", c)
	}
	if w := ask(s, "GET", "/runs/finetune1-2/report.html", ""); w.Code != 404 {
		t.Errorf("a link out of the folder is followed: %d %s", w.Code, w.Body)
	}
	os.Remove(filepath.Join(one, ReportFile))
	write(t, one, ReportFile, "<!doctype html><script>alert(1)</script>")
	w := ask(s, "GET", "/runs/finetune1-2/report.html", "")
	if p := w.Header().Get("Content-Security-Policy"); w.Code != 200 || !strings.Contains(p, "sandbox") || strings.Contains(p, "script") {
		t.Errorf("%d, %s", w.Code, p)
	}

	lock, err := os.Create(filepath.Join(one, LockFile))
	if err != nil {
		t.Fatal(err)
	}
	if taken, err := durable.TryLock(lock); !taken || err != nil {
		t.Fatal(taken, err)
	}
	if c := courseOf(t, s, "finetune1-2"); c.State != "running" {
		t.Errorf("with its lock taken it is %s", c.State)
	}
	lock.Close()

	// The model of a run is there once it is written, and read anew once it has changed.
	if w := ask(s, "GET", "/v2/models/finetune1-2", ""); w.Code != 404 {
		t.Errorf("a model before there is one: %d", w.Code)
	}
	for i, content := range []string{"a", "other"} {
		write(t, one, ModelFile, content)
		for range 2 {
			if w := ask(s, "POST", "/api/models/finetune1-2/predict", string(drawing())); w.Code != 200 || opened != 2*(i+1) {
				t.Errorf("model %d of the run: %d %s, opened %d times", i, w.Code, w.Body, opened)
			}
		}
	}
	if c := courseOf(t, s, "finetune1-2"); c.State != "finished" || !c.Model {
		t.Errorf("with a model it is %s", c.State)
	}

	for name, text := range map[string]string{
		ResultsFile: "epoch,loss\n1,2\n",
		ArgsFile:    "a: [",
	} {
		before, _ := os.ReadFile(filepath.Join(one, name))
		write(t, one, name, text)
		if c := courseOf(t, s, "finetune1-2"); c.Problem == "" {
			t.Errorf("damaged %s is no problem", name)
		}
		write(t, one, name, string(before))
	}
}

// TestFollow: a log is read as it grows, without its last half line, and from its start
// where it is another one.
func TestFollow(t *testing.T) {
	dir := aRun(t, t.TempDir(), "finetune1")
	f, err := run{Name: "finetune1", dir: dir}.follow()
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	is := func(what string, last float64, points int) {
		t.Helper()
		if c := f.look(); c.Steps.Last != last || len(c.Steps.Step) != points || c.Problem != "" {
			t.Errorf("%s: %d points up to %v, want %d up to %v; %s", what, len(c.Steps.Step), c.Steps.Last, points, last, c.Problem)
		}
	}
	is("at first", 30, 30)
	log, err := os.OpenFile(filepath.Join(dir, LogFile), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	log.WriteString(`{"step":31,"epoch":4,"loss":0.5,"lr":0.01}` + "\n" + `{"step":32,"epo`)
	is("half a line", 31, 31)
	log.WriteString(`ch":4,"loss":0.5,"lr":0.01}` + "\nnonsense\n")
	is("its end", 32, 32)
	steps(t, dir, 10)
	is("begun anew", 10, 10)
	steps(t, dir, 2000)
	is("many", 2000, 500) // 800 were halved twice
	os.Remove(filepath.Join(dir, LogFile))
	is("gone", 0, 0)
}

// TestEvents: a run that goes on is told as it does.
func TestEvents(t *testing.T) {
	dir := t.TempDir()
	one := aRun(t, dir, "finetune1")
	address, _ := served(t, server(t, Config{Folder: dir}))
	r, err := http.Get("http://" + address + "/api/runs/finetune1/events")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	defer time.AfterFunc(20*time.Second, func() { r.Body.Close() }).Stop()
	lines := bufio.NewScanner(r.Body)
	lines.Buffer(nil, 1<<20)
	next := func() (c struct{ Epochs []any }) {
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(text), &c); err != nil {
					t.Fatal(err)
				}
				return c
			}
		}
		t.Fatalf("no more events: %v", lines.Err())
		return c
	}
	if c := next(); len(c.Epochs) != 3 {
		t.Errorf("%d epochs at first", len(c.Epochs))
	}
	epochs(t, one, 4)
	if c := next(); len(c.Epochs) != 4 {
		t.Errorf("%d epochs after one more", len(c.Epochs))
	}
}
