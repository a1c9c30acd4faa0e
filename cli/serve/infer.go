package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"graft/graph"
	"graft/onnx"
)

const (
	version    = "1"                  // of every model
	platform   = "onnx_onnxv1"        // as the protocol calls ONNX models
	binaryData = "binary_tensor_data" // the extension
	headerOf   = "Inference-Header-Content-Length"
)

func (s *Server) describeServer(w http.ResponseWriter, r *http.Request) error {
	s.answer(w, http.StatusOK, map[string]any{"name": "graft", "version": s.config.Version, "extensions": []string{binaryData}})
	return nil
}

func (s *Server) live(w http.ResponseWriter, r *http.Request) error {
	s.answer(w, http.StatusOK, map[string]bool{"live": true})
	return nil
}

// ready is so until the server ends: its models are read before it listens.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) error {
	if s.ending.Err() != nil {
		return refuse(http.StatusServiceUnavailable, "the server is ending")
	}
	s.answer(w, http.StatusOK, map[string]bool{"ready": true})
	return nil
}

func (s *Server) metadata(w http.ResponseWriter, r *http.Request) error {
	m, err := s.find(r)
	if err != nil {
		return err
	}
	s.answer(w, http.StatusOK, map[string]any{"name": m.Name, "versions": []string{version}, "platform": platform, "inputs": m.inputs, "outputs": m.outputs})
	return nil
}

func (s *Server) modelReady(w http.ResponseWriter, r *http.Request) error {
	m, err := s.find(r)
	if err != nil {
		return err
	}
	s.answer(w, http.StatusOK, map[string]any{"name": m.Name, "ready": true})
	return nil
}

// inferRequest is the JSON part of an inference request.
type inferRequest struct {
	ID         string     `json:"id"`
	Parameters parameters `json:"parameters"`
	Inputs     []tensor   `json:"inputs"`
	Outputs    []struct {
		Name       string     `json:"name"`
		Parameters parameters `json:"parameters"`
	} `json:"outputs"`
}

// tensor is one of a request or of an answer.
type tensor struct {
	Name       string          `json:"name"`
	Shape      []int           `json:"shape"`
	Datatype   string          `json:"datatype"`
	Parameters parameters      `json:"parameters,omitempty"`
	Data       json.RawMessage `json:"data,omitempty"`
}

// parameters are the protocol's place for extensions.
type parameters map[string]any

// known refuses a parameter that is none of these.
func (p parameters) known(of string, names ...string) error {
	for name := range p {
		if !slices.Contains(names, name) {
			return bad("%s: the parameter %s is not supported", of, quote(name))
		}
	}
	return nil
}

// flag is a parameter that is true or false.
func (p parameters) flag(of, name string, otherwise bool) (bool, error) {
	v, given := p[name]
	if !given {
		return otherwise, nil
	}
	b, ok := v.(bool)
	if !ok {
		return false, bad("%s: the parameter %s is %v, want true or false", of, name, v)
	}
	return b, nil
}

// infer runs a model on the tensors of a request.
func (s *Server) infer(w http.ResponseWriter, r *http.Request) error {
	m, err := s.find(r)
	if err != nil {
		return err
	}
	body, free, err := s.body(w, r, s.limits.Infer)
	if err != nil {
		return err
	}
	defer free()
	q, rest, err := readRequest(body, r.Header.Get(headerOf))
	if err != nil {
		return err
	}
	want, err := q.wanted(m)
	if err != nil {
		return err
	}
	in, err := q.tensors(m, rest)
	if err != nil {
		return err
	}
	var out []*onnx.Tensor
	err = s.compute(r, m, func() error {
		p, done, err := s.program(m, in)
		if err != nil {
			return err
		}
		defer done()
		if err := p.Run(); err != nil {
			return err
		}
		for _, o := range want {
			t := p.Output(o.index).Clone()
			t.Round()
			out = append(out, t)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.reply(w, m, q.ID, want, out)
}

// readRequest separates the JSON of a request from the binary tensors that follow it; its
// length is in the header, "" where all is JSON.
func readRequest(body []byte, header string) (q inferRequest, rest []byte, err error) {
	if header != "" {
		n, err := strconv.Atoi(header)
		if err != nil || n < 1 || n > len(body) {
			return q, nil, bad("%s is %s, the body has %d bytes", headerOf, quote(header), len(body))
		}
		body, rest = body[:n], body[n:]
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		return q, nil, bad("the request is no JSON of the protocol: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); err != io.EOF {
		return q, nil, bad("something follows the request's JSON")
	}
	return q, rest, q.Parameters.known("the request", "binary_data_output")
}

// output is one that a request wants.
type output struct {
	port
	index  int // among the model's
	binary bool
}

// wanted are the outputs that a request names; all where it names none.
func (q inferRequest) wanted(m *model) (list []output, err error) {
	all, err := q.Parameters.flag("the request", "binary_data_output", false)
	if err != nil {
		return nil, err
	}
	for i, p := range m.outputs {
		if len(q.Outputs) == 0 {
			list = append(list, output{p, i, all})
		}
	}
	for _, o := range q.Outputs {
		of := "output " + quote(o.Name)
		i := slices.IndexFunc(m.outputs, func(p port) bool { return p.Name == o.Name })
		if i < 0 {
			return nil, bad("the model has no %s, it has %s", of, names(m.outputs))
		}
		if slices.ContainsFunc(list, func(l output) bool { return l.index == i }) {
			return nil, bad("%s is asked for twice", of)
		}
		if err := o.Parameters.known(of, "binary_data"); err != nil {
			return nil, err
		}
		b, err := o.Parameters.flag(of, "binary_data", all)
		if err != nil {
			return nil, err
		}
		list = append(list, output{m.outputs[i], i, b})
	}
	return list, nil
}

func names(ports []port) string {
	var list []string
	for _, p := range ports[:min(len(ports), 10)] {
		list = append(list, quote(p.Name))
	}
	if len(ports) > 10 {
		list = append(list, "…")
	}
	return strings.Join(list, ", ")
}

// tensors are what a request gives each input of m; rest are the binary ones, one after
// the other.
func (q inferRequest) tensors(m *model, rest []byte) (map[string]*onnx.Tensor, error) {
	in := map[string]*onnx.Tensor{}
	for _, t := range q.Inputs {
		of := "input " + quote(t.Name)
		i := slices.IndexFunc(m.inputs, func(p port) bool { return p.Name == t.Name })
		if i < 0 {
			return nil, bad("the model has no %s, it has %s", of, names(m.inputs))
		}
		if in[t.Name] != nil {
			return nil, bad("%s is given twice", of)
		}
		if err := m.inputs[i].takes(t); err != nil {
			return nil, bad("%s: %v", of, err)
		}
		if err := t.Parameters.known(of, "binary_data_size"); err != nil {
			return nil, err
		}
		var v *onnx.Tensor
		var err error
		if size, given := t.Parameters["binary_data_size"]; given {
			n, ok := size.(float64)
			if !ok || n < 0 || n != float64(int(n)) || int(n) > len(rest) {
				return nil, bad("%s: binary_data_size is %v, %d bytes are there", of, size, len(rest))
			}
			if t.Data != nil {
				return nil, bad("%s: both data and binary_data_size", of)
			}
			v, err = fromBinary(m.inputs[i].kind, t.Shape, rest[:int(n)])
			rest = rest[int(n):]
		} else {
			v, err = fromJSON(m.inputs[i].kind, t.Shape, t.Data)
		}
		if err != nil {
			return nil, bad("%s: %v", of, err)
		}
		in[t.Name] = v
	}
	for _, p := range m.inputs {
		if in[p.Name] == nil {
			return nil, bad("input %s is not given", quote(p.Name))
		}
	}
	if len(rest) > 0 {
		return nil, bad("%d bytes follow the binary tensors", len(rest))
	}
	return in, nil
}

// takes says whether a tensor has the type and a shape of the port.
func (p port) takes(t tensor) error {
	if t.Datatype != p.Datatype {
		return fmt.Errorf("datatype %s, want %s", quote(t.Datatype), p.Datatype)
	}
	fits := len(t.Shape) == len(p.Shape)
	for i := 0; fits && i < len(p.Shape); i++ {
		fits = t.Shape[i] == p.Shape[i] && t.Shape[i] >= 0 || p.Shape[i] < 0 && t.Shape[i] > 0
	}
	if !fits {
		return fmt.Errorf("shape %v, want %v", t.Shape, p.Shape)
	}
	return nil
}

// program is m compiled for the shapes of its inputs, with them in it, for whoever
// computes. What of them could be a shape or an axis is compiled in, and part of the name
// under which the program is kept.
func (s *Server) program(m *model, in map[string]*onnx.Tensor) (p *graph.Program, done func(), err error) {
	proto, err := s.proto(m)
	if err != nil {
		return nil, nil, err
	}
	var key strings.Builder
	keyed := map[string]bool{}
	size := m.bytes
	for _, port := range m.inputs {
		t := in[port.Name]
		fmt.Fprint(&key, port.Name, t.Shape)
		size += 8 * int64(t.Len())
		if len(t.Shape) <= 1 && t.Len() <= 64 {
			fmt.Fprint(&key, t.Data)
			keyed[port.Name] = true
		}
	}
	fresh := false
	v, done, err := s.cache.get(m, key.String(), size, func() (interface{ Close() }, bool, error) {
		fresh = true
		p, err := graph.CompileFor(proto, in, graph.Config{Options: graph.Options{MaxMemory: s.config.MaxMemory}, Threads: s.config.Threads})
		if err != nil {
			return nil, false, err
		}
		keep := true // unless more is compiled in than the name tells
		for _, port := range m.inputs {
			isInput := slices.ContainsFunc(p.Inputs(), func(i graph.Port) bool { return i.Name == port.Name })
			keep = keep && (isInput || keyed[port.Name])
		}
		return p, keep, nil
	})
	if err != nil {
		return nil, nil, err
	}
	p = v.(*graph.Program)
	for i, port := range p.Inputs() {
		if fresh {
			break
		}
		if err := p.SetInput(i, in[port.Name]); err != nil {
			return nil, nil, err
		}
	}
	return p, done, nil
}

// reply writes the answer of an inference.
func (s *Server) reply(w http.ResponseWriter, m *model, id string, want []output, out []*onnx.Tensor) error {
	a := struct {
		Model   string   `json:"model_name"`
		Version string   `json:"model_version"`
		ID      string   `json:"id,omitempty"`
		Outputs []tensor `json:"outputs"`
	}{m.Name, version, id, []tensor{}}
	var rest []byte
	for i, o := range want {
		t := tensor{Name: o.Name, Shape: out[i].Shape, Datatype: o.Datatype}
		if o.binary {
			b := toBinary(out[i])
			t.Parameters = parameters{"binary_data_size": len(b)}
			rest = append(rest, b...)
		} else {
			var err error
			if t.Data, err = toJSON(out[i]); err != nil {
				return refuse(http.StatusInternalServerError, "output %s: %v", quote(o.Name), err)
			}
		}
		a.Outputs = append(a.Outputs, t)
	}
	b, err := json.Marshal(a)
	if err != nil {
		return refuse(http.StatusInternalServerError, "%v", err)
	}
	if !slices.ContainsFunc(want, func(o output) bool { return o.binary }) {
		s.send(w, http.StatusOK, "application/json", b)
		return nil
	}
	w.Header().Set(headerOf, strconv.Itoa(len(b)))
	s.send(w, http.StatusOK, "application/octet-stream", append(b, rest...))
	return nil
}
