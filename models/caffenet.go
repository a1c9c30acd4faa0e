package models

import "graft/onnx"

// caffenet is the network of Yosinski et al. 2014: Krizhevsky et al. 2012 as Caffe has
// it, with pooling before the normalisation across channels. Weights begin normal with
// deviation 0.01, those of fc6 and fc7 0.005; biases at 0, or 1 in conv2, conv4, conv5,
// fc6 and fc7.
func caffenet(b *builder, x string, classes int) {
	begin := func(layer string, bias float64) { b.begin(layer, 0.01, bias) }
	x = b.relu("relu1", b.conv("conv1", x, 96, window{size: 11, stride: 4}, true))
	x = b.lrn("norm1", b.pool("pool1", x, window{size: 3, stride: 2}))
	x = b.relu("relu2", b.conv("conv2", x, 256, window{size: 5, pad: 2, group: 2}, true))
	x = b.lrn("norm2", b.pool("pool2", x, window{size: 3, stride: 2}))
	x = b.relu("relu3", b.conv("conv3", x, 384, window{size: 3, pad: 1}, true))
	x = b.relu("relu4", b.conv("conv4", x, 384, window{size: 3, pad: 1, group: 2}, true))
	x = b.relu("relu5", b.conv("conv5", x, 256, window{size: 3, pad: 1, group: 2}, true))
	x = b.pool("pool5", x, window{size: 3, stride: 2})
	x = b.dropout("drop6", b.relu("relu6", b.gemm("fc6", x, 4096)))
	x = b.dropout("drop7", b.relu("relu7", b.gemm("fc7", x, 4096)))
	b.gemm("logits", x, classes)
	begin("conv1", 0)
	begin("conv2", 1)
	begin("conv3", 0)
	begin("conv4", 1)
	begin("conv5", 1)
	b.begin("fc6", 0.005, 1)
	b.begin("fc7", 0.005, 1)
	begin("logits", 0)
}

// caffenet32 has caffenet's kinds of layers in its order, for small pictures: the first
// convolution reads every pixel, and widths are a sixth to a quarter. Weights begin as He
// et al. 2015 draw them, since a deviation that is right for hundreds of inputs is too
// small for these.
func caffenet32(b *builder, x string, classes int) {
	x = b.relu("relu1", b.conv("conv1", x, 32, window{size: 5, pad: 2}, true))
	x = b.lrn("norm1", b.pool("pool1", x, window{size: 3, stride: 2}))
	x = b.relu("relu2", b.conv("conv2", x, 64, window{size: 3, pad: 1, group: 2}, true))
	x = b.lrn("norm2", b.pool("pool2", x, window{size: 3, stride: 2}))
	x = b.relu("relu3", b.conv("conv3", x, 64, window{size: 3, pad: 1}, true))
	x = b.relu("relu4", b.conv("conv4", x, 64, window{size: 3, pad: 1, group: 2}, true))
	x = b.relu("relu5", b.conv("conv5", x, 64, window{size: 3, pad: 1, group: 2}, true))
	x = b.pool("pool5", x, window{size: 3, stride: 2})
	x = b.dropout("drop6", b.relu("relu6", b.gemm("fc6", x, 256)))
	x = b.dropout("drop7", b.relu("relu7", b.gemm("fc7", x, 256)))
	b.gemm("logits", x, classes)
}

// lrn normalises across 5 channels with the numbers of Krizhevsky et al. 2012, section
// 3.3, as Caffe reads them: alpha counts for the window, not for a channel.
func (b *builder) lrn(name, x string) string {
	return b.node("LRN", name, b.shapes[x], []string{x}, onnx.IntAttr("size", 5), onnx.FloatAttr("alpha", 1e-4), onnx.FloatAttr("beta", 0.75), onnx.FloatAttr("bias", 1))
}

// dropout drops half.
func (b *builder) dropout(name, x string) string {
	ratio := name + ".ratio"
	b.graph.Initializer = append(b.graph.Initializer, onnx.FromFloats(nil, []float32{0.5}).Proto(ratio))
	return b.node("Dropout", name, b.shapes[x], []string{x, ratio})
}
