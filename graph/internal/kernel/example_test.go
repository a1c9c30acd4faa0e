package kernel

import "fmt"

// A 2x2 box filter over a 3x3 image; without a Pool the caller does it all.
func ExampleConvForward() {
	g := &Conv{N: 1, C: 1, H: 3, W: 3, M: 1, OutH: 2, OutW: 2, Group: 1,
		KernelH: 2, KernelW: 2, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1}
	x := []float32{
		1, 2, 3,
		4, 5, 6,
		7, 8, 9,
	}
	w, in, out := make([]float32, g.Packed()), make([]float32, 9*Lanes()), make([]float32, 4*Lanes())
	Block(nil, in, x, 1, 1, 9)
	PackWeights(nil, g, w, []float32{1, 1, 1, 1})
	ConvForward(nil, g, out, in, w, Epilogue{Bias: []float32{0.5}})
	y := make([]float32, 4)
	Unblock(nil, y, out, 1, 1, 4)
	fmt.Println(y)
	// Output: [12.5 16.5 24.5 28.5]
}

// A row times the transpose of a 2x3 matrix, as a classifier has it.
func ExampleGemm() {
	y := make([]float32, 2)
	x := []float32{1, 2, 3}
	w := []float32{
		1, 0, 0,
		0, 1, 1,
	}
	Gemm(nil, y, x, w, 1, 2, 3, false, true, 1, 0)
	fmt.Println(y)
	// Output: [1 5]
}

// The loss of an undecided classifier is log 2; its gradient points away from
// the wrong class.
func ExampleCrossEntropy() {
	loss, prob, dx := make([]float32, 1), make([]float32, 2), make([]float32, 2)
	target := []float32{1, 0}
	CrossEntropy(nil, loss, prob, []float32{3, 3}, target, 1, 2)
	CrossEntropyBackward(nil, dx, prob, target, 1, 1, 2)
	fmt.Printf("%.4f %v %v\n", loss[0], prob, dx)
	// Output: 0.6931 [0.5 0.5] [-0.5 0.5]
}

func ExampleRelu() {
	p := NewPool(2)
	defer p.Close()
	x := []float32{-1, 0, 2}
	Relu(p, x, x)
	fmt.Println(x)
	// Output: [0 0 2]
}
