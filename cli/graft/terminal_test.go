//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
	"unsafe"
)

// openTerminal makes a pseudo-terminal: what is written to it comes out of screen.
func openTerminal(t *testing.T) (screen, terminal *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { screen.Close() })
	unlocked, n := int32(0), uint32(0)
	control(t, screen, syscall.TIOCSPTLCK, unsafe.Pointer(&unlocked))
	control(t, screen, syscall.TIOCGPTN, unsafe.Pointer(&n))
	if terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return screen, terminal
}

func control(t *testing.T, f *os.File, request uintptr, value unsafe.Pointer) {
	t.Helper()
	c, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	c.Control(func(fd uintptr) {
		if _, _, no := syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(value)); no != 0 {
			t.Fatalf("ioctl %#x: %v", request, no)
		}
	})
}

func setColumns(t *testing.T, screen *os.File, columns uint16) {
	t.Helper()
	size := [4]uint16{24, columns}
	control(t, screen, syscall.TIOCSWINSZ, unsafe.Pointer(&size))
}

// onTerminal runs the probe with its stderr on a terminal of that many columns, which after
// a while has others, and returns what it wrote before and after.
func onTerminal(t *testing.T, columns, later uint16, env ...string) (before, after string) {
	t.Helper()
	screen, terminal := openTerminal(t)
	setColumns(t, screen, columns)
	cmd := exec.Command("graft", "probe", "m", "d", "--stages", "--slow")
	cmd.Env = append(bare(), append([]string{"TERM=xterm"}, env...)...)
	cmd.Stderr = terminal
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	var got bytes.Buffer
	resize := time.Now().Add(900 * time.Millisecond)
	resized := 0
	b := make([]byte, 4096)
	for {
		n, err := screen.Read(b)
		got.Write(b[:n])
		if resized == 0 && time.Now().After(resize) {
			resized = got.Len()
			setColumns(t, screen, later)
		}
		if err != nil { // the last one closed the terminal
			break
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return got.String()[:resized], got.String()[resized:]
}

// bare is the environment without what speaks of terminals.
func bare() []string {
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "TERM", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI":
		default:
			env = append(env, v)
		}
	}
	return env
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")

// widest is the longest stretch between two returns to the first column.
func widest(s string) int {
	most := 0
	for _, part := range regexp.MustCompile("[\r\n]").Split(escapes.ReplaceAllString(s, ""), -1) {
		most = max(most, utf8.RuneCountInString(strings.TrimRight(part, " ")))
	}
	return most
}

// TestBarFits: a bar never wraps, in a wide and in a narrow terminal and in one that
// becomes narrow, and nothing of it stays.
func TestBarFits(t *testing.T) {
	for _, c := range []struct{ columns, later uint16 }{{80, 80}, {40, 40}, {120, 40}, {30, 100}} {
		t.Run(fmt.Sprintf("%d to %d", c.columns, c.later), func(t *testing.T) {
			t.Parallel()
			before, after := onTerminal(t, c.columns, c.later)
			if !strings.Contains(before, "%") || !strings.Contains(before, "/10") {
				t.Errorf("no bar in %q", before)
			}
			if n := widest(before); n >= int(c.columns) {
				t.Errorf("%d columns of %d: %q", n, c.columns, before)
			}
			_, settled, _ := strings.Cut(after, "\r") // one bar may be under way
			settled, warning, _ := strings.Cut(settled, "graft: ")
			if n := widest(settled); n >= int(c.later) {
				t.Errorf("%d columns of %d: %q", n, c.later, settled)
			}
			if !strings.HasSuffix(settled, "\x1b[2K\r") {
				t.Errorf("the bar is not taken away: %q", settled)
			}
			if warning != "\x1b[1;33mwarning:\x1b[0m a class has 1 image\r\n" {
				t.Errorf("warning %q", warning)
			}
		})
	}
}

// TestPlainTerminals: where colours or bars are not wanted there are none.
func TestPlainTerminals(t *testing.T) {
	for _, c := range []struct {
		env       string
		bar, tint bool
	}{
		{"NO_COLOR=1", true, false}, {"NO_COLOR=", true, true}, {"TERM=dumb", false, false}, {"CI=true", false, true}, {"CI=false", true, true},
	} {
		t.Run(c.env, func(t *testing.T) {
			t.Parallel()
			before, after := onTerminal(t, 80, 80, c.env)
			all := before + after
			if got := strings.Contains(all, "%"); got != c.bar {
				t.Errorf("a bar: %v, want %v: %q", got, c.bar, all)
			}
			if got := strings.Contains(all, "\x1b[1;"); got != c.tint {
				t.Errorf("colours: %v, want %v: %q", got, c.tint, all)
			}
			if !c.bar && !c.tint && strings.Contains(all, "\x1b") {
				t.Errorf("escapes in %q", all)
			}
		})
	}
}

// TestPipe: what is no terminal gets no escapes, unless colours are demanded.
func TestPipe(t *testing.T) {
	for env, want := range map[string]string{
		"TERM=xterm":                "graft: error: probe: no class\ngraft: hint: make two folders\n",
		"CLICOLOR_FORCE=1":          "graft: \x1b[1;31merror:\x1b[0m probe: no class\ngraft: \x1b[1;36mhint:\x1b[0m make two folders\n",
		"CLICOLOR_FORCE=0":          "graft: error: probe: no class\ngraft: hint: make two folders\n",
		"CLICOLOR_FORCE=1 NO_COLOR": "graft: error: probe: no class\ngraft: hint: make two folders\n",
	} {
		cmd := exec.Command("graft", "probe", "m", "d", "--fail", "hint")
		first, _, both := strings.Cut(env, " ")
		cmd.Env = append(bare(), first)
		if both {
			cmd.Env = append(cmd.Env, "NO_COLOR=1")
		}
		var stderr strings.Builder
		cmd.Stderr = &stderr
		cmd.Run()
		if stderr.String() != want {
			t.Errorf("%s: %q, want %q", env, stderr.String(), want)
		}
	}
}
