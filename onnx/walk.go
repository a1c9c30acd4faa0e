package onnx

import "iter"

// tensors yields every TensorProto of a model: initializers, sparse parts and
// attributes, in the graph, its subgraphs, the functions and the training graphs.
func tensors(m *ModelProto) iter.Seq[*TensorProto] {
	return func(yield func(*TensorProto) bool) {
		w := tensorWalk{yield}
		_ = w.graph(m.GetGraph()) && w.training(m) && w.functions(m)
	}
}

// tensorWalk visits depth first; its methods return false once yield has. The
// recursion is bounded since messages nest at most maxDepth deep.
type tensorWalk struct{ yield func(*TensorProto) bool }

func (w tensorWalk) training(m *ModelProto) bool {
	for _, info := range m.GetTrainingInfo() {
		if !w.graph(info.GetInitialization()) || !w.graph(info.GetAlgorithm()) {
			return false
		}
	}
	return true
}

func (w tensorWalk) functions(m *ModelProto) bool {
	for _, f := range m.GetFunctions() {
		if !w.attributes(f.GetAttributeProto()) || !w.nodes(f.GetNode()) {
			return false
		}
	}
	return true
}

func (w tensorWalk) graph(g *GraphProto) bool {
	for _, t := range g.GetInitializer() {
		if !w.yield(t) {
			return false
		}
	}
	for _, s := range g.GetSparseInitializer() {
		if !w.sparse(s) {
			return false
		}
	}
	return w.nodes(g.GetNode())
}

func (w tensorWalk) nodes(nodes []*NodeProto) bool {
	for _, n := range nodes {
		if !w.attributes(n.GetAttribute()) {
			return false
		}
	}
	return true
}

func (w tensorWalk) attributes(attrs []*AttributeProto) bool {
	for _, a := range attrs {
		if a.T != nil && !w.yield(a.T) || !w.sparse(a.GetSparseTensor()) || !w.graph(a.GetG()) {
			return false
		}
		for _, t := range a.GetTensors() {
			if !w.yield(t) {
				return false
			}
		}
		for _, s := range a.GetSparseTensors() {
			if !w.sparse(s) {
				return false
			}
		}
		for _, g := range a.GetGraphs() {
			if !w.graph(g) {
				return false
			}
		}
	}
	return true
}

func (w tensorWalk) sparse(s *SparseTensorProto) bool {
	return (s.GetValues() == nil || w.yield(s.Values)) && (s.GetIndices() == nil || w.yield(s.Indices))
}
