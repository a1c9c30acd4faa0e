package ops

import (
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// softmax is exp(x)/sum(exp(x)) along an axis, or its logarithm; before opset 13 along
// all dimensions from the axis on.
// https://onnx.ai/onnx/operators/onnx__Softmax.html, LogSoftmax; opsets 1, 11, 13
type softmax struct {
	name    string
	axis    int
	flatten bool // all dimensions from axis on
	shape   []int
}

func readSoftmax(a *Attrs) Form    { return newSoftmax(a, "Softmax") }
func readLogSoftmax(a *Attrs) Form { return newSoftmax(a, "LogSoftmax") }

func newSoftmax(a *Attrs, name string) *softmax {
	if a.Opset < 13 {
		return &softmax{name: name, axis: a.Int("axis", 1), flatten: true}
	}
	return &softmax{name: name, axis: a.Int("axis", -1)}
}

func (f *softmax) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	if err := wantFloat(in[0]); err != nil {
		return nil, err
	}
	f.shape = in[0].Shape
	var err error
	f.axis, err = axis(f.axis, len(f.shape))
	return []*Value{{Type: in[0].Type, Shape: f.shape}}, err
}

// lines sees x as [outer, width, inner]; the sums run over width.
func (f *softmax) lines() (outer, width, inner int) {
	if f.flatten {
		return numel(f.shape[:f.axis]), numel(f.shape[f.axis:]), 1
	}
	return numel(f.shape[:f.axis]), f.shape[f.axis], numel(f.shape[f.axis+1:])
}

func (f *softmax) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	x := float64s(in[0])
	y := make([]float64, len(x))
	outer, width, inner := f.lines()
	for i := range outer * inner {
		at := i/inner*width*inner + i%inner
		largest, sum := math.Inf(-1), 0.0
		for j := range width {
			largest = math.Max(largest, x[at+j*inner])
		}
		for j := range width {
			y[at+j*inner] = math.Exp(x[at+j*inner] - largest)
			sum += y[at+j*inner]
		}
		for j := range width {
			if y[at+j*inner] /= sum; f.name == "LogSoftmax" {
				y[at+j*inner] = x[at+j*inner] - largest - math.Log(sum)
			}
		}
	}
	return []*onnx.Tensor{tensor64(in[0].Type, f.shape, y)}, nil
}

func (f *softmax) Lower(b *Builder, in, _ []*Value) ([]*gorgonia.Node, error) {
	outer, width, inner := f.lines()
	x := b.Node(in[0])
	if inner == 1 {
		return []*gorgonia.Node{b.softmax(f.name, x, denseShape(f.shape), outer, width)}, nil
	}
	// The axis goes last and comes back: [outer,width,inner] -> [outer,inner,width].
	there, back := []int{outer, inner, width}, []int{outer, width, inner}
	x = b.strided("Softmax.in", b.alias("Softmax.x", x, back), back, there, []int{width * inner, 1, inner}, 0)
	y := b.softmax(f.name, x, there, outer*inner, width)
	y = b.strided("Softmax.out", y, there, back, []int{inner * width, 1, width}, 0)
	return []*gorgonia.Node{b.alias("Softmax.y", y, slices.Clone(f.shape))}, nil
}

func (b *Builder) softmax(name string, x *gorgonia.Node, shape []int, rows, width int) *gorgonia.Node {
	forward, backward := kernel.Softmax, kernel.SoftmaxBackward
	if name == "LogSoftmax" {
		forward, backward = kernel.LogSoftmax, kernel.LogSoftmaxBackward
	}
	return b.Apply(Kernel{Name: name, Shape: shape,
		Run: func(y []float32, x [][]float32) { forward(b.Pool, y, x[0], rows, width) },
		Grad: func(_ []*gorgonia.Node, y, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.Apply(Kernel{Name: name + ".dx", Shape: shape, Run: func(dx []float32, x [][]float32) {
				backward(b.Pool, dx, x[0], x[1], rows, width)
			}}, y, dy)}
		}}, x)
}
