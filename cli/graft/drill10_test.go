//go:build unix

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestDrill10: what surrounds a run does not change its bytes.
func TestDrill10(t *testing.T) {
	d := newDrill(t)
	// under runs graft by a shell that has changed something first.
	under := func(shell string, env []string, args ...string) (int, string) {
		t.Helper()
		cmd := exec.Command("sh", append([]string{"-c", shell, "graft"}, args...)...)
		cmd.Dir, cmd.Env = d.dir, append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		if err != nil && !errors.As(err, new(*exec.ExitError)) {
			t.Fatal(err)
		}
		d.clean(string(out))
		return cmd.ProcessState.ExitCode(), string(out)
	}
	plain := `exec graft "$@"`
	changes := []struct {
		name, shell, run, output string
		env                      []string
	}{
		{"Turkish locale", plain, "tr", "tr.onnx", []string{"LANG=tr_TR.UTF-8", "LC_ALL=tr_TR.UTF-8", "TZ=Asia/Istanbul"}},
		{"odd names", plain, "a run\nof Größe", "out \n'\"é.onnx", nil},
		{"many processors", plain, "p16", "p16.onnx", []string{"GOMAXPROCS=16"}},
		{"few open files", `ulimit -n 64; exec graft "$@"`, "files", "files.onnx", nil},
		{"no stdin", `exec graft "$@" <&-`, "stdin", "stdin.onnx", nil},
		{"no stderr", `exec graft "$@" 2>&-`, "stderr", "stderr.onnx", nil},
		{"one processor", plain, "p1", "p1.onnx", []string{"GOMAXPROCS=1"}},
		{"C locale", plain, "c", "c.onnx", []string{"LANG=C", "LC_ALL=C"}},
	}
	for _, c := range changes[:rounds(4, len(changes))] {
		if status, out := under(c.shell, c.env, append(d.args, "-o", c.output, "--run", c.run)...); status != 0 {
			t.Errorf("%s: exit status %d: %s", c.name, status, out)
			continue
		}
		d.equalsReference(c.output, c.run)
	}
	// Without stdout nobody sees the result, but it is there.
	status, _ := under(`exec graft "$@" <&- >&- 2>&-`, nil, append(d.args, "-o", "dark.onnx", "--run", "dark")...)
	if d.equalsReference("dark.onnx", "dark"); status > 1 {
		t.Errorf("without stdout: exit status %d", status)
	}
	// As after a clock that has been set back: all that the run has written is of a time to come.
	d.interrupted("clock", "clock.onnx")
	later := time.Now().Add(time.Hour)
	filepath.WalkDir(d.dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Chtimes(path, later, later))
	})
	d.must(0, "finetune", "--resume", "clock")
	d.equalsReference("clock.onnx", "clock")
}

// TestDrill10Threads: the number of threads does not change the bytes.
func TestDrill10Threads(t *testing.T) {
	d := newDrill(t)
	want := d.read("ref.onnx")
	for _, n := range []string{"2", "5"} {
		d.must(0, append(d.args, "-o", n+".onnx", "--run", n, "--threads", n)...)
		if !bytes.Equal(d.read(n+".onnx"), want) {
			t.Errorf("%s threads: another model", n)
		}
	}
}

// TestDrill10Memory: where memory ends the kernel ends the run, and it can go on.
func TestDrill10Memory(t *testing.T) {
	d := newDrill(t)
	group := "/sys/fs/cgroup/graft-drill"
	if err := os.Mkdir(group, 0o777); err != nil {
		t.Skip("no memory group can be made here")
	}
	defer os.Remove(group)
	if err := os.WriteFile(filepath.Join(group, "memory.max"), []byte("24M"), 0o666); err != nil {
		t.Skip("no memory group can be made here")
	}
	os.WriteFile(filepath.Join(group, "memory.swap.max"), []byte("0"), 0o666)
	cmd := exec.Command("sh", append([]string{"-c", `echo $$ >"` + group + `/cgroup.procs"; exec graft "$@"`, "graft"}, append(d.args, "-o", "m.onnx", "--run", "m")...)...)
	cmd.Dir = d.dir
	out, _ := cmd.CombinedOutput()
	d.clean(string(out))
	if cmd.ProcessState.ExitCode() == 1 {
		t.Errorf("it said %s", out)
	}
	d.whole("m.onnx")
	if exists(d.path("m", "args.yaml")) {
		d.must(0, "finetune", "--resume", "m")
		d.equalsReference("m.onnx", "m")
	}
}
