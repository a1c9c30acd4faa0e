package ops

import (
	"fmt"
	"slices"

	"graft/graph/internal/kernel"
)

// window is how a kernel slides over the spatial dimensions of x [N,C,…], one side
// a dimension. Convolutions and poolings share it.
type window struct {
	autoPad              string
	ceil                 bool
	kernels, steps, gaps []int // the attributes kernel_shape, strides, dilations
	pads                 []int
	sides                []side
}

// side is a window along one spatial dimension, in elements.
type side struct{ in, kernel, stride, dilation, before, after, out int }

func readWindow(a *Attrs) window {
	w := window{autoPad: a.String("auto_pad", "NOTSET"), kernels: a.Ints("kernel_shape"),
		steps: a.Ints("strides"), gaps: a.Ints("dilations"), pads: a.Ints("pads")}
	if !slices.Contains([]string{"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"}, w.autoPad) {
		a.fail("auto_pad %s is not known", quote(w.autoPad))
	}
	return w
}

// resolve computes the sides for an input with the given spatial extents.
func (w *window) resolve(spatial []int) error {
	if err := w.complete(spatial); err != nil {
		return err
	}
	for i := range w.sides {
		if err := w.sides[i].size(w.autoPad, w.ceil); err != nil {
			return fmt.Errorf("spatial dimension %d: %w", i, err)
		}
	}
	return nil
}

// complete fills in the attributes that are not given, and the sides but for what
// depends on the output.
func (w *window) complete(spatial []int) error {
	n := len(spatial)
	if n == 0 {
		return fmt.Errorf("the input has no spatial dimension")
	}
	for _, l := range []struct {
		name string
		v    *[]int
		want int
		def  int
	}{{"kernel_shape", &w.kernels, n, 0}, {"strides", &w.steps, n, 1}, {"dilations", &w.gaps, n, 1}, {"pads", &w.pads, 2 * n, 0}} {
		if *l.v == nil {
			*l.v = slices.Repeat([]int{l.def}, l.want)
		}
		if len(*l.v) != l.want {
			return fmt.Errorf("%s %v: want %d numbers for a window over %d dimensions", l.name, *l.v, l.want, n)
		}
		if m := slices.Min(*l.v); l.name != "pads" && m < 1 || slices.Max(*l.v) > maxConstant || m < 0 {
			return fmt.Errorf("%s %v", l.name, *l.v)
		}
	}
	w.sides = make([]side, n)
	for i := range w.sides {
		w.sides[i] = side{in: spatial[i], kernel: w.kernels[i], stride: w.steps[i], dilation: w.gaps[i], before: w.pads[i], after: w.pads[n+i]}
	}
	return nil
}

// reach is how far apart the first and the last element of a window are, and one.
func (s *side) reach() int { return (s.kernel-1)*s.dilation + 1 }

// size finds the output extent, and the pads where auto_pad leaves them to us.
func (s *side) size(autoPad string, ceil bool) error {
	reach := s.reach()
	switch autoPad {
	case "VALID":
		s.before, s.after = 0, 0
	case "SAME_UPPER", "SAME_LOWER":
		s.out = (s.in + s.stride - 1) / s.stride
		total := max((s.out-1)*s.stride+reach-s.in, 0)
		s.before = total / 2
		if autoPad == "SAME_LOWER" {
			s.before = total - total/2
		}
		s.after = total - s.before
		return nil
	}
	room := s.in + s.before + s.after - reach
	if room < 0 && !(ceil && -room < s.stride) { // rounded up, a part of a window is one
		return fmt.Errorf("a window of %d does not fit %d with pads %d and %d", reach, s.in, s.before, s.after)
	}
	s.out = max(room, 0)/s.stride + 1
	if ceil && room > 0 && room%s.stride != 0 && s.out*s.stride < s.in+s.before {
		s.out++ // a window must start inside the input or its left pad
	}
	return nil
}

// outs is the spatial shape of the result.
func (w *window) outs() []int {
	r := make([]int, len(w.sides))
	for i, s := range w.sides {
		r[i] = s.out
	}
	return r
}

// planar gives the sides as height and width, for windows over one or two dimensions.
func (w *window) planar() (h, v side, ok bool) {
	switch len(w.sides) {
	case 1:
		return side{in: 1, kernel: 1, stride: 1, dilation: 1, out: 1}, w.sides[0], true
	case 2:
		return w.sides[0], w.sides[1], true
	}
	return side{}, side{}, false
}

// pooling is the kernel's geometry for x [n,c,…].
func (w *window) pooling(n, c int) (kernel.Window, bool) {
	h, v, ok := w.planar()
	return kernel.Window{N: n, C: c, H: h.in, W: v.in, OutH: h.out, OutW: v.out,
		KernelH: h.kernel, KernelW: v.kernel, StrideH: h.stride, StrideW: v.stride, DilationH: h.dilation, DilationW: v.dilation,
		PadTop: h.before, PadLeft: v.before, PadBottom: h.after, PadRight: v.after}, ok
}

// convolution is the kernel's geometry for x [n,c,…] and y [n,m,…]; ok is false over three
// dimensions.
func (w *window) convolution(n, c, m, group int) (g *kernel.Conv, ok bool) {
	h, v, ok := w.planar()
	return &kernel.Conv{N: n, C: c, H: h.in, W: v.in, M: m, OutH: h.out, OutW: v.out, Group: group,
		KernelH: h.kernel, KernelW: v.kernel, StrideH: h.stride, StrideW: v.stride, DilationH: h.dilation, DilationW: v.dilation,
		PadTop: h.before, PadLeft: v.before, PadBottom: h.after, PadRight: v.after}, ok
}

// each calls f for every position of the window (out, in row-major order) and every
// place of the kernel inside it that falls on the input (k and x, likewise flat).
// begin and end run before and after each position; padded counts the places that
// fall on the input or its declared pads.
func (w *window) each(begin func(out int), tap func(k, x int), end func(out, padded int)) {
	total, places := 1, 1
	for _, s := range w.sides {
		total *= s.out
		places *= s.kernel
	}
	for o := range total {
		begin(o)
		padded := 0
		for k := range places {
			x, inside, inPad := 0, true, true
			ro, rk, stride := o, k, 1
			for d := len(w.sides) - 1; d >= 0; d-- {
				s := w.sides[d]
				i := ro%s.out*s.stride - s.before + rk%s.kernel*s.dilation
				ro, rk = ro/s.out, rk/s.kernel
				inside = inside && i >= 0 && i < s.in
				inPad = inPad && i < s.in+s.after
				x += i * stride
				stride *= s.in
			}
			if inPad {
				padded++
			}
			if inside {
				tap(k, x)
			}
		}
		end(o, padded)
	}
}

// spatial splits a shape [N,C,…] and refuses one without spatial dimensions.
func spatial(shape []int) (n, c int, rest []int, err error) {
	if len(shape) < 3 {
		return 0, 0, nil, fmt.Errorf("input of shape %v, want [N,C,…] with spatial dimensions", shape)
	}
	return shape[0], shape[1], shape[2:], nil
}
