package graph

import (
	"regexp"
	"slices"
	"strings"

	"graft/graph/ops"
	"graft/onnx"
)

// Untrainable is a float constant that cannot learn, and why.
type Untrainable struct {
	Name   string `json:"name"` // of the initializer, or of the Constant node's output
	Shape  []int  `json:"shape"`
	Reason string `json:"reason"`
}

// Untrainable lists the float constants that the network computes with and that
// Trainable does not list, each with the reason at its first use.
func (s *Structure) Untrainable() []Untrainable {
	origin := newOrigins(s.plan.model)
	seen := map[string]bool{}
	for _, t := range s.Trainable() {
		seen[t.Name] = true
	}
	var list []Untrainable
	for _, st := range s.plan.steps {
		for _, v := range st.in {
			if v == nil || v.Const == nil || !ops.IsFloat(v.Type) {
				continue
			}
			name, ok := origin.of(v.Name)
			if !ok {
				name = v.Name // computed from several constants
			}
			if seen[name] {
				continue
			}
			seen[name] = true
			list = append(list, Untrainable{name, s.plan.values[name].Shape, why(st, v, ok)})
		}
	}
	return list
}

// why says what keeps the constant operand v of a step from learning.
func why(st *step, v *ops.Value, traced bool) string {
	op := st.node.GetOpType()
	switch {
	case !traced:
		return "computed from other constants"
	case op == "BatchNormalization":
		return "running statistics, which follow the batches with --bn batch"
	case !ops.Table[op].Differentiable:
		return op + " has no gradient"
	case op == "Add" || op == "Mul" || op == "Concat":
		if v.Const.Len() == 1 {
			return "a single number, unless --train names it"
		}
		return "below the first layer, unless --train names it"
	}
	return "an operand of " + op + ", unless --train names it"
}

// Obstacle is a node through which nothing learns.
type Obstacle struct {
	Node string `json:"node"`
	Op   string `json:"op"`
	N    int    `json:"n"` // the first cut point above it: freeze there, or cut above; 0 where there is none
}

// Obstacles lists the nodes between what can learn and the output that have no gradient:
// all below the topmost of them must be frozen.
func (s *Structure) Obstacles() []Obstacle {
	origin := newOrigins(s.plan.model)
	can := map[string]bool{}
	for _, t := range s.Trainable() {
		can[t.Name] = true
	}
	learns := map[*ops.Value]bool{}
	var list []Obstacle
	for _, st := range s.plan.steps {
		reads := false
		for _, v := range st.in {
			if v == nil {
				continue
			}
			reads = reads || learns[v]
			if v.Const != nil {
				name, ok := origin.of(v.Name)
				reads = reads || ok && can[name]
			}
		}
		if !reads {
			continue
		}
		if !ops.Table[st.node.GetOpType()].Differentiable {
			list = append(list, Obstacle{st.node.GetName(), st.node.GetOpType(), s.cutAbove(st)})
			continue
		}
		for _, v := range st.out {
			learns[v] = true
		}
	}
	return list
}

// cutAbove is the number of the first cut point that depends on a step, 0 for none.
func (s *Structure) cutAbove(st *step) int {
	reached := false
	for _, o := range s.plan.steps {
		reached = reached || o == st
		if !reached {
			continue
		}
		for _, c := range s.CutPoints {
			if s.plan.values[c.Tensor] == o.out[0] {
				return c.N
			}
		}
	}
	return 0
}

// Quantized names the first node that makes the model a quantized one; "" where it is
// none. Its weights are integers, and rounding has no gradient.
func (s *Structure) Quantized() (node, op string) {
	nodes, _, err := ancestors(s.plan.model.GetGraph(), []string{s.plan.outputs[0].Name})
	if err != nil {
		return "", ""
	}
	for _, i := range nodes {
		if n := s.plan.model.GetGraph().GetNode()[i]; ops.Table[n.GetOpType()].Quantizes {
			return n.GetName(), n.GetOpType()
		}
	}
	return "", ""
}

// BatchNorms counts the BatchNormalizations: those that are nodes, and those that an
// exporter has folded into a convolution, of which it leaves traces in names.
func (s *Structure) BatchNorms() (kept, folded int) {
	for _, st := range s.plan.steps {
		n := st.node
		switch {
		case n.GetOpType() == "BatchNormalization":
			kept++
		case ops.Table[n.GetOpType()].Weights != 0 && foldedInto(n):
			folded++
		}
	}
	return kept, folded
}

// foldedInto looks for what exporters leave behind: TorchScript calls only folded weights
// onnx::Conv_N, or N in older releases, PyTorch's newer exporter names a folded bias after
// the weight, and TensorFlow's names tell the layer.
func foldedInto(n *onnx.NodeProto) bool {
	in := n.GetInput()
	if len(in) == 3 && (in[2] == in[1]+"_bias" || number.MatchString(in[1]) && number.MatchString(in[2])) ||
		len(in) > 1 && strings.HasPrefix(in[1], "onnx::Conv") {
		return true
	}
	return slices.ContainsFunc(append([]string{n.GetName()}, in...), func(s string) bool { return strings.Contains(s, "FusedBatchNorm") })
}

var number = regexp.MustCompile(`^\d+$`)
