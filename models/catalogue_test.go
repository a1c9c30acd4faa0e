package models

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"graft/onnx"
)

func TestCatalogue(t *testing.T) {
	list, err := Catalogue()
	if err != nil || len(list) < 20 {
		t.Fatalf("%d entries, %v", len(list), err)
	}
	seen := map[string]bool{}
	for _, e := range list {
		if seen[e.Name] || !regexp.MustCompile(`^[a-z0-9.-]+$`).MatchString(e.Name) || path.Base(e.File) != e.Name+".onnx" {
			t.Errorf("name %s, file %s", e.Name, e.File)
		}
		seen[e.Name] = true
		if b, err := hex.DecodeString(e.SHA256); err != nil || len(b) != 32 || e.Bytes < 1<<20 || e.Licence == "" || e.About == "" || e.Classes != 1000 {
			t.Errorf("%+v", e)
		}
		if found, err := Find(e.Name); err != nil || found.SHA256 != e.SHA256 {
			t.Errorf("%s is not found: %v", e.Name, err)
		}
		m := &onnx.ModelProto{}
		if err := e.describe(m); err != nil {
			t.Error(err)
		}
		if v, _ := onnx.Metadata(m, "graft.input"); v != string(e.Input) {
			t.Errorf("%s: graft.input %s", e.Name, v)
		}
	}
	if _, err := Find("resnet"); err == nil {
		t.Error("half a name was found")
	}
}

// TestCatalogueFacts holds names, sizes and hashes against the zoo's own list.
func TestCatalogueFacts(t *testing.T) {
	b, err := os.ReadFile("../../shared/data/onnx_model_zoo_classification.json")
	if err != nil {
		t.Skip("the zoo's list is not here")
	}
	var zoo []struct {
		File   string
		SHA256 string
		Bytes  int64
	}
	if err := json.Unmarshal(b, &zoo); err != nil {
		t.Fatal(err)
	}
	list, err := Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		found := false
		for _, z := range zoo {
			found = found || z.File == e.File && z.SHA256 == e.SHA256 && z.Bytes == e.Bytes
		}
		if !found || strings.Contains(e.Name, "int8") || strings.Contains(e.Name, "qdq") {
			t.Errorf("%s is not the zoo's", e.Name)
		}
	}
	if !slices.IsSortedFunc(list, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the list is not sorted")
	}
}
