package graph

import (
	"slices"
	"strings"

	"graft/graph/ops"
	"graft/onnx"
)

// Trainable is a tensor of the model that can learn.
type Trainable struct {
	Name  string `json:"name"` // of the initializer, or of the Constant node's output
	Shape []int  `json:"shape"`
	Slot  string `json:"slot"`  // what it is to the operator: weight, bias, scale, operand
	Layer int    `json:"layer"` // layers up to its first use
	Uses  int    `json:"uses"`  // more than 1: shared
	Norm  bool   `json:"-"`     // of a normalisation
	first *step  // that uses it
}

// Trainable lists what can learn: float constants in a weight, bias, scale or slope
// slot, reached through operators that only rename, reshape or pick; and initializers
// of more than one element that Add, Mul or Concat take above the first layer, such as
// layer scales, tables of position biases, class tokens.
func (s *Structure) Trainable() []Trainable {
	origin := newOrigins(s.plan.model)
	var list []Trainable
	at := map[string]int{}
	for _, st := range s.plan.steps {
		slots := slots(st, s.below[st.out[0]])
		for i, v := range st.in {
			slot, ok := slots[i]
			if !ok {
				continue
			}
			name, ok := origin.of(v.Name)
			if !ok {
				continue
			}
			k, seen := at[name]
			if !seen {
				k = len(list)
				at[name] = k
				list = append(list, Trainable{Name: name, Shape: s.plan.values[name].Shape, Slot: slot, Layer: s.below[st.out[0]], Norm: strings.HasSuffix(st.node.GetOpType(), "Normalization"), first: st})
			}
			list[k].Uses++
		}
	}
	return list
}

// slots maps the inputs of a step that can learn to what they are called.
func slots(s *step, below int) map[int]string {
	r := map[int]string{}
	name := s.node.GetOpType()
	for k, i := range ops.Table[name].Learn {
		if i >= len(s.in) || s.in[i] == nil || s.in[i].Const == nil || !ops.IsFloat(s.in[i].Type) {
			continue
		}
		r[i] = "weight"
		if name == "BatchNormalization" {
			r[i] = [...]string{"scale", "bias"}[k]
		} else if i == 2 {
			r[i] = "bias"
		}
	}
	if name == "Add" || name == "Mul" || name == "Concat" {
		for i, v := range s.in {
			if below > 0 && v != nil && v.Const != nil && v.Const.Len() > 1 && ops.IsFloat(v.Type) {
				r[i] = "operand"
			}
		}
	}
	return r
}

// origins traces values to the constants they are made of.
type origins struct {
	made  map[string]*onnx.NodeProto
	init  map[string]bool
	known map[string]string // what of has found: the constant's name, "" where there is none
}

func newOrigins(m *onnx.ModelProto) origins {
	o := origins{made: map[string]*onnx.NodeProto{}, init: map[string]bool{}, known: map[string]string{}}
	for _, t := range m.GetGraph().GetInitializer() {
		o.init[t.GetName()] = true
	}
	for _, n := range m.GetGraph().GetNode() {
		for _, out := range n.GetOutput() {
			o.made[out] = n
		}
	}
	return o
}

// renames are the operators a learnt tensor is followed through.
var renames = []string{"Identity", "Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Cast", "Expand", "Gather"}

// of returns the name of the constant that value name is made of: an initializer,
// or the output of a Constant node.
func (o origins) of(name string) (string, bool) {
	var way []string
	found, seen := o.known[name]
	for at := name; !seen; {
		way = append(way, at)
		n := o.made[at]
		switch {
		case o.init[at] || n != nil && n.GetOpType() == "Constant":
			found, seen = at, true
		case n == nil || !slices.Contains(renames, n.GetOpType()) || len(n.GetInput()) == 0 || len(way) > len(o.made):
			found, seen = "", true
		default:
			at = n.GetInput()[0]
			found, seen = o.known[at]
		}
	}
	for _, w := range way {
		o.known[w] = found
	}
	return found, found != ""
}

// Freezing says what of a model learns.
type Freezing struct {
	// Below fixes everything among the ancestors of this tensor; "" fixes nothing.
	Below string
	// BatchStatistics lets the BatchNormalizations above Below normalise by their
	// batch and follow its statistics; else they keep the stored ones.
	BatchStatistics bool
	// Also names further constants that learn.
	Also []string
}

// Learning is the outcome of a Freezing: what of a model learns, by name.
type Learning struct {
	Params          []string // initializers, or outputs of Constant nodes
	BatchStatistics []string // outputs of BatchNormalizations on batch statistics
}

// Learning decides what learns. A shared tensor is fixed if anything that is fixed
// reads it, be it as running statistics.
func (s *Structure) Learning(f Freezing) (Learning, error) {
	fixed, held, err := s.fixedBelow(f.Below)
	if err != nil {
		return Learning{}, err
	}
	var l Learning
	for _, t := range s.Trainable() {
		if !held[t.Name] {
			l.Params = append(l.Params, t.Name)
		}
	}
	for _, name := range f.Also {
		v := s.plan.values[name]
		if v == nil || v.Const == nil || !ops.IsFloat(v.Type) {
			return Learning{}, failf("graft inspect lists what can learn", "%s is no float constant of the model", quote(name))
		}
		if !slices.Contains(l.Params, name) {
			l.Params = append(l.Params, name)
		}
	}
	for _, st := range s.plan.steps {
		if f.BatchStatistics && st.node.GetOpType() == "BatchNormalization" && !fixed[st.out[0]] {
			l.BatchStatistics = append(l.BatchStatistics, st.out[0].Name)
		}
	}
	return l, nil
}

// fixedBelow returns what a tensor depends on: the values computed on the way and the
// constants they are computed from. "" depends on nothing.
func (s *Structure) fixedBelow(tensor string) (values map[*ops.Value]bool, constants map[string]bool, err error) {
	values, constants = map[*ops.Value]bool{}, map[string]bool{}
	if tensor == "" {
		return values, constants, nil
	}
	v := s.plan.values[tensor]
	if v == nil {
		return nil, nil, failf("", "the model has no tensor %s", quote(tensor))
	}
	origin := newOrigins(s.plan.model)
	for _, st := range s.plan.ancestorsOf(v) {
		for _, o := range st.out {
			values[o] = true
		}
		for _, in := range st.in {
			if in != nil && in.Const != nil {
				if name, ok := origin.of(in.Name); ok {
					constants[name] = true
				}
			}
		}
	}
	return values, constants, nil
}

// StatisticsOf names the running statistics that follow the batches in a training.
func (s *Structure) StatisticsOf(l Learning) []string {
	origin := newOrigins(s.plan.model)
	var names []string
	for _, st := range s.plan.steps {
		if !slices.Contains(l.BatchStatistics, st.out[0].Name) {
			continue
		}
		for _, in := range st.in[3:] {
			if name, ok := origin.of(in.Name); ok {
				names = append(names, name)
			}
		}
	}
	return names
}

// DependsOn says whether a tensor is computed from a constant of the model; "" is
// computed from nothing.
func (s *Structure) DependsOn(tensor, constant string) bool {
	_, constants, err := s.fixedBelow(tensor)
	return err == nil && constants[constant]
}
