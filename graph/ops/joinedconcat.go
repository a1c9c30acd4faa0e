package ops

import (
	"slices"
	"strings"

	"gorgonia.org/gorgonia"

	"graft/graph/internal/kernel"
)

// joinedConcat is a Concat of channels of which some are computed by convolutions, that write
// them where they belong. It has no gradient.
type joinedConcat struct {
	composed
	concat *concat
	parts  []joint
}

// joint is a part of a joinedConcat: a convolution, or nil for what is copied.
type joint struct {
	conv     *conv
	inputs   int
	channels int
}

// Joined returns one form for f and the Concat that alone reads its output, and the inputs of
// both; nil where they do not go together.
func Joined(f Form, own []*Value, r Reader) (Form, []*Value) {
	c, ok := f.(*conv)
	if !ok || len(c.kernels) > 2 || c.adds {
		return nil, nil
	}
	var j joinedConcat
	switch next := r.Form.(type) {
	case *concat:
		if !next.inWholeBlocks(r.In) {
			return nil, nil
		}
		j.concat = next
		for _, v := range r.In {
			j.parts = append(j.parts, joint{inputs: 1, channels: v.Shape[1]})
		}
	case *joinedConcat:
		j = joinedConcat{concat: next.concat, parts: slices.Clone(next.parts)}
	default:
		return nil, nil
	}
	at := 0
	for i := range j.parts {
		if p := &j.parts[i]; at == r.Slot && p.conv == nil {
			p.conv, p.inputs = c, len(own)
			return &j, slices.Concat(r.In[:at], own, r.In[at+1:])
		}
		at += j.parts[i].inputs
	}
	return nil, nil
}

// Lower reads the inputs of each part.
func (f *joinedConcat) Lower(b *Builder, in, out []*Value) ([]*gorgonia.Node, error) {
	var args []*gorgonia.Node
	var runs []func(y []float32, x [][]float32)
	var how []string
	work, at := 0, 0
	shape := blockedShape(out[0].Shape)
	total := numel(shape[1:])
	for _, p := range f.parts {
		own, from := in[:p.inputs], len(args)
		in = in[p.inputs:]
		begin, width := at, numel(blockedShape([]int{1, p.channels, out[0].Shape[2], out[0].Shape[3]}))
		at += width
		if p.conv == nil {
			args = append(args, b.Blocked(own[0]))
			runs = append(runs, func(y []float32, x [][]float32) {
				kernel.Copy(b.Pool, y, x[from], f.concat.rows(), width, total, begin, width, 0)
			})
			continue
		}
		k := p.conv.nodes(b, own)
		k.epilogue.Among = out[0].Shape[1]
		args = append(args, k.args...)
		runs = append(runs, func(y []float32, x [][]float32) { k.run(y[begin:], x[from:]) })
		how, work = append(how, howOf(k.g, k.fast)), work+k.g.MultiplyAdds()
	}
	return []*gorgonia.Node{b.Apply(Kernel{Name: "Concat", Shape: shape, How: strings.Join(how, ", "), MultiplyAdds: work,
		Run: func(y []float32, x [][]float32) {
			for _, run := range runs {
				run(y, x)
			}
		}}, args...)}, nil
}
