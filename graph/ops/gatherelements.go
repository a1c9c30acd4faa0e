package ops

import (
	"fmt"
	"slices"

	"graft/onnx"
)

// readGatherElements picks one element for each index: y[i][j] = x[index[i][j]][j] for
// axis 0 of two dimensions.
// https://onnx.ai/onnx/operators/onnx__GatherElements.html; opsets 11, 13
func readGatherElements(a *Attrs) Form {
	along := a.Int("axis", 0)
	return &movement{name: "GatherElements", least: 2, most: 2, infer: func(in []*Value) ([]int, error) {
		x, index := in[0].Shape, in[1].Shape
		if err := wantIndices(in[1]); err != nil {
			return nil, err
		}
		var err error
		if along, err = axis(along, len(x)); err != nil {
			return nil, err
		}
		if err := within(index, x, along); err != nil {
			return nil, err
		}
		return index, nil
	}, source: func(data, shape []int, in []*onnx.Tensor) ([]int, error) {
		return places(data, in[1], along)
	}}
}

func wantIndices(v *Value) error {
	if v.Type != onnx.TensorProto_INT32 && v.Type != onnx.TensorProto_INT64 {
		return fmt.Errorf("indices of type %v, want INT32 or INT64", v.Type)
	}
	return nil
}

// within checks that indices of a shape lie inside the data's, but along an axis.
func within(index, data []int, along int) error {
	if len(index) != len(data) {
		return fmt.Errorf("indices of shape %v for data of shape %v", index, data)
	}
	for i, d := range index {
		if i != along && d > data[i] {
			return fmt.Errorf("indices of shape %v for data of shape %v", index, data)
		}
	}
	return nil
}

// places are the elements of the data that indices name along an axis.
func places(data []int, index *onnx.Tensor, along int) ([]int, error) {
	own, value, src := strides(data), wholes(index), []int{}
	var err error
	eachIndex(index.Shape, func(at []int) {
		k, e := indexOf(value[len(src)], data, along)
		if e != nil && err == nil {
			err = e
		}
		s := k * own[along]
		for i, j := range at {
			if i != along {
				s += j * own[i]
			}
		}
		src = append(src, s)
	})
	return src, err
}

// indexOf resolves an index of an axis that counts from the end if it is negative.
func indexOf(i int64, shape []int, axis int) (int, error) {
	size := shape[axis]
	if i < int64(-size) || i >= int64(size) {
		return 0, fmt.Errorf("index %d of axis %d, which has %d", i, axis, size)
	}
	if i < 0 {
		i += int64(size)
	}
	return int(i), nil
}

// readGatherND picks slices by indices of their first dimensions; the first
// batch_dims dimensions of data and indices go together.
// https://onnx.ai/onnx/operators/onnx__GatherND.html; opsets 11, 12, 13
func readGatherND(a *Attrs) Form {
	batch := a.Int("batch_dims", 0)
	return &movement{name: "GatherND", least: 2, most: 2, infer: func(in []*Value) ([]int, error) {
		x, index := in[0].Shape, in[1].Shape
		if err := wantIndices(in[1]); err != nil {
			return nil, err
		}
		if batch < 0 || batch >= len(index) || batch > len(x) || !slices.Equal(x[:batch], index[:batch]) || index[len(index)-1] < 1 || index[len(index)-1] > len(x)-batch {
			return nil, fmt.Errorf("indices of shape %v for data of shape %v with batch_dims %d", index, x, batch)
		}
		return slices.Concat(index[:len(index)-1], x[batch+index[len(index)-1]:]), nil
	}, source: func(data, _ []int, in []*onnx.Tensor) ([]int, error) {
		return slicePlaces(data, in[1], batch)
	}}
}

// slicePlaces are the elements of the slices that indices [.., k] name by k dimensions
// after the first batch ones.
func slicePlaces(data []int, index *onnx.Tensor, batch int) ([]int, error) {
	k := index.Shape[len(index.Shape)-1]
	own, value := strides(data), wholes(index)
	inner := numel(data[batch+k:])
	each := numel(index.Shape[batch : len(index.Shape)-1]) // indices of one batch
	var src []int
	for i := range len(value) / k {
		s := i / max(each, 1) * numel(data[batch:])
		for j := range k {
			at, err := indexOf(value[i*k+j], data, batch+j)
			if err != nil {
				return nil, err
			}
			s += at * own[batch+j]
		}
		for j := range inner {
			src = append(src, s+j)
		}
	}
	return src, nil
}
