package graft_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"graft/graph/ops"
	"graft/onnx"
)

var update = flag.Bool("update", false, "write anew what the pages take from the code")

// operators is the table of docs/operators.md, from the operators' own and the manifest of ONNX's
// node tests.
func operators(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| operator | since opset | types | fast | learns through | ONNX's cases |\n|---|---|---|---|---|---|\n")
	pass, all := nodeCases(t)
	for _, name := range ops.Names() {
		op := ops.Table[name]
		f, err := form(name)
		if err != nil {
			t.Fatal(err)
		}
		_, fast := f.(ops.Lowerer)
		cases := ""
		if all[name] > 0 {
			cases = fmt.Sprintf("%d of %d", pass[name], all[name])
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %s |\n", name, op.Since, types(name), yes(fast), yes(op.Differentiable), cases)
	}
	return b.String()
}

func yes(v bool) string {
	if v {
		return "yes"
	}
	return ""
}

// nodeCases counts the cases of the manifest by operator.
func nodeCases(t *testing.T) (pass, all map[string]int) {
	pass, all = map[string]int{}, map[string]int{}
	op := ""
	for line := range strings.Lines(page(t, "graph/testdata/onnx_node_tests.txt")) {
		switch line = strings.TrimSpace(line); {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			op = strings.Trim(line, "[]")
		default:
			if all[op]++; !strings.Contains(line, ": ") {
				pass[op]++
			}
		}
	}
	return pass, all
}

// needed are attributes without which a node of these operators has no form.
var needed = map[string][]*onnx.AttributeProto{
	"AveragePool": {onnx.IntsAttr("kernel_shape", 2, 2)}, "Cast": {onnx.IntAttr("to", 1)}, "Concat": {onnx.IntAttr("axis", 0)},
	"Constant": {onnx.TensorAttr("value", onnx.FromInts(nil, []int64{1}))}, "DepthToSpace": {onnx.IntAttr("blocksize", 1)},
	"Einsum": {onnx.StringAttr("equation", "ij,ij->i")}, "GroupNormalization": {onnx.IntAttr("num_groups", 1)}, "LRN": {onnx.IntAttr("size", 3)},
	"LpPool": {onnx.IntsAttr("kernel_shape", 2, 2)}, "MaxPool": {onnx.IntsAttr("kernel_shape", 2, 2)}, "SpaceToDepth": {onnx.IntAttr("blocksize", 1)},
	"Split": {onnx.IntAttr("num_outputs", 1)}, "MeanVarianceNormalization": {onnx.IntsAttr("axes", 0)},
}

// form is the form of a node of the newest opset that has it.
func form(name string) (ops.Form, error) {
	opset := 24
	if name == "Upsample" {
		opset = 9
	}
	return ops.Read(onnx.NewNode(name, "", nil, []string{"y"}, needed[name]...), opset)
}

// types lists those that the shape rule takes for the first operand, whatever the others are.
func types(name string) string {
	groups := []struct {
		name string
		of   []onnx.TensorProto_DataType
	}{
		{"float", []onnx.TensorProto_DataType{onnx.TensorProto_FLOAT, onnx.TensorProto_DOUBLE, onnx.TensorProto_FLOAT16, onnx.TensorProto_BFLOAT16}},
		{"integer", []onnx.TensorProto_DataType{onnx.TensorProto_INT8, onnx.TensorProto_INT16, onnx.TensorProto_INT32, onnx.TensorProto_INT64,
			onnx.TensorProto_UINT8, onnx.TensorProto_UINT16, onnx.TensorProto_UINT32, onnx.TensorProto_UINT64}},
		{"bool", []onnx.TensorProto_DataType{onnx.TensorProto_BOOL}},
		{"string", []onnx.TensorProto_DataType{onnx.TensorProto_STRING}},
		{"below 8 bits", []onnx.TensorProto_DataType{onnx.TensorProto_INT4, onnx.TensorProto_UINT4, onnx.TensorProto_INT2, onnx.TensorProto_UINT2}},
	}
	var list []string
	for _, g := range groups {
		var some []string
		for _, t := range g.of {
			if takes(name, t) {
				some = append(some, strings.NewReplacer("double", "float64", "bfloat16", "bfloat16", "float16", "float16", "float", "float32").Replace(strings.ToLower(t.String())))
			}
		}
		if len(some) == len(g.of) {
			some = []string{g.name}
		}
		list = append(list, some...)
	}
	return strings.Join(list, ", ")
}

// takes tries operands of many shapes, of type t and of others.
func takes(name string, t onnx.TensorProto_DataType) bool {
	known := func(shape []int, v ...int64) *ops.Value {
		return &ops.Value{Name: "k", Type: onnx.TensorProto_INT64, Shape: shape, Const: onnx.FromInts(shape, v)}
	}
	ratios := onnx.FromFloats([]int{2}, []float32{1, 2})
	number := ones(t)
	for _, shape := range [][]int{{}, {2}, {2, 2}, {1, 2, 2, 2}} {
		x := &ops.Value{Name: "x", Type: t, Shape: shape}
		vector := &ops.Value{Name: "v", Type: t, Shape: []int{2}}
		zero := &ops.Value{Name: "z", Type: t, Shape: []int{}}
		scale := &ops.Value{Name: "s", Type: onnx.TensorProto_FLOAT, Shape: []int{}}
		to := &ops.Value{Name: "t", Type: onnx.TensorProto_UINT8, Shape: []int{}}
		weights := &ops.Value{Name: "w", Type: t, Shape: []int{2, 2, 1, 1}}
		row := &ops.Value{Name: "u", Type: t, Shape: append([]int{1}, shape[min(1, len(shape)):]...)}
		index := &ops.Value{Name: "i", Type: onnx.TensorProto_INT64, Shape: shape}
		holds := &ops.Value{Name: "c", Type: onnx.TensorProto_BOOL, Shape: shape}
		for _, in := range [][]*ops.Value{{}, {x}, {x, x}, {x, vector}, {x, vector, vector}, {x, vector, vector, vector, vector}, {holds, x, x}, {x, index}, {x, index, x},
			{x, known([]int{1}, 0)}, {x, known([]int{2}, 1, 1)}, {x, known([]int{4}, 0, 0, 0, 0)}, {x, known([]int{1}, 0), known([]int{1}, 1), known([]int{1}, 0)},
			{x, known([]int{2}, 1, 1), known([]int{2}, 1, 1), known([]int{2}, 0, 1)}, {x, scale}, {x, scale, to}, {x, scale, zero, x, scale, zero, scale, zero},
			{x, nil, {Name: "r", Type: onnx.TensorProto_FLOAT, Shape: []int{2}, Const: ratios}}, {x, {Name: "r", Type: onnx.TensorProto_FLOAT, Shape: []int{2}, Const: ratios}},
			{index, known([]int{}, 2), vector}, {known([]int{2}, 1, 1)}, {x, weights}, {x, known([]int{1, 1}, 0), row}, {number}, {number, number, number}} {
			if accepts(name, t, in) {
				return true
			}
		}
	}
	return false
}

// ones is a constant 1 of type t, nil of one that has no numbers.
func ones(t onnx.TensorProto_DataType) *ops.Value {
	cast, err := ops.Read(onnx.NewNode("Cast", "", nil, []string{"y"}, onnx.IntAttr("to", int64(t))), 24)
	if err != nil {
		return nil
	}
	x := &ops.Value{Type: onnx.TensorProto_INT64, Shape: []int{}}
	if _, err := cast.Infer([]*ops.Value{x}); err != nil {
		return nil
	}
	y, err := cast.Eval([]*onnx.Tensor{onnx.FromInts([]int{}, []int64{1})})
	if err != nil {
		return nil
	}
	return &ops.Value{Name: "n", Type: t, Shape: []int{}, Const: y[0]}
}

// accepts says whether the shape rule takes the operands, one of which must be of type t.
func accepts(name string, t onnx.TensorProto_DataType, in []*ops.Value) (ok bool) {
	defer func() {
		if recover() != nil { // the plan answers so too
			ok = false
		}
	}()
	f, err := form(name)
	if err != nil || len(in) > 0 && !slices.ContainsFunc(in, func(v *ops.Value) bool { return v != nil && v.Type == t }) {
		return false
	}
	_, err = f.Infer(in)
	return err == nil
}

// TestOperatorsPage: docs/operators.md lists the table's operators, no more and no less.
func TestOperatorsPage(t *testing.T) {
	text := page(t, "docs/operators.md")
	list := regexp.MustCompile(`(?s)(<!-- operators.*? -->\n).*?(<!-- end -->)`)
	want := list.ReplaceAllString(text, "${1}"+operators(t)+"${2}")
	if !list.MatchString(text) {
		t.Fatal("docs/operators.md has no place for the operators")
	}
	if *update {
		if err := os.WriteFile("docs/operators.md", []byte(want), 0o666); err != nil {
			t.Fatal(err)
		}
	} else if text != want {
		t.Error("the operators of docs/operators.md are not those of the table; go test . -run OperatorsPage -update")
	}
}
