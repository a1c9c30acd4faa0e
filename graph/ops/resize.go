package ops

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"graft/onnx"
)

// resize scales x along some axes by interpolation: of the nearest element, of the two
// or four around, or with antialias of all that a shrunken window covers.
// https://onnx.ai/onnx/operators/onnx__Resize.html; opsets 10, 11, 13, 18, 19
type resize struct {
	resampler
	inputs        resizeInputs
	policy        string // keep_aspect_ratio_policy
	given         []int  // the attribute axes
	scales        []float64
	in, shape     []int
	axes          []int  // that change
	changed       []line // by axis
	extrapolation float64
	roi           []float64 // of axes: starts, then ends
}

// maxResized bounds an axis that changes, whose terms are listed.
const maxResized = 1 << 20

// resizeInputs says at which input each operand is, 0 where there is none.
type resizeInputs struct{ roi, scales, sizes, most int }

func readResize(a *Attrs) Form {
	f := &resize{resampler: resampler{mode: a.String("mode", "nearest"), coordinates: "asymmetric", nearest: "simple", cubicA: -0.75}, policy: "stretch",
		inputs: resizeInputs{scales: 1, most: 2}}
	if a.Opset >= 11 {
		f.inputs = resizeInputs{roi: 1, scales: 2, sizes: 3, most: 4}
		f.coordinates, f.nearest = a.String("coordinate_transformation_mode", "half_pixel"), a.String("nearest_mode", "round_prefer_floor")
		f.cubicA, f.exclude = float64(a.Float("cubic_coeff_a", -0.75)), a.Bool("exclude_outside")
		f.extrapolation = float64(a.Float("extrapolation_value", 0))
		f.choice(a, "nearest_mode", f.nearest, "round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
		f.choice(a, "coordinate_transformation_mode", f.coordinates, "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
			"asymmetric", "tf_crop_and_resize", "tf_half_pixel_for_nn")
	}
	if a.Opset >= 18 {
		f.antialias, f.given, f.policy = a.Bool("antialias"), a.Ints("axes"), a.String("keep_aspect_ratio_policy", "stretch")
		f.choice(a, "keep_aspect_ratio_policy", f.policy, "stretch", "not_larger", "not_smaller")
	}
	f.choice(a, "mode", f.mode, "nearest", "linear", "cubic")
	return f
}

// readUpsample scales by factors of at least 1, an attribute before opset 9, an input then.
// https://onnx.ai/onnx/operators/onnx__Upsample.html; opsets 7, 9, ended with 10
func readUpsample(a *Attrs) Form {
	f := &resize{resampler: resampler{mode: a.String("mode", "nearest"), coordinates: "asymmetric", nearest: "simple"}, policy: "stretch",
		inputs: resizeInputs{scales: 1, most: 2}}
	if a.Opset < 9 {
		f.inputs = resizeInputs{most: 1}
		for _, s := range a.Floats("scales") {
			f.scales = append(f.scales, float64(s))
		}
	}
	f.choice(a, "mode", f.mode, "nearest", "linear")
	return f
}

func (f *resize) choice(a *Attrs, name, got string, of ...string) {
	if !slices.Contains(of, got) {
		a.fail("%s %s is not one of %v", name, quote(got), of)
	}
}

func (f *resize) Infer(in []*Value) ([]*Value, error) {
	if err := wantInputs(in, 1, f.inputs.most); err != nil {
		return nil, err
	}
	if t := in[0].Type; !anyFloat(t) && !anyInteger(t) && !(f.mode == "nearest" && t == onnx.TensorProto_BOOL) {
		return nil, fmt.Errorf("input has type %v", t)
	}
	f.in = in[0].Shape
	axes := f.given
	if axes == nil {
		for i := range f.in {
			axes = append(axes, i)
		}
	}
	if _, err := axesOf(axes, len(f.in)); err != nil {
		return nil, err
	}
	var sizes []int
	var err error
	for _, o := range []struct {
		at   int
		to   *[]float64
		what string
	}{{f.inputs.roi, &f.roi, "roi"}, {f.inputs.scales, &f.scales, "scales"}} {
		if v := f.operand(in, o.at); v != nil {
			if *o.to, err = constFloats(v, o.what); err != nil {
				return nil, err
			}
		}
	}
	if v := f.operand(in, f.inputs.sizes); v != nil {
		if sizes, err = constInts(v, "sizes"); err != nil {
			return nil, err
		}
	}
	if err := f.scale(axes, sizes); err != nil {
		return nil, err
	}
	return []*Value{{Type: in[0].Type, Shape: f.shape}}, nil
}

// operand is an input that is there and not empty.
func (f *resize) operand(in []*Value, at int) *Value {
	if v := optional(in, at); at > 0 && v != nil && numel(v.Shape) > 0 {
		return v
	}
	return nil
}

// scale finds the output's shape, and how each axis changes.
func (f *resize) scale(axes, sizes []int) error {
	if (f.scales == nil) == (sizes == nil) {
		return fmt.Errorf("want either scales or sizes")
	}
	if n := max(len(f.scales), len(sizes)); n != len(axes) {
		return fmt.Errorf("%d scales or sizes for %d axes", n, len(axes))
	}
	if f.coordinates == "tf_crop_and_resize" && len(f.roi) != 2*len(axes) {
		return fmt.Errorf("%d numbers of roi for %d axes", len(f.roi), len(axes))
	}
	common := f.common(axes, sizes)
	f.shape, f.changed = slices.Clone(f.in), make([]line, len(f.in))
	for i, a := range axes {
		a, _ = axis(a, len(f.in))
		l := line{in: f.in[a]}
		switch {
		case sizes == nil:
			l.scale = f.scales[i]
			l.out = whole(math.Floor(float64(l.in) * l.scale))
		case f.policy == "stretch":
			l.scale, l.out = float64(sizes[i])/float64(l.in), sizes[i]
		default:
			l.scale = common
			l.out = whole(math.Floor(float64(l.in)*common + 0.5))
		}
		if !(l.scale > 0) || l.in < 1 || l.out < 1 || max(l.in, l.out) > maxResized {
			return fmt.Errorf("axis %d of %d is scaled by %g to %d", a, l.in, l.scale, l.out)
		}
		if f.shape[a] = l.out; f.coordinates == "tf_crop_and_resize" {
			l.start, l.end = f.roi[i], f.roi[len(axes)+i]
		} else if l.scale == 1 {
			continue
		}
		f.axes, f.changed[a] = append(f.axes, a), l
	}
	// what shrinks most goes first
	slices.SortStableFunc(f.axes, func(a, b int) int { return f.shape[a]*f.in[b] - f.shape[b]*f.in[a] })
	return nil
}

// sample finds the terms of each axis that changes; only what is computed needs them.
func (f *resize) sample() {
	f.taps = make([][][]term, len(f.in))
	for _, a := range f.axes {
		f.taps[a] = f.lines(f.changed[a])
	}
}

// common is the scale of all axes where the aspect ratio stays.
func (f *resize) common(axes, sizes []int) float64 {
	var all []float64
	for i, a := range axes {
		if sizes != nil {
			a, _ = axis(a, len(f.in))
			all = append(all, float64(sizes[i])/float64(f.in[a]))
		}
	}
	switch {
	case len(all) == 0:
		return 1
	case f.policy == "not_larger":
		return slices.Min(all)
	}
	return slices.Max(all)
}

// whole is v as an int where it is one that a shape can have, else -1.
func whole(v float64) int {
	if v >= 0 && v <= maxConstant {
		return int(v)
	}
	return -1
}

// constFloats is the content of a constant float operand.
func constFloats(v *Value, what string) ([]float64, error) {
	if v.Const == nil {
		return nil, &UnsupportedError{fmt.Sprintf("%s %s is computed from the data; only a constant is supported", what, quote(v.Name))}
	}
	if !anyFloat(v.Type) || len(v.Shape) != 1 {
		return nil, fmt.Errorf("%s %s is %v of shape %v, want floats in one dimension", what, quote(v.Name), v.Type, v.Shape)
	}
	return float64s(v.Const), nil
}

func (f *resize) Eval(in []*onnx.Tensor) ([]*onnx.Tensor, error) {
	f.sample()
	if f.mode == "nearest" && f.coordinates != "tf_crop_and_resize" {
		return []*onnx.Tensor{pick(in[0], f.shape, f.nearestPlaces())}, nil
	}
	x, shape := numbers(in[0]), slices.Clone(f.in)
	for _, a := range f.axes {
		x = resampled(x, shape, a, f.taps[a])
		shape[a] = f.shape[a]
	}
	for i, v := range f.outside() {
		x[i] += v
	}
	return []*onnx.Tensor{{Type: in[0].Type, Shape: f.shape, Data: castTo(x, in[0].Type)}}, nil
}

// nearestPlaces lists the element of x that each of y is, for every type.
func (f *resize) nearestPlaces() []int {
	own, src := strides(f.in), make([]int, 0, numel(f.shape))
	eachIndex(f.shape, func(at []int) {
		s := 0
		for d, i := range at {
			if f.taps[d] != nil {
				i = f.taps[d][i][0].index
			}
			s += i * own[d]
		}
		src = append(src, s)
	})
	return src
}

// outside is what is to be added where no element of x is seen, nil for nothing.
func (f *resize) outside() []float64 {
	if f.extrapolation == 0 || f.coordinates != "tf_crop_and_resize" {
		return nil
	}
	r := make([]float64, 0, numel(f.shape))
	eachIndex(f.shape, func(at []int) {
		v := 0.0
		for d, i := range at {
			if f.taps[d] != nil && len(f.taps[d][i]) == 0 {
				v = f.extrapolation
			}
		}
		r = append(r, v)
	})
	return r
}

// Lower resamples one axis after the other, in the layout that is at hand where no axis
// is the batch's or the channels'.
func (f *resize) Lower(b *Builder, in, _ []*Value) ([]*gorgonia.Node, error) {
	if len(f.in) == 0 || !IsFloat(in[0].Type) {
		return nil, nil
	}
	f.sample()
	outside, from := f.outside(), b.Node
	if outside == nil && len(f.axes) > 0 && slices.Min(f.axes) >= 2 {
		from = b.Either
	}
	x := from(in[0])
	for _, a := range f.axes {
		x = b.resample("Resize", x, a, f.taps[a])
	}
	if outside != nil {
		v := &Value{Name: "outside", Shape: f.shape, Const: tensor64(onnx.TensorProto_FLOAT, f.shape, outside)}
		x = b.add(x, b.Node(v), f.shape, f.shape, f.shape)
	}
	if len(f.axes) == 0 {
		x = b.alias("Resize", x, f.shape)
	}
	return []*gorgonia.Node{x}, nil
}
