package ops

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// batchNormalization is y = (x-mean)/sqrt(var+epsilon) * scale + bias, by channel:
// by the stored statistics, or by the batch's own where the Builder says so.
// https://onnx.ai/onnx/operators/onnx__BatchNormalization.html; opsets 7, 9, 14, 15
type batchNormalization struct {
	epsilon  float64
	momentum float32
	n, c, hw int
	training bool   // the attribute training_mode: by the batch's own even where nothing learns
	name     string // of its own output, where it has absorbed others

	adds   bool
	limits limits
}

func readBatchNormalization(a *Attrs) Form {
	if a.Int("spatial", 1) != 1 && a.Opset < 9 {
		a.fail("spatial=0 is not supported")
	}
	training := a.Bool("training_mode")
	if a.Opset < 7 && !a.Bool("is_test") {
		a.fail("%w", &UnsupportedError{"is_test=0 is not supported; export the model for inference"})
	}
	if a.Outs > 1 && !training {
		a.fail("outputs for training are not supported; export the model for inference")
	}
	return &batchNormalization{training: training, epsilon: decimal(a.Float("epsilon", 1e-5)), momentum: a.Float("momentum", 0.9)}
}

// decimal is the number with the fewest digits that rounds to v: the exporter had 1e-5,
// not the float32 next to it.
func decimal(v float32) float64 {
	d, _ := strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', -1, 32), 64)
	return d
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
	out := []*Value{{Type: in[0].Type, Shape: x}}
	if f.training { // and the running statistics, as they are after it
		out = append(out, &Value{Type: in[3].Type, Shape: x[1:2]}, &Value{Type: in[4].Type, Shape: x[1:2]})
	}
	return out, nil
}

func (f *batchNormalization) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	x, scale, bias, mean, variance := float64s(in[0]), float64s(in[1]), float64s(in[2]), float64s(in[3]), float64s(in[4])
	y := make([]float64, len(x))
	var running []*onnx.Tensor
	if f.training {
		old := [][]float64{mean, variance}
		mean, variance = f.ofBatch(x)
		for k, v := range [][]float64{mean, variance} {
			r := make([]float64, f.c)
			for c := range r {
				r[c] = old[k][c]*decimal(f.momentum) + v[c]*(1-decimal(f.momentum))
			}
			running = append(running, tensor64(in[3+k].Type, []int{f.c}, r))
		}
	}
	for i := range y {
		c := i / f.hw % f.c
		y[i] = (x[i]-mean[c])/math.Sqrt(variance[c]+f.epsilon)*scale[c] + bias[c]
	}
	return append([]*onnx.Tensor{tensor64(in[0].Type, in[0].Shape, y)}, running...), nil
}

// ofBatch are the mean and the biased variance of each channel.
func (f *batchNormalization) ofBatch(x []float64) (mean, variance []float64) {
	mean, variance = make([]float64, f.c), make([]float64, f.c)
	n := float64(f.n * f.hw)
	for i, v := range x {
		mean[i/f.hw%f.c] += v / n
	}
	for i, v := range x {
		c := i / f.hw % f.c
		variance[c] += (v - mean[c]) * (v - mean[c]) / n
	}
	return mean, variance
}

// Absorb takes over a sum with another tensor, and limits.
func (f *batchNormalization) Absorb(_ []*Value, r Reader) ([]*Value, bool) {
	if f.limits.set {
		return nil, false
	}
	if f.name == "" {
		f.name = r.In[r.Slot].Name
	}
	if other := r.residual(); other != nil && !f.adds {
		f.adds = true
		return []*Value{other}, true
	}
	return nil, f.limits.absorb(r.Form)
}

// into multiplies the scale into a convolution's weights w [M,…] and returns them with
// the bias that does the rest. in are scale, bias, mean and variance.
//
//	w' = w * scale/sqrt(var+epsilon)
//	bias' = bias + (b-mean) * scale/sqrt(var+epsilon)
func (f *batchNormalization) into(b *Builder, w, bias *gorgonia.Node, in []*Value) (*gorgonia.Node, *gorgonia.Node) {
	args := []*gorgonia.Node{b.Node(in[0]), b.Node(in[1]), b.Node(in[2]), b.Node(in[3])}
	if bias != nil {
		args = append(args, bias)
	}
	both := b.Apply(Kernel{Name: "BatchNormalization.fold", Shape: []int{2, f.c}, Run: func(y []float32, x [][]float32) {
		for j := range f.c {
			s := float64(x[0][j]) / math.Sqrt(float64(x[3][j])+f.epsilon)
			shift := -float64(x[2][j])
			if len(x) > 4 {
				shift += float64(x[4][j])
			}
			y[j], y[f.c+j] = float32(s), float32(float64(x[1][j])+shift*s)
		}
	}}, args...)
	shape := w.Shape()
	w = b.Apply(Kernel{Name: "Conv.fold", Shape: shape, Run: func(y []float32, x [][]float32) {
		kernel.MulChannel(b.Pool, y, x[0], x[1], 1, f.c, numel(shape[1:]))
	}}, w, both)
	return w, b.strided("Conv.bias", both, []int{2, f.c}, []int{f.c}, []int{1}, f.c)
}

// Lower reads, after its own inputs, the one it has absorbed.
func (f *batchNormalization) Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error) {
	if f.training {
		return nil, nil
	}
	name := f.name
	if name == "" {
		name = out[0].Name
	}
	k := normalisation{b: b,
		g: &kernel.Norm{N: f.n, C: f.c, HW: f.hw, Eps: f.epsilon, Batch: b.BatchStatistics[name], Clamp: f.limits.set, Lo: f.limits.lo, Hi: f.limits.hi}}
	x := b.Blocked(in[0])
	k.args = []*gorgonia.Node{x, b.Node(in[1]), b.Node(in[2])}
	if k.g.Batch {
		stats := k.statistics(x)
		b.Statistics = append(b.Statistics, Statistics{Mean: in[3], Var: in[4], Node: stats, Count: f.n * f.hw, Momentum: f.momentum})
		k.args = append(k.args, b.strided("mean", stats, []int{2, f.c}, []int{f.c}, []int{1}, 0), b.strided("var", stats, []int{2, f.c}, []int{f.c}, []int{1}, f.c))
	} else {
		k.args = append(k.args, b.Node(in[3]), b.Node(in[4]))
	}
	if f.adds {
		k.args = append(k.args, b.Blocked(in[5]))
	}
	return []*gorgonia.Node{k.apply()}, nil
}

// normalisation is the nodes of one BatchNormalization: args are x, scale, bias, mean,
// variance, and a residual where there is one.
type normalisation struct {
	b    *Builder
	g    *kernel.Norm
	args []*gorgonia.Node
}

// statistics is the batch's [2,C] mean and biased variance. Its own gradient is part
// of the normalisation's.
func (k *normalisation) statistics(x *gorgonia.Node) *gorgonia.Node {
	c := k.g.C
	return k.b.Apply(Kernel{Name: "BatchNormalization.stats", Shape: []int{2, c}, Keep: true,
		Run: func(y []float32, x [][]float32) {
			kernel.BatchStatistics(k.b.Pool, k.g, y[:c], y[c:], x[0])
		}}, x)
}

func (k *normalisation) apply() *gorgonia.Node {
	var over []int
	if len(k.args) > 5 {
		over = []int{5}
	}
	return k.b.Apply(Kernel{Name: "BatchNormalization", Shape: k.args[0].Shape(), Cheap: true, Over: over,
		Run: func(y []float32, x [][]float32) {
			var residual []float32
			if len(x) > 5 {
				residual = x[5]
			}
			kernel.BatchNormForward(k.b.Pool, k.g, y, x[0], residual, x[3], x[4], x[1], x[2])
		}, Grad: k.gradient}, k.args...)
}

func (k *normalisation) gradient(in []*gorgonia.Node, y, dy *gorgonia.Node, need []bool) []*gorgonia.Node {
	b, g, c := k.b, k.g, k.g.C
	x, scale, mean, variance := in[0], in[1], in[3], in[4]
	r := make([]*gorgonia.Node, len(in))
	if len(in) > 5 && need[5] {
		dy = b.gate(g.Clamp, g.Lo, g.Hi, y, dy)
		r[5] = dy
		open := *g
		open.Clamp = false
		g = &open
	}
	if !g.Clamp {
		y = x // what no limit closes needs no y
	}
	// sums [2,C]: the gradients of scale and bias, which the batch's dx needs too.
	sums := b.Apply(Kernel{Name: "BatchNormalization.sums", Shape: []int{2, c}, Run: func(s []float32, x [][]float32) {
		kernel.BatchNormReduce(b.Pool, g, s[:c], s[c:], x[0], x[1], x[2], x[3], x[4])
	}}, x, y, dy, mean, variance)
	if need[0] {
		r[0] = b.Apply(Kernel{Name: "BatchNormalization.dx", Shape: x.Shape(), Over: []int{2}, Run: func(dx []float32, x [][]float32) {
			kernel.BatchNormBackward(b.Pool, g, dx, x[0], x[1], x[2], x[3], x[4], x[5], x[6][:c], x[6][c:])
		}}, x, y, dy, scale, mean, variance, sums)
	}
	for i := range 2 {
		if need[1+i] {
			r[1+i] = b.strided([...]string{"scale.grad", "bias.grad"}[i], sums, []int{2, c}, []int{c}, []int{1}, i*c)
		}
	}
	return r
}
