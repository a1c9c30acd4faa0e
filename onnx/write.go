package onnx

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"graft/durable"
)

// WriteOptions says how a model is laid out in files.
type WriteOptions struct {
	// ExternalAbove sends initializers of at least this many bytes to a second file.
	// 0: only where the model would pass protobuf's 2 GiB, and then those of at
	// least 1 KiB.
	ExternalAbove int64

	disk durable.FS // nil: the operating system's
}

// Marshal encodes a model; equal models give equal bytes.
func Marshal(m *ModelProto) ([]byte, error) {
	b, err := marshal(m)
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	return b, nil
}

// WriteFile writes a model, which it leaves as it is, and its external data beside
// it in FILE.HASH.data, named by the SHA-256 of its content. After a crash at any
// instant the old model is there with its data, or the new one; an error leaves no
// new file behind. The data of an earlier model of the name stay, as other models
// may read them.
func WriteFile(path string, m *ModelProto, o WriteOptions) error {
	above := o.ExternalAbove
	if above <= 0 && proto.Size(m) > maxBytes {
		above = 1 << 10
	}
	if o.disk == nil {
		o.disk = durable.OS
	}
	if err := writeModel(o.disk, path, m, above); err != nil {
		return fmt.Errorf("onnx: write %s: %w", quote(path), err)
	}
	return nil
}

// WriteTensorFile writes a single TensorProto, as ReadTensorFile reads it.
func WriteTensorFile(path, name string, t *Tensor) error {
	b, err := marshal(t.Proto(name))
	if err == nil {
		err = durable.WriteFile(durable.OS, path, func(w io.Writer) error { return writeAll(w, b) })
	}
	if err != nil {
		return fmt.Errorf("onnx: write %s: %w", quote(path), err)
	}
	return nil
}

func marshal(m proto.Message) ([]byte, error) {
	if size := proto.Size(m); size > maxBytes {
		return nil, fmt.Errorf("%d bytes: protobuf ends at %d", size, maxBytes)
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}

func writeModel(disk durable.FS, path string, m *ModelProto, above int64) error {
	external := large(m, above)
	var data string
	if len(external) > 0 {
		location, err := dataName(path, external)
		if err != nil {
			return err
		}
		data = filepath.Join(filepath.Dir(path), location)
		m = externalize(m, location, external)
	}
	b, err := marshal(m)
	if err != nil {
		return err
	}
	model, err := durable.Stage(disk, path, func(w io.Writer) error { return writeAll(w, b) })
	if err != nil {
		return err
	}
	defer model.Discard()
	if data != "" {
		if _, err := disk.Stat(data); os.IsNotExist(err) {
			defer func() {
				if !model.Renamed() {
					disk.Remove(data)
				}
			}()
		}
		if err := durable.WriteFile(disk, data, func(w io.Writer) error { return writeTensors(w, external) }); err != nil {
			return fmt.Errorf("%s: %w", quote(filepath.Base(data)), err)
		}
	}
	return model.Commit()
}

// dataName names the file of external data beside path by its content, so that it
// replaces no other model's.
func dataName(path string, external []*TensorProto) (string, error) {
	h := sha256.New()
	if err := writeTensors(h, external); err != nil {
		return "", err
	}
	name := fmt.Sprintf("%s.%x.data", filepath.Base(path), h.Sum(nil)[:8])
	_, err := locationOf(name) // a backslash: nobody would read it
	return name, err
}

// pageSize is the alignment of external data that lets readers map it into memory.
const pageSize = 4096

// large are the initializers of at least above bytes; none where above is 0.
func large(m *ModelProto, above int64) (list []*TensorProto) {
	for _, t := range m.GetGraph().GetInitializer() {
		if above > 0 && int64(len(t.GetRawData())) >= above {
			list = append(list, t)
		}
	}
	return list
}

// externalize returns a copy of m, sharing all values, in which these initializers
// lie in file, one after the other.
func externalize(m *ModelProto, file string, external []*TensorProto) *ModelProto {
	graph := shallow(m.Graph)
	graph.Initializer = slices.Clone(m.Graph.Initializer)
	var offset int64
	for i, t := range graph.Initializer {
		if len(external) == 0 || t != external[0] {
			continue
		}
		external = external[1:]
		size := int64(len(t.GetRawData()))
		t = shallow(t)
		t.RawData, t.DataLocation = nil, TensorProto_EXTERNAL.Enum()
		t.ExternalData = []*StringStringEntryProto{
			entry("location", file),
			entry("offset", strconv.FormatInt(offset, 10)),
			entry("length", strconv.FormatInt(size, 10)),
		}
		graph.Initializer[i] = t
		offset += (size + pageSize - 1) / pageSize * pageSize
	}
	m = shallow(m)
	m.Graph = graph
	return m
}

// writeTensors writes raw data one after the other, each from a page's start.
func writeTensors(w io.Writer, tensors []*TensorProto) error {
	var padding [pageSize]byte
	for i, t := range tensors {
		if err := writeAll(w, t.RawData); err != nil {
			return err
		}
		if rest := len(t.RawData) % pageSize; rest > 0 && i < len(tensors)-1 {
			if err := writeAll(w, padding[rest:]); err != nil {
				return err
			}
		}
	}
	return nil
}

// shallow copies a message but none of the messages, lists and bytes it refers to.
func shallow[M proto.Message](m M) M {
	src := m.ProtoReflect()
	dst := src.New()
	src.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		dst.Set(f, v)
		return true
	})
	dst.SetUnknown(src.GetUnknown())
	return dst.Interface().(M)
}

func entry(key, value string) *StringStringEntryProto {
	return &StringStringEntryProto{Key: proto.String(key), Value: proto.String(value)}
}

func writeAll(w io.Writer, b []byte) error {
	_, err := w.Write(b)
	return err
}
