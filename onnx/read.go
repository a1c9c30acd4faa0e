package onnx

import (
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"syscall"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"graft/durable"
)

// Limits on what is read. The first two are those of protobuf's other
// implementations; the third keeps a file of empty messages, two bytes each, from
// taking hundreds of times its size in memory (the largest networks have some
// hundred thousand messages).
const (
	maxBytes    = math.MaxInt32
	maxDepth    = 100
	maxMessages = 2 << 20
)

// ReadFile reads a model with its external data, which it moves into raw_data, so
// that the model is complete in memory. Tensors that name the same bytes of a
// file share them.
func ReadFile(path string) (*ModelProto, error) {
	m := new(ModelProto)
	if err := readMessage(path, m, func() iter.Seq[*TensorProto] { return tensors(m) }); err != nil {
		return nil, err
	}
	return m, nil
}

// ReadTensorFile reads a single serialized TensorProto, the form of the inputs and
// outputs in ONNX test folders, and returns its value and its name.
func ReadTensorFile(path string) (*Tensor, string, error) {
	p := new(TensorProto)
	one := func() iter.Seq[*TensorProto] {
		return func(yield func(*TensorProto) bool) { yield(p) }
	}
	if err := readMessage(path, p, one); err != nil {
		return nil, "", err
	}
	t, err := tensorOf(p)
	if err != nil {
		return nil, "", fmt.Errorf("onnx: %s: tensor %s: %w", quote(path), quote(p.GetName()), err)
	}
	return t, p.GetName(), nil
}

// Unmarshal decodes a model. External data stays where it is: there is no folder
// to look in. Unknown fields are kept.
func Unmarshal(b []byte) (*ModelProto, error) {
	m := new(ModelProto)
	if err := unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	return m, nil
}

// readMessage decodes a file into m and loads the external data of its tensors.
func readMessage(path string, m proto.Message, tensors func() iter.Seq[*TensorProto]) error {
	b, err := readRegular(path)
	if err == nil {
		err = unmarshal(b, m)
	}
	if err == nil {
		err = loadExternal(filepath.Dir(path), tensors())
	}
	if err != nil {
		return fmt.Errorf("onnx: %s: %w", quote(path), err)
	}
	return nil
}

// readRegular reads a regular file of at most 2 GiB. It does not wait for a pipe
// to be opened at its other end.
func readRegular(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, durable.Bare(err)
	}
	defer f.Close()
	size, err := regularSize(f)
	if err != nil {
		return nil, err
	}
	if size > maxBytes {
		return nil, fmt.Errorf("%d bytes: protobuf ends at %d", size, maxBytes)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, fmt.Errorf("read: %w", durable.Bare(err))
	}
	return b, nil
}

func regularSize(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, durable.Bare(err)
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("not a regular file")
	}
	return info.Size(), nil
}

func unmarshal(b []byte, m proto.Message) error {
	if len(b) == 0 {
		return fmt.Errorf("empty file")
	}
	if err := scan(b, m.ProtoReflect().Descriptor()); err != nil {
		return err
	}
	if err := (proto.UnmarshalOptions{RecursionLimit: maxDepth}).Unmarshal(b, m); err != nil {
		return fmt.Errorf("not an ONNX file: %w", err)
	}
	return nil
}

// scan walks the messages in b without recursion and allocates nothing for them:
// it refuses lengths beyond the bytes present, nesting deeper than maxDepth and
// more than maxMessages messages.
func scan(b []byte, d protoreflect.MessageDescriptor) error {
	type frame struct {
		rest   []byte
		fields protoreflect.FieldDescriptors
	}
	stack := []frame{{b, d.Fields()}}
	for messages := 0; len(stack) > 0; {
		top := &stack[len(stack)-1]
		if len(top.rest) == 0 {
			stack = stack[:len(stack)-1]
			continue
		}
		num, typ, n := protowire.ConsumeTag(top.rest)
		if n < 0 {
			return fmt.Errorf("not an ONNX file: %w", protowire.ParseError(n))
		}
		size := protowire.ConsumeFieldValue(num, typ, top.rest[n:])
		if size < 0 {
			return fmt.Errorf("not an ONNX file: field %d: %w", num, protowire.ParseError(size))
		}
		value := top.rest[n : n+size]
		top.rest = top.rest[n+size:]
		field := top.fields.ByNumber(num)
		if typ != protowire.BytesType || field == nil || field.Message() == nil {
			continue
		}
		if messages++; messages > maxMessages {
			return fmt.Errorf("more than %d messages", maxMessages)
		}
		if len(stack) == maxDepth {
			return fmt.Errorf("messages nested deeper than %d", maxDepth)
		}
		body, _ := protowire.ConsumeBytes(value)
		stack = append(stack, frame{body, field.Message().Fields()})
	}
	return nil
}
