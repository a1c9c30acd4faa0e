package graph_test

import (
	"slices"
	"testing"

	"graft/onnx"
)

// shuffleCases join, cut and reorder the channels of what convolutions give.
func shuffleCases() []opCase {
	shuffled := []*onnx.NodeProto{node("Conv", "x w", "a"), node("Conv", "x v", "b"), node("Concat", "a b", "c", "axis", 1),
		node("Reshape", "c s5", "d"), node("Transpose", "d", "e", "perm", list(0, 2, 1, 3, 4)), node("Reshape", "e s4", "f")}
	operands := func(more map[string]any) map[string]any {
		m := map[string]any{"x": floats{2, 2, 2, 3}, "w": floats{5, 2, 1, 1}, "v": floats{5, 2, 1, 1}, "s5": ints(0, 2, 5, 2, 3), "s4": ints(0, -1, 2, 3)}
		for k, v := range more {
			m[k] = v
		}
		return m
	}
	with := func(more ...*onnx.NodeProto) []*onnx.NodeProto { return append(slices.Clone(shuffled), more...) }
	return []opCase{
		net("Transpose", "shuffle of channels", 13, operands(nil), with(node("Tanh", "f", "y"))...),
		net("Split", "shuffled channels", 13, operands(map[string]any{"k": ints(4, 6), "u": floats{3, 6, 1, 1}}),
			with(onnx.NewNode("Split", "split", []string{"f", "k"}, []string{"g", "h"}, attrs("axis", 1)...),
				node("Conv", "h u", "i"), node("Concat", "g i", "y", "axis", 1))...),
		net("Slice", "shuffled channels", 13, operands(map[string]any{"from": ints(8), "to": ints(1), "step": ints(-3), "one": ints(1)}),
			with(node("Slice", "f from to one step", "g"), node("Sigmoid", "g", "h"), node("Mul", "g h", "y"))...),
		net("Reshape", "shuffled channels", 13, operands(map[string]any{"rows": ints(0, 60)}),
			with(node("Reshape", "e rows", "g"), node("ReduceMean", "f", "m"), node("Mul", "g m", "y"))...),
		net("Concat", "channels twice", 13, operands(nil), with(node("Concat", "f a f", "y", "axis", 1))...),
		net("Slice", "all channels", 13, operands(map[string]any{"from": ints(0), "to": ints(9), "one": ints(1)}),
			with(node("Slice", "a from to one", "g"), node("Concat", "g f", "y", "axis", 1))...),
	}
}

// What is done to channels alone is done by one pass for each reader.
func TestShuffles(t *testing.T) {
	moving := []string{"Concat", "Split", "Slice", "Transpose", "Reshape", "Block"}
	for _, c := range shuffleCases()[:3] {
		t.Run(c.name+" by "+c.op, func(t *testing.T) {
			p, values := function(t, c.model, c.learn, false)
			p.Clock(true)
			run(t, p, values)
			count := map[string]int{}
			for _, k := range p.Timings() {
				count[k.Kernel]++
				if slices.Contains(moving, k.Kernel) {
					t.Errorf("%s of %s runs", k.Kernel, k.Step)
				}
			}
			if count["Shuffle"] == 0 {
				t.Errorf("kernels %v", count)
			}
		})
	}
}
