package graph_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"graft/onnx"
)

// Random networks whose values have any number of readers, through kernels, aliases
// and others: their gradients are summed right, and no value is overwritten early.
func TestGradientOfRandomNetworks(t *testing.T) {
	one, two := []string{"Tanh", "Sigmoid", "Identity", "Transpose", "Softmax", "Relu", "Flatten"}, []string{"Add", "Sub", "Mul", "MatMul", "Gemm"}
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 0))
		operands := map[string]any{"a": floats{3, 3}, "b": floats{3, 3}, "s": ints(3, 3)}
		names := []string{"a", "b"}
		var nodes []*onnx.NodeProto
		last := 4 + r.IntN(9)
		for i := range last + 1 {
			out := fmt.Sprintf("n%d", i)
			if i == last {
				out = "y"
			}
			in := names[r.IntN(len(names))]
			if i > 0 { // the newest value is read, so that all of the network counts
				in = names[len(names)-1]
			}
			switch k := r.IntN(10); {
			case k < 4:
				nodes = append(nodes, node(one[r.IntN(len(one))], in, out))
			case k < 5:
				nodes = append(nodes, node("Reshape", in+" s", out))
			default:
				nodes = append(nodes, node(two[r.IntN(len(two))], in+" "+names[r.IntN(len(names))], out))
			}
			names = append(names, out)
		}
		c := net("Add", fmt.Sprint("random ", seed), 13, operands, nodes...)
		read := map[string]bool{}
		for _, n := range nodes {
			for _, in := range n.Input {
				read[in] = true
			}
		}
		c.learn = nil
		for _, name := range []string{"a", "b"} {
			if read[name] {
				c.learn = append(c.learn, name)
			}
		}
		t.Run(c.name, func(t *testing.T) { checkGradient(t, c) })
	}
}
