package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"graft/durable"
)

// zoo is where the zoo's files are: a repository a file, called as the file without its
// ending.
const zoo = "https://huggingface.co/onnxmodelzoo/"

// attempts is how often one server is asked for the same file.
const attempts = 5

// Pull downloads a network into the cache, unless it is there, and returns its path. It
// goes on where an earlier pull of the same file was cut off. progress, if not nil, is
// told how many bytes are there. Two pulls at once wait for each other.
func (c Cache) Pull(ctx context.Context, e Entry, progress func(have int64)) (string, error) {
	to, err := c.Path(e)
	if err != nil {
		return "", err
	}
	if c.disk == nil {
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			return "", fmt.Errorf("models: %s: %w", quote(filepath.Dir(to)), durable.Bare(err))
		}
		unlock, err := lock(ctx, filepath.Join(filepath.Dir(to), "."+e.Name+".lock"))
		if err != nil {
			return "", fmt.Errorf("models: %s: %w", quote(e.Name), durable.Bare(err))
		}
		defer unlock()
		if err := c.ownFiles(e); err != nil {
			return "", err
		}
	}
	if _, err := c.read(e); err == nil {
		return to, nil
	}
	p := &pull{Cache: c, entry: e, to: to, part: filepath.Join(filepath.Dir(to), "."+e.Name+".part"), progress: progress}
	servers := c.Mirrors
	if servers == nil {
		servers = []string{zoo + url.PathEscape(e.Name) + "/resolve/main/"}
	}
	var last error
	for _, server := range servers {
		if last = p.from(ctx, strings.TrimSuffix(server, "/")+"/"+url.PathEscape(path.Base(e.File))); last == nil {
			return to, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return "", fmt.Errorf("models: pull %s: %w", quote(e.Name), last)
}

// ownFiles refuses links where a pull writes: they would lead out of the cache.
func (c Cache) ownFiles(e Entry) error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	for _, name := range []string{"." + e.Name + ".part", "." + e.Name + ".part.tag"} {
		path := filepath.Join(dir, name)
		if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSymlink != 0 {
			return fmt.Errorf("models: %s: a link, want a file of the cache's own", quote(path))
		}
	}
	return nil
}

// pull is one network on its way.
type pull struct {
	Cache
	entry    Entry
	to, part string
	tag      string // ETag of what is in part, "" where it is not known; also in the file part.tag
	resumed  bool   // part was begun by another request
	progress func(int64)
}

// fatal is an error that another attempt would meet again.
type fatal struct{ error }

func (f fatal) Unwrap() error { return f.error }

// from asks one server, several times.
func (p *pull) from(ctx context.Context, address string) (err error) {
	pause := p.Pause
	if pause == 0 {
		pause = time.Second
	}
	for n := range attempts {
		if n > 0 {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(pause << (n - 1)):
			}
		}
		var after retryAfter
		switch err = p.once(ctx, address); {
		case err == nil, errors.As(err, new(fatal)):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, &after):
			select {
			case <-ctx.Done():
			case <-time.After(min(after.wait, time.Minute)):
			}
		}
	}
	return fmt.Errorf("%w (%d attempts)", err, attempts)
}

// retryAfter is a server's wish to be asked later.
type retryAfter struct {
	error
	wait time.Duration
}

// once makes one request and takes in what it gives.
func (p *pull) once(ctx context.Context, address string) error {
	f, have, err := p.openPart()
	if err != nil {
		return fatal{err}
	}
	defer f.Close()
	if have == p.entry.Bytes { // all came, and the program ended before it was checked
		return p.finish(f)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fatal{err}
	}
	request.Header.Set("Accept-Encoding", "identity")
	if have > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		if p.tag != "" {
			request.Header.Set("If-Range", p.tag)
		}
	}
	stall := p.stall(cancel)
	defer stall.Stop()
	response, err := p.client().Do(request)
	if err != nil {
		return p.network(ctx, err)
	}
	defer response.Body.Close()
	if have, err = p.accept(response, f, have); err != nil {
		return err
	}
	if err := p.copy(ctx, f, response.Body, have, stall); err != nil {
		return err
	}
	return p.finish(f)
}

// openPart opens what there is of the file, at its end.
func (p *pull) openPart() (durable.File, int64, error) {
	if info, err := p.fs().Stat(p.part); err == nil && !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s: not a regular file", quote(p.part))
	}
	f, err := p.fs().OpenFile(p.part, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", quote(p.part), durable.Bare(err))
	}
	have, err := f.Seek(0, io.SeekEnd)
	if p.resumed = have > 0; p.resumed && p.tag == "" {
		p.tag = p.readTag()
	}
	if err == nil && have > p.entry.Bytes {
		have, err = p.restart(f)
	}
	if err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("%s: %w", quote(p.part), durable.Bare(err))
	}
	return f, have, nil
}

// restart forgets what has come.
func (p *pull) restart(f durable.File) (int64, error) {
	p.tag = ""
	if err := f.Truncate(0); err != nil {
		return 0, fatal{fmt.Errorf("%s: %w", quote(p.part), durable.Bare(err))}
	}
	_, err := f.Seek(0, io.SeekStart)
	return 0, err
}

// accept judges the head of a response and returns how many bytes of the file come
// before its body.
func (p *pull) accept(r *http.Response, f durable.File, have int64) (int64, error) {
	status := fmt.Errorf("%s: status %s", clean(r.Request.URL.Redacted()), clean(r.Status))
	switch r.StatusCode {
	case http.StatusOK: // from the start, whatever was asked for
		var err error
		if have > 0 {
			if have, err = p.restart(f); err != nil {
				return 0, err
			}
		}
		if n := r.ContentLength; n >= 0 && n != p.entry.Bytes {
			return 0, fatal{fmt.Errorf("%s: %d bytes are announced, want %d", clean(r.Request.URL.Redacted()), n, p.entry.Bytes)}
		}
	case http.StatusPartialContent:
		want := fmt.Sprintf("bytes %d-%d/%d", have, p.entry.Bytes-1, p.entry.Bytes)
		if got := r.Header.Get("Content-Range"); got != want {
			p.restart(f)
			return 0, fmt.Errorf("%s: got the range %s, want %s", clean(r.Request.URL.Redacted()), quote(got), want)
		}
	case http.StatusRequestedRangeNotSatisfiable:
		p.restart(f)
		return 0, status
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		seconds, _ := strconv.Atoi(r.Header.Get("Retry-After"))
		return 0, retryAfter{status, time.Duration(max(seconds, 0)) * time.Second}
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return 0, status
	default:
		return 0, fatal{status}
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return 0, fatal{fmt.Errorf("%s: sent as %s, want the file itself", clean(r.Request.URL.Redacted()), quote(coding))}
	}
	if tag := r.Header.Get("ETag"); tag != p.tag && !strings.HasPrefix(tag, "W/") {
		p.tag = tag
		p.writeTag()
	}
	return have, nil
}

// copy appends the body to the file, never past the size that is expected.
func (p *pull) copy(ctx context.Context, f durable.File, body io.Reader, have int64, stall *time.Timer) error {
	buffer := make([]byte, 64<<10)
	for {
		n, err := body.Read(buffer)
		stall.Reset(p.patience())
		if have+int64(n) > p.entry.Bytes {
			p.restart(f)
			return fatal{fmt.Errorf("more than the %d bytes of the file came", p.entry.Bytes)}
		}
		if n > 0 {
			if _, err := f.Write(buffer[:n]); err != nil {
				return fatal{fmt.Errorf("%s: %w", quote(p.part), durable.Bare(err))}
			}
			if have += int64(n); p.progress != nil {
				p.progress(have)
			}
		}
		switch {
		case err == io.EOF && have == p.entry.Bytes:
			return nil
		case err == io.EOF:
			return fmt.Errorf("interrupted at %d of %d bytes", have, p.entry.Bytes)
		case err != nil:
			return fmt.Errorf("interrupted at %d of %d bytes: %w", have, p.entry.Bytes, p.network(ctx, err))
		}
	}
}

// finish compares the hash of the whole file, as it is on the disk, and gives it its
// name. A file with another hash is forgotten.
func (p *pull) finish(f durable.File) error {
	place := func(err error) error {
		if err != nil {
			return fatal{fmt.Errorf("%s: %w", quote(p.part), durable.Bare(err))}
		}
		return nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return place(err)
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return place(err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != p.entry.SHA256 {
		if _, err := p.restart(f); err != nil {
			return err
		}
		err := fmt.Errorf("got sha256 %s, want %s", got, p.entry.SHA256)
		if p.resumed { // perhaps the two parts do not belong together
			return err
		}
		return fatal{err}
	}
	if err := f.Sync(); err != nil {
		return place(err)
	}
	if err := p.fs().Rename(p.part, p.to); err != nil {
		return place(err)
	}
	if err := p.fs().SyncDir(filepath.Dir(p.to)); err != nil {
		return place(err)
	}
	p.fs().Remove(p.part + ".tag")
	return nil
}

// readTag and writeTag keep the ETag for a later pull. It is a hint: where it is lost
// the hash still decides.
func (p *pull) readTag() string {
	f, err := p.fs().OpenFile(p.part+".tag", os.O_RDONLY, 0)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 1000))
	if err != nil || len(b) < 2 || b[0] != '"' || strings.ContainsAny(string(b), "\r\n") {
		return ""
	}
	return string(b)
}

func (p *pull) writeTag() {
	if f, err := p.fs().OpenFile(p.part+".tag", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666); err == nil {
		io.WriteString(f, p.tag)
		f.Close()
	}
}

func (p *pull) patience() time.Duration {
	if p.Stall == 0 {
		return 30 * time.Second
	}
	return p.Stall
}

// stall ends the request when nothing has come for a while.
func (p *pull) stall(cancel context.CancelCauseFunc) *time.Timer {
	return time.AfterFunc(p.patience(), func() { cancel(fmt.Errorf("nothing came for %v", p.patience())) })
}

// network is an error of the connection, in one line.
func (p *pull) network(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if errors.As(err, new(fatal)) {
		return err
	}
	return errors.New(clean(err.Error()))
}

func (p *pull) client() *http.Client {
	if p.Client != nil {
		return p.Client
	}
	return &http.Client{CheckRedirect: redirect, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableCompression: true,
		ForceAttemptHTTP2: true, TLSHandshakeTimeout: 30 * time.Second}}
}

// redirect follows at most ten redirects, and none from https to http.
func redirect(next *http.Request, via []*http.Request) error {
	if len(via) > 10 {
		return fatal{errors.New("more than 10 redirects")}
	}
	if s := next.URL.Scheme; s != "https" && (s != "http" || via[len(via)-1].URL.Scheme == "https") {
		return fatal{fmt.Errorf("a redirect from https to %s is not followed", quote(s))}
	}
	return nil
}

// clean makes a text from outside fit for a line.
func clean(s string) string {
	q := quote(strings.Join(strings.Fields(s), " "))
	return strings.Trim(strings.ReplaceAll(q, `\"`, `"`), `"`)
}
