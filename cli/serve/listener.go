package serve

import (
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// bounded is a listener with at most so many connections at a time: one more is told so
// and closed, so that those who hold connections open and send nothing keep nobody waiting
// without an answer.
type bounded struct {
	net.Listener
	most, now int64
}

func newBounded(l net.Listener, most int) *bounded { return &bounded{Listener: l, most: int64(most)} }

const tooMany = `{"error":"too many connections at once"}`

func (b *bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		one := &counted{Conn: c, of: b}
		if atomic.AddInt64(&b.now, 1) <= b.most {
			return one, nil
		}
		one.refuse(http.StatusServiceUnavailable, tooMany)
		one.Close()
	}
}

type counted struct {
	net.Conn
	of   *bounded
	once sync.Once

	begun  atomic.Bool // something of a request has come
	headed atomic.Bool // its header has come, as far as it goes
}

const tooSlow = `{"error":"the header took too long"}`

// Read answers a request whose header does not come in time: net/http just closes it.
func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.begun.Store(true)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) && c.begun.Load() && !c.headed.Load() {
		c.refuse(http.StatusRequestTimeout, tooSlow)
	}
	return n, err
}

// note learns from net/http how far a request has come.
func note(c net.Conn, state http.ConnState) {
	if c, ok := c.(*counted); ok {
		c.headed.Store(state == http.StateActive)
		c.begun.Store(state == http.StateActive)
	}
}

// refuse answers without net/http.
func (c *counted) refuse(status int, body string) {
	c.SetWriteDeadline(time.Now().Add(time.Second))
	fmt.Fprintf(c, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\n\r\n%s", status, http.StatusText(status), body)
}

func (c *counted) Close() error {
	c.once.Do(func() { atomic.AddInt64(&c.of.now, -1) })
	return c.Conn.Close()
}

// errorLog is what net/http says of broken connections.
func errorLog(logf func(format string, args ...any)) *log.Logger {
	return log.New(lines(func(s string) { logf("%s", s) }), "", 0)
}

type lines func(string)

func (l lines) Write(b []byte) (int, error) {
	l(strings.TrimSpace(string(b)))
	return len(b), nil
}
