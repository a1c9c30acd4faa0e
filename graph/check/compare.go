package check

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"graft/onnx"
)

// Tolerance says how near a tensor must come to the expected one. An element is near
// enough where |got-want| <= Atol + Rtol*|want|, as in numpy.allclose, or where at most
// Ulps float32 numbers lie between the two.
type Tolerance struct {
	Rtol, Atol float64
	Ulps       int

	// Cosine is the least cosine of the angle between the two tensors as vectors; 0
	// asks for none. Where nothing else is set, it takes the place of the comparison of
	// elements.
	Cosine float64
}

// Tolerances unless the user sets one. Half is for float16 and bfloat16 outputs: other runtimes
// compute in half precision.
var (
	Default = Tolerance{Rtol: 1e-3, Atol: 1e-4}
	Half    = Tolerance{Rtol: 2e-2, Atol: 2e-2}
)

// A difference is how far a tensor is from the expected one.
type difference struct {
	maxAbs, maxRel float64 // of the elements that are finite
	first, worst   int     // index of the first and of the worst element beyond the tolerance
	bad            int     // elements beyond the tolerance
}

// compare holds got against want and notes the largest differences.
func (c *Case) compare(got, want *onnx.Tensor, tol Tolerance) error {
	if got.Type != want.Type {
		return fmt.Errorf("got type %v, want %v", got.Type, want.Type)
	}
	if !slices.Equal(got.Shape, want.Shape) {
		return fmt.Errorf("got shape %v, want %v", got.Shape, want.Shape)
	}
	g, w, err := numbers(got, want)
	if err != nil {
		return err
	}
	d := tol.measure(g, w)
	c.MaxAbs, c.MaxRel = max(c.MaxAbs, d.maxAbs), max(c.MaxRel, d.maxRel)
	if d.bad > 0 {
		pair := func(i int) string {
			return fmt.Sprintf("%v: got %s, want %s", position(i, want.Shape), number(got, g[i]), number(want, w[i]))
		}
		text := fmt.Sprintf("%d of %d elements differ, first at %s", d.bad, len(w), pair(d.first))
		if d.worst != d.first {
			text += "; most at " + pair(d.worst)
		}
		return fmt.Errorf("%s, off by %.3g where %.3g is allowed", text, math.Abs(g[d.worst]-w[d.worst]), tol.allowed(w[d.worst]))
	}
	if got := cosine(g, w); tol.Cosine > 0 && !(got >= tol.Cosine) {
		return fmt.Errorf("got a cosine of %.6g to the expected tensor, want %g or more", got, tol.Cosine)
	}
	return nil
}

// measure compares element by element.
func (t Tolerance) measure(got, want []float64) difference {
	d := difference{first: -1, worst: -1}
	most := -1.0
	for i, w := range want {
		g := got[i]
		if g == w || g != g && w != w {
			continue
		}
		off := math.Abs(g - w)
		d.maxAbs = maxFinite(d.maxAbs, off)
		d.maxRel = maxFinite(d.maxRel, off/math.Abs(w))
		if t.near(g, w) {
			continue
		}
		if d.bad++; d.first < 0 {
			d.first = i
		}
		if !(off <= most) {
			most, d.worst = off, i
		}
	}
	return d
}

func (t Tolerance) near(got, want float64) bool {
	switch {
	case t.Cosine > 0 && t.Rtol == 0 && t.Atol == 0 && t.Ulps == 0:
		return got-got == 0 && want-want == 0
	case math.IsInf(want, 0): // no tolerance is a share of infinity
		return false
	case math.Abs(got-want) <= t.allowed(want):
		return true
	}
	return t.Ulps > 0 && ulps(float32(got), float32(want)) <= uint32(min(t.Ulps, math.MaxInt32))
}

func (t Tolerance) allowed(want float64) float64 { return t.Atol + t.Rtol*math.Abs(want) }

// ulps counts the steps from one float32 to the other; the two zeros are one.
func ulps(a, b float32) uint32 {
	if a != a || b != b {
		return math.MaxUint32
	}
	order := func(f float32) int64 {
		bits := int64(int32(math.Float32bits(f)))
		if bits < 0 {
			return math.MinInt32 - bits
		}
		return bits
	}
	d := order(a) - order(b)
	return uint32(max(d, -d))
}

// cosine is the cosine of the angle between two vectors, 1 where both are zero.
func cosine(a, b []float64) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab, aa, bb = ab+a[i]*b[i], aa+a[i]*a[i], bb+b[i]*b[i]
	}
	if aa == 0 && bb == 0 {
		return 1
	}
	return ab / math.Sqrt(aa) / math.Sqrt(bb)
}

// number writes an element with the digits that its type has.
func number(t *onnx.Tensor, v float64) string {
	if _, ok := t.Floats(); ok {
		return strconv.FormatFloat(v, 'g', -1, 32)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// position is element i of a shape as an index in each dimension.
func position(i int, shape []int) []int {
	at := make([]int, len(shape))
	for k := len(shape) - 1; k >= 0; k-- {
		at[k], i = i%shape[k], i/shape[k]
	}
	return at
}

// maxFinite is the larger of two numbers, or a where b is none.
func maxFinite(a, b float64) float64 {
	if b-b != 0 {
		return a
	}
	return max(a, b)
}

// numbers widens two tensors of one type to float64.
func numbers(a, b *onnx.Tensor) (x, y []float64, err error) {
	if s, ok := a.Data.([]string); ok {
		if !slices.Equal(s, b.Data.([]string)) {
			return nil, nil, errors.New("the strings differ")
		}
		return nil, nil, nil
	}
	if x, err = widen(a); err != nil {
		return nil, nil, err
	}
	y, err = widen(b)
	return x, y, err
}

func widen(t *onnx.Tensor) ([]float64, error) {
	switch v := t.Data.(type) {
	case []float64:
		return v, nil
	case []float32:
		r := make([]float64, len(v))
		for i, x := range v {
			r[i] = float64(x)
		}
		return r, nil
	}
	v, err := t.Ints()
	r := make([]float64, len(v))
	for i, x := range v {
		r[i] = float64(x)
	}
	return r, err
}

// half says whether a type has 16 bits, of which 11 or 8 are a number's.
func half(t onnx.TensorProto_DataType) bool {
	return t == onnx.TensorProto_FLOAT16 || t == onnx.TensorProto_BFLOAT16
}
