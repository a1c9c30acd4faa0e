package graph

import (
	"encoding/json"

	"graft/onnx"
)

// InitKey is the metadata key of how a network's tensors begin: a JSON object by their
// names, each {"deviation": d}, normal with mean 0, or {"value": v}.
const InitKey = "graft.init"

// initial is how one tensor begins.
type initial struct {
	Deviation float64 `json:"deviation"`
	Value     float64 `json:"value"`
}

// initials reads InitKey; a model without it leaves all to Redraw.
func initials(m *onnx.ModelProto) (map[string]initial, error) {
	text, ok := onnx.Metadata(m, InitKey)
	if !ok {
		return nil, nil
	}
	var all map[string]initial
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return nil, failf("", "metadata %s: %w", InitKey, err)
	}
	for name, i := range all {
		if i.Deviation < 0 || i.Deviation > 0 && i.Value != 0 {
			return nil, failf("", "metadata %s: tensor %s: a deviation of %g and a value of %g, want one of them", InitKey, quote(name), i.Deviation, i.Value)
		}
	}
	return all, nil
}
