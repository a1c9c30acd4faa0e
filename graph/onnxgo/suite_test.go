package onnxgo_test

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/owulveryck/onnx-go"
	"github.com/owulveryck/onnx-go/backend/testbackend"
	_ "github.com/owulveryck/onnx-go/backend/testbackend/onnx"

	"graft/graph/onnxgo"
	"graft/graph/ops"
)

// lost are the cases that fail, with what onnx-go loses on the way to the backend.
var lost = map[string]string{
	"TestSize":        "the suite has no scalars: it wants the result's shape to be (1), the standard's is ()",
	"TestSizeExample": "the suite has no scalars: it wants the result's shape to be (1), the standard's is ()",
}

// coarse are the cases whose results are so large that the suite's 1e-6, which is
// absolute, asks for less than the last place of a float32. graft computes these in
// float64 and rounds once; the suite's numbers are added in float32. They must agree
// in all but the last two bits.
var coarse = []string{
	"TestPow",
	"TestReduceL1DefaultAxesKeepdimsRandom",
	"TestReduceProdDefaultAxesKeepdimsRandom",
	"TestReduceSumDefaultAxesKeepdimsRandom",
	"TestReduceSumSquareDefaultAxesKeepdimsRandom",
}

// without are the operators of the suite that graft does not have.
var without = []string{
	"NonMaxSuppression", "RoiAlign", "Scan", "TfIdfVectorizer",
}

// TestSuite runs onnx-go's own tests of backends.
func TestSuite(t *testing.T) {
	constructors := testbackend.GetAllRegisteredTests()
	if len(constructors) != 348 {
		t.Errorf("onnx-go has registered %d tests, the lists here are for 348", len(constructors))
	}
	var cases []*testbackend.TestCase
	for _, c := range constructors {
		cases = append(cases, c())
	}
	slices.SortFunc(cases, func(a, b *testbackend.TestCase) int { return cmp.Compare(a.Title, b.Title) })
	passed, missing := 0, 0
	for _, c := range cases {
		reason, isLost := lost[c.Title]
		_, ok := ops.Table[c.OpType]
		switch {
		case !ok && slices.Contains(without, c.OpType):
			missing++
		case isLost:
			if run(c, 0) == nil {
				t.Errorf("%s passes, but is listed as lost: %s", c.Title, reason)
			}
		case slices.Contains(coarse, c.Title):
			if err := run(c, 0x1p-22); err != nil {
				t.Errorf("%s: %v", c.Title, err)
			}
			if run(c, 0) == nil {
				t.Errorf("%s passes, but is listed as coarse", c.Title)
			}
		default:
			ok := t.Run(c.Title, c.RunTest(onnxgo.New(), false))
			if c.Skipped {
				t.Errorf("%s is skipped: an operator or attribute is not implemented", c.Title)
			} else if ok {
				passed++
			}
		}
	}
	t.Logf("%d of %d pass; %d are lost, %d coarse, %d of operators that graft does not have", passed, len(cases), len(lost), len(coarse), missing)
}

// run does what a case's own RunTest does, but returns the failure, and allows a
// relative error.
func run(c *testbackend.TestCase, rtol float64) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	b := onnxgo.New()
	m := onnx.NewModel(b)
	if err := m.UnmarshalBinary(c.ModelB); err != nil {
		return err
	}
	for i, x := range c.Input {
		if err := m.SetInput(i, x); err != nil {
			return err
		}
	}
	if err := b.Run(); err != nil {
		return err
	}
	out, err := m.GetOutputTensors()
	if err != nil {
		return err
	}
	for i, want := range c.ExpectedOutput {
		if !slices.Equal(out[i].Shape(), want.Shape()) {
			return fmt.Errorf("shape %v, want %v", out[i].Shape(), want.Shape())
		}
		g, w := reflect.ValueOf(out[i].Data()), reflect.ValueOf(want.Data())
		for k := range w.Len() {
			got, want := number(g.Index(k)), number(w.Index(k))
			if !(math.Abs(got-want) <= 1e-6+rtol*math.Abs(want)) && !(math.IsNaN(got) && math.IsNaN(want)) {
				return fmt.Errorf("element %d is %v, want %v", k, got, want)
			}
		}
	}
	return nil
}

func number(v reflect.Value) float64 {
	if !v.CanConvert(reflect.TypeFor[float64]()) {
		panic(errors.New("no number"))
	}
	return v.Convert(reflect.TypeFor[float64]()).Float()
}
