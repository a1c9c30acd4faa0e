package ops

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// reduce makes one number of all along some axes, all axes where none are named: an
// attribute before opset 13 (ReduceSum) or 18 (the others), an input since.
// https://onnx.ai/onnx/operators/onnx__ReduceL1.html, ReduceL2, ReduceLogSum, ReduceLogSumExp, ReduceMax,
// ReduceMean, ReduceMin, ReduceProd, ReduceSum, ReduceSumSquare; opsets 1, 11, 12, 13, 18, 20
type reduce struct {
	name string
	f    func(row []float64) float64
	// d writes the derivatives of y = f(row).
	d         func(dx, row []float32, y float32)
	integers  func(row []int64) int64 // nil: floats only
	axes      func(in []*Value, rank int) ([]int, bool, error)
	keep      bool // reduced dimensions stay, as 1
	skipEmpty bool // no axes: nothing is reduced
	most      int  // inputs at most
	over      []int
	in, shape []int
}

func newReduce(a *Attrs, since int, f reduce) Form {
	f.axes, f.most, f.keep = readAxes(a, since), inputsSince(a, since, 2), a.Int("keepdims", 1) != 0
	if a.Opset >= since {
		f.skipEmpty = a.Bool("noop_with_empty_axes")
	}
	return &f
}

func total(row []float64) (s float64) {
	for _, v := range row {
		s += v
	}
	return s
}

// each makes the d of a function whose derivative by an element depends on it and y alone.
func each(d func(x, y float64) float64) func(dx, row []float32, y float32) {
	return func(dx, row []float32, y float32) {
		for i, x := range row {
			dx[i] = float32(d(float64(x), float64(y)))
		}
	}
}

func readReduceL1(a *Attrs) Form {
	return newReduce(a, 18, reduce{name: "ReduceL1", d: each(func(x, _ float64) float64 { return sign(x) }), f: func(row []float64) (s float64) {
		for _, v := range row {
			s += math.Abs(v)
		}
		return s
	}, integers: func(row []int64) (s int64) {
		for _, v := range row {
			s += max(v, -v)
		}
		return s
	}})
}

func readReduceL2(a *Attrs) Form {
	return newReduce(a, 18, reduce{name: "ReduceL2", f: func(row []float64) float64 { return math.Sqrt(squares(row)) },
		d: each(func(x, y float64) float64 {
			if y == 0 {
				return 0
			}
			return x / y
		}),
		integers: func(row []int64) int64 { return int64(math.Sqrt(squares(castSlice[float64](row)))) }})
}

func squares(row []float64) (s float64) {
	for _, v := range row {
		s += v * v
	}
	return s
}

func readReduceLogSum(a *Attrs) Form {
	return newReduce(a, 18, reduce{name: "ReduceLogSum", f: func(row []float64) float64 { return math.Log(total(row)) },
		d:        each(func(_, y float64) float64 { return math.Exp(-y) }),
		integers: func(row []int64) int64 { return int64(math.Log(total(castSlice[float64](row)))) }})
}

func readReduceLogSumExp(a *Attrs) Form {
	return newReduce(a, 18, reduce{name: "ReduceLogSumExp", f: logSumExp,
		d:        each(func(x, y float64) float64 { return math.Exp(x - y) }),
		integers: func(row []int64) int64 { return int64(logSumExp(castSlice[float64](row))) }})
}

func logSumExp(row []float64) float64 {
	largest, s := math.Inf(-1), 0.0
	for _, v := range row {
		largest = math.Max(largest, v)
	}
	if math.IsInf(largest, 0) {
		return largest
	}
	for _, v := range row {
		s += math.Exp(v - largest)
	}
	return largest + math.Log(s)
}

// readReduceMax divides the gradient among equal maxima, as PyTorch's amax does.
func readReduceMax(a *Attrs) Form {
	return newReduce(a, 18, reduce{name: "ReduceMax", d: reached, f: func(row []float64) float64 { return extreme(row, math.Inf(-1), math.Max) }})
}

func readReduceMin(a *Attrs) Form {
	return newReduce(a, 18, reduce{name: "ReduceMin", d: reached, f: func(row []float64) float64 { return extreme(row, math.Inf(1), math.Min) }})
}

func extreme(row []float64, of float64, f func(a, b float64) float64) float64 {
	for _, v := range row {
		of = f(of, v)
	}
	return of
}

func reached(dx, row []float32, y float32) {
	n := float32(0)
	for _, x := range row {
		if x == y {
			n++
		}
	}
	for i, x := range row {
		dx[i] = 0
		if x == y {
			dx[i] = 1 / n
		}
	}
}

func readReduceMean(a *Attrs) Form {
	return newReduce(a, 18, reduce{name: "ReduceMean", f: func(row []float64) float64 { return total(row) / float64(len(row)) },
		integers: func(row []int64) (s int64) {
			for _, v := range row {
				s += v
			}
			return s / max(int64(len(row)), 1)
		}})
}

func readReduceProd(a *Attrs) Form {
	return newReduce(a, 18, reduce{name: "ReduceProd", f: func(row []float64) float64 {
		p := 1.0
		for _, v := range row {
			p *= v
		}
		return p
	}, d: func(dx, row []float32, _ float32) { // the product of all others: of those before, times of those after
		before := 1.0
		for i, x := range row {
			dx[i] = float32(before)
			before *= float64(x)
		}
		after := 1.0
		for i := len(row) - 1; i >= 0; i-- {
			dx[i] = float32(float64(dx[i]) * after)
			after *= float64(row[i])
		}
	}, integers: func(row []int64) int64 {
		p := int64(1)
		for _, v := range row {
			p *= v
		}
		return p
	}})
}

func readReduceSum(a *Attrs) Form {
	return newReduce(a, 13, reduce{name: "ReduceSum", f: total, d: each(func(_, _ float64) float64 { return 1 }), integers: func(row []int64) (s int64) {
		for _, v := range row {
			s += v
		}
		return s
	}})
}

func readReduceSumSquare(a *Attrs) Form {
	return newReduce(a, 18, reduce{name: "ReduceSumSquare", f: squares, d: each(func(x, _ float64) float64 { return 2 * x }), integers: func(row []int64) (s int64) {
		for _, v := range row {
			s += v * v
		}
		return s
	}})
}

// ordered says whether only the order of the elements counts: of numbers and booleans.
func (f *reduce) ordered() bool { return f.name == "ReduceMax" || f.name == "ReduceMin" }

func (f *reduce) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, f.most); err != nil {
		return nil, err
	}
	if t := in[0].Type; !anyFloat(t) && !(anyInteger(t) && (f.integers != nil || f.ordered())) && !(t == onnx.TensorProto_BOOL && f.ordered()) {
		return nil, fmt.Errorf("input has type %v", t)
	}
	f.in = in[0].Shape
	var err error
	if f.over, _, err = f.axes(in, len(f.in)); err != nil {
		return nil, err
	}
	if len(f.over) == 0 && !f.skipEmpty {
		for i := range f.in {
			f.over = append(f.over, i)
		}
	}
	for i, d := range f.in {
		switch reduced := slices.Contains(f.over, i); {
		case !reduced:
			f.shape = append(f.shape, d)
		case f.keep:
			f.shape = append(f.shape, 1)
		}
	}
	return []*Value{{Type: in[0].Type, Shape: f.shape}}, nil
}

// split returns the dimensions that stay and those that go, with their strides in x.
func (f *reduce) split() (stay, stayStride, gone, goneStride []int) {
	s := strides(f.in)
	for i, d := range f.in {
		if slices.Contains(f.over, i) {
			gone, goneStride = append(gone, d), append(goneStride, s[i])
		} else {
			stay, stayStride = append(stay, d), append(stayStride, s[i])
		}
	}
	return stay, stayStride, gone, goneStride
}

func (f *reduce) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	t := in[0]
	stay, stayStride, gone, goneStride := f.split()
	switch {
	case anyFloat(t.Type):
		x, y, row := float64s(t), []float64{}, make([]float64, 0, numel(gone))
		walk(stay, stayStride, 0, func(at int) {
			row = row[:0]
			walk(gone, goneStride, at, func(i int) { row = append(row, x[i]) })
			y = append(y, f.f(row))
		})
		return []*onnx.Tensor{tensor64(t.Type, f.shape, y)}, nil
	case f.ordered():
		return f.evalOrdered(t)
	}
	x, y, row := wholes(t), []int64{}, make([]int64, 0, numel(gone))
	walk(stay, stayStride, 0, func(at int) {
		row = row[:0]
		walk(gone, goneStride, at, func(i int) { row = append(row, x[i]) })
		y = append(y, f.integers(row))
	})
	return []*onnx.Tensor{integerTensor(t.Type, f.shape, y)}, nil
}

// evalOrdered finds the largest or smallest integer or boolean.
func (f *reduce) evalOrdered(t *onnx.Tensor) ([]*onnx.Tensor, error) {
	stay, stayStride, gone, goneStride := f.split()
	if numel(gone) == 0 && numel(f.shape) > 0 {
		if t.Type != onnx.TensorProto_BOOL {
			return nil, fmt.Errorf("%s of no %v", f.name, t.Type)
		}
		y := slices.Repeat([]bool{f.name == "ReduceMin"}, numel(f.shape))
		return []*onnx.Tensor{{Type: t.Type, Shape: f.shape, Data: y}}, nil
	}
	order, want, src := comparer(t, t), 1, []int{}
	if f.name == "ReduceMin" {
		want = -1
	}
	walk(stay, stayStride, 0, func(at int) {
		best := at
		walk(gone, goneStride, at, func(i int) {
			if order(i, best) == want {
				best = i
			}
		})
		src = append(src, best)
	})
	return []*onnx.Tensor{pick(t, f.shape, src)}, nil
}

// Lower brings the reduced dimensions to the end and reduces rows.
func (f *reduce) Lower(b *Builder, in, _ []*Value) ([]*gorgonia.Node, error) {
	if !IsFloat(in[0].Type) {
		return nil, nil
	}
	if f.name == "ReduceMean" && f.trailing() && len(f.over) == len(f.in)-2 && b.IsBlocked(in[0]) {
		return []*gorgonia.Node{b.average(f.name, in[0], f.shape)}, nil
	}
	stay, stayStride, gone, goneStride := f.split()
	rows, width := numel(stay), numel(gone)
	x := b.Node(in[0])
	if !f.trailing() {
		x = b.strided(f.name+".in", x, x.Shape(), slices.Concat(stay, gone), slices.Concat(stayStride, goneStride), 0)
	}
	if f.name == "ReduceMean" {
		return []*gorgonia.Node{b.averageRows(x, denseShape(f.shape), rows, width)}, nil
	}
	from := x.Shape()
	return []*gorgonia.Node{b.Apply(Kernel{Name: f.name, Shape: denseShape(f.shape),
		Run: func(y []float32, x [][]float32) {
			kernel.Reduce(b.Pool, y, x[0], rows, width, f.f)
		},
		Grad: func(in []*gorgonia.Node, y, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.Apply(Kernel{Name: f.name + ".dx", Shape: from, Run: func(dx []float32, x [][]float32) {
				kernel.ReduceBackward(b.Pool, dx, x[0], x[1], x[2], rows, width, f.d)
			}}, in[0], y, dy)}
		}}, x)}, nil
}

// averageRows is the mean of each row of x [rows,width].
func (b *Builder) averageRows(x *gorgonia.Node, shape []int, rows, width int) *gorgonia.Node {
	from := x.Shape()
	return b.Apply(Kernel{Name: "ReduceMean", Shape: shape,
		Run: func(y []float32, x [][]float32) { kernel.GlobalAveragePool(b.Pool, y, x[0], rows, width) },
		Grad: func(_ []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.Apply(Kernel{Name: "ReduceMean.dx", Shape: from, Run: func(dx []float32, x [][]float32) {
				kernel.GlobalAveragePoolBackward(b.Pool, dx, x[0], rows, width)
			}}, dy)}
		}}, x)
}

// trailing says whether the reduced dimensions are the last ones.
func (f *reduce) trailing() bool {
	for i, a := range f.over {
		if a != len(f.in)-len(f.over)+i {
			return false
		}
	}
	return true
}
