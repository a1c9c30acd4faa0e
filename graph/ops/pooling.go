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
	indices  bool // MaxPool's second output: where in x each maximum is
	columns  bool // the indices count down the columns first
	shape    []int
	n, c     int
}

// https://onnx.ai/onnx/operators/onnx__MaxPool.html; opsets 1, 8, 10, 11, 12, 22
func readMaxPool(a *Attrs) Form {
	f := &pool{name: "MaxPool", max: true, window: readWindow(a)}
	f.ceil = a.Bool("ceil_mode")
	f.indices, f.columns = a.Outs > 1, a.Bool("storage_order")
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

// https://onnx.ai/onnx/operators/onnx__GlobalMaxPool.html; opsets 1, 22
func readGlobalMaxPool(*Attrs) Form { return &pool{name: "GlobalMaxPool", max: true, global: true} }

func (f *pool) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	if t := in[0].Type; !f.max || t != onnx.TensorProto_INT8 && t != onnx.TensorProto_UINT8 {
		if err := wantFloat(in[0]); err != nil {
			return nil, err
		}
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
	out := []*Value{{Type: in[0].Type, Shape: f.shape}}
	if f.indices {
		out = append(out, &Value{Type: onnx.TensorProto_INT64, Shape: f.shape})
	}
	return out, nil
}

func (f *pool) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	if f.max {
		return f.evalMax(in[0])
	}
	x, y := float64s(in[0]), make([]float64, numel(f.shape))
	xs, ys := numel(in[0].Shape[2:]), numel(f.shape[2:])
	for i := range f.n * f.c {
		plane, out := x[i*xs:(i+1)*xs], y[i*ys:(i+1)*ys]
		var sum float64
		var count int
		f.each(func(int) { sum, count = 0, 0 }, func(_, at int) {
			count++
			sum += plane[at]
		}, func(o, padded int) {
			if f.countPad {
				count = padded
			}
			out[o] = sum / float64(count)
		})
	}
	return []*onnx.Tensor{tensor64(in[0].Type, f.shape, y)}, nil
}

// evalMax finds the largest element of each window, the first of several, and where
// it lies in x.
func (f *pool) evalMax(in *onnx.Tensor) ([]*onnx.Tensor, error) {
	x := float64sOf(in)
	y, where := make([]float64, numel(f.shape)), make([]int64, numel(f.shape))
	xs, ys := numel(in.Shape[2:]), numel(f.shape[2:])
	for i := range f.n * f.c {
		plane := x[i*xs : (i+1)*xs]
		var largest float64
		var best int
		f.each(func(int) { largest, best = math.Inf(-1), 0 }, func(_, at int) {
			if v := plane[at]; v > largest || v != v {
				largest, best = v, at
			}
		}, func(o, _ int) { y[i*ys+o], where[i*ys+o] = largest, int64(i*xs+f.place(best)) })
	}
	r := []*onnx.Tensor{{Type: in.Type, Shape: f.shape, Data: castTo(y, in.Type)}}
	if f.indices {
		r = append(r, onnx.FromInts(f.shape, where))
	}
	return r, nil
}

// place is the number of an element in its plane as the indices count it.
func (f *pool) place(at int) int {
	if !f.columns {
		return at
	}
	r, stride := 0, 1
	for _, s := range f.sides {
		stride *= s.in
	}
	for d := len(f.sides) - 1; d >= 0; d-- { // the last dimension has the longest stride
		stride /= f.sides[d].in
		r += at % f.sides[d].in * stride
		at /= f.sides[d].in
	}
	return r
}

// float64sOf widens the numbers of any type that a float64 holds exactly.
func float64sOf(t *onnx.Tensor) []float64 {
	if anyFloat(t.Type) {
		return float64s(t)
	}
	v, _ := t.Ints()
	r := make([]float64, len(v))
	for i, x := range v {
		r[i] = float64(x)
	}
	return r
}

func (f *pool) Lower(b *Builder, in, _ []*Value) ([]*gorgonia.Node, error) {
	if f.indices {
		return nil, nil
	}
	if f.global && !f.max {
		return []*gorgonia.Node{b.average(f.name, in[0], f.shape)}, nil
	}
	g, ok := f.pooling(f.n, f.c)
	if !ok {
		return f.lowerVolume(b, in)
	}
	forward := func(y []float32, x [][]float32) { kernel.AveragePool(b.Pool, &g, y, x[0], f.countPad) }
	backward := func(dx []float32, x [][]float32) { kernel.AveragePoolBackward(b.Pool, &g, dx, x[0], f.countPad) }
	if f.max {
		forward = func(y []float32, x [][]float32) { kernel.MaxPool(b.Pool, &g, y, x[0]) }
		backward = func(dx []float32, x [][]float32) { kernel.MaxPoolBackward(b.Pool, &g, dx, x[1], x[2], x[0]) }
	}
	return []*gorgonia.Node{b.Apply(Kernel{Name: f.name, Shape: blockedShape(f.shape), Run: forward,
		Grad: func(in []*gorgonia.Node, y, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			args := []*gorgonia.Node{dy}
			if f.max {
				args = append(args, in[0], y)
			}
			return []*gorgonia.Node{b.Apply(Kernel{Name: f.name + ".dx", Shape: in[0].Shape(), Run: backward}, args...)}
		}}, b.Blocked(in[0]))}, nil
}

// average is the mean of v [N,C,…] over all but the first two dimensions.
func (b *Builder) average(name string, v *Value, shape []int) *gorgonia.Node {
	n, c, hw := sizes(v.Shape)
	return b.Apply(Kernel{Name: name, Shape: denseShape(shape),
		Run: func(y []float32, x [][]float32) { kernel.AverageLanes(b.Pool, y, x[0], n, c, hw) },
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.Apply(Kernel{Name: name + ".dx", Shape: in[0].Shape(), Run: func(dx []float32, x [][]float32) {
				kernel.AverageLanesBackward(b.Pool, dx, x[0], n, c, hw)
			}}, dy)}
		}}, b.Blocked(v))
}
