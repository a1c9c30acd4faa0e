package ops

import (
	"fmt"
	"math"
	"slices"

	"graft/onnx"
)

// granularity says which elements of x share a scale and a zero point: all, those of one
// index along an axis, or those of a block of such indices.
type granularity struct {
	axis, block int
	x, scale    []int // shapes
}

func readGranularity(a *Attrs) granularity {
	g := granularity{axis: 1}
	if a.Opset >= 13 {
		g.axis = a.Int("axis", 1)
	}
	if a.Opset >= 21 {
		g.block = a.Int("block_size", 0)
	}
	return g
}

// resolve holds the shape of a scale against that of x.
func (g *granularity) resolve(x, scale []int) (err error) {
	g.x, g.scale = x, scale
	if numel(scale) == 1 {
		return nil
	}
	if g.axis, err = axis(g.axis, len(x)); err != nil {
		return err
	}
	want := slices.Clone(x)
	if g.block == 0 {
		want = []int{x[g.axis]}
	} else if g.block > 0 {
		want[g.axis] = (x[g.axis]-1)/g.block + 1
	}
	if g.block < 0 || !slices.Equal(scale, want) {
		return fmt.Errorf("scale of shape %v along axis %d of shape %v in blocks of %d", scale, g.axis, x, g.block)
	}
	return nil
}

// places lists the element of the scale that each element of x takes.
func (g *granularity) places() []int {
	if numel(g.scale) == 1 {
		return make([]int, numel(g.x))
	}
	own, places := strides(g.scale), make([]int, 0, numel(g.x))
	eachIndex(g.x, func(at []int) {
		p := at[g.axis]
		if g.block > 0 {
			p = 0
			for d, i := range at {
				if d == g.axis {
					i /= g.block
				}
				p += i * own[d]
			}
		}
		places = append(places, p)
	})
	return places
}

// quantizeLinear is y = saturate(round(x / scale) + zero), round half to even.
// https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html; opsets 10, 13, 19, 21, 23, 24, 25
type quantizeLinear struct {
	granularity
	to onnx.TensorProto_DataType
}

func readQuantizeLinear(a *Attrs) Form {
	if a.Opset >= 19 {
		a.Ignore("saturate") // of float8
	}
	f := &quantizeLinear{granularity: readGranularity(a)}
	if a.Opset >= 21 {
		f.to = onnx.TensorProto_DataType(a.Int("output_dtype", 0))
	}
	if a.Opset >= 23 {
		a.Ignore("precision") // of the division, which is float32's here
	}
	return f
}

func (f *quantizeLinear) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 2, 3); err != nil {
		return nil, err
	}
	if t := in[0].Type; !IsFloat(t) && t != onnx.TensorProto_INT32 || !IsFloat(in[1].Type) {
		return nil, fmt.Errorf("input of type %v with a scale of type %v", t, in[1].Type)
	}
	zero := optional(in, 2)
	switch {
	case zero != nil && (f.to != 0 && f.to != zero.Type || !alike(zero.Shape, in[1].Shape)):
		return nil, fmt.Errorf("zero point of type %v and shape %v for output_dtype %v and a scale of shape %v", zero.Type, zero.Shape, f.to, in[1].Shape)
	case zero != nil:
		f.to = zero.Type
	case f.to == 0:
		f.to = onnx.TensorProto_UINT8
	}
	if _, _, err := limitsOf(f.to); err != nil {
		return nil, err
	}
	return []*Value{{Type: f.to, Shape: in[0].Shape}}, f.resolve(in[0].Shape, in[1].Shape)
}

// alike says whether a zero point fits a scale; one number may come with a dimension or without.
func alike(zero, scale []int) bool {
	return slices.Equal(zero, scale) || numel(zero) == 1 && numel(scale) == 1
}

// limitsOf are the smallest and largest number of a type that quantization rounds to.
func limitsOf(t onnx.TensorProto_DataType) (lo, hi float64, err error) {
	bits := map[onnx.TensorProto_DataType]int{onnx.TensorProto_INT2: 2, onnx.TensorProto_INT4: 4, onnx.TensorProto_INT8: 8, onnx.TensorProto_INT16: 16}
	if n, ok := bits[t]; ok {
		return -math.Ldexp(1, n-1), math.Ldexp(1, n-1) - 1, nil
	}
	bits = map[onnx.TensorProto_DataType]int{onnx.TensorProto_UINT2: 2, onnx.TensorProto_UINT4: 4, onnx.TensorProto_UINT8: 8, onnx.TensorProto_UINT16: 16}
	if n, ok := bits[t]; ok {
		return 0, math.Ldexp(1, n) - 1, nil
	}
	return 0, 0, &UnsupportedError{fmt.Sprintf("quantization to %v is not supported", t)}
}

// quantized rounds x to integers of type t around zero.
func quantized(t onnx.TensorProto_DataType, shape []int, x []float64, zero func(i int) float64) (*onnx.Tensor, error) {
	lo, hi, err := limitsOf(t)
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = min(max(math.RoundToEven(v)+zero(i), lo), hi)
		if v != v {
			y[i] = zero(i)
		}
	}
	return &onnx.Tensor{Type: t, Shape: shape, Data: castTo(y, t)}, err
}

func (f *quantizeLinear) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	scale, x, places := float64s(in[1]), numbers(in[0]), f.places()
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(float32(v) / float32(scale[places[i]])) // as other runtimes round
	}
	zero := zeroPoints(optional(in, 2))
	t, err := quantized(f.to, in[0].Shape, y, func(i int) float64 { return zero(places[i]) })
	return []*onnx.Tensor{t}, err
}

// zeroPoints is the content of a zero point, 0 where there is none.
func zeroPoints(t *onnx.Tensor) func(i int) float64 {
	if t == nil {
		return func(int) float64 { return 0 }
	}
	v := numbers(t)
	return func(i int) float64 { return v[i] }
}

// dequantizeLinear is y = (x - zero) * scale.
// https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html; opsets 10, 13, 19, 21, 23, 24, 25
type dequantizeLinear struct {
	granularity
	to onnx.TensorProto_DataType
}

func readDequantizeLinear(a *Attrs) Form {
	f := &dequantizeLinear{granularity: readGranularity(a)}
	if a.Opset >= 23 {
		f.to = onnx.TensorProto_DataType(a.Int("output_dtype", 0))
	}
	return f
}

func (f *dequantizeLinear) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 2, 3); err != nil {
		return nil, err
	}
	if _, _, err := limitsOf(in[0].Type); err != nil && in[0].Type != onnx.TensorProto_INT32 {
		return nil, err
	}
	if zero := optional(in, 2); zero != nil && (zero.Type != in[0].Type || !alike(zero.Shape, in[1].Shape)) {
		return nil, fmt.Errorf("zero point of type %v and shape %v for %v and a scale of shape %v", zero.Type, zero.Shape, in[0].Type, in[1].Shape)
	}
	if f.to == 0 {
		f.to = in[1].Type
	}
	if !IsFloat(in[1].Type) || !IsFloat(f.to) {
		return nil, fmt.Errorf("scale of type %v for an output of type %v", in[1].Type, f.to)
	}
	return []*Value{{Type: f.to, Shape: in[0].Shape}}, f.resolve(in[0].Shape, in[1].Shape)
}

func (f *dequantizeLinear) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	scale, zero := float64s(in[1]), zeroPoints(optional(in, 2))
	y, places := numbers(in[0]), f.places()
	for i := range y {
		y[i] = (y[i] - zero(places[i])) * scale[places[i]]
	}
	return []*onnx.Tensor{tensor64(f.to, in[0].Shape, y)}, nil
}

// dynamicQuantizeLinear quantizes to UINT8 by the range of x: y, its scale, its zero point.
// https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html; opset 11
type dynamicQuantizeLinear struct{}

func readDynamicQuantizeLinear(*Attrs) Form { return &dynamicQuantizeLinear{} }

func (f *dynamicQuantizeLinear) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, 1); err != nil {
		return nil, err
	}
	if in[0].Type != onnx.TensorProto_FLOAT {
		return nil, fmt.Errorf("input of type %v, want FLOAT", in[0].Type)
	}
	return []*Value{{Type: onnx.TensorProto_UINT8, Shape: in[0].Shape}, {Type: onnx.TensorProto_FLOAT, Shape: []int{}}, {Type: onnx.TensorProto_UINT8, Shape: []int{}}}, nil
}

func (f *dynamicQuantizeLinear) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	x := in[0].Data.([]float32)
	lo, hi := float32(0), float32(0)
	for _, v := range x {
		lo, hi = min(lo, v), max(hi, v)
	}
	scale := (hi - lo) / 255
	if hi == lo {
		scale = 1. / 255
	}
	zero := math.RoundToEven(float64(min(max(-lo/scale, 0), 255)))
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v / scale)
	}
	t, err := quantized(onnx.TensorProto_UINT8, in[0].Shape, y, func(int) float64 { return zero })
	return []*onnx.Tensor{t, onnx.FromFloats([]int{}, []float32{scale}), {Type: onnx.TensorProto_UINT8, Shape: []int{}, Data: []uint8{uint8(zero)}}}, err
}
