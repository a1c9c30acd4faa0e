package ops

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
	"graft/onnx"
)

// concat joins its inputs along one axis.
// https://onnx.ai/onnx/operators/onnx__Concat.html; opsets 4, 11, 13
type concat struct {
	axis  int
	shape []int
}

func readConcat(a *Attrs) Form {
	if !a.Has("axis") {
		a.fail("attribute \"axis\" is missing")
	}
	return &concat{axis: a.Int("axis", 0)}
}

func (f *concat) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, max(1, len(in)), len(in)); err != nil {
		return nil, err
	}
	f.shape = slices.Clone(in[0].Shape)
	var err error
	if f.axis, err = axis(f.axis, len(f.shape)); err != nil {
		return nil, err
	}
	for _, v := range in[1:] {
		if v.Type != in[0].Type {
			return nil, fmt.Errorf("inputs have types %v and %v, want one type", in[0].Type, v.Type)
		}
		want := slices.Clone(in[0].Shape)
		if len(v.Shape) == len(want) {
			want[f.axis] = v.Shape[f.axis]
		}
		if !slices.Equal(v.Shape, want) {
			return nil, fmt.Errorf("shapes %v and %v do not join along axis %d", in[0].Shape, v.Shape, f.axis)
		}
		f.shape[f.axis] += v.Shape[f.axis]
	}
	return []*Value{{Type: in[0].Type, Shape: f.shape}}, nil
}

// rows is the number of pieces that each input contributes, and the width of the
// piece that one of extent d along the axis has.
func (f *concat) rows() int       { return numel(f.shape[:f.axis]) }
func (f *concat) width(d int) int { return d * numel(f.shape[f.axis+1:]) }

func (f *concat) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	r, err := onnx.NewTensor(in[0].Type, f.shape...)
	if err != nil {
		return nil, err
	}
	switch y := r.Data.(type) {
	case []float32:
		joinRows(f, y, in)
	case []float64:
		joinRows(f, y, in)
	case []int8:
		joinRows(f, y, in)
	case []int16:
		joinRows(f, y, in)
	case []int32:
		joinRows(f, y, in)
	case []int64:
		joinRows(f, y, in)
	case []uint8:
		joinRows(f, y, in)
	case []uint16:
		joinRows(f, y, in)
	case []uint32:
		joinRows(f, y, in)
	case []uint64:
		joinRows(f, y, in)
	case []bool:
		joinRows(f, y, in)
	case []string:
		joinRows(f, y, in)
	}
	return []*onnx.Tensor{r}, nil
}

func joinRows[T any](f *concat, y []T, in []*onnx.Tensor) {
	for r := range f.rows() {
		for _, t := range in {
			w := f.width(t.Shape[f.axis])
			y = y[copy(y, t.Data.([]T)[r*w:(r+1)*w]):]
		}
	}
}

// inWholeBlocks says whether channels of images are joined of which each part but the last
// fills its blocks.
func (f *concat) inWholeBlocks(in []*Value) bool {
	for i, v := range in {
		if f.axis != 1 || len(f.shape) != 4 || !IsFloat(v.Type) || i+1 < len(in) && v.Shape[1]%kernel.Lanes() != 0 {
			return false
		}
	}
	return true
}

// shuffles says whether the result is channels of what is at hand, and notes of which.
func (f *concat) shuffles(b *Builder, in []*Value, out *Value) bool {
	var all []channel
	for _, v := range in {
		list, ok := b.channels(v)
		if !ok || f.axis != 1 {
			return false
		}
		all = append(all, list...)
	}
	return b.shuffle(out, all)
}

func (f *concat) Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error) {
	node, shapeOf := b.Node, denseShape
	if f.inWholeBlocks(in) && !slices.ContainsFunc(in, func(v *Value) bool { return !b.IsBlocked(v) }) {
		node, shapeOf = b.Blocked, blockedShape
	} else if f.shuffles(b, in, out[0]) {
		return []*gorgonia.Node{nil}, nil
	}
	var nodes []*gorgonia.Node
	var widths, offsets []int
	shape := shapeOf(f.shape)
	total := numel(shape[f.axis:])
	for at, i := 0, 0; i < len(in); i++ {
		nodes = append(nodes, node(in[i]))
		widths, offsets = append(widths, numel(shapeOf(in[i].Shape)[f.axis:])), append(offsets, at)
		at += widths[i]
	}
	return []*gorgonia.Node{b.Apply(Kernel{Name: "Concat", Shape: shape, Cheap: true,
		Run: func(y []float32, x [][]float32) {
			for i := range x {
				kernel.Copy(b.Pool, y, x[i], f.rows(), widths[i], total, offsets[i], widths[i], 0)
			}
		},
		Grad: func(in []*gorgonia.Node, _, dy *gorgonia.Node, need []bool) []*gorgonia.Node {
			g := make([]*gorgonia.Node, len(in))
			for i := range in {
				if need[i] {
					g[i] = b.Apply(Kernel{Name: "Concat.dx", Shape: in[i].Shape(), Run: func(dx []float32, x [][]float32) {
						kernel.Copy(b.Pool, dx, x[0], f.rows(), widths[i], widths[i], 0, total, offsets[i])
					}}, dy)
				}
			}
			return g
		}}, nodes...)}, nil
}
