package serve

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"graft/finetune/report"
)

// A follower reads the course of a run again and again, and of its log what is new.
type follower struct {
	run    run
	root   *os.Root
	file   os.FileInfo // the log that was read so far
	offset int64       // of its next line
	steps  thinned
}

func (r run) follow() (*follower, error) {
	root, err := os.OpenRoot(r.dir)
	if err != nil {
		return nil, errors.New("the folder cannot be read")
	}
	return &follower{run: r, root: root}, nil
}

// follow follows the run that a request names, until the caller closes it.
func (s *Server) follow(r *http.Request) (*follower, error) {
	one, err := s.named(r)
	if err != nil {
		return nil, err
	}
	f, err := one.follow()
	if err != nil {
		return nil, refuse(http.StatusNotFound, "run %s: %v", quote(one.Name), err)
	}
	return f, nil
}

func (f *follower) close() { f.root.Close() }

// look is the course as it is now.
func (f *follower) look() course {
	c := f.run.course(f.root)
	if err := f.readLog(); err != nil && c.Problem == "" {
		c.Problem = message(err)
	}
	c.Steps = &f.steps
	return c
}

// readLog takes what has been added to the log. One that is another file or has become
// shorter is that of a run begun anew or gone on with.
func (f *follower) readLog() error {
	log, err := f.root.Open(LogFile)
	if err != nil {
		f.file, f.offset, f.steps = nil, 0, thinned{}
		return nil // none yet
	}
	defer log.Close()
	info, err := log.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no file", LogFile)
	}
	if f.file == nil || !os.SameFile(f.file, info) || info.Size() < f.offset {
		f.offset, f.steps = 0, thinned{}
	}
	f.file = info
	if _, err := log.Seek(f.offset, io.SeekStart); err != nil {
		return err
	}
	lines := bufio.NewReaderSize(io.LimitReader(log, info.Size()-f.offset), 1<<16)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil { // its end, the middle of a line that is being written, or no line of a log
			return nil
		}
		f.offset += int64(len(line))
		var l struct{ Step, Loss, LR float64 }
		if json.Unmarshal(bytes.TrimSpace(line), &l) == nil {
			f.steps.add(l.Step, l.Loss, l.LR)
		}
	}
}

// mostPoints is how many points a curve over the steps has.
const mostPoints = 800

// thinned is a curve over the steps of a run, each point the mean of as many steps as keep
// it short.
type thinned struct {
	Step []number `json:"step"`
	Loss []number `json:"loss"`
	LR   []number `json:"lr"`
	Last float64  `json:"last"` // the last step, in a point or not yet

	every, n       int // steps a point, and those of the next one
	step, loss, lr float64
}

func (t *thinned) add(step, loss, lr float64) {
	t.every = max(t.every, 1)
	t.step, t.loss, t.lr, t.n, t.Last = t.step+step, t.loss+loss, t.lr+lr, t.n+1, step
	if t.n < t.every {
		return
	}
	by := float64(t.n)
	t.Step, t.Loss, t.LR = append(t.Step, number(t.step/by)), append(t.Loss, number(t.loss/by)), append(t.LR, number(t.lr/by))
	t.step, t.loss, t.lr, t.n = 0, 0, 0, 0
	if len(t.Step) == mostPoints {
		t.Step, t.Loss, t.LR, t.every = halved(t.Step), halved(t.Loss), halved(t.LR), 2*t.every
	}
}

// halved is the means of two neighbours each.
func halved(v []number) []number {
	for i := range len(v) / 2 {
		v[i] = (v[2*i] + v[2*i+1]) / 2
	}
	return v[:len(v)/2]
}

// A number is null in JSON where it is not finite.
type number float64

// MarshalJSON writes six digits, which is more than a curve shows.
func (n number) MarshalJSON() ([]byte, error) {
	v := float64(n)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, v, 'g', 6, 64), nil
}

func readResults(b []byte) ([]report.Epoch, report.Measure, error) {
	return report.ReadCSV(bytes.NewReader(b))
}

// settings are the flags and values of args.yaml in their order.
func settings(b []byte) ([][2]string, error) {
	list := [][2]string{}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return list, fmt.Errorf("%s: %w", ArgsFile, err)
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return list, nil
	}
	top := doc.Content[0].Content
	for i := 0; i+1 < len(top); i += 2 {
		value := top[i+1].Value
		for k, c := range top[i+1].Content {
			if k > 0 {
				value += ", "
			}
			value += c.Value
		}
		list = append(list, [2]string{top[i].Value, value})
	}
	return list, nil
}

// The pace of server-sent events: how often a run is looked at, and how often something is
// sent though nothing has changed, which tells a reader that has gone.
const (
	lookEvery = time.Second
	sayEvery  = 15 * time.Second
)

// watchRun sends the course of a run now and each time it changes, as server-sent events,
// https://html.spec.whatwg.org/multipage/server-sent-events.html, until the reader goes.
func (s *Server) watchRun(w http.ResponseWriter, r *http.Request) error {
	f, err := s.follow(r)
	if err != nil {
		return err
	}
	defer f.close()
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return nil
	}
	clock := time.NewTicker(lookEvery)
	defer clock.Stop()
	var last []byte
	said := time.Time{}
	for {
		b, err := json.Marshal(f.look())
		if err != nil {
			return err
		}
		text := ""
		switch {
		case !bytes.Equal(b, last):
			text = "data: " + string(b) + "\n\n"
		case time.Since(said) > sayEvery:
			text = ": still here\n\n"
		}
		if text != "" {
			s.extend(w)
			if _, err := io.WriteString(w, text); err != nil {
				return nil // the reader has gone
			}
			if err := http.NewResponseController(w).Flush(); err != nil {
				return nil
			}
			last, said = b, time.Now()
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-s.ending.Done():
			return nil
		case <-clock.C:
		}
	}
}
