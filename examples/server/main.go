// Command server has a model inside and names the class of the picture in a request:
//
//	go run ./examples/server 127.0.0.1:8000
//	curl --data-binary @digit.png http://127.0.0.1:8000/
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"

	"graft/finetune"
	"graft/finetune/data"
	"graft/models"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: server HOST:PORT")
	}
	h, err := newHandler()
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("http://%s/\n", l.Addr())
	log.Fatal(http.Serve(l, h))
}

// handler answers with the three likeliest classes of the picture in the body, as JSON.
type handler struct {
	sync.Mutex // a classifier is used by one goroutine at a time
	classifier *finetune.Classifier
}

func newHandler() (*handler, error) {
	// The network that graft carries, which knows the digits 0 to 4. For one of your own:
	//
	//	//go:embed mine.onnx
	//	var file []byte
	//
	//	m, err := onnx.Unmarshal(file)
	m, err := models.Base()
	if err != nil {
		return nil, err
	}
	c, err := finetune.NewClassifier(m, finetune.ClassifierConfig{Batch: 1})
	return &handler{classifier: c}, err
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 10<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	picture, err := data.Decode(file)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var answers []finetune.Answer
	set := data.FromImages([]string{"picture"}, []*data.Image{picture})
	h.Lock()
	err = h.classifier.Scores(r.Context(), set, func(_ int, _ []float32, p []float64) error {
		answers = h.classifier.Answers(p, 3)
		return nil
	})
	h.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answers[0].Classes)
}
