package ops

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// batchNormalization is y = (x-mean)/sqrt(var+epsilon) * scale + bias, by channel:
// by the stored statistics, or by the batch's own where the Builder says so.
// https://onnx.ai/onnx/operators/onnx__BatchNormalization.html; opsets 7, 9, 14, 15
type batchNormalization struct {
	epsilon  float32
	momentum float32
	n, c, hw int
}

func readBatchNormalization(a *Attrs) Form {
	if a.Int("spatial", 1) != 1 && a.Opset < 9 {
		a.fail("spatial=0 is not supported")
	}
	if a.Bool("training_mode") {
		a.fail("%w", &UnsupportedError{"training_mode=1 is not supported; export the model for inference"})
	}
	if a.Outs > 1 {
		a.fail("outputs for training are not supported; export the model for inference")
	}
	return &batchNormalization{epsilon: a.Float("epsilon", 1e-5), momentum: a.Float("momentum", 0.9)}
}

func (f *batchNormalization) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 5, 5); err != nil {
		return nil, err
	}
	x := in[0].Shape
	if err := wantFloat(in[:1]...); err != nil {
		return nil, err
	}
	if len(x) < 2 {
		return nil, fmt.Errorf("input of shape %v, want [N,C,…]", x)
	}
	for i, v := range in[1:] {
		if !slices.Equal(v.Shape, x[1:2]) || !anyFloat(v.Type) {
			return nil, fmt.Errorf("%s is %v of shape %v, want %d floats", [...]string{"scale", "bias", "mean", "variance"}[i], v.Type, v.Shape, x[1])
		}
	}
	f.n, f.c, f.hw = x[0], x[1], numel(x[2:])
	return []*Value{{Type: in[0].Type, Shape: x}}, nil
}

func (f *batchNormalization) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	x, scale, bias, mean, variance := float64s(in[0]), float64s(in[1]), float64s(in[2]), float64s(in[3]), float64s(in[4])
	y := make([]float64, len(x))
	for i := range y {
		c := i / f.hw % f.c
		y[i] = (x[i]-mean[c])/math.Sqrt(variance[c]+float64(f.epsilon))*scale[c] + bias[c]
	}
	return []*onnx.Tensor{tensor64(in[0].Type, in[0].Shape, y)}, nil
}

func (f *batchNormalization) Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error) {
	x, scale, bias := b.Node(in[0]), b.Node(in[1]), b.Node(in[2])
	mean, variance := b.Node(in[3]), b.Node(in[4])
	batch := b.BatchStatistics[out[0].Name]
	if batch {
		stats := f.statistics(b, x)
		b.Statistics = append(b.Statistics, Statistics{Mean: in[3], Var: in[4], Node: stats, Count: f.n * f.hw, Momentum: f.momentum})
		mean, variance = b.strided("mean", stats, []int{2, f.c}, []int{f.c}, []int{1}, 0), b.strided("var", stats, []int{2, f.c}, []int{f.c}, []int{1}, f.c)
	}
	return []*gorgonia.Node{b.Apply(Kernel{Name: "BatchNormalization", Shape: out[0].Shape,
		Run: func(y []float32, x [][]float32) {
			kernel.BatchNormForward(b.Pool, y, x[0], x[3], x[4], x[1], x[2], f.epsilon, f.n, f.c, f.hw)
		},
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, need []bool) []*gorgonia.Node {
			return f.gradient(b, batch, in, dy, need)
		}}, x, scale, bias, mean, variance)}, nil
}

// statistics is the batch's [2,C] mean and biased variance. Its own gradient is part
// of the normalisation's.
func (f *batchNormalization) statistics(b *Builder, x *gorgonia.Node) *gorgonia.Node {
	return b.Apply(Kernel{Name: "BatchNormalization.stats", Shape: []int{2, f.c}, Keep: true,
		Run: func(y []float32, x [][]float32) {
			kernel.BatchStatistics(b.Pool, y[:f.c], y[f.c:], x[0], f.n, f.c, f.hw)
		}}, x)
}

func (f *batchNormalization) gradient(b *Builder, batch bool, in []*gorgonia.Node, dy *gorgonia.Node, need []bool) []*gorgonia.Node {
	x, scale, mean, variance := in[0], in[1], in[3], in[4]
	r := make([]*gorgonia.Node, 5)
	// sums [2,C]: the gradients of scale and bias, which the batch's dx needs too.
	sums := b.Apply(Kernel{Name: "BatchNormalization.sums", Shape: []int{2, f.c}, Run: func(y []float32, x [][]float32) {
		kernel.BatchNormReduce(b.Pool, y[:f.c], y[f.c:], x[0], x[1], x[2], x[3], f.epsilon, f.n, f.c, f.hw)
	}}, x, dy, mean, variance)
	if need[0] {
		r[0] = b.Apply(Kernel{Name: "BatchNormalization.dx", Shape: x.Shape(), Run: func(dx []float32, x [][]float32) {
			kernel.BatchNormBackward(b.Pool, dx, x[0], x[1], x[2], x[3], x[4], x[5][:f.c], x[5][f.c:], f.epsilon, batch, f.n, f.c, f.hw)
		}}, x, dy, scale, mean, variance, sums)
	}
	for i := range 2 {
		if need[1+i] {
			r[1+i] = b.strided([...]string{"scale.grad", "bias.grad"}[i], sums, []int{2, f.c}, []int{f.c}, []int{1}, i*f.c)
		}
	}
	return r
}
