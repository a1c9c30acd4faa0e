package models

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"graft/onnx"
)

// Architecture is a network that New builds, without weights.
type Architecture struct {
	Name  string `json:"name"`
	About string `json:"about"`
	Size  int    `json:"size"`  // of the input, height and width, where none is given
	Least int    `json:"least"` // the smallest size

	// std is what pixels, less their mean, are divided by.
	std   float64
	build func(b *builder, x string, classes int)
}

// Architectures are the networks that can be trained from scratch, by name.
var Architectures = []Architecture{
	{"caffenet", "the 8 layers of Krizhevsky et al. 2012 as Caffe and Yosinski et al. 2014 have them", 227, 63, 1, caffenet},
	{"caffenet-32", "the same kinds of layers, 8 narrow ones, for pictures of 32 to 64 pixels", 32, 24, 64, caffenet32},
	{"convnet6", "5 plain convolutions with BatchNormalization, the average and a Gemm", 32, 8, 64, convnet6},
	{"resnet14", "the residual network of He et al. 2016, section 4.2, with n = 2", 32, 8, 64, resnet14},
}

// New builds an untrained network of an architecture: input [N,3,size,size], RGB, to
// logits [N,classes]. size 0 is the architecture's own. All weights are 0: graph.Redraw
// draws them as the metadata graft.init say, and finetune.Train does so with After "0"
// and Head "redraw".
func New(name string, classes, size int) (*onnx.ModelProto, error) {
	i := slices.IndexFunc(Architectures, func(a Architecture) bool { return a.Name == name })
	if i < 0 {
		var names []string
		for _, a := range Architectures {
			names = append(names, a.Name)
		}
		return nil, fmt.Errorf("models: no architecture is called %s, only %s", quote(name), strings.Join(names, ", "))
	}
	a := Architectures[i]
	if size == 0 {
		size = a.Size
	}
	const most = 1 << 12
	if size < a.Least || size > most || classes < 2 || classes > 1<<20 {
		return nil, fmt.Errorf("models: %s for pictures of %d pixels and %d classes, want %d to %d pixels and 2 classes or more", a.Name, size, classes, a.Least, most)
	}
	b := &builder{initial: map[string]Initial{}, shapes: map[string][]int{"input": {3, size, size}}}
	a.build(b, "input", classes)
	b.graph.Name = new(a.Name)
	b.graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("input", onnx.TensorProto_FLOAT, "N", 3, size, size)}
	b.graph.Output = []*onnx.ValueInfoProto{onnx.TensorInfo("logits", onnx.TensorProto_FLOAT, "N", classes)}
	m := &onnx.ModelProto{
		IrVersion:    new(int64(onnx.Version_IR_VERSION_2020_5_8)),
		ProducerName: new("graft"),
		OpsetImport:  []*onnx.OperatorSetIdProto{{Domain: new(""), Version: new(int64(13))}},
		Graph:        &b.graph,
	}
	for key, v := range map[string]any{
		"graft.input": map[string]any{"size": []int{size, size}, "mean": []float64{127.5, 127.5, 127.5}, "std": []float64{a.std, a.std, a.std},
			"channels": "rgb", "layout": "nchw", "resize": size},
		"graft.init": b.initial,
	} {
		if key == "graft.init" && len(b.initial) == 0 {
			continue
		}
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		onnx.SetMetadata(m, key, string(text))
	}
	slices.SortFunc(m.MetadataProps, func(x, y *onnx.StringStringEntryProto) int { return strings.Compare(x.GetKey(), y.GetKey()) })
	return m, onnx.Check(m)
}

// Initial is how a tensor begins: normal with mean 0 and a deviation, or one value. The
// metadata graft.init is a JSON object of them by the tensors' names; what it leaves out
// begins as graph.Redraw's documentation says.
type Initial struct {
	Deviation float64 `json:"deviation,omitempty"`
	Value     float64 `json:"value,omitempty"`
}

// builder appends nodes, named after their outputs, and constants to a graph.
type builder struct {
	graph   onnx.GraphProto
	initial map[string]Initial
	shapes  map[string][]int // of the values, for one image
}

// node adds a node with one output of the given shape.
func (b *builder) node(op, name string, shape []int, in []string, attrs ...*onnx.AttributeProto) string {
	b.graph.Node = append(b.graph.Node, onnx.NewNode(op, name, in, []string{name}, attrs...))
	b.shapes[name] = shape
	return name
}

// tensor adds a constant whose elements are all of one value.
func (b *builder) tensor(name string, value float32, shape ...int) string {
	n := 1
	for _, d := range shape {
		n *= d
	}
	b.graph.Initializer = append(b.graph.Initializer, onnx.FromFloats(shape, slices.Repeat([]float32{value}, n)).Proto(name))
	return name
}

// begin says how a layer's weights and bias begin.
func (b *builder) begin(layer string, deviation, bias float64) {
	if deviation > 0 {
		b.initial[layer+".weight"] = Initial{Deviation: deviation}
	}
	if bias != 0 {
		b.initial[layer+".bias"] = Initial{Value: bias}
	}
}

// window is the size, stride and pad of a kernel, and the groups of a convolution.
type window struct{ size, stride, pad, group int }

// conv is a convolution to m channels. One without bias is followed by norm.
func (b *builder) conv(name, x string, m int, w window, bias bool) string {
	s := b.shapes[x]
	w.stride, w.group = max(w.stride, 1), max(w.group, 1)
	in := []string{x, b.tensor(name+".weight", 0, m, s[0]/w.group, w.size, w.size)}
	if bias {
		in = append(in, b.tensor(name+".bias", 0, m))
	}
	k, st, p := int64(w.size), int64(w.stride), int64(w.pad)
	out := func(n int) int { return (n+2*w.pad-w.size)/w.stride + 1 }
	return b.node("Conv", name, []int{m, out(s[1]), out(s[2])}, in, onnx.IntsAttr("kernel_shape", k, k), onnx.IntsAttr("strides", st, st),
		onnx.IntsAttr("pads", p, p, p, p), onnx.IntAttr("group", int64(w.group)))
}

// norm is a BatchNormalization.
func (b *builder) norm(name, x string) string {
	c := b.shapes[x][0]
	return b.node("BatchNormalization", name, b.shapes[x], []string{x, b.tensor(name+".scale", 1, c), b.tensor(name+".bias", 0, c),
		b.tensor(name+".mean", 0, c), b.tensor(name+".var", 1, c)}, onnx.FloatAttr("epsilon", 1e-5), onnx.FloatAttr("momentum", 0.9))
}

func (b *builder) relu(name, x string) string {
	return b.node("Relu", name, b.shapes[x], []string{x})
}

// pool is the maximum over windows of size w.size; a window may hang over the end, as in
// Caffe.
func (b *builder) pool(name, x string, w window) string {
	s := b.shapes[x]
	out := func(n int) int { return (n-w.size+w.stride-1)/w.stride + 1 }
	k, st := int64(w.size), int64(w.stride)
	return b.node("MaxPool", name, []int{s[0], out(s[1]), out(s[2])}, []string{x}, onnx.IntsAttr("kernel_shape", k, k),
		onnx.IntsAttr("strides", st, st), onnx.IntAttr("ceil_mode", 1))
}

// gemm is a fully connected layer on all that x holds.
func (b *builder) gemm(name, x string, m int) string {
	n := 1
	for _, d := range b.shapes[x] {
		n *= d
	}
	if len(b.shapes[x]) > 1 {
		x = b.node("Flatten", name+".in", []int{n}, []string{x})
	}
	return b.node("Gemm", name, []int{m}, []string{x, b.tensor(name+".weight", 0, m, n), b.tensor(name+".bias", 0, m)}, onnx.IntAttr("transB", 1))
}
