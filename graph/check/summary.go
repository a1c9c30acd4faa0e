package check

import (
	"cmp"
	"maps"
	"slices"

	"graft/onnx"
)

// OpSummary counts the cases of one operator: those whose models have a node of it.
type OpSummary struct {
	Op          string `json:"operator"`
	Pass        int    `json:"pass"`
	Fail        int    `json:"fail"`
	Unsupported int    `json:"unsupported"`
}

// Summary counts cases by operator, sorted by name. A case counts once for each
// operator of its model.
func Summary(cases []Case) []OpSummary {
	count := map[string]*OpSummary{}
	for _, c := range cases {
		for _, op := range c.Ops {
			s := count[op]
			if s == nil {
				s = &OpSummary{Op: op}
				count[op] = s
			}
			switch c.Status {
			case Pass:
				s.Pass++
			case Fail:
				s.Fail++
			case Unsupported:
				s.Unsupported++
			}
		}
	}
	list := []OpSummary{}
	for _, s := range slices.SortedFunc(maps.Values(count), func(a, b *OpSummary) int { return cmp.Compare(a.Op, b.Op) }) {
		list = append(list, *s)
	}
	return list
}

// operators are the operators of a model's nodes, each once; those of other domains
// with their domain in front.
func operators(m *onnx.ModelProto) []string {
	seen := map[string]bool{}
	for _, n := range m.GetGraph().GetNode() {
		name := n.GetOpType()
		if d := n.GetDomain(); d != "" && d != "ai.onnx" {
			name = d + "." + name
		}
		seen[name] = true
	}
	return slices.Sorted(maps.Keys(seen))
}
