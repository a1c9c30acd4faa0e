package finetune_test

import (
	"testing"

	"graft/finetune"
	"graft/onnx"
)

// What the last training froze is known where it was one of ours.
func TestStoredFrozen(t *testing.T) {
	for _, c := range []struct {
		lineage, tensor string
		ok, fails       bool
	}{
		{"", "", false, false},
		{`[]`, "", false, false},
		{`[{"tool":"graft finetune","frozen":"a"},{"tool":"graft finetune","frozen":"pool3"}]`, "pool3", true, false},
		{`[{"tool":"graft finetune","frozen":""}]`, "", true, false},
		{`[{"tool":"graft finetune","frozen":"pool3"},{"tool":"another"}]`, "", false, false},
		{`{"tool":"graft finetune"}`, "", false, true},
	} {
		m := &onnx.ModelProto{}
		if c.lineage != "" {
			onnx.SetMetadata(m, finetune.LineageKey, c.lineage)
		}
		tensor, ok, err := finetune.StoredFrozen(m)
		if tensor != c.tensor || ok != c.ok || (err != nil) != c.fails {
			t.Errorf("%s: %q, %v, %v", c.lineage, tensor, ok, err)
		}
	}
}
