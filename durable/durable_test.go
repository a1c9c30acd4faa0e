package durable_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"graft/durable"
	"graft/durable/faulty"
)

// write writes text in two parts.
func write(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		for _, part := range []string{text[:1], text[1:]} {
			if _, err := io.WriteString(w, part); err != nil {
				return err
			}
		}
		return nil
	}
}

// TestWriteFileFaults: whatever fails, and whenever the power goes, the file is the old
// one or the new one.
func TestWriteFileFaults(t *testing.T) {
	for name, old := range map[string]map[string][]byte{"new": {}, "over an old one": {"dir/f": []byte("old")}} {
		t.Run(name, func(t *testing.T) {
			faulty.Each(t, old, func(f *faulty.FS) error { return durable.WriteFile(f, "dir/f", write("content")) },
				func(t *testing.T, f *faulty.FS, err error) {
					files := f.Files()
					switch got := string(files["dir/f"]); {
					case got == "content" && len(files) == 1: // the folder's sync failed, after the rename; or a removal that nobody needs
					case err == nil:
						t.Error("an operation failed and nobody said so")
					case got != string(old["dir/f"]):
						t.Errorf("content %q", got)
					}
					if err != nil && !errors.Is(err, syscall.ENOSPC) {
						t.Error(err)
					}
					if len(files) > 1 {
						t.Errorf("left behind: %q", files)
					}
				},
				func(t *testing.T, f *faulty.FS) {
					got, there := f.Files()["dir/f"]
					if was, had := old["dir/f"]; string(got) != "content" && (string(got) != string(was) || there != had) {
						t.Errorf("content %q", got)
					}
				})
		})
	}
}

// TestReported: once WriteFile has returned, no loss of power undoes it.
func TestReported(t *testing.T) {
	for _, kept := range faulty.Outcomes {
		f := faulty.New(nil)
		if err := durable.WriteFile(f, "f", write("content")); err != nil {
			t.Fatal(err)
		}
		if got := f.Reboot(kept).Files()["f"]; string(got) != "content" {
			t.Errorf("kept %s: %q", kept, got)
		}
	}
}

// TestMkdir: a file in a folder that was made survives every loss of power.
func TestMkdir(t *testing.T) {
	for _, kept := range faulty.Outcomes {
		f := faulty.New(nil)
		for range 2 { // the second time it is there
			if err := durable.Mkdir(f, "new"); err != nil {
				t.Fatal(err)
			}
		}
		if err := durable.WriteFile(f, "new/f", write("content")); err != nil {
			t.Fatal(err)
		}
		if names, _ := f.ReadDir("new"); len(names) != 1 || names[0] != "f" {
			t.Errorf("names %q", names)
		}
		if got := f.Reboot(kept).Files()["new/f"]; string(got) != "content" {
			t.Errorf("kept %s: %q", kept, got)
		}
	}
	careless := faulty.New(nil)
	if err := errors.Join(careless.Mkdir("new"), durable.WriteFile(careless, "new/f", write("content"))); err != nil {
		t.Fatal(err)
	}
	if len(careless.Reboot("nothing").Files()) > 0 {
		t.Error("a folder lasts whose name was never synced")
	}
	dir := filepath.Join(t.TempDir(), "new")
	for range 2 {
		if err := durable.Mkdir(durable.OS, dir); err != nil {
			t.Error(err)
		}
	}
	if names, err := durable.OS.ReadDir(filepath.Dir(dir)); err != nil || len(names) != 1 || names[0] != "new" {
		t.Errorf("%q, %v", names, err)
	}
	if err := durable.Mkdir(durable.OS, filepath.Join(dir, "a", "b")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestFaultyFinds: the loop finds the mistakes that it is for.
func TestFaultyFinds(t *testing.T) {
	careless := func(f *faulty.FS) error { // no sync before the rename
		to, err := f.OpenFile("f.tmp", os.O_CREATE|os.O_WRONLY, 0o666)
		if err != nil {
			return err
		}
		if err := errors.Join(write("content")(to), to.Close()); err != nil {
			return err
		}
		return f.Rename("f.tmp", "f")
	}
	partial := false
	for n := 1; n < 10; n++ {
		f := faulty.New(map[string][]byte{"f": []byte("old")})
		f.CutAt(n)
		careless(f)
		for _, kept := range faulty.Outcomes {
			got := string(f.Reboot(kept).Files()["f"])
			partial = partial || got != "old" && got != "content"
		}
	}
	if !partial {
		t.Error("a rename before the sync was not found out")
	}
}

func TestWriteFileOS(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, text := range []string{"first", "second"} {
		if err := durable.WriteFile(durable.OS, path, write(text)); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != text {
			t.Errorf("%q, %v", b, err)
		}
	}
	failure := errors.New("no more")
	if err := durable.WriteFile(durable.OS, path, func(io.Writer) error { return failure }); err != failure {
		t.Error(err)
	}
	if err := durable.WriteFile(durable.OS, dir, write("x ")); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
	if err := durable.WriteFile(durable.OS, filepath.Join(dir, "no", "f"), write("xx")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%v", entries)
	}
}
