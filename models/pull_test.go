package models

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"graft/durable/faulty"
)

// A server serves one file, and does wrong what a test asks for.
type server struct {
	*httptest.Server
	content []byte
	tag     string
	wrong   func(n int, w http.ResponseWriter, r *http.Request) bool // whether request n, from 1 on, is dealt with
	count   atomic.Int32
	ranges  []string // the Range and If-Range of each request
	mu      sync.Mutex
}

func serve(t *testing.T, content []byte) *server {
	t.Helper()
	s := &server{content: content, tag: `"v1"`}
	s.Server = httptest.NewServer(http.HandlerFunc(s.handle))
	t.Cleanup(s.Close)
	return s
}

func (s *server) handle(w http.ResponseWriter, r *http.Request) {
	n := int(s.count.Add(1))
	s.mu.Lock()
	s.ranges = append(s.ranges, r.Header.Get("Range")+" "+r.Header.Get("If-Range"))
	s.mu.Unlock()
	w.Header().Set("ETag", s.tag)
	if s.wrong != nil && s.wrong(n, w, r) {
		return
	}
	http.ServeContent(w, r, "m.onnx", time.Time{}, bytes.NewReader(s.content))
}

// cut sends what a proper answer would, up to byte n of the file, and breaks off.
func (s *server) cut(w http.ResponseWriter, r *http.Request, n int) bool {
	rec := httptest.NewRecorder()
	http.ServeContent(rec, r, "m.onnx", time.Time{}, bytes.NewReader(s.content))
	from := 0
	fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(rec.Code)
	if body := rec.Body.Bytes(); n > from {
		w.Write(body[:min(n-from, len(body))])
	}
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func entry(content []byte) Entry {
	return Entry{Name: "m", File: "some/where/m.onnx", Bytes: int64(len(content)), SHA256: hash(content), Input: []byte(`{}`)}
}

// cache is a cache in a folder of its own that asks s and does not wait long.
func cache(t *testing.T, s *server) Cache {
	t.Helper()
	return Cache{Dir: t.TempDir(), Mirrors: []string{s.URL + "/files/"}, Pause: time.Millisecond, Stall: 300 * time.Millisecond}
}

func content(n int) []byte {
	r := rand.New(rand.NewPCG(1, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// whole says what lies in the cache under the final name: "" if it is right or not there.
func whole(c Cache, e Entry, want []byte) string {
	path, _ := c.Path(e)
	b, err := os.ReadFile(path)
	if err == nil && !bytes.Equal(b, want) {
		return fmt.Sprintf("%d other bytes under the final name", len(b))
	}
	return ""
}

// TestPull goes through what a server can do. want is part of the error, "" for success.
func TestPull(t *testing.T) {
	const size = 1 << 20
	all := content(size)
	answer := func(status int, header ...string) func(int, http.ResponseWriter, *http.Request) bool {
		return func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			return true
		}
	}
	other := content(size)
	other[size/2] ^= 1
	for _, c := range []struct {
		name     string
		wrong    func(s *server) func(int, http.ResponseWriter, *http.Request) bool
		want     string
		requests int // at most
	}{
		{"ok", nil, "", 1},
		{"cut once", func(s *server) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, w http.ResponseWriter, r *http.Request) bool { return n == 1 && s.cut(w, r, 300000) }
		}, "", 2},
		{"cut four times", func(s *server) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, w http.ResponseWriter, r *http.Request) bool { return n < 5 && s.cut(w, r, n*200000) }
		}, "", 5},
		{"cut for ever", func(s *server) func(int, http.ResponseWriter, *http.Request) bool {
			return func(_ int, w http.ResponseWriter, r *http.Request) bool { return s.cut(w, r, 300000) }
		}, "interrupted at 300000 of 1048576 bytes", 5},
		{"no ranges", func(s *server) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n == 1 {
					return s.cut(w, r, 300000)
				}
				w.Write(all)
				return true
			}
		}, "", 2},
		{"changed after the cut", func(s *server) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n == 1 {
					s.content, s.tag = other, `"v0"`
					w.Header().Set("ETag", s.tag)
					defer func() { s.content, s.tag = all, `"v1"` }()
					return s.cut(w, r, 800000)
				}
				return false
			}
		}, "", 2},
		{"other range", func(s *server) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, w http.ResponseWriter, r *http.Request) bool {
				switch n {
				case 1:
					return s.cut(w, r, 300000)
				case 2:
					w.Header().Set("Content-Range", fmt.Sprintf("bytes 7-%d/%d", size-1, size))
					w.WriteHeader(206)
					w.Write(all[7:])
					return true
				}
				return false
			}
		}, "", 3},
		{"range refused", func(s *server) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n == 1 {
					return s.cut(w, r, 300000)
				}
				return n == 2 && answer(416)(n, w, r)
			}
		}, "", 3},
		{"corrupt", func(s *server) func(int, http.ResponseWriter, *http.Request) bool {
			s.content = other
			return nil
		}, "got sha256 " + hash(other) + ", want " + hash(all), 1},
		{"short", func(s *server) func(int, http.ResponseWriter, *http.Request) bool {
			s.content = all[:size-1]
			return nil
		}, "1048575 bytes are announced, want 1048576", 1},
		{"page", func(s *server) func(int, http.ResponseWriter, *http.Request) bool {
			s.content = []byte("<html>" + strings.Repeat("x", 100))
			return nil
		}, "bytes are announced, want 1048576", 1},
		{"gzip", func(s *server) func(int, http.ResponseWriter, *http.Request) bool {
			return func(_ int, w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Content-Encoding", "gzip")
				w.Write(all)
				return true
			}
		}, `sent as "gzip"`, 1},
		{"404", func(*server) func(int, http.ResponseWriter, *http.Request) bool { return answer(404) }, "/files/m.onnx: status 404 Not Found", 1},
		{"403", func(*server) func(int, http.ResponseWriter, *http.Request) bool { return answer(403) }, "status 403", 1},
		{"500", func(*server) func(int, http.ResponseWriter, *http.Request) bool { return answer(500) }, "status 500 Internal Server Error (5 attempts)", 5},
		{"503 once", func(*server) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, w http.ResponseWriter, r *http.Request) bool {
				return n == 1 && answer(503, "Retry-After", "0")(n, w, r)
			}
		}, "", 2},
		{"hang", func(*server) func(int, http.ResponseWriter, *http.Request) bool {
			return func(_ int, _ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }
		}, "nothing came for 300ms", 5},
		{"hang in the middle", func(s *server) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n > 1 {
					return false
				}
				w.Header().Set("Content-Length", strconv.Itoa(size))
				w.Write(all[:1000])
				w.(http.Flusher).Flush()
				<-r.Context().Done()
				return true
			}
		}, "", 2},
		{"endless", func(*server) func(int, http.ResponseWriter, *http.Request) bool {
			return func(_ int, w http.ResponseWriter, r *http.Request) bool {
				for r.Context().Err() == nil {
					if _, err := w.Write(all[:65536]); err != nil {
						break
					}
				}
				return true
			}
		}, "more than the 1048576 bytes", 1},
		{"announces too much", func(*server) func(int, http.ResponseWriter, *http.Request) bool {
			return answer(200, "Content-Length", "1125899906842624")
		}, "1125899906842624 bytes are announced", 1},
		{"redirect", func(*server) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, w http.ResponseWriter, r *http.Request) bool {
				if n < 9 {
					http.Redirect(w, r, fmt.Sprintf("/hop%d", n), http.StatusFound)
				}
				return n < 9
			}
		}, "", 9},
		{"redirect loop", func(*server) func(int, http.ResponseWriter, *http.Request) bool {
			return func(_ int, w http.ResponseWriter, r *http.Request) bool {
				http.Redirect(w, r, "/loop", http.StatusFound)
				return true
			}
		}, "more than 10 redirects", 11},
		{"redirect elsewhere", func(*server) func(int, http.ResponseWriter, *http.Request) bool {
			return answer(http.StatusFound, "Location", "file:///etc/passwd")
		}, "is not followed", 1},
		{"another name", func(*server) func(int, http.ResponseWriter, *http.Request) bool {
			return func(_ int, w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Content-Disposition", `attachment; filename="../../evil.onnx"`)
				return false
			}
		}, "", 1},
		{"hostile status", func(*server) func(int, http.ResponseWriter, *http.Request) bool {
			return func(_ int, w http.ResponseWriter, _ *http.Request) bool {
				c, _, err := w.(http.Hijacker).Hijack()
				if err == nil {
					io.WriteString(c, "HTTP/1.1 404 \x1b[31mred\r\n\r\n")
					c.Close()
				}
				return true
			}
		}, `status 404 \x1b[31mred`, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, all)
			if c.wrong != nil {
				s.wrong = c.wrong(s)
			}
			dir := cache(t, s)
			e := entry(all)
			path, err := dir.Pull(context.Background(), e, nil)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("error text %q", err)
			}
			if n := int(s.count.Load()); n > c.requests {
				t.Errorf("%d requests, want %d at most: %q", n, c.requests, s.ranges)
			}
			if w := whole(dir, e, all); w != "" || err == nil && !dir.Has(e) {
				t.Errorf("%s, %s", path, w)
			}
			entries, _ := os.ReadDir(dir.Dir)
			for _, f := range entries {
				if n := f.Name(); n != "m.onnx" && n != ".m.lock" && (err == nil || n != ".m.part" && n != ".m.part.tag") {
					t.Errorf("left %s", n)
				}
			}
			// A good server mends it all.
			good := serve(t, all)
			dir.Mirrors = []string{good.URL}
			if _, err := dir.Pull(context.Background(), e, nil); err != nil || whole(dir, e, all) != "" {
				t.Errorf("afterwards: %v", err)
			}
			before := good.count.Load()
			if _, err := dir.Pull(context.Background(), e, nil); err != nil || good.count.Load() != before {
				t.Errorf("once more: %v, %d requests", err, good.count.Load()-before)
			}
		})
	}
}

// TestPullResumes: a later pull asks for what is missing, of the same version.
func TestPullResumes(t *testing.T) {
	all := content(1 << 20)
	s := serve(t, all)
	s.wrong = func(_ int, w http.ResponseWriter, r *http.Request) bool { return s.cut(w, r, 400000) }
	c := cache(t, s)
	if _, err := c.Pull(context.Background(), entry(all), nil); err == nil {
		t.Fatal("a cut went unnoticed")
	}
	s.wrong, s.ranges = nil, nil
	if _, err := c.Pull(context.Background(), entry(all), nil); err != nil {
		t.Fatal(err)
	}
	if len(s.ranges) != 1 || s.ranges[0] != `bytes=400000- "v1"` {
		t.Errorf("asked for %q", s.ranges)
	}
}

// TestPullMirrors: where one server has not got the file, the next is asked.
func TestPullMirrors(t *testing.T) {
	all := content(1000)
	bad, good := serve(t, all), serve(t, all)
	bad.wrong = func(_ int, w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(404); return true }
	c := cache(t, bad)
	c.Mirrors = append(c.Mirrors, good.URL)
	if _, err := c.Pull(context.Background(), entry(all), nil); err != nil || bad.count.Load() != 1 || good.count.Load() != 1 {
		t.Errorf("%v, %d and %d requests", err, bad.count.Load(), good.count.Load())
	}
}

// TestPullDowngrade: a redirect from https to http is refused.
func TestPullDowngrade(t *testing.T) {
	all := content(1000)
	plain := serve(t, all)
	secure := httptest.NewTLSServer(http.RedirectHandler(plain.URL+"/m.onnx", http.StatusFound))
	defer secure.Close()
	c := cache(t, plain)
	c.Mirrors = []string{secure.URL}
	c.Client = secure.Client()
	c.Client.CheckRedirect = redirect
	if _, err := c.Pull(context.Background(), entry(all), nil); err == nil || !strings.Contains(err.Error(), `a redirect from https to "http" is not followed`) || plain.count.Load() != 0 {
		t.Errorf("%v, %d requests", err, plain.count.Load())
	}
}

// TestPullInterrupted: a cancelled pull ends at once, with its cause.
func TestPullInterrupted(t *testing.T) {
	all := content(1000)
	s := serve(t, all)
	s.wrong = func(_ int, _ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }
	c := cache(t, s)
	c.Stall = time.Minute
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	time.AfterFunc(50*time.Millisecond, func() { cancel(cause) })
	start := time.Now()
	if _, err := c.Pull(ctx, entry(all), nil); !errors.Is(err, cause) || time.Since(start) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

// TestPullTogether: pulls at the same time all succeed, with one download.
func TestPullTogether(t *testing.T) {
	all := content(1 << 18)
	s := serve(t, all)
	c := cache(t, s)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := c.Pull(context.Background(), entry(all), nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if whole(c, entry(all), all) != "" || s.count.Load() != 1 {
		t.Errorf("%d requests", s.count.Load())
	}
}

// TestCacheEveryByte: a change of any byte of a pulled file is found when it is used,
// and mended by a pull.
func TestCacheEveryByte(t *testing.T) {
	all := content(1500)
	s := serve(t, all)
	c := cache(t, s)
	e := entry(all)
	path, err := c.Pull(context.Background(), e, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		bad := bytes.Clone(all)
		bad[i] ^= 1 << (i % 8)
		if err := os.WriteFile(path, bad, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Open(e); !errors.As(err, new(*damagedError)) {
			t.Fatalf("byte %d: %v", i, err)
		}
	}
	for _, n := range []int{0, 1, len(all) - 1, len(all) + 1} {
		os.WriteFile(path, append(bytes.Clone(all), 0)[:n], 0o666)
		if _, err := c.Open(e); !errors.As(err, new(*damagedError)) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := c.Pull(context.Background(), e, nil); err != nil || whole(c, e, all) != "" {
		t.Error(err)
	}
	os.Remove(path)
	if _, err := c.Open(e); err == nil || !strings.Contains(err.Error(), "not in the cache") {
		t.Error(err)
	}
	if err := os.Mkdir(path, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Open(e); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
}

// TestPullFaults: whatever fails on the disk, and whenever the power goes, what has the
// final name is the whole file; and a later pull makes it so.
func TestPullFaults(t *testing.T) {
	all := content(150000) // three writes
	s := serve(t, all)
	for name, old := range map[string]map[string][]byte{"first": nil, "resumed": {"c/.m.part": all[:70000]}, "over a damaged one": {"c/m.onnx": all[:9]}} {
		t.Run(name, func(t *testing.T) {
			pull := func(f *faulty.FS) error {
				c := Cache{Dir: "c", Mirrors: []string{s.URL}, Pause: time.Millisecond, disk: f}
				_, err := c.Pull(context.Background(), entry(all), nil)
				return err
			}
			check := func(t *testing.T, f *faulty.FS) {
				t.Helper()
				got, there := f.Files()["c/m.onnx"]
				if was, had := old["c/m.onnx"]; !bytes.Equal(got, all) && (there != had || !bytes.Equal(got, was)) {
					t.Errorf("%d bytes under the final name", len(got))
				}
				again := faulty.New(f.Files())
				if err := pull(again); err != nil || !bytes.Equal(again.Files()["c/m.onnx"], all) {
					t.Errorf("pulled again: %v", err)
				}
			}
			faulty.Each(t, old, pull, func(t *testing.T, f *faulty.FS, err error) {
				check(t, f)
				if err == nil && !bytes.Equal(f.Files()["c/m.onnx"], all) {
					t.Error("nobody said so")
				}
				if err != nil && !errors.Is(err, syscall.ENOSPC) && !strings.Contains(err.Error(), "sha256") {
					t.Error(err)
				}
			}, check)
		})
	}
}

func TestPullNowhere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nobody listens there now
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cache Cache
		want  string
	}{
		{Cache{Dir: t.TempDir(), Mirrors: []string{"http://" + l.Addr().String()}, Pause: time.Millisecond}, "connection refused (5 attempts)"},
		{Cache{Dir: t.TempDir(), Mirrors: []string{"gopher://x"}, Pause: time.Millisecond}, "unsupported protocol scheme"},
		{Cache{Dir: t.TempDir(), Mirrors: []string{"http://[::1"}}, "missing ']'"},
		{Cache{Dir: filepath.Join(file, "sub")}, "not a directory"},
	} {
		if _, err := c.cache.Pull(context.Background(), entry(content(9)), nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}
