package check

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"graft/onnx"
)

const cases = "../../testdata/models"

func TestRun(t *testing.T) {
	for name, want := range map[string]struct {
		status Status
		reason string
	}{
		"residual":         {Pass, ""},
		"fixed":            {Pass, ""},
		"shared":           {Pass, ""},
		"two_inputs":       {Pass, ""},
		"wrong":            {Fail, "test_data_set_0: output 0: 1 of 8 elements differ, most at 6: got 12.5"},
		"unknown_operator": {Unsupported, `test_data_set_0: graph: node 1 "middle" (Frobnicate): operator "Frobnicate" is not`},
	} {
		c := Run(filepath.Join(cases, name), Default, Half, 1)
		if c.Name != name || c.Status != want.status || !strings.HasPrefix(c.Reason, want.reason) || c.Reason != "" && want.reason == "" {
			t.Errorf("%s: %s %q, want %s %q", name, c.Status, c.Reason, want.status, want.reason)
		}
	}
	if c := Run(filepath.Join(cases, "wrong"), Tolerance{Atol: 1.001}, Half, 1); c.Status != Pass || math.Abs(c.MaxAbs-1) > 1e-4 {
		t.Errorf("wrong, at a tolerance of 1: %+v", c)
	}
}

func TestFind(t *testing.T) {
	all, err := Find(cases)
	if err != nil || len(all) != 6 || all[0] != filepath.Join(cases, "fixed") {
		t.Errorf("%v, %v", all, err)
	}
	link := filepath.Join(t.TempDir(), "a[b]*")
	target, err := filepath.Abs(filepath.Join(cases, "residual"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Skip(err)
	}
	if one, err := Find(link); err != nil || len(one) != 1 || one[0] != link {
		t.Errorf("a link with an odd name: %v, %v", one, err)
	}
}

// Each pair is compared at rtol 0.1, atol 0.01; the differences that count are noted.
func TestCompare(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		got, want []float32
		pass      bool
		abs, rel  float64
	}{
		{[]float32{1, 2}, []float32{1, 2}, true, 0, 0},
		{[]float32{1.5, 2}, []float32{1, 2}, false, 0.5, 0.5},
		{[]float32{1, 2.125}, []float32{1, 2}, true, 0.125, 0.0625},
		{[]float32{0.0078125}, []float32{0}, true, 0.0078125, 0},
		{[]float32{nan, inf}, []float32{nan, inf}, true, 0, 0},
		{[]float32{nan}, []float32{1}, false, 0, 0},
		{[]float32{1}, []float32{nan}, false, 0, 0},
		{[]float32{inf}, []float32{1}, false, 0, 0},
		{[]float32{1}, []float32{inf}, false, 0, 0},
		{[]float32{-inf}, []float32{inf}, false, 0, 0},
	} {
		var k Case
		err := k.compare(onnx.FromFloats([]int{len(c.got)}, c.got), onnx.FromFloats([]int{len(c.want)}, c.want), Tolerance{0.1, 0.01})
		if (err == nil) != c.pass || k.MaxAbs != c.abs || k.MaxRel != c.rel {
			t.Errorf("%v for %v: %v, max %g %g, want %v, %g %g", c.got, c.want, err, k.MaxAbs, k.MaxRel, c.pass, c.abs, c.rel)
		}
	}
	var k Case
	x, y := onnx.FromFloats([]int{2, 1}, []float32{0, 0}), onnx.FromFloats([]int{2}, []float32{0, 0})
	if err := k.compare(x, y, Default); err == nil {
		t.Error("shapes [2 1] and [2] are taken for the same")
	}
	if err := k.compare(onnx.FromInts([]int{2}, []int64{0, 0}), y, Default); err == nil {
		t.Error("types INT64 and FLOAT are taken for the same")
	}
}

func ExampleWriteJUnit() {
	err := WriteJUnit(os.Stdout, []Case{
		{Name: "a", Dir: "nets/a", Status: Pass, Duration: 1500 * time.Millisecond},
		{Name: "b", Dir: "nets/b", Status: Unsupported, Reason: "operator \"X\x1b<>\""},
	})
	fmt.Println(err)
	// Output:
	// <?xml version="1.0" encoding="UTF-8"?>
	// <testsuites>
	//   <testsuite name="graft check" tests="2" failures="1" errors="0" time="1.500">
	//     <testcase name="a" classname="nets" time="1.500"></testcase>
	//     <testcase name="b" classname="nets" time="0.000">
	//       <failure type="unsupported" message="operator &#34;X�&lt;&gt;&#34;"></failure>
	//     </testcase>
	//   </testsuite>
	// </testsuites>
	// <nil>
}
