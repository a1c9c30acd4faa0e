package serve

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"graft/finetune"
	"graft/graph"
	"graft/onnx"
)

// model is a network that requests name. What is compiled of it lies in the cache.
type model struct {
	Model
	path            string // of a run's, which is read when it is needed; else Proto is there
	stamp           string // of the file at path: a changed one is another model
	bytes           int64
	inputs, outputs []port
}

// A port is an input or output in the protocol's words.
type port struct {
	Name     string `json:"name"`
	Datatype string `json:"datatype"`
	Shape    []int  `json:"shape"` // -1: open

	kind onnx.TensorProto_DataType
}

func newModel(m Model) (*model, error) {
	one := &model{Model: m, bytes: onnx.Size(m.Proto), inputs: []port{}, outputs: []port{}}
	names := graph.InputNames(m.Proto)
	for _, v := range m.Proto.GetGraph().GetInput() {
		if !slices.Contains(names, v.GetName()) { // an initializer
			continue
		}
		p, err := portOf(v)
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", quote(v.GetName()), err)
		}
		one.inputs = append(one.inputs, p)
	}
	for _, v := range m.Proto.GetGraph().GetOutput() {
		p, err := portOf(v)
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", quote(v.GetName()), err)
		}
		one.outputs = append(one.outputs, p)
	}
	return one, nil
}

func portOf(v *onnx.ValueInfoProto) (port, error) {
	t := v.GetType().GetTensorType()
	p := port{Name: v.GetName(), kind: onnx.TensorProto_DataType(t.GetElemType()), Shape: []int{}}
	d, ok := datatypes[p.kind]
	if !ok {
		return p, fmt.Errorf("type %v has no name in the Open Inference Protocol", p.kind)
	}
	p.Datatype = d
	for _, dim := range t.GetShape().GetDim() {
		n := -1
		if x, ok := dim.GetValue().(*onnx.TensorShapeProto_Dimension_DimValue); ok && x.DimValue >= 0 && x.DimValue <= math.MaxInt32 {
			n = int(x.DimValue)
		}
		p.Shape = append(p.Shape, n)
	}
	return p, nil
}

// find is the model that a request names: one of Config, or that of a run.
func (s *Server) find(r *http.Request) (*model, error) {
	name := r.PathValue("model")
	if v := r.PathValue("version"); v != "" && v != version {
		return nil, refuse(http.StatusNotFound, "model %s has no version %s, it has %s", quote(name), quote(v), version)
	}
	for _, m := range s.models {
		if m.Name == name {
			return m, nil
		}
	}
	if run, ok := s.findRun(name); ok && s.config.Open != nil {
		if path, stamp := run.model(); path != "" {
			return s.ofRun(r, run.Name, path, stamp)
		}
	}
	return nil, refuse(http.StatusNotFound, "there is no model %s", quote(name))
}

// ofRun is the model of a run, read anew where its file has changed.
func (s *Server) ofRun(r *http.Request, name, path, stamp string) (m *model, err error) {
	known := func() bool {
		v, ok := s.ran.Load(name)
		if ok {
			m = v.(*model)
		}
		return ok && m.stamp == stamp
	}
	if known() {
		return m, nil
	}
	err = s.queue.do(r.Context(), func() error {
		if known() { // another request was first
			return nil
		}
		if m != nil {
			s.cache.forget(m)
		}
		proto, err := s.config.Open(path)
		if err != nil {
			return err
		}
		if m, err = newModel(Model{Name: name, From: "run " + name, Proto: proto}); err != nil {
			return err
		}
		m.path, m.stamp, m.Proto = path, stamp, nil
		s.ran.Store(name, m)
		return nil
	})
	return m, err
}

// kept is a model in the cache.
type kept struct{ *onnx.ModelProto }

func (kept) Close() {}

// proto is the model's message. It is called by whoever computes.
func (s *Server) proto(m *model) (*onnx.ModelProto, error) {
	if m.Proto != nil {
		return m.Proto, nil
	}
	v, _, err := s.cache.get(m, "model", m.bytes, func() (interface{ Close() }, bool, error) {
		p, err := s.config.Open(m.path)
		return kept{p}, true, err
	})
	if err != nil {
		return nil, err
	}
	return v.(kept).ModelProto, nil
}

// compiled is what make makes of m's message, or has made before, for whoever computes. It
// is kept under a name and taken to have so many bytes.
func compiled[T interface{ Close() }](s *Server, m *model, name string, bytes int64, make func(*onnx.ModelProto) (T, error)) (t T, err error) {
	proto, err := s.proto(m)
	if err != nil {
		return t, err
	}
	v, _, err := s.cache.get(m, name, bytes, func() (interface{ Close() }, bool, error) {
		t, err := make(proto)
		return t, true, err
	})
	if err != nil {
		return t, err
	}
	return v.(T), nil
}

// classifier is what names the classes of photographs.
func (s *Server) classifier(m *model) (*finetune.Classifier, error) {
	return compiled(s, m, "classifier", m.bytes, func(proto *onnx.ModelProto) (*finetune.Classifier, error) {
		return finetune.NewClassifier(proto, finetune.ClassifierConfig{Preprocess: m.Preprocess, Batch: 1, Threads: s.config.Threads, Workers: 1, MaxMemory: s.config.MaxMemory})
	})
}

// explainer is what finds what speaks for a class.
func (s *Server) explainer(m *model) (*finetune.Explainer, error) {
	return compiled(s, m, "explainer", 2*m.bytes, func(proto *onnx.ModelProto) (*finetune.Explainer, error) {
		e, err := finetune.NewExplainer(proto, finetune.ExplainerConfig{Preprocess: m.Preprocess, Threads: s.config.Threads, MaxMemory: s.config.MaxMemory})
		if err != nil {
			err = fmt.Errorf("what decided cannot be shown: %w", err)
		}
		return e, err
	})
}

// listed is a model in the page's list.
type listed struct {
	Name string `json:"name"`
	From string `json:"from"`
}

func (s *Server) listModels(w http.ResponseWriter, r *http.Request) error {
	s.answer(w, http.StatusOK, s.list())
	return nil
}

// Models are the names of what can be tried now: those of Config, and the runs that have
// come to a model.
func (s *Server) Models() []string {
	names := []string{}
	for _, l := range s.list() {
		names = append(names, l.Name)
	}
	return names
}

func (s *Server) list() []listed {
	list := []listed{}
	for _, m := range s.models {
		list = append(list, listed{m.Name, m.From})
	}
	if s.config.Open != nil {
		for _, run := range s.runs() {
			path, _ := run.model()
			taken := slices.ContainsFunc(list, func(l listed) bool { return l.Name == run.Name })
			if path != "" && !taken {
				list = append(list, listed{run.Name, "run " + run.Name})
			}
		}
	}
	return list
}

// described is what the page tells of a model.
type described struct {
	listed
	Input string          `json:"input"` // what becomes of a photograph
	Heads []finetune.Head `json:"heads"`
}

func (s *Server) describeModel(w http.ResponseWriter, r *http.Request) error {
	m, err := s.find(r)
	if err != nil {
		return err
	}
	d := described{listed: listed{m.Name, m.From}}
	err = s.compute(r, m, func() error {
		k, err := s.classifier(m)
		if err == nil {
			d.Input, d.Heads = k.Preprocess.String(), k.Heads
		}
		return err
	})
	if err == nil {
		s.answer(w, http.StatusOK, d)
	}
	return err
}

// compute runs f in the queue. What a panic leaves behind of a model is not used again.
func (s *Server) compute(r *http.Request, m *model, f func() error) error {
	begun := time.Now()
	return s.queue.do(r.Context(), func() (err error) {
		waited := time.Since(begun)
		sound := false
		defer func() {
			if !sound {
				s.cache.forget(m)
			}
			s.logf("%s %s: waited %v, computed %v", r.Method, r.URL.Path, waited.Round(time.Microsecond), (time.Since(begun) - waited).Round(time.Microsecond))
		}()
		err = f()
		sound = true
		return err
	})
}
