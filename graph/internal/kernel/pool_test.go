package kernel

import (
	"math"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"testing"
	"time"
)

// counting notes how often each item was run.
type counting struct{ done []int }

func (t *counting) run(_ *worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		t.done[i]++
	}
}

func TestLaunchRunsEveryItemOnce(t *testing.T) {
	for _, p := range testPools(t)[1:] {
		for _, items := range []int{0, 1, 2, 7, 1000} {
			for _, grain := range []int{0, 1, 3, 999, 1001} {
				task := &counting{done: make([]int, items)}
				p.launch(task, items, grain)
				for i, n := range task.done {
					if n != 1 {
						t.Fatalf("%d threads, grain %d: item %d of %d ran %d times", p.Threads(), grain, i, items, n)
					}
				}
			}
		}
	}
}

func TestLaunchManyTimes(t *testing.T) {
	p := NewPool(4)
	defer p.Close()
	task := &counting{done: make([]int, 16)}
	for i := range 5000 {
		p.launch(task, len(task.done), 1)
		if i%1000 == 999 {
			time.Sleep(2 * spinTime) // let the workers park
		}
	}
	for i, n := range task.done {
		if n != 5000 {
			t.Fatalf("item %d ran %d times, want 5000", i, n)
		}
	}
}

func TestWorkersParkAndClose(t *testing.T) {
	p := NewPool(3)
	p.launch(&counting{done: make([]int, 64)}, 64, 1)
	parked := func() bool { return p.workers[1].parked.Load() && p.workers[2].parked.Load() }
	for end := time.Now().Add(5 * time.Second); !parked(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("idle workers still spin after 5 s")
		}
	}
	p.Close()
	p.Close()
	for end := time.Now().Add(5 * time.Second); parked(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a closed pool's workers still wait")
		}
	}
	(*Pool)(nil).Close()
}

func TestThreads(t *testing.T) {
	if n := (*Pool)(nil).Threads(); n != 1 {
		t.Errorf("a nil pool has %d threads, want 1", n)
	}
	p := NewPool(-3)
	if n := p.Threads(); n != 1 {
		t.Errorf("NewPool(-3) has %d threads, want 1", n)
	}
}

// A nil Pool may be used by several goroutines.
func TestNilPoolConcurrently(t *testing.T) {
	g := square(2, 8, 9, 8, 3, 1, 1, 1)
	r := rand.New(rand.NewPCG(1, 1))
	x, w := random(r, 2*8*81), random(r, 8*8*9)
	want := make([]float32, 2*8*81)
	forward(nil, &g, want, x, w, Epilogue{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			y := make([]float32, len(want))
			for range 20 {
				forward(nil, &g, y, x, w, Epilogue{})
			}
			for i := range y {
				if y[i] != want[i] {
					t.Errorf("element %d is %v, want %v", i, y[i], want[i])
					return
				}
			}
		})
	}
	all.Wait()
}

// calls is one call of every exported kernel, on sizes of several spans.
func calls() map[string]func(p *Pool) {
	r := rand.New(rand.NewPCG(13, 14))
	const n, c, h = 2, 48, 12
	const hw = h * h
	size := n * c * hw
	x, y, dy, a, b := random(r, size), make([]float32, size), random(r, size), random(r, size), random(r, size)
	v, u, s, q := random(r, n*c), random(r, n*c), make([]float32, n*c), make([]float32, n*c)
	for i := range q {
		q[i] = 1
	}
	xs := [][]float32{x, dy, x}
	win := &Window{N: n, C: c, H: h, W: h, OutH: h / 2, OutW: h / 2, KernelH: 3, KernelW: 3, StrideH: 2, StrideW: 2, DilationH: 1, DilationW: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1}
	conv, strided, deep := square(n, c, h, c, 3, 1, 1, 1), square(n, c, h, c, 3, 2, 1, 1), square(n, c, h, c, 3, 1, 1, c)
	w, packed, unpacked := random(r, c*c*9), random(r, c*c*9), random(r, c*c*9)
	norm := &Norm{N: n, C: c, HW: hw, Eps: 1e-5, Batch: true, Clamp: true, Hi: 1}
	whole, turned, straight := []int{n * c, h, h}, []int{hw, 1, h}, []int{hw, h, 1}
	m := map[string]func(p *Pool){
		"SumChannels":               func(p *Pool) { SumChannels(p, s, x, n, c, hw) },
		"Gemm":                      func(p *Pool) { Gemm(p, y, a, b, 80, 80, 80, true, false, 1, 0) },
		"Gemm transposed":           func(p *Pool) { Gemm(p, y, a, b, 80, 80, 80, false, true, 1, 1) },
		"MaxPool":                   func(p *Pool) { MaxPool(p, win, y, x) },
		"MaxPoolBackward":           func(p *Pool) { MaxPoolBackward(p, win, y, x, a, dy) },
		"AveragePool":               func(p *Pool) { AveragePool(p, win, y, x, true) },
		"AveragePoolBackward":       func(p *Pool) { AveragePoolBackward(p, win, y, dy, false) },
		"GlobalAveragePool":         func(p *Pool) { GlobalAveragePool(p, s, x, n*c, hw) },
		"GlobalAveragePoolBackward": func(p *Pool) { GlobalAveragePoolBackward(p, y, v, n*c, hw) },
		"BatchStatistics":           func(p *Pool) { BatchStatistics(p, norm, s, q, x) },
		"BatchNormForward":          func(p *Pool) { BatchNormForward(p, norm, y, x, dy, v, q, u, v) },
		"BatchNormReduce":           func(p *Pool) { BatchNormReduce(p, norm, s, u, x, a, dy, v, q) },
		"BatchNormBackward":         func(p *Pool) { BatchNormBackward(p, norm, y, x, a, dy, v, u, q, v, u) },
		"Block":                     func(p *Pool) { Block(p, y, x, n, c, hw) },
		"Unblock":                   func(p *Pool) { Unblock(p, y, x, n, c, hw) },
		"SumLanes":                  func(p *Pool) { SumLanes(p, s, x, n, c, hw) },
		"AverageLanes":              func(p *Pool) { AverageLanes(p, s, x, n, c, hw) },
		"AverageLanesBackward":      func(p *Pool) { AverageLanesBackward(p, y, v, n, c, hw) },
		"MulLanes":                  func(p *Pool) { MulLanes(p, y, x, v, n, c, hw) },
		"MulLanesBackward":          func(p *Pool) { MulLanesBackward(p, s, x, dy, n, c, hw) },
		"Gate":                      func(p *Pool) { Gate(p, y, x, dy, 0, 1) },
		"Axpy":                      func(p *Pool) { Axpy(p, y, x, 0) },
		"Sum":                       func(p *Pool) { Sum(p, y, xs...) },
		"AddChannel":                func(p *Pool) { AddChannel(p, y, x, v, n, c, hw) },
		"MulChannel":                func(p *Pool) { MulChannel(p, y, x, v, n, c, hw) },
		"Copy":                      func(p *Pool) { Copy(p, y, x, n*c, hw-5, hw, 3, hw, 5) },
		"StridedCopy":               func(p *Pool) { StridedCopy(p, y, x, whole, turned, straight, 0, 0) },
		"StridedAdd":                func(*Pool) { StridedAdd(y, x, whole, turned, straight, 0, 0) },
		"HardSwish":                 func(p *Pool) { HardSwish(p, y, x) },
		"HardSwishBackward":         func(p *Pool) { HardSwishBackward(p, y, x, dy) },
		"Softmax":                   func(p *Pool) { Softmax(p, y, x, n*c, hw) },
		"SoftmaxBackward":           func(p *Pool) { SoftmaxBackward(p, y, x, dy, n*c, hw) },
		"LogSoftmax":                func(p *Pool) { LogSoftmax(p, y, x, n*c, hw) },
		"LogSoftmaxBackward":        func(p *Pool) { LogSoftmaxBackward(p, y, x, dy, n*c, hw) },
		"CrossEntropy":              func(p *Pool) { CrossEntropy(p, s, y, x, dy, n*c, hw) },
		"CrossEntropyBackward":      func(p *Pool) { CrossEntropyBackward(p, y, x, dy, 1, n*c, hw) },
		"Dropout":                   func(p *Pool) { Dropout(p, y, x, 0.3, 1) },
		"SGD":                       func(p *Pool) { SGD(p, y, x, a, 0, 0.5, 0, true, false) },
		"Adam":                      func(p *Pool) { Adam(p, y, x, a, b, 0, 0.9, 0.9, 1, 0, 1, true) },
		"SumSquares":                func(p *Pool) { SumSquares(p, x) },
	}
	for name, g := range map[string]*Conv{"": &conv, " strided": &strided, " depthwise": &deep} {
		m["PackWeights"+name] = func(p *Pool) { PackWeights(p, g, packed, w) }
		m["PackWeightsData"+name] = func(p *Pool) { PackWeightsData(p, g, packed, w) }
		m["UnpackWeights"+name] = func(p *Pool) { UnpackWeights(p, g, unpacked, packed) }
		m["ConvForward"+name] = func(p *Pool) { ConvForward(p, g, y, x, packed, Epilogue{Bias: v, Residual: dy, Clamp: true, Hi: 1}) }
		m["ConvBackwardData"+name] = func(p *Pool) { ConvBackwardData(p, g, y, dy, w) }
		m["ConvBackwardWeights"+name] = func(p *Pool) { ConvBackwardWeights(p, g, packed, x, dy) }
	}
	for _, k := range elementwise {
		if k.name != "Sum" { // whose test above lists its operands, which allocates
			m[k.name] = func(p *Pool) { k.run(p, y, x, dy) }
		}
	}
	return m
}

func TestNoAllocations(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	pools := map[string]*Pool{"pool": p}
	if !raceDetector() { // under it, sync.Pool forgets at random
		pools["nil"] = nil
	}
	runs := 20
	if testing.Short() {
		runs = 2
	}
	for name, call := range calls() {
		for which, p := range pools {
			// each worker's memory grows at its first item, which may come late
			n := math.Inf(1)
			for try := 0; n != 0 && try < 5; try++ {
				n = testing.AllocsPerRun(runs, func() { call(p) })
			}
			if n != 0 {
				t.Errorf("%s (%s) allocates %v times a call", name, which, n)
			}
		}
	}
}

func raceDetector() bool {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" && s.Value == "true" {
			return true
		}
	}
	return false
}

func TestWrongSizesPanic(t *testing.T) { eachISA(t, testWrongSizesPanic) }

func testWrongSizesPanic(t *testing.T) {
	g, bad := square(1, 2, 4, 2, 3, 1, 1, 1), square(1, 3, 4, 2, 3, 1, 1, 1)
	bad.Group = 2
	win := &Window{N: 1, C: 1, H: 4, W: 4, OutH: 4, OutW: 4, KernelH: 1, KernelW: 1, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1}
	still := *win
	still.StrideH = 0
	x := func(n int) []float32 { return make([]float32, n) }
	for name, f := range map[string]func(){
		"conv x":      func() { ConvForward(nil, &g, x(256), x(g.input()-1), x(999), Epilogue{}) },
		"conv w":      func() { ConvForward(nil, &g, x(256), x(256), x(g.Packed()-1), Epilogue{}) },
		"conv y":      func() { ConvForward(nil, &g, x(g.output()-1), x(256), x(999), Epilogue{}) },
		"conv bias":   func() { ConvForward(nil, &g, x(256), x(256), x(999), Epilogue{Bias: x(1)}) },
		"conv group":  func() { ConvForward(nil, &bad, x(256), x(256), x(999), Epilogue{}) },
		"pack":        func() { PackWeights(nil, &g, x(999), x(35)) },
		"narrow data": func() { g := g; g.Narrow = true; ConvBackwardData(nil, &g, x(256), x(256), x(999)) },
		"block":       func() { Block(nil, x(Lanes()), x(1), 1, 1, 2) },
		"gemm a":      func() { Gemm(nil, x(6), x(7), x(12), 2, 3, 4, false, false, 1, 0) },
		"gemm size":   func() { Gemm(nil, x(6), x(7), x(12), 2, -3, 4, false, false, 1, 0) },
		"add":         func() { Add(nil, x(2), x(2), x(3)) },
		"add nil":     func() { Add(nil, x(2), x(2), nil) },
		"clip":        func() { ClipBackward(nil, x(2), x(2), nil, 0, 1) },
		"relu":        func() { Relu(nil, x(2), x(1)) },
		"max pool x":  func() { MaxPool(nil, win, x(256), x(63)) },
		"max pool dx": func() { MaxPoolBackward(nil, win, x(63), x(256), x(256), x(256)) },
		"pool stride": func() { AveragePool(nil, &still, x(256), x(256), true) },
		"channel":     func() { AddChannel(nil, x(8), x(8), x(1), 2, 2, 2) },
		"batch norm": func() {
			BatchNormBackward(nil, &Norm{N: 2, C: 2, HW: 2, Batch: true}, x(64), x(64), nil, x(64), x(2), x(2), x(2), nil, nil)
		},
		"softmax":     func() { Softmax(nil, x(5), x(6), 2, 3) },
		"loss":        func() { CrossEntropy(nil, nil, x(6), x(6), x(6), 2, 3) },
		"copy":        func() { Copy(nil, x(5), x(6), 2, 3, 3, 0, 3, 0) },
		"strided y":   func() { StridedCopy(nil, x(5), x(6), []int{2, 3}, []int{3, 1}, []int{3, 1}, 0, 0) },
		"strided x":   func() { StridedCopy(nil, x(6), x(6), []int{2, 3}, []int{3, 1}, []int{3, -1}, 0, 1) },
		"strided nil": func() { StridedCopy(nil, x(6), x(6), nil, nil, nil, 0, 0) },
		"dropout":     func() { Dropout(nil, x(1), x(1), float32(nan), 0) },
		"sgd":         func() { SGD(nil, x(2), x(2), nil, 1, 0.9, 0, false, false) },
		"adam step":   func() { Adam(nil, x(2), x(2), x(2), x(2), 1, 0.9, 0.9, 0, 0, 0, false) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if _, ok := recover().(string); !ok {
					t.Error("no panic with a text")
				}
			}()
			f()
		})
	}
}
