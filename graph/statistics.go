package graph

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"graft/onnx"
)

// SeparateStatistics gives running statistics a tensor of their own where they share
// one with what learns, or follow the batch and share one with any other reader.
// Exporters merge equal tensors, so that in a new network all means are one tensor
// of zeros, which is the biases too; in training they part. The model computes the
// same as before; one that needs nothing is returned as it is.
func SeparateStatistics(m *onnx.ModelProto, l Learning) (*onnx.ModelProto, error) {
	m, err := inlined(m)
	if err != nil {
		return nil, err
	}
	origin := newOrigins(m)
	readers := map[string]int{}
	for _, n := range m.GetGraph().GetNode() {
		if slices.Contains(renames, n.GetOpType()) {
			continue
		}
		for _, in := range n.GetInput() {
			if name, ok := origin.of(in); ok {
				readers[name]++
			}
		}
	}
	var b *grafting
	for i, n := range m.GetGraph().GetNode() {
		if n.GetOpType() != "BatchNormalization" || len(n.GetInput()) != 5 || len(n.GetOutput()) == 0 {
			continue
		}
		follows := slices.Contains(l.BatchStatistics, n.GetOutput()[0])
		for slot := 3; slot < 5; slot++ {
			name, ok := origin.of(n.GetInput()[slot])
			if !ok || !slices.Contains(l.Params, name) && !(follows && readers[name] > 1) {
				continue
			}
			readers[name]--
			t, err := constantFloats(m, name)
			if err != nil {
				return nil, nodeError(i, n, err)
			}
			if b == nil {
				b = newGrafting(shallow(m), "statistics")
			}
			c := proto.Clone(b.m.Graph.Node[i]).(*onnx.NodeProto)
			c.Input[slot] = b.tensor(fmt.Sprintf("%s%d", [...]string{"mean", "variance"}[slot-3], i), t)
			b.m.Graph.Node[i] = c
		}
	}
	if b == nil {
		return m, nil
	}
	return b.m, nil
}
