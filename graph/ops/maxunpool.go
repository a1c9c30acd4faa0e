package ops

import (
	"fmt"
	"slices"

	"graft/onnx"
)

// maxUnpool puts each element of x [N,C,…] back to where a MaxPool has taken it from, as
// the indices tell that it gave; all else is 0. With a third input, the output's whole
// shape, the result lies in its first corner.
// https://onnx.ai/onnx/operators/onnx__MaxUnpool.html; opsets 9, 11, 22
type maxUnpool struct {
	kernels, steps, pads []int
	pooled, shape        []int // what the indices count in, and the output's
}

func readMaxUnpool(a *Attrs) Form {
	return &maxUnpool{kernels: a.Ints("kernel_shape"), steps: a.Ints("strides"), pads: a.Ints("pads")}
}

func (f *maxUnpool) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 2, 3); err != nil {
		return nil, err
	}
	x, index := in[0], in[1]
	if err := wantFloat(x); err != nil {
		return nil, err
	}
	n := len(x.Shape) - 2
	if n < 0 || index.Type != onnx.TensorProto_INT64 || !slices.Equal(index.Shape, x.Shape) {
		return nil, fmt.Errorf("indices of type %v and shape %v for data of shape %v", index.Type, index.Shape, x.Shape)
	}
	w := window{autoPad: "NOTSET", kernels: f.kernels, steps: f.steps, pads: f.pads}
	if err := w.complete(x.Shape[2:]); err != nil {
		return nil, err
	}
	f.pooled = slices.Clone(x.Shape)
	for i := range n {
		d := &f.pooled[2+i]
		if *d = (*d-1)*w.steps[i] + w.kernels[i] - w.pads[i] - w.pads[n+i]; *d < 1 {
			return nil, fmt.Errorf("spatial dimension %d becomes %d", i, *d)
		}
	}
	f.shape = f.pooled
	if s := optional(in, 2); s != nil {
		var err error
		if f.shape, err = constInts(s, "output_shape"); err != nil {
			return nil, err
		}
		if len(f.shape) != len(f.pooled) || !slices.Equal(f.shape[:2], f.pooled[:2]) {
			return nil, fmt.Errorf("output of shape %v, without it %v", f.shape, f.pooled)
		}
		for i, d := range f.shape {
			if d < f.pooled[i] {
				return nil, fmt.Errorf("output of shape %v, without it %v", f.shape, f.pooled)
			}
		}
	}
	for _, s := range [][]int{f.pooled, f.shape} {
		if n, err := onnx.Numel(s); err != nil || n > maxMoved {
			return nil, fmt.Errorf("output of shape %v is too large", s)
		}
	}
	return []*Value{{Type: x.Type, Shape: f.shape}}, nil
}

func (f *maxUnpool) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	x, y := float64s(in[0]), make([]float64, numel(f.shape))
	own := strides(f.shape)
	for k, i := range wholes(in[1]) {
		if i < 0 || i >= int64(numel(f.pooled)) {
			return nil, fmt.Errorf("index %d of %d", i, numel(f.pooled))
		}
		at, rest := 0, int(i)
		for d := len(f.pooled) - 1; d >= 0; d-- {
			at, rest = at+rest%f.pooled[d]*own[d], rest/f.pooled[d]
		}
		y[at] = x[k]
	}
	return []*onnx.Tensor{tensor64(in[0].Type, f.shape, y)}, nil
}
