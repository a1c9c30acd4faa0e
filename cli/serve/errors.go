package serve

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// A refusal is what is wrong with a request, and its HTTP status.
type refusal struct {
	status int
	what   string
}

func (r *refusal) Error() string { return r.what }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// bad is what is wrong with what a request says.
func bad(format string, args ...any) error { return refuse(http.StatusBadRequest, format, args...) }

// statusOf is the HTTP status of an error: what the libraries refuse is the request's
// fault.
func statusOf(err error) int {
	var r *refusal
	if errors.As(err, &r) {
		return r.status
	}
	return http.StatusBadRequest
}

// fail answers with an error, as {"error": "..."}.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := statusOf(err)
	switch status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	case http.StatusRequestTimeout, http.StatusRequestEntityTooLarge:
		w.Header().Set("Connection", "close") // the rest of the body is not read
	}
	s.logf("%s %s: %d: %v", r.Method, r.URL.Path, status, err)
	s.answer(w, status, map[string]string{"error": message(err)})
}

// message is an error and its hint in one line.
func message(err error) string {
	m := strings.ReplaceAll(err.Error(), "\n", "; ")
	var h interface{ Hint() string }
	if errors.As(err, &h) && h.Hint() != "" {
		m += " (" + h.Hint() + ")"
	}
	if len(m) > 2000 {
		m = strings.ToValidUTF8(m[:2000], "") + "…"
	}
	return m
}

// answer writes v as JSON.
func (s *Server) answer(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"error":"the answer is no JSON"}`)
	}
	s.send(w, status, "application/json", b)
}

// send writes a whole answer, for which a slow reader has Limits.Write.
func (s *Server) send(w http.ResponseWriter, status int, kind string, b []byte) {
	s.extend(w)
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	w.Write(b)
}

// quote escapes a name from a request or a file and cuts it to 200 bytes.
func quote(s string) string {
	if len(s) > 200 {
		return strconv.Quote(s[:200]) + "…"
	}
	return strconv.Quote(s)
}
