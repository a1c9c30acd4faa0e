//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"graft/cli/serve"
	"graft/finetune"
)

// The drills break a training in every way that a long run meets, and want the bytes of
// an uninterrupted one in the end. `make drills` runs their long form.

var longDrills = os.Getenv("GRAFT_DRILLS") != ""

// rounds is how often a drill repeats itself, in its short form and its long one.
func rounds(short, long int) int {
	if longDrills {
		return long
	}
	return short
}

// drill is a working folder with a model, data, and the run that all others must equal.
type drill struct {
	t    *testing.T
	dir  string
	args []string // of the run, without its folder and its output
	took time.Duration
}

var base = func() string { p, _ := filepath.Abs("../../models/base.onnx"); return p }()

// newDrill makes the reference: ref.onnx from the run folder ref.
func newDrill(t *testing.T, more ...string) *drill {
	t.Helper()
	if testing.Short() {
		t.Skip("trains over and over")
	}
	t.Parallel()
	d := &drill{t: t, dir: t.TempDir()}
	if err := drawPhotos(filepath.Join(d.dir, "photos")); err != nil {
		t.Fatal(err)
	}
	d.args = append([]string{"finetune", base, "photos", "--checkpoint-every", "5", "--freeze", "0", "--bn", "batch", "--batch-size", "3",
		"--opt", "sgd", "--lr", "0.01", "--ema", "0.9", "--early-stop", "40", "--augment", "light", "--seed", "3", "--epochs", "16", "--threads", "1"}, more...)
	start := time.Now()
	d.must(0, append(d.args, "-o", "ref.onnx", "--run", "ref")...)
	d.took = time.Since(start)
	return d
}

// run runs graft and gives its exit status and what it said.
func (d *drill) run(args ...string) (int, string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "graft", args...)
	cmd.Dir = d.dir
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		d.t.Fatalf("graft %v hangs", args)
	}
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		d.t.Fatal(err)
	}
	d.clean(string(out))
	return cmd.ProcessState.ExitCode(), string(out)
}

// clean wants no panic and no trace of a goroutine.
func (d *drill) clean(out string) {
	d.t.Helper()
	for _, bad := range []string{"panic", "goroutine ", "internal error"} {
		if strings.Contains(out, bad) {
			d.t.Fatalf("graft said\n%s", out)
		}
	}
}

// must runs graft, which must end in a status.
func (d *drill) must(status int, args ...string) string {
	d.t.Helper()
	got, out := d.run(args...)
	if got != status {
		d.t.Fatalf("graft %s: exit status %d, want %d; it said\n%s", strings.Join(args, " "), got, status, out)
	}
	return out
}

// start begins a run that the caller ends.
func (d *drill) start(args ...string) (*exec.Cmd, *bytes.Buffer) {
	d.t.Helper()
	cmd := exec.Command("graft", args...)
	var out bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = d.dir, &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	return cmd, &out
}

// await returns once a file is there, or when the run that makes it must have ended: the
// file may have come and gone between two looks.
func (d *drill) await(pause time.Duration, elem ...string) {
	for end := time.Now().Add(5*time.Second + 5*d.took); !exists(d.path(elem...)) && time.Now().Before(end); {
		time.Sleep(pause)
	}
}

func (d *drill) path(elem ...string) string {
	return filepath.Join(append([]string{d.dir}, elem...)...)
}

func (d *drill) read(elem ...string) []byte {
	d.t.Helper()
	b, err := os.ReadFile(d.path(elem...))
	if err != nil {
		d.t.Fatal(err)
	}
	return b
}

// equalsReference wants a finished run to have the reference's bytes: the model, the last
// checkpoint's numbers, and the log of the steps without the time of day.
func (d *drill) equalsReference(output, run string) {
	d.t.Helper()
	if !bytes.Equal(d.read(output), d.read("ref.onnx")) {
		d.t.Error("another model than the uninterrupted run's")
	}
	if got, want := d.steps(run), d.steps("ref"); !slices.Equal(got, want) {
		d.t.Errorf("%d steps in the log, want %d: the log is another one", len(got), len(want))
	}
	if got, want := d.payload(run), d.payload("ref"); !bytes.Equal(got, want) {
		d.t.Error("the last checkpoint has other numbers")
	}
	filepath.WalkDir(d.path(run), func(path string, e os.DirEntry, _ error) error {
		if strings.HasPrefix(e.Name(), ".") && e.Name() != serve.LockFile {
			d.t.Errorf("left behind: %s", path)
		}
		return nil
	})
}

// steps are the lines of a log without the time of day.
func (d *drill) steps(run string) (lines []string) {
	for line := range bytes.Lines(d.read(run, "log.jsonl")) {
		var l stepLine
		if err := json.Unmarshal(line, &l); err != nil {
			d.t.Fatalf("%s: %v", line, err)
		}
		lines = append(lines, fmt.Sprint(l.Step, l.Epoch, l.Loss, l.LR))
	}
	return lines
}

// checkpoints are the paths of a run's checkpoints, oldest first.
func (d *drill) checkpoints(run string) []string {
	d.t.Helper()
	names, err := (&runFolder{dir: d.path(run)}).checkpoints()
	if err != nil {
		d.t.Fatal(err)
	}
	return names
}

// payload is the numbers of the newest checkpoint: what follows the header.
func (d *drill) payload(run string) []byte {
	names := d.checkpoints(run)
	b, err := os.ReadFile(names[len(names)-1])
	if err != nil {
		d.t.Fatal(err)
	}
	at := bytes.LastIndex(b[:len(b)-32], []byte("}]}"))
	return b[at : len(b)-32]
}

// whole wants an output to be absent or a whole model.
func (d *drill) whole(output string) {
	d.t.Helper()
	if _, err := os.Stat(d.path(output)); err == nil {
		d.must(0, "inspect", output)
	}
}

// killedAfter runs until a time has passed, kills the process, and says whether it had
// come to its end before.
func (d *drill) killedAfter(after time.Duration, args ...string) (finished bool) {
	cmd, out := d.start(args...)
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(after):
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-done
	}
	d.clean(out.String())
	return cmd.ProcessState.Success()
}

// TestDrill1: killed at random and resumed, again and again.
func TestDrill1(t *testing.T) {
	d := newDrill(t)
	d.must(0, append(d.args, "-o", "again.onnx", "--run", "again")...)
	d.equalsReference("again.onnx", "again")
	r := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	for round := range rounds(4, 40) {
		run, out := fmt.Sprint("run", round), fmt.Sprint("out", round, ".onnx")
		args := append(d.args, "-o", out, "--run", run)
		for try := 0; ; try++ {
			after := time.Duration(r.Float64() * 1.2 * float64(d.took))
			if try > 0 && r.Float64() > 0.7 || try == 8 {
				after = time.Minute
			}
			if d.killedAfter(after, args...) {
				break
			}
			d.whole(out)
			if isDir(d.path(run)) && exists(d.path(run, "args.yaml")) {
				args = []string{"finetune", "--resume", run}
			}
		}
		d.equalsReference(out, run)
	}
}

// TestDrill1Steps: killed as soon as a certain checkpoint or file appears, and its
// half-written neighbours left behind.
func TestDrill1Steps(t *testing.T) {
	d := newDrill(t)
	for _, sign := range []string{"args.yaml", "log.jsonl", "checkpoints/step-0000000004.ckpt", "checkpoints/step-0000000005.ckpt",
		"checkpoints/step-0000000060.ckpt", "checkpoints/step-0000000064.ckpt", "best.onnx"} {
		run := "at-" + strings.NewReplacer("/", "-", ".", "-").Replace(sign)
		cmd, out := d.start(append(d.args, "-o", run+".onnx", "--run", run)...)
		d.await(200*time.Microsecond, run, sign)
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
		d.clean(out.String())
		d.whole(run + ".onnx")
		os.MkdirAll(d.path(run, checkpointFolder), 0o777)
		os.WriteFile(d.path(run, checkpointFolder, ".step-0000000062.ckpt.1-0"), []byte("half"), 0o666)
		if !exists(d.path(run, "args.yaml")) {
			continue
		}
		said := d.must(0, "finetune", "--resume", run)
		if sign == "log.jsonl" && !strings.Contains(said, "no checkpoint yet") && !strings.Contains(said, "going on from step") {
			t.Errorf("resume said\n%s", said)
		}
		d.equalsReference(run+".onnx", run)
	}
	// killed while it wrote the first file of all
	os.MkdirAll(d.path("at-first"), 0o777)
	os.WriteFile(d.path("at-first", ".args.yaml.1-0"), []byte("half"), 0o666)
	d.must(0, append(d.args, "-o", "first.onnx", "--run", "at-first")...)
	d.equalsReference("first.onnx", "at-first")
}

// TestDrill3: an output or a run folder that cannot be written is refused before the
// data are read.
func TestDrill3(t *testing.T) {
	d := newDrill(t)
	os.WriteFile(d.path("file"), nil, 0o666)
	for _, c := range [][]string{
		{"-o", "missing/x.onnx", "--run", "r"},
		{"-o", "photos", "--run", "r"},
		{"-o", "x.onnx", "--run", "file"},
		{"-o", "x.onnx", "--run", "file/r"},
	} {
		args := append([]string{"finetune", base, "no-such-data"}, c...)
		out := d.must(1, args...)
		if !strings.HasPrefix(out, "graft: error: ") || strings.Contains(out, "no-such-data") || exists(d.path("r")) {
			t.Errorf("%v: %s", c, out)
		}
	}
}

// TestDrill4: a signal ends the run after its step, and a second one at once.
func TestDrill4(t *testing.T) {
	d := newDrill(t)
	r := rand.New(rand.NewPCG(4, uint64(time.Now().UnixNano())))
	for round := range rounds(6, 40) {
		sig := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}[round%3]
		run, out := fmt.Sprint("run", round), fmt.Sprint("out", round, ".onnx")
		cmd, said := d.start(append(d.args, "-o", out, "--run", run)...)
		time.Sleep(50*time.Millisecond + time.Duration(r.Float64()*float64(d.took)))
		if round%2 == 1 { // stopped and continued on the way
			cmd.Process.Signal(syscall.SIGSTOP)
			time.Sleep(20 * time.Millisecond)
			cmd.Process.Signal(syscall.SIGCONT)
		}
		cmd.Process.Signal(sig)
		cmd.Wait()
		d.clean(said.String())
		if cmd.ProcessState.Success() {
			d.equalsReference(out, run)
			continue
		}
		if w := cmd.ProcessState.Sys().(syscall.WaitStatus); w.Signaled() && w.Signal() == sig && !exists(d.path(run)) && !exists(d.path(out)) {
			continue // a busy machine had not started it yet
		}
		if got := cmd.ProcessState.ExitCode(); got != 128+int(sig) {
			t.Fatalf("%v: exit status %d; it said\n%s", sig, got, said)
		}
		if exists(d.path(run, "args.yaml")) && !strings.Contains(said.String(), "finetune --resume") {
			t.Errorf("it does not say how to go on:\n%s", said)
		}
		if exists(d.path(run, "args.yaml")) {
			d.must(0, "finetune", "--resume", run)
			d.equalsReference(out, run)
		}
	}
}

// interrupted is a run that has been ended in the middle.
func (d *drill) interrupted(run, out string) {
	d.t.Helper()
	for range 20 {
		os.RemoveAll(d.path(run))
		cmd, _ := d.start(append(d.args, "-o", out, "--run", run)...)
		d.await(time.Millisecond, run, checkpointFolder, "step-0000000015.ckpt")
		cmd.Process.Signal(syscall.SIGINT)
		cmd.Wait()
		if !cmd.ProcessState.Success() && len(d.checkpoints(run)) == 2 {
			return
		}
	}
	d.t.Fatal("the run could not be interrupted in the middle")
}

// TestDrill5: a damaged checkpoint is named and passed over; those of other trainings and
// formats are refused.
func TestDrill5(t *testing.T) {
	d := newDrill(t)
	d.interrupted("run", "out.onnx")
	names := d.checkpoints("run")
	newest := names[1]
	good, err := os.ReadFile(newest)
	if err != nil {
		t.Fatal(err)
	}
	again := func() {
		os.RemoveAll(d.path("copy"))
		if err := os.CopyFS(d.path("copy"), os.DirFS(d.path("run"))); err != nil {
			t.Fatal(err)
		}
	}
	at := d.path("copy", checkpointFolder, filepath.Base(newest))
	write := func(b []byte) func() { return func() { os.WriteFile(at, b, 0o666) } }
	damage := map[string]func(){
		"empty": write(nil), "a byte": write(good[:1]), "half": write(good[:len(good)/2]), "all but one": write(good[:len(good)-1]),
		"random": write(bytes.Repeat([]byte{7, 9, 31}, len(good)/3)),
		"folder": func() { os.Remove(at); os.Mkdir(at, 0o777) },
		"link":   func() { os.Remove(at); os.Symlink("nowhere", at) },
		"fifo":   func() { os.Remove(at); syscall.Mkfifo(at, 0o666) },
	}
	r := rand.New(rand.NewPCG(5, 6))
	for range rounds(3, 40) {
		bit := r.IntN(len(good) * 8)
		b := slices.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		damage[fmt.Sprint("bit ", bit)] = write(b)
	}
	for name, do := range damage {
		again()
		do()
		said := d.must(0, "finetune", "--resume", "copy", "-o", "copy.onnx")
		if !strings.Contains(said, filepath.Base(newest)) || !strings.Contains(said, "damaged") {
			t.Errorf("%s: it said\n%s", name, said)
		}
		_, there := os.Lstat(at)
		if _, aside := os.Lstat(at + ".bad"); there != nil && aside != nil {
			t.Errorf("%s: the damaged file is gone", name)
		}
		d.equalsReference("copy.onnx", "copy")
	}
	again()
	os.WriteFile(at, nil, 0o666)
	os.WriteFile(d.path("copy", checkpointFolder, filepath.Base(names[0])), []byte("x"), 0o666)
	if said := d.must(1, "finetune", "--resume", "copy"); !strings.Contains(said, filepath.Base(names[0])) || !strings.Contains(said, filepath.Base(newest)) {
		t.Errorf("all damaged: it said\n%s", said)
	}
	again()
	if b, err := os.ReadFile(d.path("ref", checkpointFolder, filepath.Base(d.checkpoints("ref")[1]))); err == nil {
		os.WriteFile(at, b, 0o666) // a later step's under the name of an earlier one: the content counts
	}
	d.must(0, "finetune", "--resume", "copy", "-o", "copy.onnx")
	// Another network, and other flags.
	d.must(0, append(d.args, "-o", "other.onnx", "--run", "other", "--head", "mlp:4", "--epochs", "8")...)
	again()
	if b, err := os.ReadFile(d.checkpoints("other")[1]); err == nil {
		os.WriteFile(at, b, 0o666)
	}
	if said := d.must(1, "finetune", "--resume", "copy"); !strings.Contains(said, "is 16, was 8") {
		t.Errorf("another run's: it said\n%s", said)
	}
	if said := d.must(1, "finetune", "--resume", "run", "--lr", "0.5"); !strings.Contains(said, "0.5") {
		t.Errorf("another rate: it said\n%s", said)
	}
}

// TestDrill6: of several runs on one folder exactly one goes on.
func TestDrill6(t *testing.T) {
	d := newDrill(t)
	os.Mkdir(d.path("shared"), 0o777)
	os.Symlink("shared", d.path("alias"))
	ways := []string{"shared", "alias", "./shared/", d.path("shared")}
	var all sync.WaitGroup
	statuses, said := make([]int, rounds(6, 20)), make([]bytes.Buffer, rounds(6, 20))
	for i := range statuses {
		all.Go(func() {
			cmd := exec.Command("graft", append(d.args, "-o", fmt.Sprint("o", i, ".onnx"), "--run", ways[i%len(ways)])...)
			cmd.Dir, cmd.Stderr = d.dir, &said[i]
			cmd.Run()
			statuses[i] = cmd.ProcessState.ExitCode()
		})
	}
	all.Wait()
	won := -1
	for i, s := range statuses {
		if s == 0 {
			if won >= 0 {
				t.Error("two runs have used one folder")
			}
			won = i
		} else if !strings.Contains(said[i].String(), "in use by pid") && !strings.Contains(said[i].String(), "already") {
			t.Errorf("one said\n%s", said[i].String())
		}
	}
	if won < 0 {
		t.Fatal("none has won")
	}
	d.equalsReference(fmt.Sprint("o", won, ".onnx"), "shared")

	cmd, _ := d.start(append(d.args, "-o", "a.onnx", "--run", "a")...)
	d.await(time.Millisecond, "a", "log.jsonl")
	if status, out := d.run("finetune", "--resume", "a"); status == 1 && !strings.Contains(out, fmt.Sprint("in use by pid ", cmd.Process.Pid)) {
		t.Errorf("the second one said\n%s", out)
	}
	syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	cmd.Wait()
	d.must(0, "finetune", "--resume", "a") // the lock was free at once
	d.equalsReference("a.onnx", "a")
	if out := d.must(1, append(d.args, "-o", "b.onnx", "--run", "a")...); !strings.Contains(out, "--overwrite") {
		t.Errorf("a finished run's folder: it said\n%s", out)
	}
	d.equalsReference("a.onnx", "a")
	d.must(0, append(d.args, "-o", "b.onnx", "--run", "a", "--overwrite")...)
	d.equalsReference("b.onnx", "a")
}

// TestDrill7: data that have changed are refused with what changed, unless it is allowed.
func TestDrill7(t *testing.T) {
	d := newDrill(t)
	d.interrupted("run", "out.onnx")
	sky, snow := d.path("photos", "train", "sky"), d.path("photos", "train", "snow")
	file := filepath.Join(sky, "1.png")
	content, info := d.read("photos", "train", "sky", "1.png"), func() os.FileInfo { i, _ := os.Stat(file); return i }()
	for _, c := range []struct {
		name, want string
		do, undo   func()
	}{
		{"added", "1 new: train/sky/9.png is new", func() { os.WriteFile(filepath.Join(sky, "9.png"), content, 0o666) }, func() { os.Remove(filepath.Join(sky, "9.png")) }},
		{"removed", "1 gone: train/sky/1.png is gone", func() { os.Remove(file) }, func() { os.WriteFile(file, content, 0o666) }},
		{"renamed", "1 new, 1 gone", func() { os.Rename(file, filepath.Join(sky, "x.png")) }, func() { os.Rename(filepath.Join(sky, "x.png"), file) }},
		{"same size and time", "1 changed: train/sky/1.png has another content", func() {
			b := slices.Clone(content)
			b[len(b)/2] ^= 1
			os.WriteFile(file, b, 0o666)
			os.Chtimes(file, info.ModTime(), info.ModTime())
		}, func() { os.WriteFile(file, content, 0o666) }},
		{"swapped", "2 changed", func() { swap(file, filepath.Join(snow, "2.png")) }, func() { swap(file, filepath.Join(snow, "2.png")) }},
		{"new class", "", func() { os.CopyFS(d.path("photos", "train", "rain"), os.DirFS(sky)) }, func() { os.RemoveAll(d.path("photos", "train", "rain")) }},
	} {
		c.do()
		if said := d.must(1, "finetune", "--resume", "run"); !strings.Contains(said, c.want) {
			t.Errorf("%s: it said\n%s", c.name, said)
		}
		c.undo()
	}
	later := time.Now().Add(time.Hour)
	os.Chtimes(file, later, later)
	if err := os.CopyFS(d.path("copy"), os.DirFS(d.path("run"))); err != nil {
		t.Fatal(err)
	}
	d.must(0, "finetune", "--resume", "run")
	d.equalsReference("out.onnx", "run")
	os.WriteFile(filepath.Join(sky, "9.png"), content, 0o666)
	if said := d.must(0, "finetune", "--resume", "copy", "--allow-changes"); !strings.Contains(said, "can no longer be reproduced") {
		t.Errorf("allowed: it said\n%s", said)
	}
}

func swap(a, b string) {
	os.Rename(a, a+"~")
	os.Rename(b, a)
	os.Rename(a+"~", b)
}

// TestDrill8: an image that cannot be read ends the run by name, or is left out by name.
func TestDrill8(t *testing.T) {
	d := newDrill(t)
	file := d.path("photos", "train", "snow", "3.png")
	content := d.read("photos", "train", "snow", "3.png")
	os.WriteFile(file, content[:len(content)/2], 0o666)
	said := d.must(1, append(d.args, "-o", "bad.onnx", "--run", "bad")...)
	if !strings.Contains(said, "train/snow/3.png") || exists(d.path("bad.onnx")) {
		t.Errorf("it said\n%s", said)
	}
	if exists(d.path("bad")) { // some steps came before it
		os.WriteFile(file, content, 0o666)
		d.must(0, "finetune", "--resume", "bad", "--allow-changes")
		d.equalsReference("bad.onnx", "bad")
		os.WriteFile(file, content[:len(content)/2], 0o666)
	}
	for _, run := range []string{"s1", "s2"} {
		said = d.must(0, append(d.args, "-o", run+".onnx", "--run", run, "--skip-bad")...)
		if strings.Count(said, "3.png") != 1 || !strings.Contains(said, "skipped 1 of 24 images") {
			t.Errorf("skipping: it said\n%s", said)
		}
	}
	if !bytes.Equal(d.read("s1.onnx"), d.read("s2.onnx")) {
		t.Error("two runs that skip an image differ")
	}
	for i := range 5 {
		os.WriteFile(d.path("photos", "train", "snow", fmt.Sprint(i, ".png")), content[:40], 0o666)
	}
	if said = d.must(1, append(d.args, "-o", "many.onnx", "--run", "many", "--skip-bad")...); !strings.Contains(said, "more than a tenth") {
		t.Errorf("many bad ones: it said\n%s", said)
	}
}

// TestDrill2: a disk that is full ends the run in one line, and loses no checkpoint.
func TestDrill2(t *testing.T) {
	d := newDrill(t)
	names := d.checkpoints("ref")
	info, err := os.Stat(names[1])
	if err != nil {
		t.Fatal(err)
	}
	size := info.Size()
	for i, room := range []int64{size / 2, size + size/2, 2*size + size/2} {
		out := d.path(fmt.Sprint("full", i))
		os.Mkdir(out, 0o777)
		if err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d", room/4096*4096+4*4096), "tmpfs", out).Run(); err != nil {
			t.Skip("a small file system cannot be mounted here")
		}
		defer exec.Command("umount", out).Run()
		said := d.must(1, append(d.args, "-o", "x.onnx", "--run", filepath.Join(out, "run"))...)
		if !strings.Contains(said, "no space left on device") || !strings.Contains(said, out) {
			t.Errorf("it said\n%s", said)
		}
		for _, name := range d.checkpoints(filepath.Join(fmt.Sprint("full", i), "run")) {
			b, err := os.ReadFile(name)
			if err == nil {
				_, err = finetune.ReadCheckpoint(b)
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := exec.Command("mount", "-o", "remount,size=100m", out).Run(); err != nil {
			t.Fatal(err)
		}
		if isDir(filepath.Join(out, "run")) {
			d.must(0, "finetune", "--resume", filepath.Join(out, "run"))
			d.equalsReference("x.onnx", filepath.Join(fmt.Sprint("full", i), "run"))
			os.Remove(d.path("x.onnx"))
		}
	}
}
