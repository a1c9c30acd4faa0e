package serve

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Content security policies: pages load what comes from here and nothing else; a report
// holds all it needs, and runs no script whoever has written it.
const (
	pagePolicy   = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	reportPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
)

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	defer func() {
		switch e := recover(); e {
		case nil:
		case http.ErrAbortHandler:
			panic(e)
		default:
			s.logf("%s %s: panic: %v", r.Method, r.URL.Path, e)
			s.fail(w, r, refuse(http.StatusInternalServerError, "internal error"))
		}
	}()
	if !s.knows(r.Host) {
		s.fail(w, r, refuse(http.StatusForbidden, "host %s: this server answers to localhost and 127.0.0.1; others are allowed by --host NAME", quote(r.Host)))
		return
	}
	if err := s.origin.Check(r); err != nil {
		s.fail(w, r, refuse(http.StatusForbidden, "a request from another page is refused: %v", err))
		return
	}
	s.mux.ServeHTTP(w, r)
}

// knows says whether a Host header names this server. Another site's name that leads to
// this address (DNS rebinding) does not; an address is no such name.
func (s *Server) knows(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if host == "localhost" || slices.Contains(s.hosts, host) {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && (ip.Unmap().IsLoopback() || s.open)
}

// extend gives the reader of an answer Limits.Write from now on.
func (s *Server) extend(w http.ResponseWriter) {
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.limits.Write)) // a test's recorder has none
}

// body reads a request's body, of at most most bytes, within Limits.Read. All bodies
// together take at most Limits.Bodies: what is counted is what has come, so that nobody
// takes memory by announcing much. The caller calls free when it is done with it.
func (s *Server) body(w http.ResponseWriter, r *http.Request, most int64) (b []byte, free func(), err error) {
	if r.ContentLength > most {
		return nil, nil, refuse(http.StatusRequestEntityTooLarge, "the body has %d bytes, at most %d are taken", r.ContentLength, most)
	}
	clock := http.NewResponseController(w)
	clock.SetReadDeadline(time.Now().Add(s.limits.Read))
	defer clock.SetReadDeadline(time.Time{})
	reader, err := decompressed(r)
	if err != nil {
		return nil, nil, err
	}
	taken := int64(0)
	free = func() { s.bodies.Add(-taken) }
	for {
		if len(b) == cap(b) {
			grown := max(int64(cap(b))*2, 1<<16)
			if len(b) == 0 && r.ContentLength > 0 {
				grown = min(r.ContentLength+1, 1<<20) // one more, to see the end
			}
			grown = min(grown, most+1)
			if s.bodies.Add(grown-taken) > s.limits.Bodies {
				s.bodies.Add(taken - grown)
				free()
				return nil, nil, refuse(http.StatusServiceUnavailable, "too many large requests at once")
			}
			taken = grown
			b = append(make([]byte, 0, grown), b...)
		}
		n, err := reader.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if int64(len(b)) > most {
			free()
			return nil, nil, refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", most)
		}
		if err == io.EOF {
			return b, free, nil
		}
		if err != nil {
			free()
			return nil, nil, bodyError(err)
		}
	}
}

// decompressed is the body as its sender had it.
func decompressed(r *http.Request) (io.Reader, error) {
	var reader io.Reader
	var err error
	switch kind := strings.ToLower(r.Header.Get("Content-Encoding")); kind {
	case "", "identity":
		return r.Body, nil
	case "gzip":
		reader, err = gzip.NewReader(r.Body)
	case "deflate":
		reader, err = zlib.NewReader(r.Body)
	default:
		return nil, refuse(http.StatusUnsupportedMediaType, "content encoding %s: want gzip or deflate", quote(kind))
	}
	if err != nil {
		return nil, bodyError(err)
	}
	return reader, nil
}

// bodyError is why a body could not be read.
func bodyError(err error) error {
	var slow net.Error
	if errors.As(err, &slow) && slow.Timeout() {
		return refuse(http.StatusRequestTimeout, "the body took too long")
	}
	return bad("the body cannot be read: %v", err)
}
