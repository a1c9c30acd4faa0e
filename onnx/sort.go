package onnx

import "fmt"

// Sort puts the nodes of a model's graph into an order that runs: each after those
// whose outputs it reads, its subgraphs included. The standard demands that order of
// files, which not all keep. Nodes that are in order already stay where they are. It
// refuses a graph with a cycle and names a node on it.
func Sort(m *ModelProto) error {
	g := m.GetGraph()
	made := map[string]int{} // what each node computes
	for i, n := range g.GetNode() {
		for _, out := range n.GetOutput() {
			if out != "" {
				made[out] = i
			}
		}
	}
	reads := make([][]int, len(g.GetNode())) // the nodes that each reads from
	inOrder := true
	for i, n := range g.GetNode() {
		for name := range captured(n) {
			if k, ok := made[name]; ok {
				reads[i] = append(reads[i], k)
				inOrder = inOrder && k < i
			}
		}
	}
	if inOrder {
		return nil
	}
	order, stuck := topological(reads)
	if stuck >= 0 {
		n := g.Node[stuck]
		return fmt.Errorf("onnx: node %d %s (%s): depends on its own output", stuck, quote(n.GetName()), cut(n.GetOpType()))
	}
	sorted := make([]*NodeProto, len(order))
	for i, k := range order {
		sorted[i] = g.Node[k]
	}
	g.Node = sorted
	return nil
}

// topological orders 0, 1, … so that each comes after those that it reads, depth first
// from the first on, without recursion. stuck is one on a cycle, -1 where there is none.
func topological(reads [][]int) (order []int, stuck int) {
	const open, done = 1, 2
	state := make([]byte, len(reads))
	next := make([]int, len(reads)) // which of reads to follow
	for i := range reads {
		for stack := []int{i}; len(stack) > 0; {
			k := stack[len(stack)-1]
			if state[k] == done {
				stack = stack[:len(stack)-1]
				continue
			}
			state[k] = open
			if next[k] == len(reads[k]) {
				state[k] = done
				order = append(order, k)
				continue
			}
			below := reads[k][next[k]]
			next[k]++
			switch state[below] {
			case open:
				return nil, below
			case 0:
				stack = append(stack, below)
			}
		}
	}
	return order, -1
}

// captured yields the names that a node reads, and those that its subgraphs do: a
// name that a subgraph defines itself is among them, which only orders more strictly
// where the file gives the name twice.
func captured(n *NodeProto) func(yield func(string) bool) {
	return func(yield func(string) bool) { capture(n, yield) }
}

func capture(n *NodeProto, yield func(string) bool) bool {
	for _, name := range n.GetInput() {
		if name != "" && !yield(name) {
			return false
		}
	}
	for _, a := range n.GetAttribute() {
		for _, g := range append(a.GetGraphs(), a.GetG()) {
			for _, inner := range g.GetNode() { // nests at most maxDepth deep
				if !capture(inner, yield) {
					return false
				}
			}
			for _, out := range g.GetOutput() {
				if !yield(out.GetName()) {
					return false
				}
			}
		}
	}
	return true
}
