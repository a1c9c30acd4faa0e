package ops

import (
	"slices"

	"graft/onnx"
)

// readGather picks slices of x along an axis by index.
// https://onnx.ai/onnx/operators/onnx__Gather.html; opsets 1, 11, 13
func readGather(a *Attrs) Form {
	along := a.Int("axis", 0)
	return &movement{name: "Gather", least: 2, most: 2, infer: func(in []*Value) ([]int, error) {
		if err := wantIndices(in[1]); err != nil {
			return nil, err
		}
		x := in[0].Shape
		var err error
		if along, err = axis(along, len(x)); err != nil {
			return nil, err
		}
		return slices.Concat(x[:along], in[1].Shape, x[along+1:]), nil
	}, source: func(data, _ []int, in []*onnx.Tensor) ([]int, error) {
		d, inner, src := data[along], numel(data[along+1:]), []int{}
		for o := range numel(data[:along]) {
			for _, i := range wholes(in[1]) {
				k, err := indexOf(i, data, along)
				if err != nil {
					return nil, err
				}
				for j := range inner {
					src = append(src, (o*d+k)*inner+j)
				}
			}
		}
		return src, nil
	}}
}
