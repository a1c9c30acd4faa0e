package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"google.golang.org/protobuf/proto"

	"graft/onnx"
)

// newNetwork builds the untrained base: input [N,1,16,16] -> logits [N,5].
//
//	conv 3x3 1->w, MaxPool 2, conv w->2w, conv 2w->2w, MaxPool 2, conv, conv, global average, Gemm
//
// BatchNormalization and Relu follow each convolution: six layers. Weights are drawn by He et al. 2015, eq. 10
// (normal, deviation sqrt(2/fan-in)), the Gemm's with sqrt(1/fan-in).
func newNetwork(w int, seed uint64) *onnx.ModelProto {
	b := &builder{random: rand.New(rand.NewPCG(seed, 1))}
	x := b.layer("input", 1, w)
	x = b.pool(x)
	x = b.layer(x, w, 2*w)
	x = b.layer(x, 2*w, 2*w)
	x = b.pool(x)
	x = b.layer(x, 2*w, 2*w)
	x = b.layer(x, 2*w, 2*w)
	x = b.node("GlobalAveragePool", "average", []string{x})
	x = b.node("Flatten", "features", []string{x})
	b.node("Gemm", "logits", []string{x, b.normal("fc.weight", 1/math.Sqrt(float64(2*w)), 5, 2*w), b.constant("fc.bias", 0, 5)},
		onnx.IntAttr("transB", 1))

	b.graph.Name = proto.String("digits")
	b.graph.Input = []*onnx.ValueInfoProto{onnx.TensorInfo("input", onnx.TensorProto_FLOAT, "N", 1, side, side)}
	b.graph.Output = []*onnx.ValueInfoProto{onnx.TensorInfo("logits", onnx.TensorProto_FLOAT, "N", 5)}
	return &onnx.ModelProto{
		IrVersion:    proto.Int64(int64(onnx.Version_IR_VERSION_2020_5_8)),
		ProducerName: proto.String("graft"),
		OpsetImport:  []*onnx.OperatorSetIdProto{{Domain: proto.String(""), Version: proto.Int64(13)}},
		Graph:        &b.graph,
	}
}

// builder appends nodes and their constants to a graph.
type builder struct {
	graph  onnx.GraphProto
	random *rand.Rand
	convs  int
}

// layer adds the next convolution of 3x3 and pad 1, with its BatchNormalization and Relu: c channels -> m.
func (b *builder) layer(x string, c, m int) string {
	b.convs++
	name := fmt.Sprintf("conv%d", b.convs)
	w := b.normal(name+".weight", math.Sqrt(2/float64(9*c)), m, c, 3, 3)
	x = b.node("Conv", name, []string{x, w}, onnx.IntsAttr("kernel_shape", 3, 3), onnx.IntsAttr("pads", 1, 1, 1, 1))
	norm := fmt.Sprintf("norm%d", b.convs)
	x = b.node("BatchNormalization", norm, []string{x,
		b.constant(norm+".scale", 1, m), b.constant(norm+".bias", 0, m),
		b.constant(norm+".mean", 0, m), b.constant(norm+".var", 1, m)},
		onnx.FloatAttr("epsilon", 1e-5), onnx.FloatAttr("momentum", 0.9))
	return b.node("Relu", fmt.Sprintf("relu%d", b.convs), []string{x})
}

func (b *builder) pool(x string) string {
	return b.node("MaxPool", fmt.Sprintf("pool%d", b.convs), []string{x},
		onnx.IntsAttr("kernel_shape", 2, 2), onnx.IntsAttr("strides", 2, 2))
}

// node adds a node whose output has its name.
func (b *builder) node(op, name string, in []string, attrs ...*onnx.AttributeProto) string {
	b.graph.Node = append(b.graph.Node, onnx.NewNode(op, name, in, []string{name}, attrs...))
	return name
}

func (b *builder) normal(name string, deviation float64, shape ...int) string {
	return b.initializer(name, shape, func() float32 { return float32(deviation * b.random.NormFloat64()) })
}

func (b *builder) constant(name string, value float32, shape ...int) string {
	return b.initializer(name, shape, func() float32 { return value })
}

// initializer adds a constant tensor and returns its name.
func (b *builder) initializer(name string, shape []int, value func() float32) string {
	n := 1
	for _, d := range shape {
		n *= d
	}
	v := make([]float32, n)
	for i := range v {
		v[i] = value()
	}
	b.graph.Initializer = append(b.graph.Initializer, onnx.FromFloats(shape, v).Proto(name))
	return name
}
