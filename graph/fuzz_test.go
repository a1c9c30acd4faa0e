package graph_test

import (
	"strings"
	"testing"
	"time"

	"graft/graph"
	"graft/graph/optim"
	"graft/onnx"
)

// FuzzPlan reads a model and does with it all that graft can: whatever the model
// says, nothing panics or hangs, errors are one line, and what is cut off a valid
// model is valid.
func FuzzPlan(f *testing.F) {
	for _, c := range cases() {
		m, _ := opened(f, c.model, c.learn, false)
		add(f, m, 0)
		add(f, flattened(c.model), 1)
	}
	for i, m := range []*onnx.ModelProto{smallNet(true), freezable(), body(13, 8, "N", 4, 2, 2), body(7, 3, 1, 4)} {
		add(f, m, byte(i))
	}
	f.Fuzz(func(t *testing.T, b []byte, at byte) {
		if m, err := onnx.Unmarshal(b); err == nil {
			exercise(t, m, at)
		}
	})
}

// exercise does with a model all that graft can.
func exercise(t *testing.T, m *onnx.ModelProto, at byte) {
	start := time.Now()
	defer func() {
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("took %v", d)
		}
	}()
	oneLine(t, onnx.Sort(m))
	valid := onnx.Check(m) == nil
	s, err := graph.Analyse(m, graph.Options{})
	if !oneLine(t, err) || s.Elements() > 1<<14 {
		return
	}
	for _, c := range s.CutPoints {
		if c.MACs > 1<<20 {
			return
		}
	}
	if len(s.CutPoints) > 0 {
		tensor := s.CutPoints[int(at)%len(s.CutPoints)].Tensor
		cut, err := graph.Cut(m, tensor, graph.Options{})
		if oneLine(t, err) && valid && onnx.Check(cut) != nil {
			t.Errorf("cut at %q: %v", tensor, onnx.Check(cut))
		}
		tail, err := graph.Tail(m, tensor, graph.Options{})
		if oneLine(t, err) && valid && onnx.Check(tail) != nil {
			t.Errorf("tail above %q: %v", tensor, onnx.Check(tail))
		}
		_, err = graph.Redraw(m, tensor, int(at%5), 1, graph.Options{})
		oneLine(t, err)
		l, err := s.Learning(graph.Freezing{Below: tensor, BatchStatistics: at%2 == 1})
		if oneLine(t, err) {
			s.Frontier(l)
			s.Draw(&l)
		}
	}
	if d := s.Draw(nil); valid {
		follow(t, d)
	}
	_, _, err = s.Filters()
	oneLine(t, err)
	_, err = graph.AddHead(m, graph.Head{Classes: 2, Hidden: []int{3}}, graph.Options{})
	oneLine(t, err)
	_, err = graph.DynamicBatch(m, graph.Options{})
	oneLine(t, err)
	compileAll(t, m, s)
}

func add(f *testing.F, m *onnx.ModelProto, at byte) {
	b, err := onnx.Marshal(m)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, at)
}

// compileAll runs the model in both its forms and stores what it has learnt.
func compileAll(t *testing.T, m *onnx.ModelProto, s *graph.Structure) {
	t.Helper()
	p, err := graph.Compile(m, graph.Config{Threads: 1})
	if oneLine(t, err) {
		if oneLine(t, p.Run()) {
			for i := range p.Outputs() {
				p.Output(i).Clone()
			}
		}
		p.Close()
	}
	l, err := s.Learning(graph.Freezing{})
	if !oneLine(t, err) {
		return
	}
	p, err = graph.Compile(m, graph.Config{Threads: 1, Training: &graph.Training{Learning: l, Loss: optim.CrossEntropy}})
	if oneLine(t, err) {
		oneLine(t, p.Step(0))
		_, err = p.Store()
		oneLine(t, err)
		p.Close()
	}
}

// oneLine says whether err is nil; an error must be one line of printable text.
func oneLine(t *testing.T, err error) bool {
	t.Helper()
	if err != nil && (strings.ContainsAny(err.Error(), "\n\r\x1b") || len(err.Error()) > 2000) {
		t.Errorf("error of %d bytes: %.300s", len(err.Error()), err)
	}
	return err == nil
}
