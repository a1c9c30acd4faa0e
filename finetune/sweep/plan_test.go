package sweep

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"graft/finetune/data"
)

// The plan of the paper: for each split two bases, and for every n two networks of each
// treatment; and the controls.
func TestPlan(t *testing.T) {
	s := newStudy(t, t.TempDir(), func(o *Options) { o.Splits, o.Layers, o.PerClass = 2, nil, []int{10, 50} })
	counts := map[string]int{}
	for _, c := range s.Plan.Cells {
		counts[c.Label()]++
	}
	for label, want := range map[string]int{Base: 2*2 + 1, Selffer: 2 * 2 * 5, Selffer + "+": 20, Transfer: 20, Transfer + "+": 20, Random: 5, Reduced: 2} {
		if counts[label] != want {
			t.Errorf("%d of %s, want %d", counts[label], label, want)
		}
	}
	if n := len(s.Stage(Bases)); n != 4 || len(s.Stage(Rest)) != len(s.Plan.Cells)-4 {
		t.Errorf("%d bases", n)
	}
	for _, name := range []string{"0", "1"} {
		a, _ := s.Plan.task(name + "A")
		b, _ := s.Plan.task(name + "B")
		both := slices.Sorted(slices.Values(slices.Concat(a.Classes, b.Classes)))
		if !slices.Equal(both, upTo(5)) || !slices.IsSorted(a.Classes) || !slices.IsSorted(b.Classes) || len(a.Classes) != 2 {
			t.Errorf("split %s: halves %v and %v", name, a.Classes, b.Classes)
		}
	}
	for _, c := range s.Plan.Cells {
		if c.Treatment == Transfer && (c.Base == c.Target || c.Needs != "base-"+c.Base) || c.Treatment == Selffer && c.Base != c.Target {
			t.Errorf("%s copies %s, of %s", c.ID, c.Base, c.Needs)
		}
	}
	var b bytes.Buffer
	b1, _ := s.Plan.task("0B")
	if err := s.Plan.WriteMap(&b, b1); err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSpace(b.String()), "\n") {
		if f := strings.Split(line, ","); len(f) != 3 || f[1] != string(rune('0'+i)) || f[2] != s.Plan.Classes[b1.Classes[i]] {
			t.Errorf("line %d of the map: %s", i+1, line)
		}
	}
}

// Labels are numbered anew in sorted order, pictures per class are limited, and fewer are
// some of the same.
func TestTasks(t *testing.T) {
	s := newStudy(t, t.TempDir(), func(o *Options) { o.PerClass = []int{5, 20} })
	if err := s.open(context.Background()); err != nil {
		t.Fatal(err)
	}
	names := map[int][]string{}
	for _, name := range []string{"0A", "0B", "whole-5", "whole-20"} {
		task, ok := s.Plan.task(name)
		if !ok {
			t.Fatal(name)
		}
		train, val, _, err := s.sets(task)
		if err != nil {
			t.Fatal(err)
		}
		for _, set := range []*data.Set{train, val} {
			for _, it := range set.Items {
				digit := s.Plan.Classes[task.Classes[it.Label]]
				if set.Classes[it.Label] != digit {
					t.Fatalf("%s: label %d is %s, want %s", name, it.Label, set.Classes[it.Label], digit)
				}
			}
		}
		for _, n := range train.Counts() {
			if n == 0 || task.PerClass > 0 && n != task.PerClass {
				t.Errorf("%s: classes of %v pictures", name, train.Counts())
			}
		}
		for _, it := range train.Items {
			names[task.PerClass] = append(names[task.PerClass], it.Name)
		}
	}
	for _, n := range names[5] {
		if !slices.Contains(names[20], n) {
			t.Errorf("%s is among 5 and not among 20 of a class", n)
		}
	}
}

func TestPlanRefuses(t *testing.T) {
	dir := t.TempDir()
	good, err := os.ReadFile(filepath.Join(newStudy(t, dir, few).dir, "plan.json"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "other.json")
	for name, c := range map[string]struct{ old, new, want string }{
		"empty":         {string(good), "", "no plan: EOF"},
		"another field": {`"seed"`, `"sead"`, `no plan: json: unknown field "sead"`},
		"version":       {`"graft_sweep": 1`, `"graft_sweep": 2`, "format 2, this graft reads format 1"},
		"edited":        {`"epochs": 2`, `"epochs": 3`, `cell "base-0A": its description is not that of its hash`},
		"a path":        {`"id": "base-0A"`, `"id": "../base-0A"`, `cell "../base-0A": no name, or the name of another`},
		"a task's path": {`"name": "0A"`, `"name": "0/A"`, `task "0/A": no name, or the name of another`},
	} {
		b := bytes.Replace(good, []byte(c.old), []byte(c.new), 1)
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path)
		if err == nil || !strings.HasSuffix(err.Error(), c.want) || strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("%s: %v, want …%s", name, err, c.want)
		}
	}
	if _, err := Open(filepath.Join(dir, "absent.json")); err == nil || !strings.HasSuffix(err.Error(), "no such file or directory") {
		t.Errorf("absent: %v", err)
	}
}

func TestOptionsRefuses(t *testing.T) {
	d, err := data.Open("../../models/digits.npz")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for want, o := range map[string]Options{
		`sweep: no treatment is called "AnC", only [base BnB BnB+ AnB AnB+ random]`:               {Treatments: []string{"AnC"}},
		"sweep: n of 6, the network has cut points 1 to 5 below its output":                       {Layers: []int{6}},
		`sweep: half A: the data have no class "4"`:                                               {Halves: [2][]string{{"4", "5"}, {"6", "7"}}},
		`sweep: the class "6" is in both halves`:                                                  {Halves: [2][]string{{"5", "6"}, {"6", "7"}}},
		"sweep: half B has 1 classes, want 2 or more":                                             {Halves: [2][]string{{"5", "6"}, {"7"}}},
		`models: no architecture is called "vgg", only caffenet, caffenet-32, convnet6, resnet14`: {Architecture: "vgg"},
	} {
		if o.Architecture == "" {
			o.Architecture = "convnet6"
		}
		o.Size = 8
		if _, err := New(context.Background(), d, o); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func FuzzStudyPlan(f *testing.F) {
	b, err := os.ReadFile(filepath.Join(newStudy(f, f.TempDir(), few).dir, "plan.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"graft_sweep":1,"tasks":[{"name":"a","classes":[0]}],"cells":[{"id":"x"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePlan(b)
		if err != nil {
			return
		}
		again, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parsePlan(again); err != nil {
			t.Fatalf("a plan that was read is refused when written: %v", err)
		}
	})
}

func FuzzResult(f *testing.F) {
	b, err := (&Result{Cell: "a", Epochs: []Epoch{{1, 0.5, 1, 0.5, 0.1}}, HeldOut: -1}).marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"sha256":"","result":{}}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := parseResult(file)
		if err != nil {
			return
		}
		if _, err := r.marshal(); err != nil {
			t.Fatal(err)
		}
	})
}
