package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// movement gives each element of the output the place in the data, input 0, that it
// comes from; -1 makes it 0. Its gradient goes back to the same places, where they
// are known when the model is compiled.
type movement struct {
	name        string
	least, most int // inputs
	// infer finds the shape of the output.
	infer func(in []*Value) ([]int, error)
	// source lists the places; in[0] is the data's shape, the others' values are given.
	source func(data, shape []int, in []*onnx.Tensor) ([]int, error)
	shape  []int
}

// maxMoved bounds what a few bytes of a file can make graft allocate.
const maxMoved = 1 << 28

func (f *movement) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, f.least, f.most); err != nil {
		return nil, err
	}
	var err error
	if f.shape, err = f.infer(in); err != nil {
		return nil, err
	}
	if n, err := onnx.Numel(f.shape); err != nil {
		return nil, err
	} else if n > maxMoved && n > numel(in[0].Shape) {
		return nil, fmt.Errorf("output of shape %v is too large", f.shape)
	}
	return []*Value{{Type: in[0].Type, Shape: f.shape}}, nil
}

func (f *movement) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	src, err := f.source(in[0].Shape, f.shape, in)
	if err != nil {
		return nil, err
	}
	return []*onnx.Tensor{pick(in[0], f.shape, src)}, nil
}

func (f *movement) Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error) {
	known := make([]*onnx.Tensor, len(in))
	for i, v := range in[1:] {
		if v == nil {
			continue
		}
		if v.Const == nil {
			return nil, nil
		}
		known[i+1] = v.Const
	}
	if !IsFloat(in[0].Type) || in[0].Const != nil {
		return nil, nil
	}
	src, err := f.source(in[0].Shape, f.shape, known)
	if err != nil {
		return nil, err
	}
	return []*gorgonia.Node{b.pick(f.name, b.Node(in[0]), f.shape, src)}, nil
}

// pick is the node y[i] = x[src[i]], 0 where src[i] is -1.
func (b *Builder) pick(name string, x *gorgonia.Node, shape, src []int) *gorgonia.Node {
	from := x.Shape()
	return b.Apply(Kernel{Name: name, Shape: denseShape(shape),
		Run: func(y []float32, x [][]float32) { kernel.Pick(y, x[0], src) },
		Grad: func(_ []*gorgonia.Node, _, dy *gorgonia.Node, _ []bool) []*gorgonia.Node {
			return []*gorgonia.Node{b.Apply(Kernel{Name: name + ".dx", Shape: from,
				Run: func(dx []float32, x [][]float32) { kernel.PickBackward(dx, x[0], src) }}, dy)}
		}}, x)
}

// sources collects the places that walk visits.
func sources(shape, stride []int, offset int) []int {
	src := make([]int, 0, numel(shape))
	walk(shape, stride, offset, func(i int) { src = append(src, i) })
	return src
}

// readExpand broadcasts to a shape.
// https://onnx.ai/onnx/operators/onnx__Expand.html; opsets 8, 13
func readExpand(*Attrs) Form {
	return &movement{name: "Expand", least: 2, most: 2, infer: func(in []*Value) ([]int, error) {
		to, err := constInts(in[1], "shape")
		if err != nil {
			return nil, err
		}
		if slices.Min(append(slices.Clone(to), 0)) < 0 {
			return nil, fmt.Errorf("shape %v", to)
		}
		return broadcast(in[0].Shape, to)
	}, source: func(data, shape []int, _ []*onnx.Tensor) ([]int, error) {
		return sources(shape, stretch(data, shape), 0), nil
	}}
}

// readTile repeats the data along each dimension.
// https://onnx.ai/onnx/operators/onnx__Tile.html; opsets 6, 13
func readTile(*Attrs) Form {
	return &movement{name: "Tile", least: 2, most: 2, infer: func(in []*Value) ([]int, error) {
		times, err := constInts(in[1], "repeats")
		if err != nil {
			return nil, err
		}
		if len(times) != len(in[0].Shape) || slices.Min(append(slices.Clone(times), 0)) < 0 {
			return nil, fmt.Errorf("repeats %v of shape %v", times, in[0].Shape)
		}
		shape := slices.Clone(in[0].Shape)
		for i, n := range times {
			if shape[i], err = onnx.Numel([]int{shape[i], n}); err != nil {
				return nil, err
			}
		}
		return shape, nil
	}, source: func(data, shape []int, _ []*onnx.Tensor) ([]int, error) {
		own, src := strides(data), []int{}
		eachIndex(shape, func(at []int) {
			s := 0
			for i, k := range at {
				s += k % data[i] * own[i]
			}
			src = append(src, s)
		})
		return src, nil
	}}
}

// eachIndex calls f with every index of shape in row-major order. f must not keep it.
func eachIndex(shape []int, f func(at []int)) {
	at := make([]int, len(shape))
	for range numel(shape) {
		f(at)
		for i := len(at) - 1; i >= 0; i-- {
			if at[i]++; at[i] < shape[i] {
				break
			}
			at[i] = 0
		}
	}
}

// readTrilu keeps the triangle above or below the k-th diagonal of each matrix.
// https://onnx.ai/onnx/operators/onnx__Trilu.html; opset 14
func readTrilu(a *Attrs) Form {
	upper := a.Int("upper", 1) != 0
	return &movement{name: "Trilu", least: 1, most: 2, infer: func(in []*Value) ([]int, error) {
		if len(in[0].Shape) < 2 {
			return nil, fmt.Errorf("input of shape %v, want matrices", in[0].Shape)
		}
		if k := optional(in, 1); k != nil && (k.Type != onnx.TensorProto_INT64 || numel(k.Shape) != 1) {
			return nil, fmt.Errorf("k of type %v and shape %v, want one INT64", k.Type, k.Shape)
		}
		return in[0].Shape, nil
	}, source: func(data, _ []int, in []*onnx.Tensor) ([]int, error) {
		k, h, w := 0, data[len(data)-2], data[len(data)-1]
		if t := optional(in, 1); t != nil {
			k = int(wholes(t)[0])
		}
		src := make([]int, numel(data))
		for i := range src {
			src[i] = i
			if d := i%w - i/w%h; upper && d < k || !upper && d > k {
				src[i] = -1
			}
		}
		return src, nil
	}}
}

// readDepthToSpace turns channels into pixels of blocks, by columns of the block first (DCR) or by channels first (CRD).
// https://onnx.ai/onnx/operators/onnx__DepthToSpace.html; opsets 1, 11, 13
func readDepthToSpace(a *Attrs) Form {
	size, mode := a.Int("blocksize", 0), a.String("mode", "DCR")
	if mode != "DCR" && mode != "CRD" {
		a.fail("mode %s, want DCR or CRD", quote(mode))
	}
	return &movement{name: "DepthToSpace", least: 1, most: 1, infer: func(in []*Value) ([]int, error) {
		s := in[0].Shape
		if len(s) != 4 || size < 1 || size > 1<<15 || s[1]%(size*size) != 0 {
			return nil, fmt.Errorf("input of shape %v and blocks of %d, want [N,C,H,W] with C a multiple of the block's pixels", s, size)
		}
		return []int{s[0], s[1] / size / size, s[2] * size, s[3] * size}, nil
	}, source: func(data, shape []int, _ []*onnx.Tensor) ([]int, error) {
		n, c, h, w := data[0], shape[1], data[2], data[3]
		own := strides(data)
		block, channel := c*own[1], own[1] // DCR: [n, size, size, c, h, w]
		if mode == "CRD" {
			block, channel = own[1], size*size*own[1]
		}
		return sources([]int{n, c, h, size, w, size}, []int{own[0], channel, own[2], size * block, own[3], block}, 0), nil
	}}
}

// readSpaceToDepth turns blocks of pixels into channels.
// https://onnx.ai/onnx/operators/onnx__SpaceToDepth.html; opsets 1, 13
func readSpaceToDepth(a *Attrs) Form {
	size, mode := a.Int("blocksize", 0), a.String("mode", "DCR")
	if mode != "DCR" && mode != "CRD" {
		a.fail("mode %s, want DCR or CRD", quote(mode))
	}
	return &movement{name: "SpaceToDepth", least: 1, most: 1, infer: func(in []*Value) ([]int, error) {
		s := in[0].Shape
		if len(s) != 4 || size < 1 || size > 1<<15 || s[2]%size != 0 || s[3]%size != 0 {
			return nil, fmt.Errorf("input of shape %v and blocks of %d, want [N,C,H,W] with H and W multiples of the block", s, size)
		}
		return []int{s[0], s[1] * size * size, s[2] / size, s[3] / size}, nil
	}, source: func(data, shape []int, _ []*onnx.Tensor) ([]int, error) {
		own := strides(data)
		from, stride := []int{data[0], size, size, data[1], shape[2], shape[3]}, []int{own[0], own[2], own[3], own[1], size * own[2], size * own[3]}
		if mode == "CRD" {
			from, stride = []int{data[0], data[1], size, size, shape[2], shape[3]}, []int{own[0], own[1], own[2], own[3], size * own[2], size * own[3]}
		}
		return sources(from, stride, 0), nil
	}}
}
