package ops

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// function is y = f(x), element by element, for functions that need no kernel of
// their own: f and its derivative are computed in double precision.
// https://onnx.ai/onnx/operators/onnx__Abs.html, Ceil, Cos, Erf, Exp, Floor, Log, Neg,
// Reciprocal, Round, Sign, Sin, Sqrt, Tan; opsets 6, 7, 9, 11, 13, 22 and newer
type function struct {
	name     string
	f, d     func(x float64) float64
	integers func(x int64) int64 // nil: floats only
	// forward and backward are kernels of its own; nil: f and d will do.
	forward  func(p *kernel.Pool, y, x []float32)
	backward func(p *kernel.Pool, dx, x, dy []float32)
}

func constantly(v float64) func(float64) float64 { return func(float64) float64 { return v } }

func readAbs(*Attrs) Form {
	return &function{name: "Abs", f: math.Abs, d: sign, integers: func(x int64) int64 { return max(x, -x) }}
}

func readCeil(*Attrs) Form { return &function{name: "Ceil", f: math.Ceil, d: constantly(0)} }

func readCos(*Attrs) Form {
	return &function{name: "Cos", f: math.Cos, d: func(x float64) float64 { return -math.Sin(x) }}
}

func readErf(*Attrs) Form {
	return &function{name: "Erf", f: math.Erf, forward: kernel.Erf, d: func(x float64) float64 { return 2 / math.Sqrt(math.Pi) * math.Exp(-x*x) },
		integers: func(x int64) int64 { return int64(math.Erf(float64(x))) }}
}

func readExp(*Attrs) Form { return &function{name: "Exp", f: math.Exp, d: math.Exp} }

func readFloor(*Attrs) Form { return &function{name: "Floor", f: math.Floor, d: constantly(0)} }

func readLog(*Attrs) Form {
	return &function{name: "Log", f: math.Log, d: func(x float64) float64 { return 1 / x }}
}

func readNeg(*Attrs) Form {
	return &function{name: "Neg", f: func(x float64) float64 { return -x }, d: constantly(-1), integers: func(x int64) int64 { return -x }}
}

func readReciprocal(*Attrs) Form {
	return &function{name: "Reciprocal", f: func(x float64) float64 { return 1 / x }, d: func(x float64) float64 { return -1 / (x * x) }}
}

func readRound(*Attrs) Form {
	return &function{name: "Round", f: math.RoundToEven, d: constantly(0)}
}

func readSign(*Attrs) Form {
	return &function{name: "Sign", f: sign, d: constantly(0), integers: func(x int64) int64 {
		switch {
		case x > 0:
			return 1
		case x < 0:
			return -1
		}
		return 0
	}}
}

func readSin(*Attrs) Form { return &function{name: "Sin", f: math.Sin, d: math.Cos} }

func readSqrt(*Attrs) Form {
	return &function{name: "Sqrt", f: math.Sqrt, d: func(x float64) float64 { return 0.5 / math.Sqrt(x) }}
}

func readTan(*Attrs) Form {
	return &function{name: "Tan", f: math.Tan, d: func(x float64) float64 { return 1 + math.Pow(math.Tan(x), 2) }}
}

// sign is -1, 0 or 1, and NaN for NaN.
func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x
}

func (f *function) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	if !anyFloat(in[0].Type) && (f.integers == nil || !anyInteger(in[0].Type)) {
		return nil, fmt.Errorf("input has type %v", in[0].Type)
	}
	return []*Value{{Type: in[0].Type, Shape: in[0].Shape}}, nil
}

func (f *function) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	t := in[0].Type
	if anyInteger(t) {
		x := wholes(in[0])
		for i, v := range x {
			if v >= 0 || t != onnx.TensorProto_UINT64 {
				x[i] = f.integers(v)
			} else if f.name != "Abs" { // 2^63 and more, whose sign and error function are the largest number's
				x[i] = f.integers(math.MaxInt64)
			}
		}
		return []*onnx.Tensor{integerTensor(t, in[0].Shape, x)}, nil
	}
	y := make([]float64, in[0].Len())
	for i, v := range float64s(in[0]) {
		y[i] = f.f(v)
	}
	return []*onnx.Tensor{tensor64(t, in[0].Shape, y)}, nil
}

func (f *function) Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error) {
	if !IsFloat(in[0].Type) {
		return nil, nil
	}
	return []*gorgonia.Node{b.mapped(f, b.Either(in[0]))}, nil
}

// mapped is f of each element of a node.
func (b *Builder) mapped(f *function, x *gorgonia.Node) *gorgonia.Node {
	shape, forward, backward := x.Shape(), f.forward, f.backward
	if forward == nil {
		forward = func(p *kernel.Pool, y, x []float32) { kernel.Map(p, y, x, f.f) }
	}
	if backward == nil {
		backward = func(p *kernel.Pool, dx, x, dy []float32) { kernel.MapBackward(p, dx, x, dy, f.d) }
	}
	return b.Apply(Kernel{Name: f.name, Shape: shape,
		Run: func(y []float32, x [][]float32) { forward(b.Pool, y, x[0]) },
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.Apply(Kernel{Name: f.name + ".dx", Shape: shape,
				Run: func(dx []float32, x [][]float32) { backward(b.Pool, dx, x[0], x[1]) }}, in[0], dy)}
		}}, x)
}
