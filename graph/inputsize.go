package graph

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"graft/onnx"
)

// InputSize is the declared [C,H,W] of the model's only input, [H,W,C] in a model of
// that layout; 0 for a dimension that is open.
func InputSize(m *onnx.ModelProto) ([3]int, error) {
	in := trueInputs(m)
	if len(in) != 1 {
		return [3]int{}, failf("", "the model has %d inputs, want one image input", len(in))
	}
	dims := in[0].GetType().GetTensorType().GetShape().GetDim()
	if len(dims) != 4 {
		return [3]int{}, failf("", "input %s has %d dimensions, want the 4 of an image", quote(in[0].GetName()), len(dims))
	}
	var s [3]int
	for i, d := range dims[1:] {
		s[i] = int(max(d.GetDimValue(), 0))
	}
	return s, nil
}

// WithInputSize returns the model for images of another size, if the network allows
// it: what is declared of the input changes, no weight does.
func WithInputSize(m *onnx.ModelProto, size [3]int, o Options) (*onnx.ModelProto, error) {
	m, err := inlined(m)
	if err != nil {
		return nil, err
	}
	have, err := InputSize(m)
	if err != nil || have == size {
		return m, err
	}
	name := trueInputs(m)[0].GetName()
	c := shallow(m)
	c.Graph.ValueInfo = nil
	for i, v := range c.Graph.Input {
		if v.GetName() != name {
			continue
		}
		v = proto.Clone(v).(*onnx.ValueInfoProto)
		for k, d := range v.GetType().GetTensorType().GetShape().GetDim()[1:] {
			d.Value = &onnx.TensorShapeProto_Dimension_DimValue{DimValue: int64(size[k])}
		}
		c.Graph.Input[i] = v
	}
	var outputs []*onnx.ValueInfoProto
	for _, v := range c.Graph.Output {
		info, err := outputInfo(c, v.GetName(), o)
		if err != nil {
			return nil, failf("leave --size at what the network was made for", "the network does not take images of %v, only %v: %w", size, have, err)
		}
		outputs = append(outputs, info)
	}
	c.Graph.Output = slices.Clip(outputs)
	return c, nil
}
