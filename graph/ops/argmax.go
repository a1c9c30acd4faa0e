package ops

import (
	"fmt"
	"slices"

	"graft/onnx"
)

// argExtreme is the index of the largest or smallest element along an axis.
// https://onnx.ai/onnx/operators/onnx__ArgMax.html, ArgMin; opsets 1, 11, 12, 13
type argExtreme struct {
	want       int // how the better one compares
	axis       int
	keep, last bool
	in, shape  []int
}

func readArgMax(a *Attrs) Form { return newArgExtreme(a, 1) }
func readArgMin(a *Attrs) Form { return newArgExtreme(a, -1) }

func newArgExtreme(a *Attrs, want int) Form {
	f := &argExtreme{want: want, axis: a.Int("axis", 0), keep: a.Int("keepdims", 1) != 0}
	if a.Opset >= 12 {
		f.last = a.Bool("select_last_index")
	}
	return f
}

func (f *argExtreme) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	if !anyFloat(in[0].Type) && !anyInteger(in[0].Type) {
		return nil, fmt.Errorf("input has type %v, want numbers", in[0].Type)
	}
	f.in = in[0].Shape
	var err error
	if f.axis, err = axis(f.axis, len(f.in)); err != nil {
		return nil, err
	}
	if f.in[f.axis] == 0 {
		return nil, fmt.Errorf("input of shape %v is empty along axis %d", f.in, f.axis)
	}
	one := []int{1}
	if !f.keep {
		one = nil
	}
	f.shape = slices.Concat(f.in[:f.axis], one, f.in[f.axis+1:])
	return []*Value{{Type: onnx.TensorProto_INT64, Shape: f.shape}}, nil
}

func (f *argExtreme) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	order, width, inner := comparer(in[0], in[0]), f.in[f.axis], numel(f.in[f.axis+1:])
	y := make([]int64, numel(f.shape))
	for i := range y {
		at, best := i/inner*width*inner+i%inner, 0
		for j := 1; j < width; j++ {
			if o := order(at+j*inner, at+best*inner); o == f.want || o == 0 && f.last {
				best = j
			}
		}
		y[i] = int64(best)
	}
	return []*onnx.Tensor{onnx.FromInts(f.shape, y)}, nil
}
