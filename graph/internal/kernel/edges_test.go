package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// Sizes around the edges of the instruction set in use: the lanes of a block and the
// rows of a tile, each of none, one, one less, as many, one more, and two and a rest.

// edgeConvs have such numbers of channels in and out, alone and in depthwise layers,
// and such numbers of pixels in a row and in a plane.
func edgeConvs() []Conv {
	var cases []Conv
	widths := aroundRows()
	for i, c := range around(isa.lanes) {
		for j, m := range append(around(isa.lanes), 4*isa.lanes+1) { // 5 blocks are two panels or three
			g := square(2, c, 3, m, 3, 1, 1, 1)
			g.W = widths[(i+j)%len(widths)]
			cases = append(cases, sized(g))
		}
		cases = append(cases, square(2, c, 5, c, 3, 2, 1, max(c, 1)))
	}
	for _, w := range widths {
		for _, kernel := range []int{1, 3} {
			for _, stride := range []int{1, 2} {
				g := square(1, 3, 2, 5, kernel, stride, kernel/2, 1)
				g.W = w * stride
				cases = append(cases, sized(g))
			}
		}
		cases = append(cases, square(1, w, 4, w, 3, 1, 1, max(w, 1)))
	}
	return cases
}

// edgeWindows pool planes of such widths and numbers of channels.
func edgeWindows() []Window {
	var cases []Window
	channels := around(isa.lanes)
	for i, w := range aroundRows() {
		for stride := 1; stride <= 2; stride++ {
			cases = append(cases, Window{N: 2, C: channels[i%len(channels)], H: 4, W: stride * w, OutH: 4, OutW: w, KernelH: 3, KernelW: 3,
				StrideH: 1, StrideW: stride, DilationH: 1, DilationW: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1})
		}
	}
	return cases
}

// edgePlanes are n, c, hw with such numbers of channels and elements.
func edgePlanes() [][3]int {
	var sizes [][3]int
	for _, c := range around(isa.lanes)[1:] {
		for _, hw := range around(8)[1:] {
			sizes = append(sizes, [3]int{3, c, hw})
		}
	}
	return sizes
}

// edgeProducts are m, n, k with such numbers of rows and columns.
func edgeProducts() [][3]int {
	var sizes [][3]int
	for _, m := range aroundRows() {
		for _, n := range around(isa.lanes) {
			sizes = append(sizes, [3]int{m, n, 5})
		}
	}
	return sizes
}

// Kernels that write the blocked layout stay inside it, whatever number of channels its
// last block holds.
func TestStaysInside(t *testing.T) {
	eachISA(t, func(t *testing.T) {
		for _, c := range around(isa.lanes) {
			for name, k := range blockedOutputs(c) {
				t.Run(fmt.Sprintf("%s/c=%d", name, c), func(t *testing.T) {
					y, check := guarded(t, k.size)
					k.write(y)
					check()
				})
			}
		}
	})
}

// blockedOutput is a kernel's output and the kernel.
type blockedOutput struct {
	size  int
	write func(y []float32)
}

func blockedOutputs(c int) map[string]blockedOutput {
	const n, h = 2, 7
	r := rand.New(rand.NewPCG(27, 28))
	size := n * Blocks(c) * isa.lanes * h * h
	x, dy, v, ones := random(r, size), random(r, size), random(r, n*Blocks(c)*isa.lanes), make([]float32, c)
	for i := range ones {
		ones[i] = 1
	}
	win := &Window{N: n, C: c, H: h, W: h, OutH: h, OutW: h, KernelH: 3, KernelW: 3, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}
	norm := &Norm{N: n, C: c, HW: h * h, Eps: 1e-5, Batch: true, Clamp: true, Hi: 1}
	lrn := &LRN{N: n, C: c, HW: h * h, Below: 2, Above: 2, Bias: 1, Scale: 0.1, Beta: 0.75}
	outputs := map[string]blockedOutput{
		"Block":                {size, func(y []float32) { Block(nil, y, x, n, c, h*h) }},
		"Gate":                 {size, func(y []float32) { Gate(nil, y, x, dy, 0, 1) }},
		"MaxPool":              {size, func(y []float32) { MaxPool(nil, win, y, x) }},
		"MaxPoolBackward":      {size, func(dx []float32) { MaxPoolBackward(nil, win, dx, x, x, dy) }},
		"AveragePool":          {size, func(y []float32) { AveragePool(nil, win, y, x, true) }},
		"AveragePoolBackward":  {size, func(dx []float32) { AveragePoolBackward(nil, win, dx, dy, false) }},
		"AverageLanesBackward": {size, func(dx []float32) { AverageLanesBackward(nil, dx, v, n, c, h*h) }},
		"LRNForward":           {size, func(y []float32) { LRNForward(nil, lrn, y, x) }},
		"LRNBackward":          {size, func(dx []float32) { LRNBackward(nil, lrn, dx, x, dy) }},
		"MulLanes":             {size, func(y []float32) { MulLanes(nil, y, x, v, n, c, h*h) }},
		"MulLanesBackward":     {len(v), func(dv []float32) { MulLanesBackward(nil, dv, x, dy, n, c, h*h) }},
		"BatchNormForward":     {size, func(y []float32) { BatchNormForward(nil, norm, y, x, dy, v, ones, v, v) }},
		"BatchNormBackward":    {size, func(dx []float32) { BatchNormBackward(nil, norm, dx, x, x, dy, v, v, ones, v, v) }},
	}
	convs := map[string]Conv{"": square(n, c, h, c, 3, 1, 1, 1), " strided": square(n, c, h, 2*c, 3, 2, 1, 1), " pointwise": square(n, c, h, c+1, 1, 1, 0, 1),
		" depthwise": square(n, c, h, c, 3, 1, 1, max(c, 1)), " grouped": square(n, 3*c, h, 3*c, 3, 1, 1, 3)}
	for name, g := range convs {
		x, dy, w, packed := random(r, g.input()), random(r, g.output()), random(r, g.M*(g.C/g.Group)*g.KernelH*g.KernelW), random(r, g.Packed())
		outputs["PackWeights"+name] = blockedOutput{len(packed), func(y []float32) { PackWeights(nil, &g, y, w) }}
		outputs["PackWeightsData"+name] = blockedOutput{len(packed), func(y []float32) { PackWeightsData(nil, &g, y, w) }}
		outputs["UnpackWeights"+name] = blockedOutput{len(w), func(y []float32) { UnpackWeights(nil, &g, y, packed) }}
		outputs["ConvForward"+name] = blockedOutput{len(dy), func(y []float32) { ConvForward(nil, &g, y, x, packed, Epilogue{}) }}
		outputs["ConvBackwardData"+name] = blockedOutput{len(x), func(dx []float32) { ConvBackwardData(nil, &g, dx, dy, packed) }}
		outputs["ConvBackwardWeights"+name] = blockedOutput{len(packed), func(dw []float32) { ConvBackwardWeights(nil, &g, dw, x, dy) }}
	}
	if c == 0 { // never pays by Winograd's algorithm
		return outputs
	}
	g := square(n, c, h, c+1, 3, 1, 1, 1)
	gx, gdy, w, packed := random(r, g.input()), random(r, g.output()), random(r, g.M*g.C*9), random(r, g.PackedWinograd())
	outputs["PackWeightsWinograd"] = blockedOutput{len(packed), func(y []float32) { PackWeightsWinograd(nil, &g, y, w) }}
	outputs["PackWeightsDataWinograd"] = blockedOutput{len(packed), func(y []float32) { PackWeightsDataWinograd(nil, &g, y, w) }}
	outputs["ConvForwardWinograd"] = blockedOutput{len(gdy), func(y []float32) { ConvForwardWinograd(nil, &g, y, gx, packed, Epilogue{}) }}
	outputs["ConvBackwardDataWinograd"] = blockedOutput{len(gx), func(dx []float32) { ConvBackwardDataWinograd(nil, &g, dx, gdy, packed) }}
	outputs["ConvBackwardWeightsWinograd"] = blockedOutput{g.Packed(), func(dw []float32) { ConvBackwardWeightsWinograd(nil, &g, dw, gx, gdy) }}
	return outputs
}
