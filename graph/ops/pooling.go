package ops

import (
	"math"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// pool is a maximum or an average over windows of x [N,C,H,W], over any number of
// spatial dimensions.
type pool struct {
	window
	name     string
	max      bool
	countPad bool // the average divides by the pads too
	global   bool // one window over all
	shape    []int
	n, c     int
}

// https://onnx.ai/onnx/operators/onnx__MaxPool.html; opsets 1, 8, 10, 11, 12, 22
func readMaxPool(a *Attrs) Form {
	f := &pool{name: "MaxPool", max: true, window: readWindow(a)}
	f.ceil = a.Bool("ceil_mode")
	a.Ignore("storage_order") // concerns the indices only
	if a.Outs > 1 {
		a.fail("the output of indices is not supported")
	}
	return f
}

// https://onnx.ai/onnx/operators/onnx__AveragePool.html; opsets 7, 10, 11, 19, 22
func readAveragePool(a *Attrs) Form {
	f := &pool{name: "AveragePool", window: readWindow(a), countPad: a.Bool("count_include_pad")}
	f.ceil = a.Bool("ceil_mode")
	return f
}

// https://onnx.ai/onnx/operators/onnx__GlobalAveragePool.html; opsets 1, 22
func readGlobalAveragePool(*Attrs) Form { return &pool{name: "GlobalAveragePool", global: true} }

func (f *pool) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	if err := wantFloat(in[0]); err != nil {
		return nil, err
	}
	n, c, extents, err := spatial(in[0].Shape)
	if err != nil {
		return nil, err
	}
	if f.global {
		f.autoPad, f.kernels = "VALID", extents
	}
	if err := f.resolve(extents); err != nil {
		return nil, err
	}
	f.n, f.c = n, c
	f.shape = append([]int{n, c}, f.outs()...)
	return []*Value{{Type: in[0].Type, Shape: f.shape}}, nil
}

func (f *pool) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	x, y := float64s(in[0]), make([]float64, numel(f.shape))
	xs, ys := numel(in[0].Shape[2:]), numel(f.shape[2:])
	for i := range f.n * f.c {
		plane, out := x[i*xs:(i+1)*xs], y[i*ys:(i+1)*ys]
		var acc float64
		var count int
		f.each(func(int) {
			acc, count = 0, 0
			if f.max {
				acc = math.Inf(-1)
			}
		}, func(_, at int) {
			count++
			if v := plane[at]; !f.max {
				acc += v
			} else if v > acc || v != v {
				acc = v
			}
		}, func(o, padded int) {
			if f.countPad {
				count = padded
			}
			if !f.max {
				acc /= float64(count)
			}
			out[o] = acc
		})
	}
	return []*onnx.Tensor{tensor64(in[0].Type, f.shape, y)}, nil
}

func (f *pool) Lower(b *Builder, in, _ []*Value) ([]*gorgonia.Node, error) {
	g, ok := f.pooling(f.n, f.c)
	hw := numel(in[0].Shape[2:])
	var forward, backward func(y []float32, x [][]float32)
	switch {
	case f.global:
		forward = func(y []float32, x [][]float32) { kernel.GlobalAveragePool(b.Pool, y, x[0], f.n*f.c, hw) }
		backward = func(dx []float32, x [][]float32) { kernel.GlobalAveragePoolBackward(b.Pool, dx, x[0], f.n*f.c, hw) }
	case !ok:
		return nil, nil
	case f.max:
		forward = func(y []float32, x [][]float32) { kernel.MaxPool(b.Pool, &g, y, x[0]) }
		backward = func(dx []float32, x [][]float32) { kernel.MaxPoolBackward(b.Pool, &g, dx, x[1], x[0]) }
	default:
		forward = func(y []float32, x [][]float32) { kernel.AveragePool(b.Pool, &g, y, x[0], f.countPad) }
		backward = func(dx []float32, x [][]float32) { kernel.AveragePoolBackward(b.Pool, &g, dx, x[0], f.countPad) }
	}
	return []*gorgonia.Node{b.Apply(Kernel{Name: f.name, Shape: f.shape, Run: forward,
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			args := []*gorgonia.Node{dy}
			if f.max {
				args = append(args, in[0]) // the maximum is found again
			}
			return []*gorgonia.Node{b.Apply(Kernel{Name: f.name + ".dx", Shape: in[0].Shape(), Run: backward}, args...)}
		}}, b.Node(in[0]))}, nil
}
