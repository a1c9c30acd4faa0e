package serve

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// raw sends bytes on a connection of its own and gives the answer's status and text.
func raw(t *testing.T, address, send string) (status int, text string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(c, send)
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, err.Error()
	}
	b, _ := io.ReadAll(r.Body)
	return r.StatusCode, string(b)
}

// TestSlowAndMalformed: who sends slowly, nothing, too much or nonsense gets a status or
// is cut off, while others are answered.
func TestSlowAndMalformed(t *testing.T) {
	s := server(t, Config{Limits: Limits{Header: 300 * time.Millisecond, Read: 300 * time.Millisecond, Infer: 20000}})
	address, _ := served(t, s)
	const post = "POST /v2/models/digits/infer HTTP/1.1\r\nHost: localhost\r\n"
	var all sync.WaitGroup
	for _, c := range []struct {
		what, send string
		status     int
		says       string
	}{
		{"body that stops", post + "Content-Length: 1000\r\n\r\n{", 408, "took too long"},
		{"chunks that stop", post + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", 408, "took too long"},
		{"body that does not come", post + "Content-Length: 1000\r\n\r\n", 408, "took too long"},
		{"header that stops", post, 408, "header took too long"},
		{"line that stops", "PO", 408, "header took too long"},
		{"no header", "", 0, ""},
		{"announced too much", post + "Content-Length: 99999999999\r\n\r\n{", 413, "at most 20000"},
		{"no HTTP", "hello\r\n\r\n", 400, ""},
		{"no host", "GET /v2 HTTP/1.1\r\n\r\n", 400, ""},
		{"two lengths", post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n{", 400, ""},
		{"a long header", "GET /v2 HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 30000) + "\r\n\r\n", 431, ""},
	} {
		all.Go(func() {
			if status, text := raw(t, address, c.send); status != c.status || !strings.Contains(text, c.says) {
				t.Errorf("%s: status %d, want %d with %q: %.200s", c.what, status, c.status, c.says, text)
			}
		})
	}
	for range 20 {
		all.Go(func() {
			r, err := http.Post("http://"+address+"/v2/models/digits/infer", "", strings.NewReader(request("[1,1,16,16]", "FP32", list(ramp(1)))))
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Body.Close()
			if r.StatusCode != 200 {
				t.Errorf("another's request: %d", r.StatusCode)
			}
		})
	}
	all.Wait()
	if n := s.bodies.Load(); n != 0 {
		t.Errorf("%d bytes of bodies are still counted", n)
	}
}

// TestSecondHeader: a connection that is used again is held to the same time, and one that
// sends nothing more is closed without a word.
func TestSecondHeader(t *testing.T) {
	address, _ := served(t, server(t, Config{Limits: Limits{Header: 200 * time.Millisecond, Idle: 300 * time.Millisecond}}))
	for _, c := range []struct{ then, want string }{{"GET /v2 HT", "HTTP/1.1 408 "}, {"", ""}} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		io.WriteString(conn, "GET /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n")
		reader := bufio.NewReader(conn)
		r, err := http.ReadResponse(reader, nil)
		if err != nil || r.StatusCode != 200 {
			t.Fatalf("%v, %v", r, err)
		}
		io.Copy(io.Discard, r.Body)
		io.WriteString(conn, c.then)
		rest, err := io.ReadAll(reader)
		if err != nil || !strings.HasPrefix(string(rest), c.want) || c.want == "" && len(rest) > 0 {
			t.Errorf("after %q: %q, %v", c.then, rest, err)
		}
	}
}

// TestTooManyConnections: one more than allowed is told so, and served once there is room.
func TestTooManyConnections(t *testing.T) {
	s := server(t, Config{Limits: Limits{Conns: 2}})
	address, _ := served(t, s)
	var held []net.Conn
	for range 2 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "GET /v2 HTTP/1.1\r\nHost: localhost\r\n\r\n")
		bufio.NewReader(c).ReadByte() // it has been accepted
		held = append(held, c)
	}
	if status, text := raw(t, address, ""); status != 503 || text != tooMany {
		t.Errorf("status %d: %s", status, text)
	}
	held[0].Close()
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		status, _ := raw(t, address, "GET /v2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		if status == 200 {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("status %d after one has gone", status)
		}
	}
}

// TestShutdown: what is under way is answered, streams end, nothing new is taken.
func TestShutdown(t *testing.T) {
	dir := t.TempDir()
	aRun(t, dir, "finetune1")
	s := server(t, Config{Folder: dir})
	address, stop := served(t, s)
	stream, err := http.Get("http://" + address + "/api/runs/finetune1/events")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	first, err := bufio.NewReader(stream.Body).ReadString('\n')
	if err != nil || !strings.HasPrefix(first, "data: {") {
		t.Fatalf("%q, %v", first, err)
	}
	inside, end := make(chan bool), make(chan bool)
	go s.queue.do(context.Background(), func() error { inside <- true; <-end; return nil })
	<-inside
	answered := make(chan int)
	go func() {
		r, err := http.Post("http://"+address+"/api/models/digits/predict", "", bytes.NewReader(drawing()))
		if err != nil {
			t.Error(err)
			answered <- 0
			return
		}
		r.Body.Close()
		answered <- r.StatusCode
	}()
	for s.queue.waiting.Load() < 1 {
		time.Sleep(time.Millisecond)
	}
	stopped := make(chan bool)
	go func() { stop(); close(stopped) }()
	if _, err := io.Copy(io.Discard, stream.Body); err != nil {
		t.Errorf("the stream: %v", err)
	}
	end <- true
	if status := <-answered; status != 200 {
		t.Errorf("the request under way: %d", status)
	}
	<-stopped
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("it still listens")
	}
}

// TestMany: many requests over many connections, of several batch sizes at once, are all
// answered with the model's numbers.
func TestMany(t *testing.T) {
	s := server(t, Config{Threads: 1})
	address, _ := served(t, s)
	want := map[int]string{}
	body := func(n int) string { return request(fmt.Sprintf("[%d,1,16,16]", n), "FP32", list(ramp(n))) }
	for n := 1; n <= 4; n++ {
		want[n] = ask(s, "POST", "/v2/models/digits/infer", body(n)).Body.String()
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 50, MaxConnsPerHost: 50}}
	var all sync.WaitGroup
	for k := range 50 {
		all.Go(func() {
			for i := range 8 {
				n := 1 + (k+i)%4
				r, err := client.Post("http://"+address+"/v2/models/digits/infer", "", strings.NewReader(body(n)))
				if err != nil {
					t.Error(err)
					return
				}
				b, err := io.ReadAll(r.Body)
				r.Body.Close()
				if err != nil || r.StatusCode != 200 || string(b) != want[n] {
					t.Errorf("%d %v: %.200s", r.StatusCode, err, b)
				}
			}
		})
	}
	all.Wait()
}
