package onnx

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// TestSchema compares the messages with those of the onnx package, as
// testdata/schema.py lists them.
func TestSchema(t *testing.T) {
	file := File_graft_onnx_onnx_proto
	got := enumLines(file.Enums())
	got = append(got, messageLines(file.Messages())...)
	slices.Sort(got)
	golden, err := os.ReadFile("testdata/schema.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(string(golden)), "\n")
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("missing: %s", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("not in the standard: %s", line)
		}
	}
}

func enumLines(enums protoreflect.EnumDescriptors) (lines []string) {
	for i := range enums.Len() {
		e := enums.Get(i)
		for j := range e.Values().Len() {
			v := e.Values().Get(j)
			lines = append(lines, fmt.Sprintf("%s %s = %d", relative(e), v.Name(), v.Number()))
		}
	}
	return lines
}

func messageLines(messages protoreflect.MessageDescriptors) (lines []string) {
	for i := range messages.Len() {
		m := messages.Get(i)
		for j := range m.Fields().Len() {
			lines = append(lines, fieldLine(m, m.Fields().Get(j)))
		}
		lines = append(lines, enumLines(m.Enums())...)
		lines = append(lines, messageLines(m.Messages())...)
	}
	return lines
}

func fieldLine(m protoreflect.MessageDescriptor, f protoreflect.FieldDescriptor) string {
	kind := f.Kind().String()
	if f.Message() != nil {
		kind = relative(f.Message())
	} else if f.Enum() != nil {
		kind = relative(f.Enum())
	}
	line := fmt.Sprintf("%s %s = %d %s %s", relative(m), f.Name(), f.Number(), f.Cardinality(), kind)
	if f.ContainingOneof() != nil {
		line += " oneof " + string(f.ContainingOneof().Name())
	}
	if f.IsPacked() {
		line += " packed"
	}
	return line
}

func relative(d protoreflect.Descriptor) string {
	return strings.TrimPrefix(string(d.FullName()), "graft.onnx.")
}
