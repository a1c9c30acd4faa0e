package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestShowError(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("x.onnx: truncated"), "graft: error: x.onnx: truncated\n"},
		{fmt.Errorf("cut: %w", hinted{errors.New("no"), "try 3"}), "graft: error: cut: no\ngraft: hint: try 3\n"},
		{usagef("", "no MODEL"), "graft: error: no MODEL\n"},
		{errors.Join(errors.New("a"), errors.New("b")), "graft: error: a; b\n"},
		{errors.New("a\x1b[31m\x00\r\tb\xff"), `graft: error: a\x1b[31m\x00\r\tb\xff` + "\n"},
		{errors.New("right \u202e left"), `graft: error: right \u202e left` + "\n"},
	} {
		var b strings.Builder
		showError(&b, c.err)
		if b.String() != c.want {
			t.Errorf("got %q, want %q", b.String(), c.want)
		}
	}
}

func TestLongMessages(t *testing.T) {
	for _, s := range []string{strings.Repeat("é", 9000), strings.Repeat("\x00", 9000)} {
		var b strings.Builder
		showError(&b, errors.New(s))
		if b.Len() > maxLine+1 || !utf8.ValidString(b.String()) || !strings.HasSuffix(b.String(), "…\n") {
			t.Errorf("%d bytes ending in %q", b.Len(), b.String()[b.Len()-8:])
		}
	}
	if q := quote(strings.Repeat("é", 300)); utf8.RuneCountInString(q) > maxName+2 || !strings.HasSuffix(q, `…"`) {
		t.Errorf("quote: %d runes", utf8.RuneCountInString(q))
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{count(0), "0"}, {count(999), "999"}, {count(1000), "1.00 k"}, {count(1_235_496), "1.24 M"},
		{count(999_499), "999 k"}, {count(999_500), "1.00 M"}, {count(25_557_032), "25.6 M"}, {count(-1500), "-1.50 k"},
		{macs(353_000_000), "353 MMACs"}, {macs(12), "12 MACs"}, {macs(3_858_000_000), "3.86 GMACs"},
		{size(4_956_208), "4.96 MB"}, {size(20), "20 B"}, {count(math.MaxInt64), "9.22 E"},
		{seconds(420 * time.Millisecond), "0.42 s"}, {seconds(12 * time.Second), "12 s"},
		{seconds(185 * time.Second), "3m05s"}, {seconds(59700 * time.Millisecond), "1m00s"}, {seconds(127 * time.Minute), "2h07m"},
		{rate(312, "images", 10*time.Second), "31.2 images/s"}, {rate(1, "images", 0), "0 images/s"},
		{percent(0.9216), "92.2 %"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestWriteTable(t *testing.T) {
	var b strings.Builder
	writeTable(&b, []string{">n", "tensor", ">params"}, [][]string{{"1", "relu_1", "1.79 k"}, {"10", "é\n"}})
	want := " n  tensor  params\n 1  relu_1  1.79 k\n10  é\\n\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestProgressLines(t *testing.T) {
	var b strings.Builder
	u := &ui{err: &b}
	p := u.progress("epoch 1/2", 100, "images")
	now := p.start
	p.now = func() time.Time { return now }
	for range 100 {
		now = now.Add(200 * time.Millisecond)
		p.add(1)
	}
	p.done()
	want := "epoch 1/2: 50 of 100 images, 5.00 images/s, 10 s left\n"
	if b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
	b.Reset()
	u.quiet = true
	p = u.progress("epoch 1/2", 2, "images")
	p.lastTip = p.lastTip.Add(-time.Hour)
	p.add(1)
	p.done()
	if b.Len() > 0 {
		t.Errorf("-q wrote %q", b.String())
	}
}

func TestProgressBar(t *testing.T) {
	var b strings.Builder
	u := &ui{err: &b, terminal: true}
	p := u.progress("epoch 1/2", 4, "images")
	p.add(1)
	time.Sleep(120 * time.Millisecond)
	p.add(1)
	u.infof("a line")
	p.add(2)
	p.done()
	got := b.String()
	if !strings.Contains(got, "epoch 1/2") || !strings.Contains(got, "(2/4") || !strings.Contains(got, "images/s") {
		t.Errorf("no bar in %q", got)
	}
	if !strings.Contains(got, "\ra line\n") {
		t.Errorf("the line is not on a cleared line: %q", got)
	}
	if u.bar != nil || strings.TrimRight(got[strings.LastIndexByte(strings.TrimRight(got, " \r"), '\r')+1:], " \r") != "" && !strings.HasSuffix(got, "\r") {
		t.Errorf("the bar stays: %q", got)
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	put := func(s string, err error) func(io.Writer) error {
		return func(w io.Writer) error { io.WriteString(w, s); return err }
	}
	if err := writeFile(path, put("old", nil)); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(path, put("new", errors.New("broken"))); err == nil {
		t.Error("a failing writer gives no error")
	}
	if b, _ := os.ReadFile(path); string(b) != "old" {
		t.Errorf("after a failure the file holds %q", b)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	if err := writeFile(path, put("new", nil)); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(path); string(b) != "new" {
		t.Errorf("the file holds %q", b)
	}
}

func TestCheckOutput(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	os.WriteFile("in", nil, 0o666)
	os.Link("in", "hard")
	os.Symlink("in", "soft")
	os.Mkdir("folder", 0o777)
	for _, c := range []struct{ path, want string }{
		{"", ""}, {"out", ""}, {"folder/out", ""},
		{"in", `output "in": is the input itself, and graft never overwrites its input`},
		{"./in", `output "./in": is the input itself, and graft never overwrites its input`},
		{"hard", `output "hard": is the input itself, and graft never overwrites its input`},
		{"soft", `output "soft": is the input itself, and graft never overwrites its input`},
		{"folder", `output "folder": not a file but a folder`},
		{"/dev/null", `output "/dev/null": not a file but a device`},
		{"no/out", `output "no/out": there is no folder "no"`},
		{"in/out", `output "in/out": there is no folder "in"`},
	} {
		got := ""
		if err := checkOutput(c.path, "in", "missing"); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("checkOutput(%q): got %q, want %q", c.path, got, c.want)
		}
	}
}
