package ops

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// pairwise is y = f(a, b), element by element with broadcasting, for functions that
// need no kernel of their own: Mod, Pow and PRelu, and Max and Min of any number of
// operands, two at a time. da and db are the partial derivatives.
type pairwise struct {
	name      string
	f, da, db func(a, b float64) float64
	integers  func(a, b int64) (int64, error) // nil: floats only
	least     int                             // operands
	most      int
	mixed     bool // the second operand may be of another type
	one       bool // the result has the first operand's shape
	shape     []int
}

// readMax gives equal operands half of the gradient each, as PyTorch does.
// https://onnx.ai/onnx/operators/onnx__Max.html, Min; opsets 6, 8, 12, 13
func readMax(*Attrs) Form {
	return &pairwise{name: "Max", f: math.Max, da: exceeds, db: func(a, b float64) float64 { return exceeds(b, a) }, least: 1, most: math.MaxInt32,
		integers: func(a, b int64) (int64, error) { return max(a, b), nil }}
}

func readMin(*Attrs) Form {
	return &pairwise{name: "Min", f: math.Min, da: func(a, b float64) float64 { return exceeds(b, a) }, db: exceeds, least: 1, most: math.MaxInt32,
		integers: func(a, b int64) (int64, error) { return min(a, b), nil }}
}

// exceeds is 1 where a > b, 0.5 where they are equal, else 0.
func exceeds(a, b float64) float64 {
	switch {
	case a > b:
		return 1
	case a == b:
		return 0.5
	}
	return 0
}

// readMod is the remainder with the sign of b, or with fmod=1 that of a.
// https://onnx.ai/onnx/operators/onnx__Mod.html; opsets 10, 13
func readMod(a *Attrs) Form {
	f := &pairwise{name: "Mod", least: 2, most: 2, da: func(_, _ float64) float64 { return 1 }}
	if a.Bool("fmod") {
		f.f, f.db = math.Mod, func(a, b float64) float64 { return -math.Trunc(a / b) }
		f.integers = func(a, b int64) (int64, error) {
			if b == 0 {
				return 0, fmt.Errorf("integer division by zero")
			}
			return a % b, nil
		}
		return f
	}
	f.f, f.db = floorMod, func(a, b float64) float64 { return -math.Floor(a / b) }
	f.integers = func(a, b int64) (int64, error) {
		if b == 0 {
			return 0, fmt.Errorf("integer division by zero")
		}
		r := a % b
		if r != 0 && (r < 0) != (b < 0) {
			r += b
		}
		return r, nil
	}
	return f
}

// floorMod is the remainder of a by b that has the sign of b.
func floorMod(a, b float64) float64 {
	r := math.Mod(a, b)
	switch {
	case r == 0:
		return math.Copysign(0, b)
	case (r < 0) != (b < 0):
		return r + b
	}
	return r
}

// readPow raises a to the power of b.
// https://onnx.ai/onnx/operators/onnx__Pow.html; opsets 7, 12, 13, 15
func readPow(*Attrs) Form {
	return &pairwise{name: "Pow", f: math.Pow, least: 2, most: 2, mixed: true,
		da: func(a, b float64) float64 {
			if b == 0 {
				return 0
			}
			return b * math.Pow(a, b-1)
		},
		db: func(a, b float64) float64 {
			if a == 0 && b >= 0 {
				return 0
			}
			return math.Pow(a, b) * math.Log(a)
		},
		integers: func(a, b int64) (int64, error) {
			if b < 0 {
				return int64(math.Pow(float64(a), float64(b))), nil
			}
			r := int64(1)
			for ; b > 0; b >>= 1 {
				if b&1 != 0 {
					r *= a
				}
				a *= a
			}
			return r, nil
		}}
}

// readPRelu is x, or slope*x below 0; the slope is stretched to x.
// https://onnx.ai/onnx/operators/onnx__PRelu.html; opsets 7, 9, 16
func readPRelu(*Attrs) Form {
	below := func(x float64) float64 { return math.Min(x, 0) }
	return &pairwise{name: "PRelu", least: 2, most: 2, one: true,
		f: func(x, slope float64) float64 {
			if x < 0 {
				return slope * x
			}
			return x
		},
		da: func(x, slope float64) float64 {
			if x < 0 {
				return slope
			}
			return 1
		},
		db: func(x, _ float64) float64 { return below(x) },
		integers: func(x, slope int64) (int64, error) {
			if x < 0 {
				return slope * x, nil
			}
			return x, nil
		}}
}

func (f *pairwise) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, f.least, f.most); err != nil {
		return nil, err
	}
	f.shape = in[0].Shape
	for i, v := range in {
		switch {
		case v == nil:
			return nil, fmt.Errorf("input %d is missing", i)
		case !anyFloat(v.Type) && !anyInteger(v.Type):
			return nil, fmt.Errorf("input %d has type %v, want numbers", i, v.Type)
		case v.Type != in[0].Type && !f.mixed:
			return nil, fmt.Errorf("inputs have types %v and %v, want one type", in[0].Type, v.Type)
		}
		shape, err := broadcast(f.shape, v.Shape)
		if err != nil {
			return nil, err
		}
		if f.one && (len(shape) != len(f.shape) || numel(shape) != numel(f.shape)) {
			return nil, fmt.Errorf("shape %v is not stretched to %v", v.Shape, f.shape)
		}
		f.shape = shape
	}
	return []*Value{{Type: in[0].Type, Shape: f.shape}}, nil
}

func (f *pairwise) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	y := expandTo(in[0], f.shape)
	for _, v := range in[1:] {
		var err error
		if y, err = f.apply(y, expandTo(v, f.shape)); err != nil {
			return nil, err
		}
	}
	return []*onnx.Tensor{y}, nil
}

func (f *pairwise) apply(a, b *onnx.Tensor) (*onnx.Tensor, error) {
	if anyFloat(a.Type) || anyFloat(b.Type) {
		x, z := numbers(a), numbers(b)
		y := make([]float64, len(x))
		for i := range y {
			y[i] = f.f(x[i], z[i])
		}
		if anyInteger(a.Type) {
			return &onnx.Tensor{Type: a.Type, Shape: f.shape, Data: castTo(y, a.Type)}, nil
		}
		return tensor64(a.Type, f.shape, y), nil
	}
	if f.name == "Max" || f.name == "Min" { // of unsigned numbers above 2^63 too
		return f.extreme(a, b), nil
	}
	x, z := wholes(a), wholes(b)
	for i := range x {
		var err error
		if x[i], err = f.integers(x[i], z[i]); err != nil {
			return nil, err
		}
	}
	return integerTensor(a.Type, f.shape, x), nil
}

// extreme picks each element of a or b by their order.
func (f *pairwise) extreme(a, b *onnx.Tensor) *onnx.Tensor {
	order, x, z := comparer(a, b), wholes(a), wholes(b)
	for i := range x {
		if (order(i, i) < 0) == (f.name == "Max") {
			x[i] = z[i]
		}
	}
	return integerTensor(a.Type, f.shape, x)
}

// numbers is the content of a float or integer tensor.
func numbers(t *onnx.Tensor) []float64 {
	if anyFloat(t.Type) {
		return float64s(t)
	}
	if v, ok := t.Data.([]uint64); ok {
		return castSlice[float64](v)
	}
	return castSlice[float64](wholes(t))
}

func (f *pairwise) Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error) {
	for _, v := range in {
		if !IsFloat(v.Type) {
			return nil, nil
		}
	}
	y := b.expand(b.Node(in[0]), in[0].Shape, f.shape)
	for _, v := range in[1:] {
		y = b.zip(f, y, b.expand(b.Node(v), v.Shape, f.shape))
	}
	if len(in) == 1 {
		y = b.alias(f.name, y, f.shape)
	}
	return []*gorgonia.Node{y}, nil
}

// zip applies f to two nodes of its shape.
func (b *Builder) zip(f *pairwise, x, y *gorgonia.Node) *gorgonia.Node {
	shape := denseShape(f.shape)
	partial := func(name string, d func(a, b float64) float64, in []*gorgonia.Node, dy *gorgonia.Node) *gorgonia.Node {
		return b.mul(dy, b.Apply(Kernel{Name: name, Shape: shape, Run: func(y []float32, x [][]float32) { kernel.Zip(b.Pool, y, x[0], x[1], d) }}, in[0], in[1]))
	}
	return b.Apply(Kernel{Name: f.name, Shape: shape,
		Run: func(y []float32, x [][]float32) { kernel.Zip(b.Pool, y, x[0], x[1], f.f) },
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, need []bool) []*gorgonia.Node {
			g := make([]*gorgonia.Node, 2)
			if need[0] {
				g[0] = partial(f.name+".da", f.da, in, dy)
			}
			if need[1] {
				g[1] = partial(f.name+".db", f.db, in, dy)
			}
			return g
		}}, x, y)
}
