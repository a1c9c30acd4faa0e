package graph_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"graft/graph"
	"graft/onnx"
)

// FuzzMutated edits fields of valid models, as a flip of bytes seldom does: what comes
// out is mostly a model that is read, and wrong in one place.
func FuzzMutated(f *testing.F) {
	var bases []*onnx.ModelProto
	for _, c := range cases() {
		m, _ := opened(f, c.model, c.learn, false)
		bases = append(bases, m)
	}
	bases = append(bases, smallNet(true), freezable(), body(13, 8, "N", 4, 2, 2), body(7, 3, 1, 4))
	for i := range bases {
		f.Add(uint16(i), uint64(i), uint8(1+i%4))
	}
	f.Fuzz(func(t *testing.T, base uint16, seed uint64, edits uint8) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := proto.Clone(bases[int(base)%len(bases)]).(*onnx.ModelProto)
		other := bases[r.IntN(len(bases))]
		for range 1 + edits%8 {
			mutate(r, m.ProtoReflect(), other.ProtoReflect())
		}
		b, err := proto.Marshal(m)
		if err != nil {
			return
		}
		if m, err = onnx.Unmarshal(b); err == nil {
			exercise(t, m, byte(seed))
		}
	})
}

// mutate changes one field of a random message inside m, or of m itself.
func mutate(r *rand.Rand, m, other protoreflect.Message) {
	var all []protoreflect.Message
	messages(m, &all)
	at := all[r.IntN(len(all))]
	fields := at.Descriptor().Fields()
	f := fields.Get(r.IntN(fields.Len()))
	switch {
	case f.IsMap():
	case f.IsList():
		mutateList(r, at, f, other)
	case r.IntN(8) == 0:
		at.Clear(f)
	case f.Message() != nil:
		if donor := donorOf(r, other, f.Message()); donor != nil {
			at.Set(f, protoreflect.ValueOfMessage(proto.Clone(donor.Interface()).ProtoReflect()))
		}
	default:
		at.Set(f, anyScalar(r, f, at.Get(f)))
	}
}

func mutateList(r *rand.Rand, at protoreflect.Message, f protoreflect.FieldDescriptor, other protoreflect.Message) {
	l := at.Mutable(f).List()
	n := l.Len()
	switch k := r.IntN(5); {
	case n > 0 && k == 0: // drop the last
		l.Truncate(n - 1)
	case n > 1 && k == 1: // exchange two
		i, j := r.IntN(n), r.IntN(n)
		a, b := l.Get(i), l.Get(j)
		l.Set(i, b)
		l.Set(j, a)
	case n > 0 && k == 2 && n < 1000: // one twice
		l.Append(l.Get(r.IntN(n)))
	case f.Message() != nil:
		if donor := donorOf(r, other, f.Message()); donor != nil && n < 1000 {
			l.Append(protoreflect.ValueOfMessage(proto.Clone(donor.Interface()).ProtoReflect()))
		}
	case n > 0:
		i := r.IntN(n)
		l.Set(i, anyScalar(r, f, l.Get(i)))
	default:
		l.Append(anyScalar(r, f, l.NewElement()))
	}
}

// messages lists m and all messages inside it.
func messages(m protoreflect.Message, all *[]protoreflect.Message) {
	*all = append(*all, m)
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil || f.IsMap():
		case f.IsList():
			for i := range v.List().Len() {
				messages(v.List().Get(i).Message(), all)
			}
		default:
			messages(v.Message(), all)
		}
		return true
	})
}

// donorOf is a random message of a kind inside m, nil where it has none.
func donorOf(r *rand.Rand, m protoreflect.Message, kind protoreflect.MessageDescriptor) protoreflect.Message {
	var all, fit []protoreflect.Message
	messages(m, &all)
	for _, x := range all {
		if x.Descriptor().FullName() == kind.FullName() {
			fit = append(fit, x)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return fit[r.IntN(len(fit))]
}

// anyScalar is an interesting value of a field, often near the old one.
func anyScalar(r *rand.Rand, f protoreflect.FieldDescriptor, old protoreflect.Value) protoreflect.Value {
	ints := []int64{0, 1, -1, 2, 3, 7, 255, 65536, 1 << 31, 1 << 32, 1<<63 - 1, -1 << 63}
	pick := func(old int64) int64 {
		if r.IntN(2) == 0 {
			return old + int64(r.IntN(5)) - 2
		}
		return ints[r.IntN(len(ints))]
	}
	floats := []float64{0, 1, -1, 0.5, math.Inf(1), math.NaN(), 1e-40, 3e38, -1e9}
	texts := []string{"", "x", "y", "w", "Conv", "Add", "SAME_UPPER", "\x1b[31m", "a\nb", "../../x", string(make([]byte, 300))}
	switch f.Kind() {
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(pick(old.Int()))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(int32(pick(old.Int())))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(uint64(pick(int64(old.Uint()))))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(pick(int64(old.Enum()))))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(floats[r.IntN(len(floats))]))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(floats[r.IntN(len(floats))])
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(texts[r.IntN(len(texts))])
	case protoreflect.BytesKind:
		b := append([]byte{}, old.Bytes()...)
		if len(b) > 0 && r.IntN(2) == 0 {
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
			return protoreflect.ValueOfBytes(b)
		}
		return protoreflect.ValueOfBytes(b[:r.IntN(len(b)+1)])
	}
	return old
}

// FuzzRandomGraph builds small graphs of random operators and compares the two ways to
// run them: by kernels in a graph, and step by step by the reference evaluations.
func FuzzRandomGraph(f *testing.F) {
	for i := range uint64(40) {
		f.Add(i, uint8(3+i%12))
	}
	f.Fuzz(func(t *testing.T, seed uint64, size uint8) {
		r := rand.New(rand.NewPCG(seed, 2))
		m := randomGraph(r, 1+int(size%24))
		if err := onnx.Check(m); err != nil {
			t.Fatalf("the generator made an invalid model: %v", err)
		}
		p, err := graph.Compile(m, graph.Config{Threads: 1 + int(seed%3)})
		if err != nil {
			t.Fatalf("%v\n%v", err, m.GetGraph().GetNode())
		}
		defer p.Close()
		for i := range p.Input(0) {
			p.Input(0)[i] = float32(r.NormFloat64())
		}
		want, err := graph.Interpret(p)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
		for i, w := range want {
			got, _ := p.Output(i).Floats()
			exact, _ := w.Floats()
			if err := near(widen(got), widen(exact), 2e-4); err != nil {
				t.Errorf("%v\n%v", err, m.GetGraph().GetNode())
			}
		}
	})
}
