package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/urfave/cli/v2"
)

// TestMain makes "graft" in the scripts the real main, with one more verb.
func TestMain(m *testing.M) {
	testOnlyVerbs = func() []*cli.Command { return []*cli.Command{probeVerb()} }
	testscript.Main(m, map[string]func(){"graft": main})
}

func TestScripts(t *testing.T) {
	models, err := filepath.Abs("../../../shared/data/models")
	if err != nil {
		t.Fatal(err)
	}
	cases, err := filepath.Abs("../../testdata/models")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"status": status},
		Setup: func(e *testscript.Env) error {
			e.Setenv("MODELS", models) // pretrained
			e.Setenv("CASES", cases)   // small ones, made by a script
			e.Setenv("BASE", filepath.Join(cases, "../../models/base.onnx"))
			e.Setenv("DIGITS", filepath.Join(cases, "../../models/digits.npz"))
			return drawPhotos(filepath.Join(e.WorkDir, "photos"))
		},
		Condition: func(name string) (bool, error) {
			if name != "models" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			return isDir(models), nil
		},
	})
}

// drawPhotos makes a data folder of two classes that are easy to tell apart: bright
// above and bright below.
func drawPhotos(dir string) error {
	for _, part := range []string{"train", "val"} {
		for c, class := range []string{"sky", "snow"} {
			folder := filepath.Join(dir, part, class)
			if err := os.MkdirAll(folder, 0o777); err != nil {
				return err
			}
			for i := range 6 {
				im := image.NewGray(image.Rect(0, 0, 24, 20))
				for p := range im.Pix {
					im.Pix[p] = uint8(20*i + 37*p%40)
					if (p/24 < 10) == (c == 0) {
						im.Pix[p] += 90
					}
				}
				f, err := os.Create(filepath.Join(folder, fmt.Sprintf("%d.png", i)))
				if err != nil {
					return err
				}
				if err := errors.Join(png.Encode(f, im), f.Close()); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// status runs a command that must end in the exit status given first:
// status 2 graft probe --nonsense
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command [args...]")
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if want, err := strconv.Atoi(args[0]); err != nil || got != want {
		ts.Fatalf("exit status %d, want %s", got, args[0])
	}
}

// probeVerb has the flags of finetune, the longest table, and shows what
// arrived; further flags drive the user interface.
func probeVerb() *cli.Command {
	v := finetuneVerb()
	v.Name = "probe"
	v.Action = runProbe
	v.Flags = append(v.Flags,
		&cli.StringFlag{Name: "fail", Usage: "`WAY` to end"},
		&cli.BoolFlag{Name: "wait", Usage: "wait for the context to end"},
		&cli.BoolFlag{Name: "stubborn", Usage: "wait and ignore the context"},
		&cli.BoolFlag{Name: "stages", Usage: "talk"},
		&cli.BoolFlag{Name: "slow", Usage: "take two seconds for the stages"},
	)
	return v
}

func runProbe(c *cli.Context) error {
	u := newUI(c)
	args, err := positionals(c, "MODEL", "DATA...")
	if err != nil {
		return err
	}
	out := c.String("output")
	if err := checkOutput(out, args...); err != nil {
		return err
	}
	switch c.String("fail") {
	case "plain":
		return errors.New("model.onnx: node 3 \"conv1\" (Conv): no weights")
	case "hint":
		return fmt.Errorf("probe: %w", hinted{errors.New("no class"), "make two folders"})
	case "long":
		return errors.New(strings.Repeat("é", 9000))
	case "hostile":
		return fmt.Errorf("tensor %s and \x1b[31mraw\nlines", quote("a\x1b[31m\u202eb"+strings.Repeat("x", 999)))
	case "late":
		return writeFile(out, func(w io.Writer) error {
			io.WriteString(w, "half")
			return errors.New("late failure")
		})
	case "panic":
		panic("probe")
	}
	if c.Bool("stages") {
		u.infof("reading %s", quote(args[0]))
		p := u.progress("stage 1/2", 10, "images")
		for range 10 {
			if c.Bool("slow") {
				time.Sleep(200 * time.Millisecond)
			}
			p.add(1)
		}
		p.done()
		u.debugf("a detail")
		u.warnf("a class has 1 image")
	}
	if c.Bool("stubborn") {
		fmt.Fprintln(u.err, "waiting")
		<-c.Context.Done()
		fmt.Fprintln(u.err, "still here")
		time.Sleep(time.Minute)
	}
	if c.Bool("wait") {
		fmt.Fprintln(u.err, "waiting")
		return writeFile(out, func(w io.Writer) error {
			<-c.Context.Done()
			return c.Context.Err()
		})
	}
	set := map[string]any{}
	for _, name := range c.LocalFlagNames() {
		if len(name) > 1 && c.IsSet(name) {
			set[name] = fmt.Sprint(c.Value(name))
		}
	}
	return u.result(out, map[string]any{"args": args, "flags": set}, func(w io.Writer) error {
		b, err := json.Marshal(map[string]any{"args": args, "flags": set})
		fmt.Fprintf(w, "%s\n", b)
		return err
	})
}

func TestSignals(t *testing.T) {
	for _, c := range []struct {
		name, flag string
		signals    []syscall.Signal
		want       int
	}{
		{"interrupt", "--wait", []syscall.Signal{syscall.SIGINT}, 130},
		{"terminate", "--wait", []syscall.Signal{syscall.SIGTERM}, 143},
		{"second interrupt", "--stubborn", []syscall.Signal{syscall.SIGINT, syscall.SIGINT}, 130},
		{"terminate after interrupt", "--stubborn", []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}, 143},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("graft", "probe", "m", "d", c.flag, "-o", "out")
			cmd.Dir = t.TempDir()
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			kill := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
			defer kill.Stop()
			lines := bufio.NewScanner(stderr)
			for _, s := range c.signals {
				if !lines.Scan() {
					t.Fatal("no line before the signal")
				}
				cmd.Process.Signal(s)
			}
			var rest []string
			for lines.Scan() {
				rest = append(rest, lines.Text())
			}
			cmd.Wait()
			if got := cmd.ProcessState.ExitCode(); got != c.want {
				t.Errorf("exit status %d, want %d", got, c.want)
			}
			if len(c.signals) == 1 && len(rest) != 1 {
				t.Errorf("stderr %q, want one line", rest)
			}
			if left, _ := os.ReadDir(cmd.Dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
