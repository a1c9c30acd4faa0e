package onnx

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// graphOf is a model of Identity nodes: "ab" computes b from a; more letters are more
// inputs before the last, the output.
func graphOf(nodes ...string) *ModelProto {
	m := small(2)
	m.Graph.Node = nil
	for _, s := range nodes {
		in := strings.Split(s[:len(s)-1], "")
		m.Graph.Node = append(m.Graph.Node, NewNode("Identity", s, in, []string{s[len(s)-1:]}))
	}
	return m
}

func names(m *ModelProto) (list []string) {
	for _, n := range m.Graph.Node {
		list = append(list, n.GetName())
	}
	return list
}

func TestSort(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"xa ab bc", "xa ab bc"},
		{"xb xa abc", "xb xa abc"}, // in order, and stays so
		{"bc ab xa", "xa ab bc"},
		{"xa bad xb", "xa xb bad"},
		{"cbd ac ab xa", "xa ac ab cbd"},
		{"", ""},
	} {
		m := graphOf(strings.Fields(c.in)...)
		if err := Sort(m); err != nil || !slices.Equal(names(m), strings.Fields(c.want)) {
			t.Errorf("%s: %v, %v, want %s", c.in, names(m), err, c.want)
		}
	}
	for _, in := range []string{"aa", "ba ab", "xa da ab bc cd"} {
		m := graphOf(strings.Fields(in)...)
		if err := Sort(m); err == nil || !strings.Contains(err.Error(), "depends on its own output") || !slices.Equal(names(m), strings.Fields(in)) {
			t.Errorf("%s: %v, %v, want a cycle", in, names(m), err)
		}
	}
}

// TestSortCaptures: a subgraph reads what is computed outside of it.
func TestSortCaptures(t *testing.T) {
	m := graphOf("xa", "xb")
	a := attr("body", AttributeProto_GRAPH)
	a.G = graphOf("bc").Graph
	m.Graph.Node[0].Attribute = []*AttributeProto{a}
	if err := Sort(m); err != nil || !slices.Equal(names(m), []string{"xb", "xa"}) {
		t.Errorf("%v, %v", names(m), err)
	}
}

// TestSortDeep: depth and paths without end cost no more than nodes.
func TestSortDeep(t *testing.T) {
	m := graphOf()
	for i := 100000; i > 0; i-- { // a chain, last first, each reading its predecessor twice
		from, to := label(i-1), label(i)
		m.Graph.Node = append(m.Graph.Node, NewNode("Add", "", []string{from, from}, []string{to}))
	}
	if err := Sort(m); err != nil || m.Graph.Node[0].Output[0] != label(1) || m.Graph.Node[99999].Output[0] != label(100000) {
		t.Errorf("%v", err)
	}
}

func label(i int) string { return "t" + strconv.Itoa(i) }
