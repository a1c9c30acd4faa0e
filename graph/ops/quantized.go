package ops

import (
	"fmt"
	"slices"

	"graft/onnx"
)

// quantizedProduct is a convolution or matrix product of 8-bit integers around their zero
// points: the sums themselves, as INT32 (ConvInteger, MatMulInteger), or rounded to
// integers by the scales of both operands and the result (QLinearConv, QLinearMatMul).
// https://onnx.ai/onnx/operators/onnx__ConvInteger.html, MatMulInteger, QLinearConv, QLinearMatMul; opsets 10, 21
type quantizedProduct struct {
	product     Form // of the centred operands, as floats
	conv        bool
	rescales    bool
	x, w, y     operand
	bias        int // its slot, 0 for none
	least, most int
	to          onnx.TensorProto_DataType
	shape       []int
	axes        [2]int      // along which the zero points of x and w lie
	output      granularity // of the scale of w over y
}

// operand is the slots of a tensor, its scale and its zero point, -1 where there is none.
type operand struct{ data, scale, zero int }

func readConvInteger(a *Attrs) Form {
	return &quantizedProduct{product: readConv(a), conv: true, x: operand{0, -1, 2}, w: operand{1, -1, 3}, least: 2, most: 4}
}

func readMatMulInteger(a *Attrs) Form {
	return &quantizedProduct{product: readMatMul(a), x: operand{0, -1, 2}, w: operand{1, -1, 3}, least: 2, most: 4}
}

func readQLinearConv(a *Attrs) Form {
	return &quantizedProduct{product: readConv(a), conv: true, rescales: true, x: operand{0, 1, 2}, w: operand{3, 4, 5}, y: operand{-1, 6, 7}, bias: 8, least: 8, most: 9}
}

func readQLinearMatMul(a *Attrs) Form {
	return &quantizedProduct{product: readMatMul(a), rescales: true, x: operand{0, 1, 2}, w: operand{3, 4, 5}, y: operand{-1, 6, 7}, least: 8, most: 8}
}

func (f *quantizedProduct) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, f.least, f.most); err != nil {
		return nil, err
	}
	args := []*Value{}
	for i, o := range []operand{f.x, f.w} {
		v := in[o.data]
		if v.Type != onnx.TensorProto_INT8 && v.Type != onnx.TensorProto_UINT8 {
			return nil, fmt.Errorf("operand of type %v, want INT8 or UINT8", v.Type)
		}
		// a number for each row of a matrix, or for each output channel of the weights
		if f.axes[i] = max(len(v.Shape)-2+i, 0); f.conv {
			f.axes[i] = 0
		}
		for _, slot := range []int{o.scale, o.zero} {
			if p := optional(in, max(slot, 0)); slot >= 0 && p != nil {
				g := granularity{axis: f.axes[i]}
				if err := g.resolve(v.Shape, p.Shape); err != nil {
					return nil, err
				}
			}
		}
		args = append(args, &Value{Type: onnx.TensorProto_DOUBLE, Shape: v.Shape})
	}
	if f.bias > 0 && optional(in, f.bias) != nil {
		if b := in[f.bias]; b.Type != onnx.TensorProto_INT32 {
			return nil, fmt.Errorf("bias of type %v, want INT32", b.Type)
		}
		args = append(args, &Value{Type: onnx.TensorProto_DOUBLE, Shape: in[f.bias].Shape})
	}
	out, err := f.product.Infer(args)
	if err != nil {
		return nil, err
	}
	f.shape, f.to = out[0].Shape, onnx.TensorProto_INT32
	if f.rescales {
		f.to = in[f.y.zero].Type
		if _, _, err := limitsOf(f.to); err != nil {
			return nil, err
		}
		if numel(in[f.y.scale].Shape) != 1 || numel(in[f.y.zero].Shape) != 1 || numel(in[f.x.scale].Shape) != 1 {
			return nil, &UnsupportedError{"scales of the input or output that are not one number are not supported"}
		}
		for _, o := range []operand{f.x, f.w, f.y} {
			if !IsFloat(in[o.scale].Type) {
				return nil, fmt.Errorf("scale of type %v", in[o.scale].Type)
			}
		}
		if f.output.axis = max(len(f.shape)-1, 0); f.conv {
			f.output.axis = 1
		}
		if err := f.output.resolve(f.shape, in[f.w.scale].Shape); err != nil {
			return nil, err
		}
	}
	return []*Value{{Type: f.to, Shape: f.shape}}, nil
}

// centred is an operand less its zero point, which a number for each index of an axis may be.
func centred(t, zero *onnx.Tensor, axis int) *onnx.Tensor {
	x := numbers(t)
	if zero != nil {
		g := granularity{axis: axis}
		if err := g.resolve(t.Shape, zero.Shape); err != nil { // Infer has done it
			panic(err)
		}
		z, places := numbers(zero), g.places()
		for i := range x {
			x[i] -= z[places[i]]
		}
	}
	return &onnx.Tensor{Type: onnx.TensorProto_DOUBLE, Shape: t.Shape, Data: x}
}

func (f *quantizedProduct) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	args := []*onnx.Tensor{centred(in[f.x.data], optional(in, f.x.zero), f.axes[0]), centred(in[f.w.data], optional(in, f.w.zero), f.axes[1])}
	if f.bias > 0 && optional(in, f.bias) != nil {
		args = append(args, centred(in[f.bias], nil, 0))
	}
	out, err := f.product.Eval(args)
	if err != nil {
		return nil, err
	}
	sums := out[0].Data.([]float64) // whole numbers below 2^53
	if !f.rescales {
		return []*onnx.Tensor{{Type: f.to, Shape: f.shape, Data: castTo(sums, f.to)}}, nil
	}
	x, w, y := float32(float64s(in[f.x.scale])[0]), float64s(in[f.w.scale]), float32(float64s(in[f.y.scale])[0])
	places := f.output.places()
	for i := range sums {
		sums[i] = float64(float32(sums[i]) * (x * float32(w[places[i]]) / y))
	}
	zero := numbers(in[f.y.zero])[0]
	t, err := quantized(f.to, slices.Clone(f.shape), sums, func(int) float64 { return zero })
	return []*onnx.Tensor{t}, err
}
