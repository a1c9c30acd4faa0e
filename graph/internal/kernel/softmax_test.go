package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func TestSoftmax(t *testing.T) {
	pools := testPools(t)
	r := rand.New(rand.NewPCG(23, 24))
	for _, size := range [][2]int{{0, 3}, {1, 1}, {1, 2}, {3, 10}, {5, 1000}, {1030, 1}, {2, 9000}} {
		rows, width := size[0], size[1]
		t.Run(fmt.Sprintf("%dx%d", rows, width), func(t *testing.T) {
			x, dy, target := random(r, rows*width), random(r, rows*width), make([]float32, rows*width)
			for i := range x {
				x[i] = 3*x[i] + 300 // exponentials that overflow unless shifted
				target[i] = max(dy[i], 0) / float32(width)
			}
			n := rows * width
			soft, logs, dSoft, dLogs, dLoss := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
			loss := make([]float64, 1)
			for i := range rows {
				at := i * width
				top, sum, dot, total, mass := -inf, 0.0, 0.0, 0.0, 0.0
				for _, v := range x[at : at+width] {
					top = max(top, float64(v))
				}
				for _, v := range x[at : at+width] {
					sum += math.Exp(float64(v) - top)
				}
				for j := at; j < at+width; j++ {
					logs[j] = float64(x[j]) - top - math.Log(sum)
					soft[j] = math.Exp(logs[j])
					dot += soft[j] * float64(dy[j])
					total += float64(dy[j])
					mass += float64(target[j])
					loss[0] -= float64(target[j]) * logs[j] / float64(rows)
				}
				for j := at; j < at+width; j++ {
					dSoft[j] = soft[j] * (float64(dy[j]) - dot)
					dLogs[j] = float64(dy[j]) - soft[j]*total
					dLoss[j] = 3 / float64(rows) * (soft[j]*mass - float64(target[j]))
				}
			}
			y, z := make([]float32, n), make([]float32, n)
			Softmax(nil, y, x, rows, width)
			LogSoftmax(nil, z, x, rows, width)
			agree(t, pools, "Softmax", n, soft, func(p *Pool, y []float32) { Softmax(p, y, x, rows, width) })
			agree(t, pools, "Softmax in place", n, soft, func(p *Pool, y []float32) { copy(y, x); Softmax(p, y, y, rows, width) })
			agree(t, pools, "LogSoftmax", n, logs, func(p *Pool, y []float32) { LogSoftmax(p, y, x, rows, width) })
			agree(t, pools, "SoftmaxBackward", n, dSoft, func(p *Pool, dx []float32) { SoftmaxBackward(p, dx, y, dy, rows, width) })
			agree(t, pools, "LogSoftmaxBackward", n, dLogs, func(p *Pool, dx []float32) { LogSoftmaxBackward(p, dx, z, dy, rows, width) })
			if rows > 0 {
				agree(t, pools, "CrossEntropy", 1, loss, func(p *Pool, l []float32) { CrossEntropy(p, l, z, x, target, rows, width) })
			}
			agree(t, pools, "prob", n, soft, func(p *Pool, y []float32) { CrossEntropy(p, make([]float32, 1), y, x, target, rows, width) })
			agree(t, pools, "CrossEntropyBackward", n, dLoss, func(p *Pool, dx []float32) { CrossEntropyBackward(p, dx, y, target, 3, rows, width) })
		})
	}
}

func TestSoftmaxSpecials(t *testing.T) {
	minus := float32(-inf)
	y := make([]float32, 2)
	Softmax(nil, y, []float32{minus, 1}, 1, 2)
	if y[0] != 0 || y[1] != 1 {
		t.Errorf("a masked element: got %v, want [0 1]", y)
	}
	Softmax(nil, y, []float32{float32(nan), 1}, 1, 2)
	if y[0] == y[0] || y[1] == y[1] {
		t.Errorf("a NaN: got %v, want NaN everywhere", y)
	}
	loss := make([]float32, 1)
	CrossEntropy(nil, loss, y, []float32{minus, 1}, []float32{0, 1}, 1, 2)
	if loss[0] != 0 {
		t.Errorf("loss with a masked class: got %v, want 0", loss[0])
	}
}
