package sweep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"graft/finetune"
	"graft/finetune/data"
	"graft/graph"
	"graft/models"
	"graft/onnx"
)

// drawDigits puts 30 pictures of each of the embedded digits 5 to 9 into class folders.
func drawDigits(t testing.TB, dir string) {
	t.Helper()
	x, y, err := models.Digits()
	if err != nil {
		t.Fatal(err)
	}
	count := map[int]int{}
	for i, digit := range y {
		if count[digit]++; count[digit] > 30 {
			continue
		}
		im := image.NewGray(image.Rect(0, 0, 8, 8))
		for k, ink := range x[i*64 : (i+1)*64] {
			im.Pix[k] = 15 * ink
		}
		path := filepath.Join(dir, fmt.Sprint(digit), fmt.Sprintf("%d.png", count[digit]))
		var b bytes.Buffer
		err := errors.Join(png.Encode(&b, im), os.MkdirAll(filepath.Dir(path), 0o777))
		if err := errors.Join(err, os.WriteFile(path, b.Bytes(), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
}

// newStudy plans a small study of digits in a folder.
func newStudy(t testing.TB, dir string, change func(*Options)) *Study {
	t.Helper()
	drawDigits(t, filepath.Join(dir, "digits"))
	d, err := data.Open(filepath.Join(dir, "digits"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	o := Options{Path: "digits", Architecture: "convnet6", Size: 8, Layers: []int{3}, Recipe: Paper, Seed: 7}
	o.Recipe.Epochs, o.Recipe.Batch, o.Recipe.LR = 2, 16, 0.05
	if change != nil {
		change(&o)
	}
	p, err := New(context.Background(), d, o)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "plan.json")
	if err := p.Write(path); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// few leaves a base pair and its transfers.
func few(o *Options) {
	o.Treatments = []string{Base, Transfer, Transfer + "+"}
	o.Layers = []int{3}
}

func run(t testing.TB, s *Study, o RunOptions) {
	t.Helper()
	if err := s.Run(context.Background(), s.Plan.Cells, o); err != nil {
		t.Fatal(err)
	}
}

func table(t testing.TB, s *Study) string {
	t.Helper()
	rows, err := s.Rows(false)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := WriteTable(&b, rows); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The whole study, two cells at a time, has the table of one cell at a time; interrupted
// after any epoch and in shards, too.
func TestStudy(t *testing.T) {
	whole := newStudy(t, t.TempDir(), nil)
	run(t, whole, RunOptions{Jobs: 2})
	want := table(t, whole)
	if n := strings.Count(want, "\n"); n != len(whole.Plan.Cells)+1 {
		t.Fatalf("%d lines for %d cells", n, len(whole.Plan.Cells))
	}
	for _, r := range mustRows(t, whole) {
		if frozen := r.N > 0 && !strings.HasSuffix(r.Treatment, "+"); frozen != (r.Frozen > 0) {
			t.Errorf("%s: %d tensors are the copied network's", r.Cell, r.Frozen)
		}
		if r.Epochs != 2 || r.Best10 <= 0.15 || r.Last <= 0.15 {
			t.Errorf("%s has learnt nothing: %+v", r.Cell, r)
		}
	}

	pieces := newStudy(t, t.TempDir(), nil)
	for k := 0; ; k++ { // each sitting ends with its first epoch
		ctx, stop := context.WithCancel(context.Background())
		err := pieces.Run(ctx, pieces.Plan.Cells, RunOptions{OnEpoch: func(Cell, finetune.Epoch) { stop() }})
		stop()
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) || k > 3*len(pieces.Plan.Cells) {
			t.Fatalf("sitting %d: %v", k, err)
		}
	}
	if got := table(t, pieces); got != want {
		t.Errorf("in pieces the table is another one:\n%s\nwant\n%s", got, want)
	}
	if left, _ := filepath.Glob(filepath.Join(pieces.dir, "work", "*")); len(left) > 0 {
		t.Errorf("checkpoints are left: %v", left)
	}
}

func mustRows(t testing.TB, s *Study) []Row {
	t.Helper()
	rows, err := s.Rows(false)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// Shards by stage in several processes on one folder have the table of one; the rest
// waits for the bases, or is refused.
func TestShards(t *testing.T) {
	one := newStudy(t, t.TempDir(), few)
	run(t, one, RunOptions{})
	dir := t.TempDir()
	s := newStudy(t, dir, few)
	err := s.Run(context.Background(), s.Stage(Rest), RunOptions{})
	if want := "sweep: cell 0B-3-0A: its base base-0B is not done, and not among the cells to run"; err == nil || err.Error() != want {
		t.Fatalf("%v, want %s", err, want)
	}
	var seen []string
	for i := range 3 {
		for _, c := range Shard(s.Plan.Cells, i, 3) {
			seen = append(seen, c.ID)
		}
	}
	if slices.Sort(seen); len(slices.Compact(seen)) != len(s.Plan.Cells) {
		t.Errorf("shards have %v of %d cells", seen, len(s.Plan.Cells))
	}
	var running sync.WaitGroup
	for _, stage := range []string{Rest, Bases} {
		for i := range 2 {
			running.Go(func() {
				other, err := Open(filepath.Join(dir, "plan.json"))
				if err == nil {
					defer other.Close()
					err = other.Run(context.Background(), Shard(other.Stage(stage), i, 2), RunOptions{Wait: 60e9})
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	running.Wait()
	if got, want := table(t, s), table(t, one); got != want {
		t.Errorf("the shards' table:\n%s\nwant\n%s", got, want)
	}
}

// A file that does not hold what was written is found, told and made again, the same.
func TestDamagedResults(t *testing.T) {
	s := newStudy(t, t.TempDir(), few)
	run(t, s, RunOptions{})
	want := table(t, s)
	base, transfer := s.Plan.Cells[0], s.Plan.Cells[len(s.Plan.Cells)-1]
	for name, c := range map[string]struct {
		path   string
		damage func([]byte) []byte
		want   string // status of its cell
	}{
		"a bit of a result":   {s.resultPath(transfer), func(b []byte) []byte { b[len(b)/2] ^= 1; return b }, Damaged},
		"a shorter result":    {s.resultPath(base), func(b []byte) []byte { return b[:len(b)-5] }, Damaged},
		"no content":          {s.resultPath(transfer), func([]byte) []byte { return nil }, Damaged},
		"another's result":    {s.resultPath(transfer), func([]byte) []byte { b, _ := os.ReadFile(s.resultPath(base)); return b }, Stale},
		"a bit of a network":  {s.modelPath(base), func(b []byte) []byte { b[len(b)/2] ^= 1; return b }, Damaged},
		"a network that went": {s.modelPath(base), nil, Damaged},
		"a result that went":  {s.resultPath(base), nil, Missing},
	} {
		b, err := os.ReadFile(c.path)
		if err != nil {
			t.Fatal(err)
		}
		if c.damage == nil {
			err = os.Remove(c.path)
		} else {
			err = os.WriteFile(c.path, c.damage(b), 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
		found := ""
		for _, st := range s.States() {
			if st.Status != Done {
				found += st.Status
			}
		}
		if found != c.want {
			t.Errorf("%s: found %q, want %s", name, found, c.want)
		}
		if _, err := s.Rows(false); err == nil {
			t.Errorf("%s: the table is gathered all the same", name)
		}
		var again []string
		run(t, s, RunOptions{OnAgain: func(st State) { again = append(again, st.Cell.ID) }})
		if (len(again) == 1) != (c.want != Missing) {
			t.Errorf("%s: told again are %v", name, again)
		}
		if got := table(t, s); got != want {
			t.Errorf("%s: made again, the table is another one", name)
		}
	}
}

// tensorsOf are the initializers of a model as bytes.
func tensorsOf(t testing.TB, m *onnx.ModelProto) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, p := range m.GetGraph().GetInitializer() {
		v, err := onnx.TensorOf(p)
		if err != nil {
			t.Fatal(err)
		}
		all[p.GetName()] = fmt.Sprint(v.Shape, v.Data)
	}
	return all
}

// below are the tensors that the first n layers are computed from.
func below(t testing.TB, m *onnx.ModelProto, n int) map[string]bool {
	t.Helper()
	s, err := graph.Analyse(m, graph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]bool{}
	for name := range tensorsOf(t, m) {
		in[name] = s.DependsOn(s.CutPoints[n-1].Tensor, name)
	}
	return in
}

// In every cell the frozen layers are the copied network's, bit for bit, statistics
// included, after training; those that are drawn anew differ from it, and learn.
func TestFrozenIsTheBase(t *testing.T) {
	if testing.Short() {
		t.Skip("trains over and over")
	}
	s := newStudy(t, t.TempDir(), func(o *Options) { o.Recipe.Epochs, o.Layers = 1, []int{1, 4} })
	if err := s.Run(context.Background(), s.Stage(Bases), RunOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := s.open(context.Background()); err != nil {
		t.Fatal(err)
	}
	results := map[string]*Result{}
	for _, st := range s.States() {
		results[st.Cell.ID] = st.Result
	}
	for _, c := range s.Plan.Cells {
		if c.N == 0 {
			continue
		}
		target, _ := s.Plan.task(c.Target)
		train, val, _, err := s.sets(target)
		if err != nil {
			t.Fatal(err)
		}
		r := &Result{Classes: len(train.Classes)}
		from, config, err := s.start(c, r, results[c.Needs], RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		trained, err := finetune.Train(context.Background(), from, train, val, config)
		if err != nil {
			t.Fatal(err)
		}
		was, is, kept := tensorsOf(t, from), tensorsOf(t, trained.Last), below(t, from, c.N)
		for name := range was {
			if same := was[name] == is[name]; same != (kept[name] && !c.Tuned) {
				t.Errorf("%s: %s, copied %v, is the copied network's: %v", c.ID, name, kept[name], same)
			}
		}
	}
}

// Layers that are drawn anew begin as the seed says, and nothing else changes with it.
func TestRedrawnBySeed(t *testing.T) {
	s := newStudy(t, t.TempDir(), few)
	if err := s.open(context.Background()); err != nil {
		t.Fatal(err)
	}
	target, _ := s.Plan.task("0A")
	train, _, _, err := s.sets(target)
	if err != nil {
		t.Fatal(err)
	}
	m, err := models.New("convnet6", 3, 8)
	if err == nil {
		m, err = graph.Redraw(m, "", 0, 1, graph.Options{})
	}
	if err != nil {
		t.Fatal(err)
	}
	begin := func(seed uint64) map[string]string {
		config := s.Plan.Recipe.config()
		config.After, config.Head, config.Freeze, config.Seed, config.Preprocess = "3", "redraw", "all", seed, s.Plan.Preprocess
		p, err := finetune.Graft(m, train, config)
		if err != nil {
			t.Fatal(err)
		}
		return tensorsOf(t, p.Model)
	}
	a, again, b, kept := begin(1), begin(1), begin(2), below(t, m, 3)
	for name := range a {
		drawn := !kept[name] && strings.HasSuffix(name, ".weight") // biases and statistics begin at 0 and 1
		if a[name] != again[name] || (a[name] != b[name]) != drawn {
			t.Errorf("%s: drawn %v, equal seeds give the same: %v, other seeds: %v", name, drawn, a[name] == again[name], a[name] == b[name])
		}
	}
	seeds := map[uint64]bool{}
	for _, c := range s.Plan.Cells {
		seeds[c.Seed] = true
	}
	if len(seeds) != len(s.Plan.Cells) {
		t.Errorf("%d seeds for %d cells", len(seeds), len(s.Plan.Cells))
	}
}
