package models

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"graft/onnx"
)

// catalogue.json: the float networks of the ONNX model zoo (github.com/onnx/models)
// whose operators graft can train and whose preprocessing the zoo states. Names, sizes
// and hashes are the zoo's; the accuracies are those its pages give. The zoo's files
// live on at huggingface.co/onnxmodelzoo, one repository a file.
//
//go:embed catalogue.json
var catalogueJSON []byte

// Entry is a known pretrained network.
type Entry struct {
	Name    string          `json:"name"`
	File    string          `json:"file"` // path in the zoo
	Bytes   int64           `json:"bytes"`
	SHA256  string          `json:"sha256"`  // in hexadecimal
	Licence string          `json:"licence"` // SPDX
	About   string          `json:"about"`
	Classes int             `json:"classes"`
	Input   json.RawMessage `json:"input"`          // the preprocessing, as in the metadata graft.input
	Top1    float64         `json:"top1,omitempty"` // on ImageNet, as its publisher says
}

// Catalogue lists the known networks, by name.
func Catalogue() ([]Entry, error) {
	var list []Entry
	if err := json.Unmarshal(catalogueJSON, &list); err != nil {
		return nil, fmt.Errorf("models: catalogue.json: %w", err)
	}
	slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Find returns the network of that name.
func Find(name string) (Entry, error) {
	list, err := Catalogue()
	if err != nil {
		return Entry{}, err
	}
	if i := slices.IndexFunc(list, func(e Entry) bool { return e.Name == name }); i >= 0 {
		return list[i], nil
	}
	return Entry{}, fmt.Errorf("models: the catalogue has no %s", quote(name))
}

// describe writes into a model what the catalogue knows of it: the preprocessing,
// unless it has its own, and where it comes from.
func (e Entry) describe(m *onnx.ModelProto) error {
	if _, own := onnx.Metadata(m, "graft.input"); !own {
		onnx.SetMetadata(m, "graft.input", string(e.Input))
	}
	if _, own := onnx.Metadata(m, "graft.lineage"); own {
		return nil
	}
	lineage, err := json.Marshal([]map[string]string{{"tool": "ONNX model zoo", "file": e.File, "sha256": e.SHA256, "licence": e.Licence}})
	if err != nil {
		return err
	}
	onnx.SetMetadata(m, "graft.lineage", string(lineage))
	return nil
}
