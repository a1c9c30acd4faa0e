//go:build unix

package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDrill9: what graft models pull says where a server or a cache is of no use, and
// that a signal ends it at once. Package models has the rest of the drill.
func TestDrill9(t *testing.T) {
	t.Parallel()
	begun := make(chan bool, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/hang/"):
			begun <- true
			<-r.Context().Done()
		case strings.HasPrefix(r.URL.Path, "/page/"):
			w.Write([]byte("<html>sign in first</html>"))
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer s.Close()
	pull := func(home, path string) (*exec.Cmd, *bytes.Buffer) {
		cmd := exec.Command("graft", "models", "pull", "resnet18-v1-7", "--mirror", s.URL+path)
		cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+home)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		return cmd, &out
	}
	home, file := t.TempDir(), filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ home, path, want string }{
		{home, "/page/", "26 bytes are announced, want "},
		{home, "/none/", "/none/resnet18-v1-7.onnx: status 403 Forbidden"},
		{file, "/none/", "not a directory"},
	} {
		cmd, out := pull(c.home, c.path)
		cmd.Run()
		if said := out.String(); cmd.ProcessState.ExitCode() != 1 || !strings.HasPrefix(said, "graft: error: ") || !strings.Contains(said, c.want) || strings.Count(said, "\n") > 2 {
			t.Errorf("%s: exit status %d, %s", c.path, cmd.ProcessState.ExitCode(), said)
		}
	}
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd, out := pull(home, "/hang/")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-begun:
		case <-time.After(20 * time.Second):
			cmd.Process.Kill()
			cmd.Wait()
			t.Fatalf("it has asked for nothing: %s", out)
		}
		start := time.Now()
		cmd.Process.Signal(sig)
		cmd.Wait()
		if got, took := cmd.ProcessState.ExitCode(), time.Since(start); got != 128+int(sig) || took > 5*time.Second || strings.Contains(out.String(), "goroutine") {
			t.Errorf("%v: exit status %d after %v: %s", sig, got, took, out)
		}
	}
	left, _ := filepath.Glob(filepath.Join(home, "graft", "models", "[^.]*"))
	if len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
