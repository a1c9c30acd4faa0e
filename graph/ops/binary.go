package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// binary is an arithmetic operator with multidirectional broadcasting.
// https://onnx.ai/onnx/operators/onnx__Add.html, Sub, Mul, Div; opsets 7, 13, 14
type binary struct {
	name  string
	float func(a, b float64) float64
	lower func(b *Builder, x, y, out *Value) *gorgonia.Node
	out   *Value
	spelt spelling // of a Gelu, where it has absorbed parts of one
}

func readAdd(*Attrs) Form {
	return &binary{name: "Add", float: func(a, b float64) float64 { return a + b }, lower: lowerAdd}
}

func readSub(*Attrs) Form {
	return &binary{name: "Sub", float: func(a, b float64) float64 { return a - b }, lower: lowerSub}
}

func readMul(*Attrs) Form {
	return &binary{name: "Mul", float: func(a, b float64) float64 { return a * b }, lower: lowerMul}
}

func readDiv(*Attrs) Form {
	return &binary{name: "Div", float: func(a, b float64) float64 { return a / b }, lower: lowerDiv}
}

func (f *binary) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 2, 2); err != nil {
		return nil, err
	}
	if in[0].Type != in[1].Type {
		return nil, fmt.Errorf("inputs have types %v and %v, want one type", in[0].Type, in[1].Type)
	}
	if t := in[0].Type; t == onnx.TensorProto_BOOL || t == onnx.TensorProto_STRING {
		return nil, fmt.Errorf("inputs have type %v, want numbers", t)
	}
	shape, err := broadcast(in[0].Shape, in[1].Shape)
	if err != nil {
		return nil, err
	}
	f.out = &Value{Type: in[0].Type, Shape: shape}
	return []*Value{f.out}, nil
}

func (f *binary) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	a, b := expandTo(in[0], f.out.Shape), expandTo(in[1], f.out.Shape)
	t := &onnx.Tensor{Type: f.out.Type, Shape: f.out.Shape}
	var err error
	switch x := a.Data.(type) {
	case []float32, []float64:
		p, q := float64s(a), float64s(b)
		r := make([]float64, len(p))
		for i := range p {
			r[i] = f.float(p[i], q[i])
		}
		return []*onnx.Tensor{tensor64(t.Type, t.Shape, r)}, nil
	case []int8:
		t.Data, err = integers(f.name, x, b.Data.([]int8))
	case []int16:
		t.Data, err = integers(f.name, x, b.Data.([]int16))
	case []int32:
		t.Data, err = integers(f.name, x, b.Data.([]int32))
	case []int64:
		t.Data, err = integers(f.name, x, b.Data.([]int64))
	case []uint8:
		t.Data, err = integers(f.name, x, b.Data.([]uint8))
	case []uint16:
		t.Data, err = integers(f.name, x, b.Data.([]uint16))
	case []uint32:
		t.Data, err = integers(f.name, x, b.Data.([]uint32))
	case []uint64:
		t.Data, err = integers(f.name, x, b.Data.([]uint64))
	}
	return []*onnx.Tensor{t}, err
}

type integer interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// integers wraps around as Go and ONNX Runtime do, and divides towards zero.
func integers[T integer](op string, a, b []T) ([]T, error) {
	r := make([]T, len(a))
	for i := range a {
		switch op {
		case "Add":
			r[i] = a[i] + b[i]
		case "Sub":
			r[i] = a[i] - b[i]
		case "Mul":
			r[i] = a[i] * b[i]
		case "Div":
			if b[i] == 0 {
				return nil, fmt.Errorf("integer division by zero")
			}
			r[i] = a[i] / b[i]
		}
	}
	return r, nil
}

func (f *binary) Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error) {
	if f.spelt.stage > 0 {
		return []*gorgonia.Node{f.spelt.lower(b, in[f.spelt.x])}, nil
	}
	return []*gorgonia.Node{f.lower(b, in[0], in[1], out[0])}, nil
}

// block sees shape as [outer, c, inner] such that v, broadcast to it, is [c]:
// a scalar, a value a channel, a row. ok is false where v's extents are scattered.
func block(v, shape []int) (outer, c, inner int, ok bool) {
	v = append(slices.Repeat([]int{1}, len(shape)-len(v)), v...)
	first, last := len(v), -1
	for i, d := range v {
		if d != 1 {
			first, last = min(first, i), i
		}
	}
	if last < 0 {
		return 1, 1, numel(shape), true
	}
	for i := first; i <= last; i++ {
		if v[i] != shape[i] {
			return 0, 0, 0, false
		}
	}
	return numel(shape[:first]), numel(shape[first : last+1]), numel(shape[last+1:]), true
}

// bothBlocked says whether x and y have the shape of out, [N,C,…], and one of them is at
// hand in the blocked layout, in which both are to be taken then.
func (b *Builder) bothBlocked(x, y, out *Value) bool {
	return (b.IsBlocked(x) || b.IsBlocked(y)) && slices.Equal(x.Shape, out.Shape) && slices.Equal(y.Shape, out.Shape)
}

// onNumber says whether y is one number that does not learn and x is at hand in the
// blocked layout: all elements of which may be treated alike.
func (b *Builder) onNumber(x, y, out *Value) bool {
	return b.IsBlocked(x) && numel(y.Shape) == 1 && slices.Equal(x.Shape, out.Shape) && !b.NeedsGradient(b.Node(y))
}

func lowerAdd(b *Builder, x, y, out *Value) *gorgonia.Node {
	if b.onNumber(y, x, out) {
		x, y = y, x
	}
	switch shape := out.Shape; {
	case b.bothBlocked(x, y, out):
		shape = blockedShape(shape)
		return b.add(b.Blocked(x), b.Blocked(y), shape, shape, shape)
	case b.onNumber(x, y, out):
		shape = blockedShape(shape)
		return b.add(b.Blocked(x), b.Node(y), shape, []int{1}, shape)
	}
	return b.add(b.Node(x), b.Node(y), x.Shape, y.Shape, out.Shape)
}

func (b *Builder) add(x, y *gorgonia.Node, xs, ys, shape []int) *gorgonia.Node {
	if !slices.Equal(xs, shape) && slices.Equal(ys, shape) {
		x, y, xs, ys = y, x, ys, xs
	}
	n, c, hw, ok := block(ys, shape)
	if !ok || !slices.Equal(xs, shape) {
		x, y = b.expand(x, xs, shape), b.expand(y, ys, shape)
	}
	if !ok || !slices.Equal(xs, shape) || slices.Equal(ys, shape) {
		return b.Apply(Kernel{Name: "Add", Shape: denseShape(shape), Cheap: true, Over: []int{0, 1},
			Run: func(y []float32, x [][]float32) { kernel.Add(b.Pool, y, x[0], x[1]) },
			Grad: func(_ []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
				return []*gorgonia.Node{dy, dy}
			},
		}, x, y)
	}
	if hw == 1 {
		return b.addRows("Add", x, y, n, c)
	}
	return b.Apply(Kernel{Name: "Add", Shape: denseShape(shape), Cheap: true, Over: []int{0},
		Run: func(y []float32, x [][]float32) { kernel.AddChannel(b.Pool, y, x[0], x[1], n, c, hw) },
		Grad: func(_ []*gorgonia.Node, _, dy *gorgonia.Node, need []bool) []*gorgonia.Node {
			g := []*gorgonia.Node{dy, nil}
			if need[1] {
				g[1] = b.sumChannels(dy, ys, n, c, hw)
			}
			return g
		},
	}, x, y)
}

// sumChannels adds x [n,c,hw] over n and hw; the result has the given shape of c elements.
func (b *Builder) sumChannels(x *gorgonia.Node, shape []int, n, c, hw int) *gorgonia.Node {
	return b.Apply(Kernel{Name: "SumChannels", Shape: denseShape(shape), Run: func(y []float32, x [][]float32) {
		kernel.SumChannels(b.Pool, y, x[0], n, c, hw)
	}}, x)
}

// lowerSub is x + (-y), which rounds like x - y.
func lowerSub(b *Builder, x, y, out *Value) *gorgonia.Node {
	if b.onNumber(x, y, out) {
		shape := blockedShape(out.Shape)
		return b.add(b.Blocked(x), b.scale(b.Node(y), -1), shape, []int{1}, shape)
	}
	return b.add(b.Node(x), b.scale(b.Node(y), -1), x.Shape, y.Shape, out.Shape)
}

func (b *Builder) scale(x *gorgonia.Node, a float32) *gorgonia.Node {
	return b.Apply(Kernel{Name: "Scale", Shape: x.Shape(),
		Run: func(y []float32, x [][]float32) { kernel.Scale(b.Pool, y, x[0], a) },
		Grad: func(_ []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.scale(dy, a)}
		},
	}, x)
}

func lowerMul(b *Builder, x, y, out *Value) *gorgonia.Node {
	shape := out.Shape
	if !slices.Equal(x.Shape, shape) && slices.Equal(y.Shape, shape) {
		x, y = y, x
	}
	switch {
	case b.bothBlocked(x, y, out):
		return b.mul(b.Blocked(x), b.Blocked(y))
	case b.IsBlocked(x) && slices.Equal(x.Shape, shape) && slices.Equal(y.Shape, slices.Concat(shape[:2], slices.Repeat([]int{1}, len(shape)-2))):
		return b.mulLanes(b.Blocked(x), b.Blocked(y), shape)
	case b.onNumber(x, y, out):
		return b.timesNumber(b.Blocked(x), b.Node(y))
	}
	n, c, hw, ok := block(y.Shape, shape)
	if !ok || !slices.Equal(x.Shape, shape) || slices.Equal(y.Shape, shape) {
		return b.mul(b.expand(b.Node(x), x.Shape, shape), b.expand(b.Node(y), y.Shape, shape))
	}
	if hw == 1 {
		return b.mulRows("Mul", b.Node(x), b.Node(y), n, c)
	}
	mulChannel := func(y []float32, x [][]float32) { kernel.MulChannel(b.Pool, y, x[0], x[1], n, c, hw) }
	return b.Apply(Kernel{Name: "Mul", Shape: denseShape(shape), Cheap: true, Run: mulChannel,
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, need []bool) []*gorgonia.Node {
			g := make([]*gorgonia.Node, 2)
			if need[0] {
				g[0] = b.Apply(Kernel{Name: "Mul.dx", Shape: denseShape(shape), Run: mulChannel}, dy, in[1])
			}
			if need[1] {
				g[1] = b.sumChannels(b.mul(dy, in[0]), y.Shape, n, c, hw)
			}
			return g
		},
	}, b.Node(x), b.Node(y))
}

// mulLanes is x times one number a channel and image, v [N,C,1,…], both in the blocked
// layout of a value of the given shape: squeeze and excitation.
func (b *Builder) mulLanes(x, v *gorgonia.Node, shape []int) *gorgonia.Node {
	n, c, hw := sizes(shape)
	times := func(y []float32, x [][]float32) { kernel.MulLanes(b.Pool, y, x[0], x[1], n, c, hw) }
	return b.Apply(Kernel{Name: "Mul", Shape: x.Shape(), Cheap: true, Over: []int{0}, Run: times,
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, need []bool) []*gorgonia.Node {
			g := make([]*gorgonia.Node, 2)
			if need[0] {
				g[0] = b.Apply(Kernel{Name: "Mul.dx", Shape: in[0].Shape(), Over: []int{0}, Run: times}, dy, in[1])
			}
			if need[1] {
				g[1] = b.Apply(Kernel{Name: "Mul.dv", Shape: in[1].Shape(), Run: func(dv []float32, x [][]float32) {
					kernel.MulLanesBackward(b.Pool, dv, x[0], x[1], n, c, hw)
				}}, in[0], dy)
			}
			return g
		}}, x, v)
}

// timesNumber is x times one number that does not learn.
func (b *Builder) timesNumber(x, y *gorgonia.Node) *gorgonia.Node {
	return b.Apply(Kernel{Name: "Mul", Shape: x.Shape(), Cheap: true,
		Run: func(y []float32, x [][]float32) { kernel.Scale(b.Pool, y, x[0], x[1][0]) },
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.timesNumber(dy, in[1]), nil}
		}}, x, y)
}

// mul is the product of two nodes of one shape.
func (b *Builder) mul(x, y *gorgonia.Node) *gorgonia.Node {
	return b.Apply(Kernel{Name: "Mul", Shape: x.Shape(), Cheap: true, Over: []int{0, 1},
		Run: func(y []float32, x [][]float32) { kernel.Mul(b.Pool, y, x[0], x[1]) },
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, need []bool) []*gorgonia.Node {
			g := make([]*gorgonia.Node, 2)
			for i := range g {
				if need[i] {
					g[i] = b.mul(dy, in[1-i])
				}
			}
			return g
		},
	}, x, y)
}

func lowerDiv(b *Builder, x, y, out *Value) *gorgonia.Node {
	if b.onNumber(x, y, out) {
		n := b.Blocked(x)
		return b.div(n, b.strided("Expand", b.Node(y), []int{1}, n.Shape(), make([]int, n.Shape().Dims()), 0))
	}
	return b.div(b.expand(b.Node(x), x.Shape, out.Shape), b.expand(b.Node(y), y.Shape, out.Shape))
}

func (b *Builder) div(x, y *gorgonia.Node) *gorgonia.Node {
	return b.Apply(Kernel{Name: "Div", Shape: x.Shape(),
		Run: func(y []float32, x [][]float32) { kernel.Div(b.Pool, y, x[0], x[1]) },
		Grad: func(in []*gorgonia.Node, y, dy *gorgonia.Node, need []bool) []*gorgonia.Node {
			g := make([]*gorgonia.Node, 2)
			if need[0] {
				g[0] = b.div(dy, in[1])
			}
			if need[1] { // d(a/b)/db = -(a/b)/b
				g[1] = b.scale(b.div(b.mul(dy, y), in[1]), -1)
			}
			return g
		},
	}, x, y)
}

// expand broadcasts a node of shape from to shape to.
func (b *Builder) expand(x *gorgonia.Node, from, to []int) *gorgonia.Node {
	if slices.Equal(from, to) {
		return x
	}
	return b.strided("Expand", x, denseShape(from), denseShape(to), stretch(from, to), 0)
}
