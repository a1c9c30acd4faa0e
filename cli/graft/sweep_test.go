//go:build unix

package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A study that is killed at any moment, over and over, has the table of one that ran
// through.
func TestDrillSweep(t *testing.T) {
	if testing.Short() {
		t.Skip("trains over and over")
	}
	t.Parallel()
	digits, err := filepath.Abs("../../models/digits.npz")
	if err != nil {
		t.Fatal(err)
	}
	d := &drill{t: t, dir: t.TempDir()}
	if err := os.Mkdir(d.path("killed"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, plan := range []string{"ref.json", "killed/plan.json"} {
		d.must(0, "sweep", "plan", digits, "--arch", "convnet6", "--size", "8", "--epochs", "2", "-b", "64", "--lr", "0.05", "--layers", "3",
			"--treatments", "base,BnB,AnB+", "-o", plan)
	}
	began := time.Now()
	d.must(0, "sweep", "run", "ref.json", "-q", "--threads", "2")
	d.took = time.Since(began)
	d.must(0, "sweep", "gather", "ref.json", "-o", "ref.csv")

	random := rand.New(rand.NewPCG(7, 7))
	kills := 0
	for range rounds(6, 60) {
		cmd, out := d.start("sweep", "run", "killed/plan.json", "-q", "--threads", "2")
		time.Sleep(time.Duration(random.Float64() * float64(d.took) / 3))
		cmd.Process.Kill() // SIGKILL
		if cmd.Wait() != nil {
			kills++
		}
		d.clean(out.String())
	}
	if kills == 0 {
		t.Error("every run came to its end")
	}
	d.must(0, "sweep", "run", "killed/plan.json", "-q", "--threads", "2")
	d.must(0, "sweep", "gather", "killed/plan.json", "-o", "killed.csv")
	if !bytes.Equal(d.read("killed.csv"), d.read("ref.csv")) {
		t.Errorf("after %d kills the table is\n%s\nwant\n%s", kills, d.read("killed.csv"), d.read("ref.csv"))
	}
}
