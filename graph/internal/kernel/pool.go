package kernel

import (
	"sync"
	"sync/atomic"
	"time"
)

// Pool runs kernels on a fixed number of threads: the calling goroutine and
// persistent workers. Between launches a worker spins for about a
// millisecond, because waking a parked goroutine costs more than a small
// kernel, and then parks. A Pool serves one goroutine at a time.
type Pool struct {
	workers []worker // workers[0] is the caller's
	tasks   tasks

	// state packs the launch number, the count of workers inside the launch
	// and the open bit. A worker joins by adding one to an open state, so the
	// caller never waits for a worker that was too late to help.
	state  atomic.Uint64
	next   atomic.Int64 // first item nobody has taken
	closed atomic.Bool
	task   task
	items  int
	grain  int

	sums   []float64 // partial sums of reductions, in a fixed order
	bias   []float32 // of the convolution under way, for all lanes
	places []place   // where its taps see the input
	which  []int     // their numbers
	table  []tap     // where their runs begin
	chains []chain   // of runs
	planes []float32 // of Winograd's transforms
	stages []stage   // of a cascade
}

// tasks holds one reusable task of each kind: a Pool runs one launch at a time.
type tasks struct {
	vector           vector
	planes           planes
	window           windowTask
	softmax          softmax
	update           update
	copying          copying
	rearranging      rearranging
	normalisation    normalisation
	laneSums         laneSums
	sliding          sliding
	cascade          cascade
	winograd         winograd
	winogradWeights  winogradWeights
	correlation      correlation
	packing          packing
	reduction        reduction
	rowNormalisation rowNormalisation
	gemm             gemm
	lrn              lrn
	shuffling        shuffling
	strided          strided
	resampling       resampling
	gemmStack        gemmStack
	cumulation       cumulation
	selection        selection
	rowPass          rowPass
	rowSums          rowSums
}

// task is one kernel call; run does items lo to hi, which no other run touches.
type task interface {
	run(w *worker, lo, hi int)
}

// worker is one thread of a Pool and the memory it packs operands into.
type worker struct {
	scratch   []float32
	wide      []float64
	tile      tile
	taps      []tap                  // of the tile
	runs      []tap                  // of weights
	windows   []rows                 // of a cascade's layers
	at        []int                  // places in a window
	transform [36 * maxLanes]float32 // Winograd's
	// coefficients of the loops over lanes
	coefficients [7 * maxLanes]float32
	parked       atomic.Bool
	wake         chan struct{}
	_            [64]byte // keeps neighbours off this cache line
}

const (
	openBit   = 1
	oneInside = 2
	inside    = 1<<16 - oneInside // mask of the count of workers inside
	oneLaunch = 1 << 16
	// What sleeps wakes late, above all on a virtual machine, whose host gives an idle
	// processor away: threads sleep where a wait is long anyway.
	spinTime = time.Millisecond       // for the next launch
	patience = 500 * time.Microsecond // for the last items of a launch
	nap      = 50 * time.Microsecond
)

// NewPool returns a Pool of that many threads, at least one. Close it to end
// its goroutines.
func NewPool(threads int) *Pool {
	p := &Pool{workers: make([]worker, min(max(threads, 1), 1<<14))}
	for i := 1; i < len(p.workers); i++ {
		p.workers[i].wake = make(chan struct{}, 1)
		go p.serve(&p.workers[i])
	}
	return p
}

// Threads is the number of threads that share the work; 1 for a nil Pool.
func (p *Pool) Threads() int {
	if p == nil {
		return 1
	}
	return len(p.workers)
}

// Close ends the workers. The Pool must not be used afterwards.
func (p *Pool) Close() {
	if p == nil {
		return
	}
	p.closed.Store(true)
	p.rouse()
}

// serial keeps Pools without goroutines for calls with a nil Pool.
var serial = sync.Pool{New: func() any { return NewPool(1) }}

// acquire returns p, or a serial Pool in place of nil; release gives that back.
func (p *Pool) acquire() *Pool {
	if p != nil {
		return p
	}
	return serial.Get().(*Pool)
}

func (p *Pool) release(q *Pool) {
	if p == nil {
		serial.Put(q)
	}
}

// launch runs the task over all items, grain items at a time in whatever
// order the threads take them, and returns when all are done.
func (p *Pool) launch(t task, items, grain int) {
	grain = max(grain, 1)
	if len(p.workers) == 1 || items <= grain {
		for lo := 0; lo < items; lo += grain {
			t.run(&p.workers[0], lo, min(lo+grain, items))
		}
		return
	}
	p.task, p.items, p.grain = t, items, grain
	p.next.Store(0)
	p.state.Store(p.state.Load()&^(oneLaunch-1) + oneLaunch | openBit)
	p.rouse()
	p.work(&p.workers[0])
	p.state.And(^uint64(openBit))
	p.wait()
	p.task = nil
}

// wait returns when no worker is inside the launch. It spins first, since the
// others have about one item left each, and then sleeps, as another process may
// keep the processor from the worker.
func (p *Pool) wait() {
	var start time.Time
	for i := 1; p.state.Load()&inside != 0; i++ {
		switch {
		case i == 256:
			start = time.Now()
		case i%256 != 0:
		case time.Since(start) < patience:
			yield()
		default:
			time.Sleep(nap)
		}
	}
}

// work takes spans of items until none is left.
func (p *Pool) work(w *worker) {
	for {
		lo := int(p.next.Add(int64(p.grain))) - p.grain
		if lo >= p.items {
			return
		}
		p.task.run(w, lo, min(lo+p.grain, p.items))
	}
}

// rouse wakes the workers that are parked.
func (p *Pool) rouse() {
	for i := 1; i < len(p.workers); i++ {
		if w := &p.workers[i]; w.parked.CompareAndSwap(true, false) {
			w.wake <- struct{}{}
		}
	}
}

// serve is a worker's life: join each launch once, spin, park.
func (p *Pool) serve(w *worker) {
	seen := uint64(0)
	for !p.closed.Load() {
		s := p.state.Load()
		if s&openBit == 0 || s/oneLaunch == seen {
			p.idle(w, seen)
			continue
		}
		if p.state.CompareAndSwap(s, s+oneInside) {
			seen = s / oneLaunch
			p.work(w)
			p.state.Add(^uint64(oneInside - 1))
		}
	}
}

// idle returns when a launch after the seen one may have opened, or at Close.
func (p *Pool) idle(w *worker, seen uint64) {
	news := func() bool {
		s := p.state.Load()
		return s&openBit != 0 && s/oneLaunch != seen || p.closed.Load()
	}
	for start := time.Now(); time.Since(start) < spinTime; yield() {
		for range 64 {
			if news() {
				return
			}
		}
	}
	w.parked.Store(true)
	if news() && w.parked.CompareAndSwap(true, false) {
		return
	}
	<-w.wake
}

// floats returns n elements of the worker's scratch memory, uninitialised.
func (w *worker) floats(n int) []float32 {
	if cap(w.scratch) < n {
		w.scratch = make([]float32, n)
	}
	return w.scratch[:n]
}

// doubles is floats in double precision.
func (w *worker) doubles(n int) []float64 {
	if cap(w.wide) < n {
		w.wide = make([]float64, n)
	}
	return w.wide[:n]
}

// partials returns n partial sums, uninitialised.
func (p *Pool) partials(n int) []float64 {
	if cap(p.sums) < n {
		p.sums = make([]float64, n)
	}
	return p.sums[:n]
}
