package ops

import (
	"fmt"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// cascade is convolutions and max-pools that run one after the other, a few rows at a
// time: see kernel.Cascade. It has no gradient.
type cascade struct {
	composed
	layers []Form // *conv or *pool
	inputs []int  // of each layer, beside what the one before computes
}

// composed is a form that was put together out of several, for their kernels alone.
type composed struct{}

func (composed) Infer([]*Value) ([]*Value, error) {
	return nil, fmt.Errorf("it is made of what has its shape")
}

func (composed) Eval([]*onnx.Tensor) ([]*onnx.Tensor, error) {
	return nil, fmt.Errorf("it has no reference evaluation; what it is made of has")
}

// cascadeBytes is how large what lies between two layers must be, of one image, for a
// cascade to pay: less stays in a near cache by itself.
const cascadeBytes = 256 << 10

// Cascaded returns one form for f and the only reader of its output, and the inputs of both;
// nil where this does not pay. It is for inference: the gradient would ask for what lies
// between.
func Cascaded(f Form, own []*Value, r Reader) (Form, []*Value) {
	c, ok := f.(*cascade)
	if !ok {
		c = &cascade{layers: []Form{f}, inputs: []int{len(own) - 1}}
	}
	before, ok := layerOf(c.layers[len(c.layers)-1])
	if next, fits := layerOf(r.Form); !ok || !fits || r.Slot != 0 || adds(c.layers[len(c.layers)-1]) ||
		!next.Pool && !next.Depthwise() && !before.Depthwise() || 4*next.C*next.H*next.W < cascadeBytes {
		return nil, nil
	}
	return &cascade{layers: append(slices.Clone(c.layers), r.Form), inputs: append(slices.Clone(c.inputs), len(r.In)-1)},
		slices.Concat(own, r.In[1:])
}

// layerOf is a form as a layer of a cascade; ok is false where it cannot be one, or is
// faster by itself.
func layerOf(f Form) (l kernel.Layer, ok bool) {
	switch f := f.(type) {
	case *conv:
		g, planar := f.convolution(f.n, f.c, f.m, f.group)
		if l.Conv = *g; !planar || g.Group > 1 && !g.Depthwise() || g.WinogradPays() {
			return l, false
		}
		l.Epilogue = f.epilogue()
		return l, true
	case *pool:
		g, planar := f.convolution(f.n, f.c, f.c, 1)
		if !f.max || f.indices || !planar {
			return l, false
		}
		l.Conv, l.Pool = *g, true
		return l, true
	}
	return l, false
}

func adds(f Form) bool {
	c, ok := f.(*conv)
	return ok && c.adds
}

// Lower reads x, then the further inputs of each layer.
func (f *cascade) Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error) {
	layers := make([]kernel.Layer, len(f.layers))
	var args []*gorgonia.Node
	var set []func(x [][]float32) // give the layers their operands
	operand := func(to *[]float32, n *gorgonia.Node) {
		i := len(args)
		args = append(args, n)
		set = append(set, func(x [][]float32) { *to = x[i] })
	}
	x, more := in[0], in[1:]
	var how []string
	work := 0
	for i, form := range f.layers {
		l := &layers[i]
		*l, _ = layerOf(form)
		var own []*Value
		own, more = more[:f.inputs[i]], more[f.inputs[i]:]
		c, isConv := form.(*conv)
		if i == 0 {
			var n *gorgonia.Node
			if isConv {
				n, l.Narrow = c.input(b, x)
			} else {
				n = b.Blocked(x)
			}
			args = append(args, n)
		}
		if !isConv {
			how = append(how, "max")
			continue
		}
		k := convolution{b: b, g: &l.Conv}
		var bias *gorgonia.Node
		k.w, bias, own = c.parameters(b, append([]*Value{x}, own...))
		operand(&l.Weights, k.pack())
		if bias != nil {
			operand(&l.Bias, bias)
		}
		if c.adds {
			operand(&l.Residual, b.Blocked(own[0]))
		}
		how, work = append(how, howOf(&l.Conv, false)), work+l.MultiplyAdds()
	}
	return []*gorgonia.Node{b.Apply(Kernel{Name: "Cascade", Shape: blockedShape(out[0].Shape), How: strings.Join(how, ", "), MultiplyAdds: work,
		Run: func(y []float32, x [][]float32) {
			for _, f := range set {
				f(x)
			}
			kernel.Cascade(b.Pool, layers, y, x[0])
		}}, args...)}, nil
}
