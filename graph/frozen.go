package graph

import (
	"slices"

	"graft/graph/ops"
)

// Frontier is the last tensor that every path crosses and that is the same at every
// step of a training: nothing that it depends on learns, follows the batch or
// drops out. "" where there is none. What lies below it need run only once an image.
func (s *Structure) Frontier(l Learning) string {
	changes := map[*ops.Value]bool{}
	for _, name := range l.Params {
		changes[s.plan.values[name]] = true
	}
	origin := newOrigins(s.plan.model)
	frontier := ""
	for _, st := range s.plan.steps {
		moves := st.node.GetOpType() == "Dropout" || slices.Contains(l.BatchStatistics, st.out[0].Name)
		for _, v := range st.in {
			if v == nil {
				continue
			}
			moves = moves || changes[v]
			if v.Const != nil {
				name, ok := origin.of(v.Name)
				moves = moves || ok && slices.Contains(l.Params, name)
			}
		}
		if moves {
			for _, v := range st.out {
				changes[v] = true
			}
		}
	}
	for _, d := range s.dominators {
		if !changes[d] {
			frontier = d.Name
		}
	}
	return frontier
}

// Shape is the shape of a tensor for one image.
func (s *Structure) Shape(tensor string) []int {
	if v := s.plan.values[tensor]; v != nil {
		return v.Shape
	}
	return nil
}

// Classes is the extent of the output's second dimension: what a classifier tells apart.
func (s *Structure) Classes() int {
	if sh := s.plan.outputs[0].Shape; len(sh) >= 2 {
		return sh[1]
	}
	return 0
}

// EndsInSoftmax says whether the output is probabilities rather than logits.
func (s *Structure) EndsInSoftmax() bool {
	st := s.plan.made[s.plan.outputs[0]]
	return st != nil && st.node.GetOpType() == "Softmax"
}

// ReadBy names the operators that read a tensor, in order.
func (s *Structure) ReadBy(tensor string) []string {
	var r []string
	v := s.plan.values[tensor]
	for _, st := range s.plan.steps {
		if slices.Contains(st.in, v) {
			r = append(r, st.node.GetOpType())
		}
	}
	return r
}

// Below says whether tensor a is b or one of the tensors that b depends on.
func (s *Structure) Below(a, b string) bool {
	if a == b {
		return true
	}
	v := s.plan.values[a]
	for _, st := range s.plan.ancestorsOf(s.plan.values[b]) {
		if slices.Contains(st.out, v) {
			return true
		}
	}
	return false
}

// OutputShape is the shape of the output for one image.
func (s *Structure) OutputShape() []int { return s.plan.outputs[0].Shape }

// Output is the name of the output.
func (s *Structure) Output() string { return s.plan.outputs[0].Name }
