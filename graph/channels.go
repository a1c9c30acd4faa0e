package graph

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"graft/onnx"
)

// WithChannels returns the model for images of another number of channels, of which axis
// says where they stand in the input: 1 of [N,C,H,W], 3 of [N,H,W,C]. The filters of the
// convolution that reads the input are replaced: each new channel gets an equal share of
// their sum over the old ones. A gray image then gives what it gives as an image of equal
// channels, and a network for gray images sees the mean of the channels. It also names
// that convolution.
func WithChannels(m *onnx.ModelProto, channels, axis int, o Options) (*onnx.ModelProto, string, error) {
	size, err := InputSize(m)
	if err != nil {
		return nil, "", err
	}
	if channels < 1 || axis < 1 || axis > 3 {
		return nil, "", failf("", "%d channels at axis %d", channels, axis)
	}
	at, err := firstConv(m, axis)
	if err != nil {
		return nil, "", err
	}
	conv := m.GetGraph().GetNode()[at]
	name, ok := newOrigins(m).of(conv.GetInput()[1])
	if !ok || newOrigins(m).made[conv.GetInput()[1]] != nil && conv.GetInput()[1] != name {
		return nil, "", nodeError(at, conv, fmt.Errorf("its filters are computed, not stored"))
	}
	w, err := constantFloats(m, name)
	if err != nil {
		return nil, "", err
	}
	if len(w.Shape) != 4 || attribute(conv, "group") != nil && attribute(conv, "group").GetI() != 1 {
		return nil, "", nodeError(at, conv, fmt.Errorf("it has filters of shape %v in groups, want those of all channels", w.Shape))
	}
	b := newGrafting(shallow(m), "input")
	n := proto.Clone(conv).(*onnx.NodeProto)
	n.Input[1] = b.tensor("filters", shareChannels(w, channels))
	b.m.Graph.Node[at] = n
	size[axis-1] = channels
	c, err := WithInputSize(b.m, size, o)
	return c, n.GetName(), err
}

// shareChannels gives each of c channels an equal share of the sum of filters [M,C,H,W]
// over theirs.
func shareChannels(w *onnx.Tensor, c int) *onnx.Tensor {
	from := w.Data.([]float32)
	area := w.Shape[2] * w.Shape[3]
	to := make([]float32, w.Shape[0]*c*area)
	for m := range w.Shape[0] {
		for k := range area {
			sum := 0.0
			for j := range w.Shape[1] {
				sum += float64(from[(m*w.Shape[1]+j)*area+k])
			}
			for j := range c {
				to[(m*c+j)*area+k] = float32(sum / float64(c))
			}
		}
	}
	return onnx.FromFloats([]int{w.Shape[0], c, w.Shape[2], w.Shape[3]}, to)
}

// firstConv is the position of the convolution that alone reads the input, through
// operators that keep or only reorder its axes.
func firstConv(m *onnx.ModelProto, axis int) (int, error) {
	at := trueInputs(m)[0].GetName()
	for {
		reader, readers := -1, 0
		for i, n := range m.GetGraph().GetNode() {
			for _, in := range n.GetInput() {
				if in == at {
					reader, readers = i, readers+1
				}
			}
		}
		if readers != 1 {
			return 0, failf("give images of as many channels as the network takes", "%d nodes read %s, want one convolution alone", readers, quote(at))
		}
		n := m.GetGraph().GetNode()[reader]
		switch n.GetOpType() {
		case "Conv":
			if axis != 1 || n.GetInput()[0] != at {
				return 0, nodeError(reader, n, fmt.Errorf("the channels are not at the axis it takes them from"))
			}
			return reader, nil
		case "Identity", "Cast":
		case "Transpose":
			moved := -1
			for i, p := range attribute(n, "perm").GetInts() {
				if int(p) == axis {
					moved = i
				}
			}
			axis = moved
		default:
			return 0, nodeError(reader, n, fmt.Errorf("it reads the input, want a convolution"))
		}
		at = n.GetOutput()[0]
	}
}

// attribute is one of a node's attributes, nil without it.
func attribute(n *onnx.NodeProto, name string) *onnx.AttributeProto {
	for _, a := range n.GetAttribute() {
		if a.GetName() == name {
			return a
		}
	}
	return nil
}
