package ops_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"graft/graph/ops"
	"graft/onnx"
)

func read(op string, opset int, in []*ops.Value, attrs ...*onnx.AttributeProto) ([]*ops.Value, error) {
	n := onnx.NewNode(op, "n", make([]string, len(in)), []string{"y"}, attrs...)
	f, err := ops.Read(n, opset)
	if err != nil {
		return nil, err
	}
	return f.Infer(in)
}

func float(shape ...int) *ops.Value {
	return &ops.Value{Name: "x", Type: onnx.TensorProto_FLOAT, Shape: shape}
}

func typed(t onnx.TensorProto_DataType, shape ...int) *ops.Value {
	return &ops.Value{Name: "x", Type: t, Shape: shape}
}

func constant(v ...int64) *ops.Value {
	t := onnx.FromInts([]int{len(v)}, v)
	return &ops.Value{Name: "k", Type: t.Type, Shape: t.Shape, Const: t}
}

// An attribute that a row does not know is refused by name, whatever the operator.
func TestEveryRowRefusesUnknownAttributes(t *testing.T) {
	for _, name := range ops.Names() {
		attrs := []*onnx.AttributeProto{onnx.IntAttr("polarity", 1)}
		switch name { // attributes without which a row reports that first
		case "Concat":
			attrs = append(attrs, onnx.IntAttr("axis", 0))
		case "Constant":
			attrs = append(attrs, onnx.TensorAttr("value", onnx.FromInts(nil, []int64{1})))
		}
		_, err := ops.Read(onnx.NewNode(name, "n", nil, []string{"y"}, attrs...), 25)
		if err == nil || !strings.Contains(err.Error(), `"polarity"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// No row panics on operands of any number, rank or type, and what it accepts has a
// shape of its own.
func TestEveryRowSurvivesAnyOperands(t *testing.T) {
	operands := []*ops.Value{nil, float(), float(0), float(3), float(2, 3), float(2, 0), float(2, 3, 4), float(1, 2, 5, 5), float(1, 2, 3, 4, 5),
		typed(onnx.TensorProto_INT64, 2), typed(onnx.TensorProto_BOOL, 2, 3), typed(onnx.TensorProto_STRING, 1), typed(onnx.TensorProto_DOUBLE, 2, 3),
		constant(), constant(0), constant(-1), constant(1, 2), constant(1<<62, -1<<63), constant(-5, 5, 0, 1)}
	refused := 0
	for _, name := range ops.Names() {
		for _, opset := range []int{6, 7, 11, 18, 20} {
			for _, a := range operands {
				for _, b := range operands {
					for _, in := range [][]*ops.Value{{}, {a}, {a, b}, {a, b, b}, {a, nil, b}, {a, b, b, a, a}} {
						if infer(t, name, opset, in) != nil {
							refused++
						}
					}
				}
			}
		}
	}
	if refused == 0 {
		t.Error("nothing is refused")
	}
}

func infer(t *testing.T, name string, opset int, in []*ops.Value) (err error) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			var s []string
			for _, v := range in {
				if v == nil {
					s = append(s, "absent")
				} else {
					s = append(s, fmt.Sprint(v.Type, v.Shape))
				}
			}
			t.Errorf("%s, opset %d, on %s: panic %v", name, opset, strings.Join(s, ", "), r)
		}
	}()
	var attrs []*onnx.AttributeProto
	if name == "Concat" {
		attrs = append(attrs, onnx.IntAttr("axis", 0))
	}
	if name == "MaxPool" || name == "AveragePool" {
		attrs = append(attrs, onnx.IntsAttr("kernel_shape", 2, 2))
	}
	out, err := read(name, opset, in, attrs...)
	if err == nil && (len(out) == 0 || slices.Contains(out, nil)) {
		t.Errorf("%s: no outputs", name)
	}
	return err
}

func TestRowsRefuse(t *testing.T) {
	ints := func(name string, v ...int64) *onnx.AttributeProto { return onnx.IntsAttr(name, v...) }
	image := float(1, 2, 5, 5)
	for _, w := range []struct {
		op    string
		opset int
		in    []*ops.Value
		attrs []*onnx.AttributeProto
		want  string
	}{
		{"Conv", 5, []*ops.Value{image, float(3, 2, 3, 3)}, nil, "Conv of opset 5 is not supported"},
		{"Conv", 11, []*ops.Value{image, float(3, 1, 3, 3)}, nil, "weights of shape [3 1 3 3] do not fit"},
		{"Conv", 11, []*ops.Value{image, float(3, 2, 6, 3)}, nil, "spatial dimension 0: a window of 6 does not fit 5"},
		{"Conv", 11, []*ops.Value{image, float(3, 2, 3, 3), float(2)}, nil, "bias of shape [2], want [3]"},
		{"Conv", 11, []*ops.Value{image, float(3, 2, 3, 3)}, []*onnx.AttributeProto{ints("pads", 1, 1)}, "pads [1 1]: want 4 numbers"},
		{"Conv", 11, []*ops.Value{image, float(3, 2, 3, 3)}, []*onnx.AttributeProto{ints("pads", -1, 0, 0, 0)}, "pads [-1 0 0 0]"},
		{"Conv", 11, []*ops.Value{image, float(3, 2, 3, 3)}, []*onnx.AttributeProto{ints("strides", 0, 1)}, "strides [0 1]"},
		{"Conv", 11, []*ops.Value{image, float(3, 2, 3, 3)}, []*onnx.AttributeProto{ints("dilations", 1<<40, 1)}, "dilations"},
		{"Conv", 11, []*ops.Value{image, float(3, 2, 3, 3)}, []*onnx.AttributeProto{ints("kernel_shape", 2, 3)}, "kernel_shape [2 3], but weights"},
		{"Conv", 11, []*ops.Value{image, float(3, 2, 3, 3)}, []*onnx.AttributeProto{onnx.IntAttr("group", 0)}, "in 0 groups"},
		{"Conv", 11, []*ops.Value{image, float(3, 2, 3, 3)}, []*onnx.AttributeProto{onnx.StringAttr("auto_pad", "SAME")}, `auto_pad "SAME"`},
		{"Conv", 11, []*ops.Value{image, float(3, 2, 3, 3)}, []*onnx.AttributeProto{onnx.FloatAttr("group", 1)}, `attribute "group": got FLOAT, want INT`},
		{"Conv", 11, []*ops.Value{image, float(3, 2, 3, 3)}, []*onnx.AttributeProto{onnx.IntAttr("group", 1), onnx.IntAttr("group", 1)}, `attribute "group" is given twice`},
		{"Conv", 11, []*ops.Value{image}, nil, "got 1 inputs, want 2 to 3"},
		{"MaxPool", 11, []*ops.Value{image}, nil, "kernel_shape"},
		{"MaxPool", 11, []*ops.Value{typed(onnx.TensorProto_INT32, 1, 1, 4, 4)}, []*onnx.AttributeProto{ints("kernel_shape", 2, 2)}, "INT32"},
		{"Gemm", 11, []*ops.Value{float(2, 3), float(4, 5)}, nil, "do not multiply"},
		{"Gemm", 11, []*ops.Value{float(2, 3), float(3, 5), float(2, 2)}, nil, "does not broadcast"},
		{"Gemm", 11, []*ops.Value{float(2, 3, 1), float(3, 5)}, nil, "want matrices"},
		{"MatMul", 13, []*ops.Value{float(2, 3), float()}, nil, "want matrices"},
		{"MatMul", 13, []*ops.Value{float(2, 2, 3), float(3, 3, 4)}, nil, "do not multiply"},
		{"Add", 13, []*ops.Value{float(2, 3), float(2)}, nil, "do not broadcast"},
		{"Add", 13, []*ops.Value{float(2), typed(onnx.TensorProto_DOUBLE, 2)}, nil, "want one type"},
		{"Add", 13, []*ops.Value{typed(onnx.TensorProto_BOOL, 2), typed(onnx.TensorProto_BOOL, 2)}, nil, "want numbers"},
		{"Reshape", 13, []*ops.Value{float(2, 3), constant(4, -1)}, nil, "do not fit"},
		{"Reshape", 13, []*ops.Value{float(2, 3), constant(-1, -1)}, nil, "shape [-1 -1]"},
		{"Reshape", 13, []*ops.Value{float(2, 3), constant(1<<62, 1<<62)}, nil, ""},
		{"Reshape", 13, []*ops.Value{float(2, 3), constant(2, 3, 0)}, nil, "copies dimension 2"},
		{"Reshape", 13, []*ops.Value{float(2, 3), typed(onnx.TensorProto_INT64, 2)}, nil, "only a constant is supported"},
		{"Squeeze", 13, []*ops.Value{float(2, 1), constant(0)}, nil, "axis 0 of shape [2 1] is not 1"},
		{"Unsqueeze", 13, []*ops.Value{float(2), constant(0, 0)}, nil, "axis 0 is given twice"},
		{"Transpose", 13, []*ops.Value{float(2, 3)}, []*onnx.AttributeProto{ints("perm", 0, 0)}, "perm [0 0]"},
		{"Transpose", 13, []*ops.Value{float(2, 3)}, []*onnx.AttributeProto{ints("perm", 0, -1)}, "perm [0 -1]"},
		{"Slice", 13, []*ops.Value{float(4), constant(0), constant(2), constant(0), constant(0)}, nil, "step 0"},
		{"Slice", 7, []*ops.Value{float(4)}, nil, `"starts" and "ends" are missing`},
		{"Unsqueeze", 11, []*ops.Value{float(4), constant(0)}, nil, "got 2 inputs, want 1 to 1"},
		{"Clip", 7, []*ops.Value{float(4), float()}, nil, "got 2 inputs, want 1 to 1"},
		{"Slice", 13, []*ops.Value{float(4), constant(0, 0), constant(2), constant(0)}, nil, "2 starts, 1 ends"},
		{"Slice", 13, []*ops.Value{float(4)}, nil, "got 1 inputs, want 3 to 5"},
		{"Concat", 13, []*ops.Value{float(2, 3), float(3, 3)}, []*onnx.AttributeProto{onnx.IntAttr("axis", 1)}, "do not join"},
		{"Concat", 13, []*ops.Value{float(2, 3)}, nil, `attribute "axis" is missing`},
		{"Pad", 13, []*ops.Value{float(2), constant(-2, -1)}, nil, "pads -2 and -1"},
		{"Pad", 13, []*ops.Value{float(2), constant(2, 0)}, []*onnx.AttributeProto{onnx.StringAttr("mode", "reflect")}, "by mode reflect"},
		{"Pad", 13, []*ops.Value{float(2), constant(1, 1)}, []*onnx.AttributeProto{onnx.StringAttr("mode", "wrap")}, "needs opset 19"},
		{"Pad", 18, []*ops.Value{float(2, 2), constant(1, 1, 1, 1), nil, constant(0, 0)}, nil, "axis 0 is given twice"},
		{"Softmax", 13, []*ops.Value{float(2)}, []*onnx.AttributeProto{onnx.IntAttr("axis", 1)}, "axis 1 of a tensor with 1"},
		{"BatchNormalization", 15, []*ops.Value{image, float(2), float(2), float(2), float(3)}, nil, "variance is FLOAT of shape [3], want 2 floats"},
		{"BatchNormalization", 6, []*ops.Value{image, float(2), float(2), float(2), float(2)}, nil, "export the model for inference"},
		{"ConvTranspose", 11, []*ops.Value{image, float(3, 2, 3, 3)}, nil, "weights of shape [3 2 3 3] do not fit"},
		{"ConvTranspose", 11, []*ops.Value{image, float(2, 2, 1, 1)}, []*onnx.AttributeProto{ints("pads", 2, 2, 3, 3)}, "pads 2 and 3 leave 0 of 5"},
		{"ConvTranspose", 11, []*ops.Value{image, float(2, 2, 3, 3)}, []*onnx.AttributeProto{ints("output_shape", 9)}, "output_shape [9] for 2 spatial dimensions"},
		{"Resize", 13, []*ops.Value{image}, nil, "want either scales or sizes"},
		{"Resize", 13, []*ops.Value{image, nil, nil, constant(1, 2, 0, 5)}, nil, "axis 2 of 5 is scaled by 0 to 0"},
		{"Resize", 13, []*ops.Value{image, nil, nil, constant(5, 5)}, nil, "2 scales or sizes for 4 axes"},
		{"Resize", 13, []*ops.Value{image, nil, float(4)}, nil, "scales \"x\" is computed from the data"},
		{"Resize", 18, []*ops.Value{image}, []*onnx.AttributeProto{onnx.StringAttr("mode", "area")}, "mode \"area\" is not one of"},
		{"Einsum", 12, []*ops.Value{float(2, 3), float(2, 4)}, []*onnx.AttributeProto{onnx.StringAttr("equation", "ij,jk->ik")}, "dimension 0 is 3 elsewhere"},
		{"Einsum", 12, []*ops.Value{float(2, 3)}, []*onnx.AttributeProto{onnx.StringAttr("equation", "ij->ik")}, "the output names 'k', no operand does"},
		{"Einsum", 12, []*ops.Value{float(2, 3)}, []*onnx.AttributeProto{onnx.StringAttr("equation", "i+j")}, "'+' is no index"},
		{"Einsum", 12, []*ops.Value{float(2, 3), float(2)}, []*onnx.AttributeProto{onnx.StringAttr("equation", "ij->i")}, "got 2 inputs, want 1 to 1"},
		{"QuantizeLinear", 13, []*ops.Value{float(2, 3), float(2)}, nil, "scale of shape [2] along axis 1 of shape [2 3]"},
		{"DequantizeLinear", 13, []*ops.Value{typed(onnx.TensorProto_UINT8, 2, 3), float(3), typed(onnx.TensorProto_INT8, 3)}, nil, "zero point of type INT8"},
		{"LpNormalization", 13, []*ops.Value{float(2, 3)}, []*onnx.AttributeProto{onnx.IntAttr("p", 3)}, "p is 3, want 1 or 2"},
		{"LpPool", 13, []*ops.Value{float(2, 3)}, nil, "want [N,C,…] with spatial dimensions"},
		{"QLinearConv", 13, []*ops.Value{image, float(), float(), float(3, 2, 3, 3), float(), float(), float(), float()}, nil, "operand of type FLOAT, want INT8 or UINT8"},
		{"BatchNormalization", 7, []*ops.Value{image, float(2), float(2), float(2), float(2)}, []*onnx.AttributeProto{onnx.IntAttr("spatial", 0)}, "spatial=0"},
		{"Dropout", 7, []*ops.Value{image}, []*onnx.AttributeProto{onnx.FloatAttr("ratio", 1)}, "ratio 1"},
		{"Cast", 13, []*ops.Value{image}, nil, "UNDEFINED"},
		{"ConstantOfShape", 13, []*ops.Value{constant(1<<40, 1<<40)}, nil, "elements"},
		{"Gather", 13, []*ops.Value{float(3), float(1)}, nil, "want INT32 or INT64"},
		{"NonMaxSuppression", 13, []*ops.Value{image}, nil, `operator "NonMaxSuppression" is not supported`},
	} {
		if out, err := read(w.op, w.opset, w.in, w.attrs...); err == nil || !strings.Contains(err.Error(), w.want) {
			t.Errorf("%s %v: %v, %v, want an error with %q", w.op, w.attrs, out, err, w.want)
		}
	}
	n := onnx.NewNode("Conv", "n", nil, nil)
	n.Domain = new("com.microsoft")
	if _, err := ops.Read(n, 13); err == nil || !strings.Contains(err.Error(), `domain "com.microsoft"`) {
		t.Errorf("another domain: %v", err)
	}
}
