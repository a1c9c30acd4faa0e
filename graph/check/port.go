package check

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"graft/onnx"
)

// A port is a declared input or output: float[N,3,224,224].
type port struct {
	kind onnx.TensorProto_DataType
	dims []string // numbers, names of open dimensions, or "?"
}

func (p port) String() string {
	return strings.ToLower(p.kind.String()) + "[" + strings.Join(p.dims, ",") + "]"
}

func parsePort(s string) (port, error) {
	name, rest, ok := strings.Cut(s, "[")
	dims, ok2 := strings.CutSuffix(rest, "]")
	if !ok || !ok2 {
		return port{}, fmt.Errorf("%s: want a type and dimensions, as in float[N,3,224,224]", quote(s))
	}
	kind, err := typeOf(strings.TrimSpace(name))
	if err != nil {
		return port{}, err
	}
	p := port{kind: kind}
	for d := range strings.SplitSeq(dims, ",") {
		d = strings.TrimSpace(d)
		if d == "" && dims != "" || strings.HasPrefix(d, "-") {
			return port{}, fmt.Errorf("%s: want a number, a name or ? for each dimension", quote(s))
		}
		if d != "" {
			p.dims = append(p.dims, d)
		}
	}
	return p, nil
}

// typeOf reads a type in ONNX's words: float, int64, bfloat16.
func typeOf(s string) (onnx.TensorProto_DataType, error) {
	n, ok := onnx.TensorProto_DataType_value[strings.ToUpper(s)]
	if !ok || n == 0 {
		return 0, fmt.Errorf("type %s: want one of ONNX's, as float, float16, int64 or bool", quote(s))
	}
	return onnx.TensorProto_DataType(n), nil
}

// declared is the port that a model declares.
func declared(v *onnx.ValueInfoProto) port {
	t := v.GetType().GetTensorType()
	p := port{kind: onnx.TensorProto_DataType(t.GetElemType())}
	for _, d := range t.GetShape().GetDim() {
		switch x := d.GetValue().(type) {
		case *onnx.TensorShapeProto_Dimension_DimValue:
			p.dims = append(p.dims, strconv.FormatInt(x.DimValue, 10))
		case *onnx.TensorShapeProto_Dimension_DimParam:
			p.dims = append(p.dims, openName(x.DimParam))
		default:
			p.dims = append(p.dims, "?")
		}
	}
	return p
}

// openName is the name of an open dimension as a check file may write it.
func openName(s string) string {
	if _, err := strconv.Atoi(s); err == nil || s == "" || strings.ContainsAny(s, ",[]\n") || strings.TrimSpace(s) != s || strings.HasPrefix(s, "-") {
		return "?"
	}
	return s
}

// fits says whether a declared port is what p asks for.
func (p port) fits(got port) bool {
	if p.kind != got.kind || len(p.dims) != len(got.dims) {
		return false
	}
	for i, want := range p.dims {
		_, wantErr := strconv.Atoi(want)
		_, gotErr := strconv.Atoi(got.dims[i])
		switch {
		case want == "?":
		case wantErr == nil && want != got.dims[i]:
			return false
		case wantErr != nil && gotErr == nil: // open is asked for
			return false
		}
	}
	return true
}

// sorted ranges over a map in the order of its keys, so that messages repeat.
func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}

func contains(list []string, s string) bool { return slices.Contains(list, s) }

// quote escapes a name from a file and cuts it to 200 bytes.
func quote(s string) string {
	if len(s) > 200 {
		return strconv.Quote(s[:200]) + "…"
	}
	return strconv.Quote(s)
}

// clean makes a text fit for a line of a message: cut to 400 bytes, controls escaped.
func clean(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 400 {
		s = strings.ToValidUTF8(s[:400], "") + "…"
	}
	q := strconv.Quote(s)
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(q[1 : len(q)-1])
}
