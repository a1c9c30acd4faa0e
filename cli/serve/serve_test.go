package serve

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"net"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"graft/finetune"
	"graft/finetune/data"
	"graft/graph/check"
	"graft/models"
	"graft/onnx"
)

// digits is the network inside graft: input [N,1,16,16], logits [N,5].
func digits(t testing.TB) Model {
	t.Helper()
	m, err := models.Base()
	if err != nil {
		t.Fatal(err)
	}
	return Model{Name: "digits", From: "inside graft", Proto: m}
}

func server(t testing.TB, c Config) *Server {
	t.Helper()
	if c.Models == nil {
		c.Models = []Model{digits(t)}
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// served is a server on a port of its own.
func served(t testing.TB, s *Server) (address string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

// ask sends a request through the handler.
func ask(s *Server, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1"+path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		if r.Header.Set(headers[i], headers[i+1]); headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// drawing is a picture of a digit 1 as PNG, white on black.
func drawing() []byte {
	im := image.NewGray(image.Rect(0, 0, 32, 32))
	for y := 5; y < 27; y++ {
		for x := 15; x < 18; x++ {
			im.SetGray(x, y, color.Gray{255})
		}
	}
	var b bytes.Buffer
	png.Encode(&b, im)
	return b.Bytes()
}

// ramp is the values of an input of n images for digits.
func ramp(n int) []float32 {
	v := make([]float32, n*256)
	for i := range v {
		v[i] = float32(math.Sin(float64(i*i%97))) / 3
	}
	return v
}

func list(v []float32) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// request is an inference request for digits, with the parts of its tensor as given.
func request(shape, datatype, data string) string {
	return fmt.Sprintf(`{"inputs":[{"name":"input","shape":%s,"datatype":%q,"data":%s}]}`, shape, datatype, data)
}

// TestStatuses: each request gets its status, what is refused one line of JSON that says
// why.
func TestStatuses(t *testing.T) {
	s := server(t, Config{Limits: Limits{Image: 5000, Pixels: 5000, Infer: 20000}})
	one := list(ramp(1))
	const infer, predict, explain = "/v2/models/digits/infer", "/api/models/digits/predict", "/api/models/digits/explain"
	photo := string(drawing())
	big := string(png16(200, 30))
	for _, c := range []struct {
		what, method, path, body string
		status                   int
		says                     string
		headers                  []string
	}{
		{"the page", "GET", "/", "", 200, "<!doctype html>", nil},
		{"its style", "GET", "/web/page.css", "", 200, "--ground", nil},
		{"no file", "GET", "/web/serve.go", "", 404, "no file", nil},
		{"a way out", "GET", "/web/..%2f..%2fserve.go", "", 404, "no file", nil},
		{"server", "GET", "/v2", "", 200, `"extensions":["binary_tensor_data"]`, nil},
		{"live", "GET", "/v2/health/live", "", 200, "", nil},
		{"ready", "GET", "/v2/health/ready", "", 200, "", nil},
		{"metadata", "GET", "/v2/models/digits", "", 200, `"inputs":[{"name":"input","datatype":"FP32","shape":[-1,1,16,16]}]`, nil},
		{"metadata of a version", "GET", "/v2/models/digits/versions/1", "", 200, `"outputs":[{"name":"logits","datatype":"FP32","shape":[-1,5]}]`, nil},
		{"model ready", "GET", "/v2/models/digits/ready", "", 200, "", nil},
		{"version ready", "GET", "/v2/models/digits/versions/1/ready", "", 200, "", nil},
		{"no model", "GET", "/v2/models/other", "", 404, `there is no model \"other\"`, nil},
		{"no model to infer", "POST", "/v2/models/other/infer", "{}", 404, "there is no model", nil},
		{"no version", "GET", "/v2/models/digits/versions/2/ready", "", 404, `has no version \"2\"`, nil},
		{"nothing there", "GET", "/v3", "", 404, "there is nothing", nil},
		{"wrong method", "GET", infer, "", 405, "POST is", nil},
		{"wrong method", "DELETE", "/v2/models/digits", "", 405, "GET, HEAD is", nil},
		{"infer", "POST", infer, request("[1,1,16,16]", "FP32", one), 200, `"model_name":"digits","model_version":"1"`, nil},
		{"infer by version", "POST", "/v2/models/digits/versions/1/infer", request("[1,1,16,16]", "FP32", one), 200, `"shape":[1,5]`, nil},
		{"no JSON", "POST", infer, "{", 400, "no JSON of the protocol", nil},
		{"nothing", "POST", infer, "", 400, "no JSON of the protocol", nil},
		{"two", "POST", infer, request("[1,1,16,16]", "FP32", one) + "{}", 400, "something follows", nil},
		{"unknown field", "POST", infer, `{"inputz":[]}`, 400, `unknown field \"inputz\"`, nil},
		{"deep", "POST", infer, strings.Repeat("[", 15000), 400, "no JSON", nil},
		{"no input", "POST", infer, `{"inputs":[]}`, 400, `input \"input\" is not given`, nil},
		{"other input", "POST", infer, `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}`, 400, `has no input \"x\", it has \"input\"`, nil},
		{"wrong type", "POST", infer, request("[1,1,16,16]", "FP64", one), 400, `datatype \"FP64\", want FP32`, nil},
		{"wrong rank", "POST", infer, request("[1,256]", "FP32", one), 400, "shape [1 256], want [-1 1 16 16]", nil},
		{"no images", "POST", infer, request("[0,1,16,16]", "FP32", "[]"), 400, "want [-1 1 16 16]", nil},
		{"negative", "POST", infer, request("[-1,1,16,16]", "FP32", one), 400, "want [-1 1 16 16]", nil},
		{"more than there is", "POST", infer, request("[1000000000000,1,16,16]", "FP32", "[1]"), 400, "needs 256000000000000 elements", nil},
		{"overflow", "POST", infer, request("[9223372036854775807,1,16,16]", "FP32", "[1]"), 400, "overflows", nil},
		{"too few", "POST", infer, request("[1,1,16,16]", "FP32", list(ramp(1)[:255])), 400, "255 elements", nil},
		{"too many", "POST", infer, request("[1,1,16,16]", "FP32", list(ramp(2)[:257])), 400, "more than the 256 elements", nil},
		{"a word", "POST", infer, request("[1,1,16,16]", "FP32", strings.Replace(one, "[", `["a",`, 1)), 400, "want a number", nil},
		{"no data", "POST", infer, `{"inputs":[{"name":"input","shape":[1,1,16,16],"datatype":"FP32"}]}`, 400, "neither data nor binary_data_size", nil},
		{"other output", "POST", infer, strings.TrimSuffix(request("[1,1,16,16]", "FP32", one), "}") + `,"outputs":[{"name":"y"}]}`, 400, `has no output \"y\"`, nil},
		{"output parameter", "POST", infer, strings.TrimSuffix(request("[1,1,16,16]", "FP32", one), "}") + `,"outputs":[{"name":"logits","parameters":{"classification":2}}]}`, 400, `parameter \"classification\" is not supported`, nil},
		{"parameter", "POST", infer, strings.TrimSuffix(request("[1,1,16,16]", "FP32", one), "}") + `,"parameters":{"sequence_id":2}}`, 400, `\"sequence_id\" is not supported`, nil},
		{"header beyond", "POST", infer, "{}", 400, headerOf, []string{headerOf, "99"}},
		{"header no number", "POST", infer, "{}", 400, headerOf, []string{headerOf, "-1"}},
		{"too large", "POST", infer, strings.Repeat(" ", 20001), 413, "at most 20000", nil},
		{"encoding", "POST", infer, "{}", 415, "want gzip or deflate", []string{"Content-Encoding", "br"}},
		{"no gzip", "POST", infer, "{}", 400, "cannot be read", []string{"Content-Encoding", "gzip"}},
		{"gzip bomb", "POST", infer, zipped(strings.Repeat(" ", 1_000_000)), 413, "more than 20000", []string{"Content-Encoding", "gzip"}},
		{"gzip", "POST", infer, zipped(request("[1,1,16,16]", "FP32", one)), 200, "logits", []string{"Content-Encoding", "gzip"}},
		{"photograph", "POST", predict, photo, 200, `"class":"1"`, nil},
		{"one answer", "POST", predict + "?top=1", photo, 200, `"outputs":5`, nil},
		{"top", "POST", predict + "?top=x", photo, 400, "want a number from 1", nil},
		{"explained", "POST", explain + "?class=1", photo, 200, `"at":"relu5"`, nil},
		{"no such class", "POST", explain + "?class=5", photo, 400, "the model has 5", nil},
		{"no photograph", "POST", predict, "hello", 400, "not a JPEG, PNG, GIF, WebP or BMP image", nil},
		{"no bytes", "POST", predict, "", 400, "the photograph", nil},
		{"cut short", "POST", predict, photo[:60], 400, "not enough pixel data", nil},
		{"many bytes", "POST", predict, string(png16(200, 200)), 413, "at most 5000", nil},
		{"many pixels", "POST", predict, big, 413, "200x30 pixels", nil},
		{"no run", "GET", "/api/runs/%2e%2e%2f%2e%2e", "", 404, "there is no run", nil},
		{"no report", "GET", "/runs/x/report.html", "", 404, "there is no run", nil},
		{"foreign name", "GET", "/", "", 403, "--host NAME", []string{"Host", "evil.example"}},
		{"foreign name with port", "POST", infer, "{}", 403, "--host NAME", []string{"Host", "evil.example:8080"}},
		{"foreign address", "GET", "/", "", 403, "--host NAME", []string{"Host", "192.0.2.1"}},
		{"empty name", "GET", "/", "", 403, "--host NAME", []string{"Host", ""}},
		{"localhost", "GET", "/v2", "", 200, "", []string{"Host", "LocalHost:8080"}},
		{"IPv6", "GET", "/v2", "", 200, "", []string{"Host", "[::1]:8080"}},
		{"another page's post", "POST", predict, photo, 403, "another page", []string{"Origin", "http://evil.example"}},
		{"another site's post", "POST", predict, photo, 403, "another page", []string{"Sec-Fetch-Site", "cross-site"}},
		{"the page's own post", "POST", predict, photo, 200, "", []string{"Sec-Fetch-Site", "same-origin"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			w := ask(s, c.method, c.path, c.body, c.headers...)
			body := w.Body.String()
			if w.Code != c.status || !strings.Contains(body, c.says) {
				t.Fatalf("status %d, want %d with %q: %.300s", w.Code, c.status, c.says, body)
			}
			var e struct{ Error string }
			if c.status >= 400 && (json.Unmarshal(w.Body.Bytes(), &e) != nil || e.Error == "" || strings.Contains(e.Error, "\n")) {
				t.Errorf("no error in one line: %.300s", body)
			}
			for _, h := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Cross-Origin-Resource-Policy"} {
				if w.Header().Get(h) == "" {
					t.Errorf("no header %s", h)
				}
			}
		})
	}
}

// png16 is a picture of w x h pixels that hardly compresses.
func png16(w, h int) []byte {
	im := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range im.Pix {
		im.Pix[i] = uint8(i * i % 251)
		if h < 100 {
			im.Pix[i] = 255
		}
	}
	var b bytes.Buffer
	png.Encode(&b, im)
	return b.Bytes()
}

func zipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, s)
	z.Close()
	return b.String()
}

// TestInfer: batches of different sizes give what the model gives of them, in JSON of
// lists, of lists of lists, and in binary.
func TestInfer(t *testing.T) {
	s := server(t, Config{})
	for _, n := range []int{1, 3, 2, 3, 8, 1} {
		x := ramp(n)
		in := onnx.FromFloats([]int{n, 1, 16, 16}, x)
		out, err := check.Infer(s.models[0].Proto, []*onnx.Tensor{in}, 1)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := out[0].Floats()
		shape := fmt.Sprintf("[%d,1,16,16]", n)
		var rows []string
		for i := range n * 16 {
			rows = append(rows, list(x[16*i:16*i+16]))
		}
		var images []string
		for i := range n {
			images = append(images, "[["+strings.Join(rows[16*i:16*i+16], ", ")+"]]")
		}
		for _, data := range []string{list(x), "[ " + strings.Join(images, ",\n") + "]"} {
			w := ask(s, "POST", "/v2/models/digits/infer", strings.Replace(request(shape, "FP32", data), "{", `{"id":"7",`, 1))
			var got struct {
				ID      string
				Outputs []struct {
					Name  string
					Shape []int
					Data  []float32
				}
			}
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 || got.ID != "7" {
				t.Fatalf("%d: %v: %.200s", w.Code, err, w.Body)
			}
			if o := got.Outputs[0]; !slices.Equal(o.Data, want) || !slices.Equal(o.Shape, []int{n, 5}) {
				t.Errorf("batch %d: %v %v, want %v", n, o.Shape, o.Data, want)
			}
		}
		head := fmt.Sprintf(`{"inputs":[{"name":"input","shape":%s,"datatype":"FP32","parameters":{"binary_data_size":%d}}],"outputs":[{"name":"logits","parameters":{"binary_data":true}}]}`, shape, 1024*n)
		w := ask(s, "POST", "/v2/models/digits/infer", head+string(toBinary(in)), headerOf, strconv.Itoa(len(head)))
		at, err := strconv.Atoi(w.Header().Get(headerOf))
		if err != nil || w.Code != 200 {
			t.Fatalf("%d %v: %.200s", w.Code, err, w.Body)
		}
		if got := w.Body.Bytes()[at:]; !bytes.Equal(got, toBinary(out[0])) {
			t.Errorf("batch %d in binary: %x, want %v", n, got, want)
		}
	}
}

// TestTensorForms: tensors of every type survive JSON and binary.
func TestTensorForms(t *testing.T) {
	for kind, name := range datatypes {
		x, err := onnx.NewTensor(kind, 2, 3)
		if err != nil {
			t.Fatal(err)
		}
		switch d := x.Data.(type) {
		case []float32:
			copy(d, []float32{0, 1, -2.5, 1.5e-3, 65504, -0.0999755859375})
		case []float64:
			copy(d, []float64{0, 1, -2.5, math.Pi, 1e300, -1e-300})
		case []bool:
			d[1], d[4] = true, true
		case []string:
			copy(d, []string{"", "a", `"quoted", [1]`, "é\n", "x]", "\\"})
		case []int8:
			copy(d, []int8{0, 1, -1, 127, -128, 7})
		case []int64:
			copy(d, []int64{0, 1, -1, math.MaxInt64, math.MinInt64, 7})
		case []uint8:
			copy(d, []uint8{0, 1, 2, 255, 4, 5})
		case []uint64:
			copy(d, []uint64{0, 1, 2, math.MaxUint64, 4, 5})
		}
		x.Round()
		text, err := toJSON(x)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for form, read := range map[string]func() (*onnx.Tensor, error){
			"JSON":   func() (*onnx.Tensor, error) { return fromJSON(kind, []int{2, 3}, text) },
			"binary": func() (*onnx.Tensor, error) { return fromBinary(kind, []int{2, 3}, toBinary(x)) },
		} {
			y, err := read()
			if err != nil || fmt.Sprint(y.Data) != fmt.Sprint(x.Data) {
				t.Errorf("%s in %s: %v %v, want %v", name, form, y, err, x.Data)
			}
		}
		if b := toBinary(x); kind != onnx.TensorProto_STRING {
			if _, err := fromBinary(kind, []int{2, 3}, b[1:]); err == nil {
				t.Errorf("%s: a byte less is taken", name)
			}
		}
	}
	for _, c := range []struct{ shape, data, says string }{
		{"[2,2]", "[[1,2],[3]]", "not those of shape"},
		{"[2,2]", "[[1,2],3,4]", "not those of shape"},
		{"[2,2]", "[1,[2,3],4]", "not those of shape"},
		{"[2,2]", "[[[1,2],[3,4]]]", "not those of shape"},
		{"[4]", "[[1,2,3,4]]", "not those of shape"},
		{"[2]", `[{"a":1},2]`, "not those of shape"},
		{"[2]", `[1,null]`, "want a number"},
		{"[2]", `"ab"`, "no list"},
	} {
		var shape []int
		json.Unmarshal([]byte(c.shape), &shape)
		if _, err := fromJSON(onnx.TensorProto_FLOAT, shape, json.RawMessage(c.data)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s as %s: %v, want %q", c.data, c.shape, err, c.says)
		}
	}
	for _, v := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
		if _, err := toJSON(onnx.FromFloats([]int{1}, []float32{v})); err == nil || !strings.Contains(err.Error(), "binary_data") {
			t.Errorf("%v: %v", v, err)
		}
	}
}

// TestPredictIsTheClassifier: the page's answer is that of graft predict, and what decided
// is that of Explainer.
func TestPredictIsTheClassifier(t *testing.T) {
	s := server(t, Config{})
	im, err := data.Decode(drawing())
	if err != nil {
		t.Fatal(err)
	}
	k, err := finetune.NewClassifier(s.models[0].Proto, finetune.ClassifierConfig{Batch: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	var want []finetune.Guess
	k.Scores(t.Context(), data.FromImages([]string{"1"}, []*data.Image{im}), func(_ int, _ []float32, p []float64) error {
		want = k.Answers(p, 3)[0].Classes
		return nil
	})
	var got predicted
	w := ask(s, "POST", "/api/models/digits/predict?top=3", string(drawing()))
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Heads[0].Classes, want) || got.Width != 32 || got.Seen != [4]float64{32 * 3. / 22, 32 * 3. / 22, 32 * 16. / 22, 32 * 16. / 22} {
		t.Errorf("%+v, want %v", got, want)
	}
	var x explained
	w = ask(s, "POST", "/api/models/digits/explain", string(drawing()))
	if err := json.Unmarshal(w.Body.Bytes(), &x); err != nil {
		t.Fatal(err)
	}
	if x.Class != want[0].Class || x.Width != 16 || len(x.Map) != 344 { // 256 bytes in base64
		t.Errorf("%+v", x)
	}
}

// TestQueue: one computes at a time, others wait in order, more are turned away, and who
// waits too long or goes is let go.
func TestQueue(t *testing.T) {
	q := newQueue(2, 50*time.Millisecond)
	running, end := make(chan bool), make(chan bool)
	go q.do(context.Background(), func() error { running <- true; <-end; return nil })
	<-running
	gone, cancel := context.WithCancel(context.Background())
	results := make(chan error, 2)
	go func() { results <- q.do(gone, func() error { t.Error("it ran"); return nil }) }()
	go func() { results <- q.do(context.Background(), func() error { t.Error("it ran"); return nil }) }()
	for q.waiting.Load() < 2 {
		time.Sleep(time.Millisecond)
	}
	if err := q.do(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "2 requests wait already") {
		t.Errorf("%v", err)
	}
	cancel()
	if err := <-results; statusOf(err) != 503 {
		t.Errorf("%v", err)
	}
	if err := <-results; statusOf(err) != 503 || !strings.Contains(err.Error(), "waited") {
		t.Errorf("%v", err)
	}
	end <- true
	if err := q.do(context.Background(), func() error { return nil }); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestBodies: all bodies together are bounded by what has come of them.
func TestBodies(t *testing.T) {
	s := server(t, Config{Limits: Limits{Bodies: 100_000}})
	read := func(n int) (func(), error) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", n)))
		b, free, err := s.body(httptest.NewRecorder(), r, 1<<20)
		if err == nil && len(b) != n {
			t.Errorf("%d bytes, want %d", len(b), n)
		}
		return free, err
	}
	free, err := read(60_000)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := read(60_000); statusOf(err) != 503 {
		t.Errorf("%v", err)
	}
	free()
	if free, err = read(60_000); err != nil {
		t.Errorf("afterwards: %v", err)
	} else {
		free()
	}
	if n := s.bodies.Load(); n != 0 {
		t.Errorf("%d bytes are still counted", n)
	}
}

// TestCache: the least recently used go, by number and by size.
func TestCache(t *testing.T) {
	closed := ""
	c := cache{most: 100, count: 3}
	m := &model{}
	get := func(name string, bytes int64) {
		c.get(m, name, bytes, func() (interface{ Close() }, bool, error) {
			return closer(func() { closed += name }), true, nil
		})
	}
	for _, step := range []struct {
		name  string
		bytes int64
		want  string
	}{{"a", 10, ""}, {"b", 10, ""}, {"c", 10, ""}, {"a", 10, ""}, {"d", 10, "b"}, {"e", 85, "bca"}, {"f", 200, "bcade"}} {
		if get(step.name, step.bytes); closed != step.want {
			t.Errorf("after %s: closed %q, want %q", step.name, closed, step.want)
		}
	}
	if c.forget(m); len(c.entries) != 0 {
		t.Error("something is kept")
	}
}

type closer func()

func (c closer) Close() { c() }

// TestKnownShapes: what a program has compiled in does not become another request's.
func TestKnownShapes(t *testing.T) {
	g := &onnx.GraphProto{
		Input:  []*onnx.ValueInfoProto{onnx.TensorInfo("x", onnx.TensorProto_FLOAT, "N"), onnx.TensorInfo("shape", onnx.TensorProto_INT64, 2)},
		Output: []*onnx.ValueInfoProto{onnx.TensorInfo("y", onnx.TensorProto_FLOAT, "A", "B")},
		Node:   []*onnx.NodeProto{onnx.NewNode("Reshape", "", []string{"x", "shape"}, []string{"y"})},
	}
	s := server(t, Config{Models: []Model{{Name: "reshape", Proto: &onnx.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*onnx.OperatorSetIdProto{{Version: proto.Int64(17)}}, Graph: g}}}})
	for _, c := range []struct{ to, want string }{{"[2,3]", `"shape":[2,3]`}, {"[3,2]", `"shape":[3,2]`}, {"[2,3]", `"shape":[2,3]`}, {"[4,2]", "error"}} {
		w := ask(s, "POST", "/v2/models/reshape/infer", `{"inputs":[{"name":"x","shape":[6],"datatype":"FP32","data":[1,2,3,4,5,6]},{"name":"shape","shape":[2],"datatype":"INT64","data":`+c.to+`}]}`)
		if !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d %s, want %s", c.to, w.Code, w.Body, c.want)
		}
	}
}
