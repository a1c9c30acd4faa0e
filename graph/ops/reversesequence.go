package ops

import (
	"fmt"
	"slices"

	"graft/onnx"
)

// readReverseSequence turns the first lengths[b] steps of each sequence b around: x has
// the steps along the time axis and the sequences along the batch axis, which are the
// first two, in either order.
// https://onnx.ai/onnx/operators/onnx__ReverseSequence.html; opset 10
func readReverseSequence(a *Attrs) Form {
	time, batch := a.Int("time_axis", 0), a.Int("batch_axis", 1)
	if time+batch != 1 || time*batch != 0 {
		a.fail("time_axis %d and batch_axis %d, want 0 and 1 or 1 and 0", time, batch)
	}
	return &movement{name: "ReverseSequence", least: 2, most: 2, infer: func(in []*Value) ([]int, error) {
		x, lengths := in[0].Shape, in[1]
		if len(x) < 2 || lengths.Type != onnx.TensorProto_INT64 || !slices.Equal(lengths.Shape, x[batch:batch+1]) {
			return nil, fmt.Errorf("lengths of type %v and shape %v for data of shape %v", lengths.Type, lengths.Shape, x)
		}
		return x, nil
	}, source: func(data, shape []int, in []*onnx.Tensor) ([]int, error) {
		lengths := wholes(in[1])
		for _, n := range lengths {
			if n < 0 || n > int64(data[time]) {
				return nil, fmt.Errorf("a sequence of %d steps among %d", n, data[time])
			}
		}
		own, src := strides(data), make([]int, 0, numel(data))
		eachIndex(shape, func(at []int) {
			s := len(src)
			if n := int(lengths[at[batch]]); at[time] < n {
				s += (n - 1 - 2*at[time]) * own[time]
			}
			src = append(src, s)
		})
		return src, nil
	}}
}
