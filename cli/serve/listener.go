package serve

import (
	"log"
	"net"
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
		if atomic.AddInt64(&b.now, 1) <= b.most {
			return &counted{Conn: c, of: b}, nil
		}
		atomic.AddInt64(&b.now, -1)
		c.SetDeadline(time.Now().Add(time.Second))
		c.Write([]byte("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nConnection: close\r\n\r\n" + tooMany))
		c.Close()
	}
}

type counted struct {
	net.Conn
	of   *bounded
	once sync.Once
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
