package kernel

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkMemory measures the kernels that memory bandwidth bounds, on an
// activation of ResNet-18's first stage at batch 16: GB/s of floats read and
// written.
func BenchmarkMemory(b *testing.B) {
	const n, c, hw = 16, 64, 56 * 56
	p := NewPool(2)
	defer p.Close()
	r := rand.New(rand.NewPCG(1, 2))
	x, dy, y := random(r, n*c*hw), random(r, n*c*hw), random(r, n*c*hw)
	m, v := make([]float32, len(x)), make([]float32, len(x))
	mean, variance, gamma, beta := random(r, c), random(r, c), random(r, c), random(r, c)
	for i := range variance {
		variance[i] = 1
	}
	norm := &Norm{N: n, C: c, HW: hw, Eps: 1e-5, Batch: true, Clamp: true, Hi: float32(inf)}
	stem := &Window{N: n, C: c, H: 56, W: 56, OutH: 28, OutW: 28, KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2, DilationH: 1, DilationW: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}
	for _, k := range []struct {
		name    string
		streams float64 // tensors read or written
		f       func()
	}{
		{"Copy", 2, func() { Copy(p, y, x, n*c, hw, hw, 0, hw, 0) }},
		{"Add", 3, func() { Add(p, y, x, dy) }},
		{"Axpy", 3, func() { Axpy(p, y, x, 0.1) }},
		{"Relu", 2, func() { Relu(p, y, x) }},
		{"ReluBackward", 3, func() { ReluBackward(p, y, x, dy) }},
		{"Clip", 2, func() { Clip(p, y, x, 0, 6) }},
		{"ClipBackward", 3, func() { ClipBackward(p, y, x, dy, 0, 6) }},
		{"Gate", 3, func() { Gate(p, m, x, dy, 0, 6) }},
		{"Block", 2, func() { Block(p, y, x, n, c, hw) }},
		{"Unblock", 2, func() { Unblock(p, y, x, n, c, hw) }},
		{"AverageLanes", 1, func() { AverageLanes(p, m, x, n, c, hw) }},
		{"HardSwish", 2, func() { HardSwish(p, y, x) }},
		{"HardSwishBackward", 3, func() { HardSwishBackward(p, y, x, dy) }},
		{"Sigmoid", 2, func() { Sigmoid(p, y, x) }},
		{"Tanh", 2, func() { Tanh(p, y, x) }},
		{"AddChannel", 2, func() { AddChannel(p, y, x, beta, n, c, hw) }},
		{"SumChannels", 1, func() { SumChannels(p, mean, x, n, c, hw) }},
		{"BatchStatistics", 1, func() { BatchStatistics(p, norm, mean, variance, x) }},
		{"BatchNormForward", 2, func() { BatchNormForward(p, norm, y, x, nil, mean, variance, gamma, beta) }},
		{"BatchNormReduce", 3, func() { BatchNormReduce(p, norm, gamma, beta, x, y, dy, mean, variance) }},
		{"BatchNormBackward", 4, func() { BatchNormBackward(p, norm, m, x, y, dy, gamma, mean, variance, gamma, beta) }},
		{"GlobalAveragePool", 1, func() { GlobalAveragePool(p, m, x, n*c, hw) }},
		{"MaxPool", 1.25, func() { MaxPool(p, stem, y, x) }},
		{"MaxPoolBackward", 2.25, func() { MaxPoolBackward(p, stem, m, x, y, dy) }},
		{"AveragePool", 1.25, func() { AveragePool(p, stem, y, x, true) }},
		{"AveragePoolBackward", 1.25, func() { AveragePoolBackward(p, stem, y, dy, true) }},
		{"Softmax", 2, func() { Softmax(p, y, x, n*c, hw) }},
		{"Dropout", 2, func() { Dropout(p, y, x, 0.5, 7) }},
		{"SGD", 5, func() { SGD(p, y, dy, m, 0.01, 0.9, 1e-4, false, false) }},
		{"Adam", 7, func() { Adam(p, y, dy, m, v, 0.001, 0.9, 0.999, 1e-8, 1e-4, 10, true) }},
		{"SumSquares", 1, func() { SumSquares(p, x) }},
	} {
		b.Run(k.name, func(b *testing.B) {
			for b.Loop() {
				k.f()
			}
			b.ReportMetric(4*k.streams*float64(len(x))*float64(b.N)/b.Elapsed().Seconds()/1e9, "GB/s")
		})
	}
}
