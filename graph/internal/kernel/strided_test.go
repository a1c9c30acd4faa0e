package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestStrided(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(31, 32))
	for _, c := range []struct {
		what                    string
		shape, yStride, xStride []int
		yOffset, xOffset        int
		ySize, xSize            int
	}{
		{"transpose", []int{3, 4}, []int{1, 3}, []int{4, 1}, 0, 0, 12, 12},
		{"permute", []int{5, 40, 60}, []int{1, 5, 200}, []int{2400, 60, 1}, 0, 0, 12000, 12000},
		{"slice", []int{2, 3}, []int{3, 1}, []int{20, 2}, 0, 7, 6, 40},
		{"flip", []int{2, 5}, []int{5, 1}, []int{5, -1}, 0, 4, 10, 10},
		{"broadcast", []int{2, 3, 4}, []int{12, 4, 1}, []int{0, 1, 0}, 0, 0, 24, 3},
		{"pad", []int{2, 3}, []int{6, 1}, []int{3, 1}, 8, 0, 20, 6},
		{"empty", []int{2, 0}, []int{1, 1}, []int{1, 1}, 0, 0, 3, 0},
		{"wide", []int{vectorGrain + 1}, []int{1}, []int{1}, 0, 0, vectorGrain + 1, vectorGrain + 1},
		{"rank 8", []int{1, 2, 1, 2, 1, 2, 1, 2}, []int{9, 8, 9, 4, 9, 2, 9, 1}, []int{9, 1, 9, 2, 9, 4, 9, 8}, 0, 0, 16, 16},
	} {
		t.Run(c.what, func(t *testing.T) {
			x, y0 := random(r, c.xSize), random(r, c.ySize)
			copied, added, back := widen(y0), widen(y0), widen(x)
			eachIndex(c.shape, c.yStride, c.xStride, c.yOffset, c.xOffset, func(i, j int) {
				copied[i] = float64(x[j])
				added[i] += float64(x[j])
				back[j] += float64(y0[i])
			})
			agree(t, pools, "copy", c.ySize, copied, func(p *Pool, y []float32) {
				copy(y, y0)
				StridedCopy(p, y, x, c.shape, c.yStride, c.xStride, c.yOffset, c.xOffset)
			})
			agree(t, pools[:1], "add", c.ySize, added, func(_ *Pool, y []float32) {
				copy(y, y0)
				StridedAdd(y, x, c.shape, c.yStride, c.xStride, c.yOffset, c.xOffset)
			})
			agree(t, pools[:1], "gradient", c.xSize, back, func(_ *Pool, dx []float32) {
				copy(dx, x)
				StridedAdd(dx, y0, c.shape, c.xStride, c.yStride, c.xOffset, c.yOffset)
			})
		})
	}
	y := []float32{1, 2}
	StridedAdd(y, []float32{3}, nil, nil, nil, 1, 0)
	if fmt.Sprint(y) != "[1 5]" {
		t.Errorf("a scalar: got %v, want [1 5]", y)
	}
}

func widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// eachIndex calls f with the places in y and x of every index of shape.
func eachIndex(shape, yStride, xStride []int, yo, xo int, f func(y, x int)) {
	if len(shape) == 0 {
		f(yo, xo)
		return
	}
	for i := range shape[0] {
		eachIndex(shape[1:], yStride[1:], xStride[1:], yo+i*yStride[0], xo+i*xStride[0], f)
	}
}
