package kernel

// Lanes is the number of channels that lie side by side in the blocked layout,
//
//	[N, Blocks(C), H, W, Lanes()],
//
// as many as a vector register of the instruction set in use holds. The lanes
// behind the last channel are there and count for nothing.
func Lanes() int { return isa.lanes }

// Blocks is the number of blocks of c channels.
func Blocks(c int) int { return (c + isa.lanes - 1) / isa.lanes }

// Block brings x [n,c,hw] into the blocked layout; lanes without a channel are 0.
//
//	y[n, c/Lanes, hw, c%Lanes] = x[n,c,hw]
func Block(p *Pool, y, x []float32, n, c, hw int) {
	checkLanes(y, n, c, hw)
	checkDense(x, n*c*hw)
	p.rearrange(rearranging{f: block, y: y, x: x, c: c, hw: hw}, n*Blocks(c))
}

// Unblock is the inverse of Block: y [n,c,hw] from x in the blocked layout.
func Unblock(p *Pool, y, x []float32, n, c, hw int) {
	checkLanes(x, n, c, hw)
	checkDense(y, n*c*hw)
	p.rearrange(rearranging{f: unblock, y: y, x: x, c: c, hw: hw}, n*Blocks(c))
}

// checkLanes panics unless x holds [n,c,hw] in the blocked layout.
func checkLanes(x []float32, n, c, hw int) {
	if min(n, c, hw) < 0 || len(x) < n*Blocks(c)*hw*isa.lanes {
		panic("kernel: short blocked operand")
	}
}

// checkDense panics unless x holds n elements.
func checkDense(x []float32, n int) {
	if n < 0 || len(x) < n {
		panic("kernel: short operand")
	}
}

// rearranging changes the layout of pixels lo to hi of plane i, one part of a plane
// an item.
type rearranging struct {
	f            func(t *rearranging, i, lo, hi int)
	y, x         []float32
	c, hw, parts int
}

func (p *Pool) rearrange(t rearranging, planes int) {
	t.parts = max(1, min(8, t.hw/1024)) // for a batch of one
	if t.c*t.hw == 0 {
		return
	}
	q := p.acquire()
	q.tasks.rearranging = t
	q.launch(&q.tasks.rearranging, planes*t.parts, vectorGrain*t.parts/(t.hw*isa.lanes))
	q.tasks.rearranging = rearranging{}
	p.release(q)
}

func (t *rearranging) run(_ *worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		t.f(t, i/t.parts, i%t.parts*t.hw/t.parts, (i%t.parts+1)*t.hw/t.parts)
	}
}

// channels are those of block i, and where its first plane lies in the dense layout.
func (t *rearranging) channels(i int) (count, dense int) {
	n, first := i/Blocks(t.c), i%Blocks(t.c)*isa.lanes
	return min(isa.lanes, t.c-first), (n*t.c + first) * t.hw
}

func block(t *rearranging, i, lo, hi int) {
	count, dense := t.channels(i)
	y := t.y[(i*t.hw+lo)*isa.lanes : (i*t.hw+hi)*isa.lanes]
	if count < isa.lanes {
		clear(y)
	}
	isa.transpose(y, isa.lanes, t.x[dense+lo:], t.hw, count, hi-lo)
}

func unblock(t *rearranging, i, lo, hi int) {
	count, dense := t.channels(i)
	isa.transpose(t.y[dense+lo:], t.hw, t.x[(i*t.hw+lo)*isa.lanes:], isa.lanes, hi-lo, count)
}
