package serve_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"graft/cli/serve"
	"graft/models"
)

// A server is an http.Handler over models.
func ExampleNew() {
	m, err := models.Base()
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := serve.New(serve.Config{Models: []serve.Model{{Name: "digits", Proto: m}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := httptest.NewRequest(http.MethodGet, "http://localhost/v2/models/digits", nil)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	b, _ := io.ReadAll(w.Body)
	fmt.Println(w.Code, string(b))
	// Output:
	// 200 {"inputs":[{"name":"input","datatype":"FP32","shape":[-1,1,16,16]}],"name":"digits","outputs":[{"name":"logits","datatype":"FP32","shape":[-1,5]}],"platform":"onnx_onnxv1","versions":["1"]}
}
