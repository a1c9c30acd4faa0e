package check_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"graft/graph/check"
	"graft/models"
	"graft/onnx"
)

func TestDiff(t *testing.T) {
	a, err := models.Base()
	if err != nil {
		t.Fatal(err)
	}
	if d, err := check.Diff(a, proto.Clone(a).(*onnx.ModelProto)); err != nil || len(d) != 0 {
		t.Errorf("a copy: %v, %v", d, err)
	}
	g := a.Graph
	last := g.Node[len(g.Node)-1]
	for _, c := range []struct {
		change func(m *onnx.ModelProto)
		want   string // "kind name what"
	}{
		{func(m *onnx.ModelProto) { m.IrVersion = proto.Int64(9) }, "model ir_version 7 -> 9"},
		{func(m *onnx.ModelProto) { m.OpsetImport[0].Version = proto.Int64(14) }, "model opset_import default 13 -> 14"},
		{func(m *onnx.ModelProto) { onnx.SetMetadata(m, "k", "v") }, "metadata k added"},
		{func(m *onnx.ModelProto) { m.MetadataProps = nil }, "metadata graft.labels removed"},
		{func(m *onnx.ModelProto) { onnx.SetMetadata(m, "graft.labels", "[]") }, `metadata graft.labels ["0","1","2","3","4"] -> []`},
		{func(m *onnx.ModelProto) {
			m.Graph.Input[0] = onnx.TensorInfo("input", onnx.TensorProto_FLOAT, 1, 1, 16, 16)
		}, "input input float[N,1,16,16] -> float[1,1,16,16]"},
		{func(m *onnx.ModelProto) { m.Graph.Output = m.Graph.Output[:0] }, "output logits removed"},
		{func(m *onnx.ModelProto) { m.Graph.Node = m.Graph.Node[:len(m.Graph.Node)-1] }, "node logits removed: Gemm"},
		{func(m *onnx.ModelProto) {
			m.Graph.Node = append(m.Graph.Node, onnx.NewNode("Relu", "", []string{"logits"}, []string{"r"}))
		}, "node r added: Relu"},
		{func(m *onnx.ModelProto) { m.Graph.Node[len(m.Graph.Node)-1].OpType = proto.String("MatMul") }, "node logits Gemm -> MatMul"},
		{func(m *onnx.ModelProto) { m.Graph.Node[len(m.Graph.Node)-1].Attribute = nil }, "node logits attribute transB removed"},
		{func(m *onnx.ModelProto) {
			n := m.Graph.Node[len(m.Graph.Node)-1]
			n.Attribute = append(n.Attribute, onnx.FloatAttr("beta", 2))
		}, "node logits attribute beta added"},
		{func(m *onnx.ModelProto) { m.Graph.Node[len(m.Graph.Node)-1].Input[2] = "" }, "node logits inputs "},
		{func(m *onnx.ModelProto) { m.Graph.Initializer = m.Graph.Initializer[1:] }, "tensor " + g.Initializer[0].GetName() + " removed: float["},
		{func(m *onnx.ModelProto) {
			w := m.Graph.Initializer[0]
			v, _ := onnx.TensorOf(w)
			f, _ := v.Floats()
			f[1] += 0.5
			onnx.SetData(w, v)
		}, "tensor " + g.Initializer[0].GetName() + " 1 of 144 elements, at most 0.5, first at [0 0 0 1]: "},
	} {
		b := proto.Clone(a).(*onnx.ModelProto)
		c.change(b)
		d, err := check.Diff(a, b)
		var lines []string
		for _, x := range d {
			lines = append(lines, x.Kind+" "+x.Name+" "+x.What)
		}
		if err != nil || len(d) == 0 || !strings.HasPrefix(strings.Join(lines, "\n"), c.want) {
			t.Errorf("got %q, %v, want %s", lines, err, c.want)
		}
	}
	if last.GetOpType() != "Gemm" || last.GetOutput()[0] != "logits" {
		t.Errorf("the base ends in %v", last)
	}
}
