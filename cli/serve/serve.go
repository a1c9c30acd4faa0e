package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"graft/finetune/data"
	"graft/onnx"
)

// Config says what a Server offers. Zero fields are defaults.
type Config struct {
	Models []Model  // to try
	Runs   []string // run folders
	Folder string   // holds run folders, and is looked at anew each time; it may be absent
	// Open reads the model of a run; nil: runs have none to try.
	Open func(path string) (*onnx.ModelProto, error)

	Hosts     []string          // names besides localhost that a request's Host may give
	Public    bool              // listens beyond this machine: any address is a Host
	Version   string            // of graft
	Threads   int               // of a computation; 0: all cores
	MaxMemory int64             // of a program, in bytes; 0: three quarters of the machine's
	Limits    Limits            // of requests; zero fields have defaults
	Log       func(line string) // of requests that were refused, and others; nil: none
}

// A Model is a network to try.
type Model struct {
	Name       string // as a request gives it
	From       string // where it comes from, for the page
	Proto      *onnx.ModelProto
	Preprocess *data.Preprocess // of photographs; nil: what the model says
}

// Limits bound what a request may take. Zero fields are defaults.
type Limits struct {
	Image   int64 // bytes of a photograph; 32 MiB
	Pixels  int   // of a photograph; 64 million
	Infer   int64 // bytes of an inference request; 256 MiB
	Bodies  int64 // bytes of all bodies that are being read or computed on; 1 GiB
	Waiting int   // requests that wait for the one that computes; 256
	Conns   int   // connections; 512

	Header   time.Duration // to send the header; 10 s
	Read     time.Duration // to send the body; 60 s
	Write    time.Duration // to take the answer; 60 s
	Idle     time.Duration // between requests; 2 min
	Patience time.Duration // in the queue; 60 s
}

func (l Limits) withDefaults() Limits {
	l.Image = cmp.Or(l.Image, 32<<20)
	l.Pixels = cmp.Or(l.Pixels, 64_000_000)
	l.Infer = cmp.Or(l.Infer, 256<<20)
	l.Bodies = cmp.Or(l.Bodies, 1<<30)
	l.Waiting = cmp.Or(l.Waiting, 256)
	l.Conns = cmp.Or(l.Conns, 512)
	l.Header = cmp.Or(l.Header, 10*time.Second)
	l.Read = cmp.Or(l.Read, time.Minute)
	l.Write = cmp.Or(l.Write, time.Minute)
	l.Idle = cmp.Or(l.Idle, 2*time.Minute)
	l.Patience = cmp.Or(l.Patience, time.Minute)
	return l
}

// Server is the page and the endpoint, an http.Handler. Close it after use.
type Server struct {
	config Config
	limits Limits
	hosts  []string
	open   bool
	mux    *http.ServeMux
	origin *http.CrossOriginProtection
	bodies atomic.Int64 // bytes
	ending context.Context
	end    context.CancelFunc

	models []*model // of Config
	ran    sync.Map // the model of a run, by its name

	queue *queue
	cache cache // of whoever computes
}

// New makes a server. It is an error where two models have one name, and where one of
// them cannot be described.
func New(c Config) (*Server, error) {
	s := &Server{config: c, limits: c.Limits.withDefaults(), open: c.Public, origin: http.NewCrossOriginProtection()}
	for _, h := range c.Hosts {
		s.hosts = append(s.hosts, strings.ToLower(strings.TrimSuffix(h, ".")))
	}
	s.ending, s.end = context.WithCancel(context.Background())
	s.queue = newQueue(s.limits.Waiting, s.limits.Patience)
	s.cache = cache{most: s.programs(), count: 16}
	seen := map[string]bool{}
	for _, m := range c.Models {
		if seen[m.Name] {
			return nil, fmt.Errorf("serve: two models are called %s", quote(m.Name))
		}
		seen[m.Name] = true
		one, err := newModel(m)
		if err != nil {
			return nil, fmt.Errorf("serve: %s: %w", quote(m.From), err)
		}
		s.models = append(s.models, one)
	}
	s.routes()
	return s, nil
}

// programs is how many bytes the compiled programs together may take.
func (s *Server) programs() int64 {
	n := int64(4 << 30)
	if s.config.MaxMemory > 0 {
		n = s.config.MaxMemory
	}
	for _, m := range s.config.Models {
		n += onnx.Size(m.Proto)
	}
	return n
}

// route is one method of one path.
type route struct {
	method, path string
	do           func(w http.ResponseWriter, r *http.Request) error
}

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	list := []route{
		{"GET", "/v2", s.describeServer},
		{"GET", "/v2/health/live", s.live},
		{"GET", "/v2/health/ready", s.ready},
		{"GET", "/api/models", s.listModels},
		{"GET", "/api/models/{model}", s.describeModel},
		{"POST", "/api/models/{model}/predict", s.predict},
		{"POST", "/api/models/{model}/explain", s.explain},
		{"GET", "/api/runs", s.listRuns},
		{"GET", "/api/runs/{run}", s.describeRun},
		{"GET", "/api/runs/{run}/events", s.watchRun},
		{"GET", "/runs/{run}/report.html", s.report},
		{"GET", "/{$}", s.file},
		{"GET", "/web/{file}", s.file},
		{"GET", "/favicon.ico", s.file},
	}
	for _, version := range []string{"", "/versions/{version}"} {
		list = append(list,
			route{"GET", "/v2/models/{model}" + version, s.metadata},
			route{"GET", "/v2/models/{model}" + version + "/ready", s.modelReady},
			route{"POST", "/v2/models/{model}" + version + "/infer", s.infer})
	}
	for _, one := range list {
		handle := func(w http.ResponseWriter, r *http.Request) {
			if err := one.do(w, r); err != nil {
				s.fail(w, r, err)
			}
		}
		s.mux.HandleFunc(one.method+" "+one.path, handle)
		allow := one.method
		if allow == "GET" {
			allow = "GET, HEAD"
		}
		s.mux.HandleFunc(one.path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allow)
			s.fail(w, r, refuse(http.StatusMethodNotAllowed, "%s is not for this address, %s is", quote(r.Method), allow))
		})
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, refuse(http.StatusNotFound, "there is nothing at %s", quote(r.URL.Path)))
	})
}

func (s *Server) logf(format string, args ...any) {
	if s.config.Log != nil {
		s.config.Log(fmt.Sprintf(format, args...))
	}
}

// grace is how long requests that are under way may take when the server ends.
const grace = 10 * time.Second

// Serve answers on l until ctx ends, and then finishes the requests that are under way.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	h := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: s.limits.Header,
		IdleTimeout:       s.limits.Idle,
		MaxHeaderBytes:    16 << 10,
		ConnState:         note,
		ErrorLog:          errorLog(s.logf),
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		s.end()
		late, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		stopped <- h.Shutdown(late)
	})
	err := h.Serve(newBounded(l, s.limits.Conns))
	if !errors.Is(err, http.ErrServerClosed) {
		stop()
		return fmt.Errorf("serve: %w", err)
	}
	if err := <-stopped; err != nil {
		h.Close() // somebody takes too long
	}
	return nil
}

// Close frees the compiled programs, once the computation under way has ended.
func (s *Server) Close() {
	s.end()
	s.queue.slot <- struct{}{}
	s.cache.shrink(0, 0)
	<-s.queue.slot
}
