//go:build unix

package models

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// drillSize is the size of the file that processes pull, content(drillSize).
const drillSize = 1 << 20

// TestMain is a process of its own for TestDrill9: it pulls from PULL_FROM into PULL_TO.
func TestMain(m *testing.M) {
	from := os.Getenv("PULL_FROM")
	if from == "" {
		os.Exit(m.Run())
	}
	c := Cache{Dir: os.Getenv("PULL_TO"), Mirrors: []string{from}, Pause: time.Millisecond}
	if _, err := c.Pull(context.Background(), entry(content(drillSize)), nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// puller is such a process.
func puller(url, dir string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PULL_FROM="+url, "PULL_TO="+dir)
	return cmd
}

// slowly serves a file in small pieces.
func slowly(t *testing.T, all []byte, pause time.Duration) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := 0
		fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Content-Length", strconv.Itoa(len(all)-from))
		if from > 0 {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(all)-1, len(all)))
			w.WriteHeader(http.StatusPartialContent)
		}
		for at := from; at < len(all); at += 32 << 10 {
			if _, err := w.Write(all[at:min(at+32<<10, len(all))]); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			time.Sleep(pause)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// TestDrill9: processes that pull are killed at random, and pull at the same time: no bad
// file ever has the final name, and a later pull ends with the right one.
func TestDrill9(t *testing.T) {
	all := content(drillSize)
	e, dir := entry(all), t.TempDir()
	c := Cache{Dir: dir}
	s := slowly(t, all, 2*time.Millisecond)
	rounds := 6
	if os.Getenv("GRAFT_DRILLS") != "" {
		rounds = 40
	}
	r := rand.New(rand.NewPCG(9, uint64(time.Now().UnixNano())))
	for range rounds {
		cmd := puller(s.URL, dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(time.Duration(r.IntN(200))*time.Millisecond, func() { cmd.Process.Signal(syscall.SIGKILL) })
		cmd.Wait()
		kill.Stop()
		if w := whole(c, e, all); w != "" {
			t.Fatal(w)
		}
		if c.Has(e) {
			os.Remove(filepath.Join(dir, "m.onnx"))
		}
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if out, err := puller(s.URL, dir).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
	if w := whole(c, e, all); w != "" || !c.Has(e) {
		t.Errorf("pulled: %v, %s", c.Has(e), w)
	}
	names, _ := os.ReadDir(dir)
	for _, f := range names {
		if n := f.Name(); n != "m.onnx" && n != ".m.lock" {
			t.Errorf("left %s", n)
		}
	}
}

// TestPullFull: a disk that is full is named, and nothing has the final name; with room
// the pull goes on. The limit on a file's size stands for it.
func TestPullFull(t *testing.T) {
	all := content(drillSize)
	s := slowly(t, all, 0)
	dir := t.TempDir()
	cmd := exec.Command("sh", "-c", `trap '' XFSZ; ulimit -f 1000; exec "$0"`, os.Args[0]) // blocks of 512 bytes
	cmd.Env = append(os.Environ(), "PULL_FROM="+s.URL, "PULL_TO="+dir)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "file too large") || strings.Count(string(out), "\n") != 1 {
		t.Errorf("%v: %s", err, out)
	}
	c := Cache{Dir: dir, Mirrors: []string{s.URL}}
	if c.Has(entry(all)) {
		t.Error("a part has the final name")
	}
	if _, err := c.Pull(context.Background(), entry(all), nil); err != nil || whole(c, entry(all), all) != "" {
		t.Errorf("with room: %v", err)
	}
}

// TestPullLinks: nothing is written through a link that lies in the cache; one under the
// final name gives way to the file.
func TestPullLinks(t *testing.T) {
	all := content(1000)
	s := serve(t, all)
	outside := filepath.Join(t.TempDir(), "outside")
	for _, name := range []string{".m.part", ".m.part.tag", "m.onnx"} {
		c := cache(t, s)
		if err := os.Symlink(outside, filepath.Join(c.Dir, name)); err != nil {
			t.Fatal(err)
		}
		_, err := c.Pull(context.Background(), entry(all), nil)
		if (err == nil) != (name == "m.onnx") || err != nil && !strings.Contains(err.Error(), "a link, want a file of the cache's own") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(outside); err == nil {
			t.Errorf("%s: written outside", name)
		}
	}
}
