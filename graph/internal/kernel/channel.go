package kernel

// planes is a kernel over independent items i: the n*c planes of an image
// batch, its c channels, or chunks of a vector. v and u are per channel.
type planes struct {
	f        func(t *planes, i int)
	y, x     []float32
	v, u     []float32
	sums     []float64
	n, c, hw int
}

func (t *planes) run(_ *worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		t.f(t, i)
	}
}

// eachPlane runs t over items of about size elements each.
func (p *Pool) eachPlane(t planes, items, size int) {
	q := p.acquire()
	q.tasks.planes = t
	q.launch(&q.tasks.planes, items, vectorGrain/max(size, 1))
	q.tasks.planes = planes{}
	p.release(q)
}

// checkPlanes panics unless y and x hold n*c*hw elements and v and u hold c.
func checkPlanes(y, x, v, u []float32, n, c, hw int) {
	size := n * c * hw
	switch {
	case n < 0 || c < 0 || hw < 0:
		panic("kernel: negative size")
	case len(y) < size:
		panic("kernel: short y")
	case len(x) < size:
		panic("kernel: short x")
	case len(v) < c || len(u) < c:
		panic("kernel: short channel vector")
	}
}

// ChannelAffine computes, for x [n,c,hw] and scale, shift [c],
// y[i,j,k] = x[i,j,k]*scale[j] + shift[j]; y may be x.
func ChannelAffine(p *Pool, y, x, scale, shift []float32, n, c, hw int) {
	checkPlanes(y, x, scale, shift, n, c, hw)
	p.eachPlane(planes{f: channelAffine, y: y, x: x, v: scale, u: shift, c: c, hw: hw}, n*c, hw)
}

// AddChannel computes, for x [n,c,hw] and v [c], y[i,j,k] = x[i,j,k] + v[j];
// y may be x.
func AddChannel(p *Pool, y, x, v []float32, n, c, hw int) {
	checkPlanes(y, x, v, v, n, c, hw)
	p.eachPlane(planes{f: addChannel, y: y, x: x, v: v, c: c, hw: hw}, n*c, hw)
}

// MulChannel computes, for x [n,c,hw] and v [c], y[i,j,k] = x[i,j,k] * v[j];
// y may be x.
func MulChannel(p *Pool, y, x, v []float32, n, c, hw int) {
	checkPlanes(y, x, v, v, n, c, hw)
	p.eachPlane(planes{f: mulChannel, y: y, x: x, v: v, c: c, hw: hw}, n*c, hw)
}

// SumChannels computes, for dy [n,c,hw], db[j] = sum over i and k of
// dy[i,j,k]: the gradient of a bias.
func SumChannels(p *Pool, db, dy []float32, n, c, hw int) {
	checkPlanes(dy, dy, db, db, n, c, hw)
	p.eachPlane(planes{f: sumChannel, x: dy, v: db, n: n, c: c, hw: hw}, c, n*hw)
}

// SumLanes is SumChannels for dy in the blocked layout.
func SumLanes(p *Pool, db, dy []float32, n, c, hw int) {
	checkLanes(dy, n, c, hw)
	checkDense(db, c)
	q := p.acquire()
	s := q.sumLanes(laneSums{x: dy, n: n, c: c, hw: hw})
	for j := range c {
		sum, _ := s.of(j)
		db[j] = float32(sum)
	}
	p.release(q)
}

// AverageLanes computes, for x [n,c,hw] in the blocked layout, y[i,j] = sum over k of
// x[i,j,k] / hw, y [n,c] dense.
func AverageLanes(p *Pool, y, x []float32, n, c, hw int) {
	checkLanes(x, n, c, hw)
	checkDense(y, n*c)
	q := p.acquire()
	// each image's channels are channels of their own
	s := q.sumLanes(laneSums{x: x, n: 1, c: n * Blocks(c) * isa.lanes, hw: hw})
	for i := range n {
		for j := range c {
			sum, _ := s.of(i*Blocks(c)*isa.lanes + j)
			y[i*c+j] = float32(sum / float64(hw))
		}
	}
	p.release(q)
}

// AverageLanesBackward computes, for dy [n,c] dense, dx[i,j,k] = dy[i,j] / hw in the
// blocked layout.
func AverageLanesBackward(p *Pool, dx, dy []float32, n, c, hw int) {
	checkLanes(dx, n, c, hw)
	checkDense(dy, n*c)
	p.eachPlane(planes{f: averageLanesBackward, y: dx, v: dy, c: c, hw: hw}, n*Blocks(c), hw*isa.lanes)
}

func averageLanesBackward(t *planes, i int) {
	n, first := i/Blocks(t.c), i%Blocks(t.c)*isa.lanes
	dx := t.y[i*t.hw*isa.lanes : (i+1)*t.hw*isa.lanes]
	if len(dx) == 0 {
		return
	}
	clear(dx[:isa.lanes])
	for l := range min(isa.lanes, t.c-first) {
		dx[l] = t.v[n*t.c+first+l] / float32(t.hw)
	}
	for done := isa.lanes; done < len(dx); done *= 2 {
		copy(dx[done:], dx[:done])
	}
}

// MulLanes computes, for x [n,c,hw] and v [n,c,1] in the blocked layout,
// y[i,j,k] = x[i,j,k] * v[i,j]; y may be x.
func MulLanes(p *Pool, y, x, v []float32, n, c, hw int) {
	checkLanes(y, n, c, hw)
	checkLanes(x, n, c, hw)
	checkLanes(v, n, c, 1)
	q := p.acquire()
	q.normalise(normalisation{f: mulLanes, g: Norm{N: n, C: c, HW: hw}, y: y, x: x, gamma: v})
	p.release(q)
}

func mulLanes(t *normalisation, w *worker, i int) {
	c := w.coefficients[:4*isa.lanes]
	clear(c)
	copy(c, t.gamma[i*isa.lanes:(i+1)*isa.lanes])
	t.setLimits(c, 2)
	isa.normalise(t.plane(t.y, i), t.plane(t.x, i), nil, c)
}

// MulLanesBackward computes the gradient of MulLanes for v, in the blocked layout:
// dv[i,j] = sum over k of dy[i,j,k] * x[i,j,k].
func MulLanesBackward(p *Pool, dv, x, dy []float32, n, c, hw int) {
	checkLanes(x, n, c, hw)
	checkLanes(dy, n, c, hw)
	checkLanes(dv, n, c, 1)
	channels := n * Blocks(c) * isa.lanes
	q := p.acquire()
	s := q.sumLanes(laneSums{x: x, dy: dy, y: dy, lo: unlimited, hi: unlimited, n: 1, c: channels, hw: hw})
	for j := range channels {
		_, dv0 := s.of(j)
		dv[j] = float32(dv0)
	}
	p.release(q)
}

// GlobalAveragePool computes, for x [nc,hw], y[i] = sum over k of x[i,k] / hw.
func GlobalAveragePool(p *Pool, y, x []float32, nc, hw int) {
	checkPlanes(x, x, y, y, 1, nc, hw)
	p.eachPlane(planes{f: globalAverage, v: y, x: x, hw: hw}, nc, hw)
}

// GlobalAveragePoolBackward computes, for dy [nc], dx[i,k] = dy[i] / hw.
func GlobalAveragePoolBackward(p *Pool, dx, dy []float32, nc, hw int) {
	checkPlanes(dx, dx, dy, dy, 1, nc, hw)
	p.eachPlane(planes{f: globalAverageBackward, y: dx, v: dy, hw: hw}, nc, hw)
}

func channelAffine(t *planes, i int) {
	y, x := t.y[i*t.hw:(i+1)*t.hw], t.x[i*t.hw:(i+1)*t.hw]
	a, b := t.v[i%t.c], t.u[i%t.c]
	for k, v := range x {
		y[k] = v*a + b
	}
}

func addChannel(t *planes, i int) {
	y, x := t.y[i*t.hw:(i+1)*t.hw], t.x[i*t.hw:(i+1)*t.hw]
	b := t.v[i%t.c]
	for k, v := range x {
		y[k] = v + b
	}
}

func mulChannel(t *planes, i int) {
	y, x := t.y[i*t.hw:(i+1)*t.hw], t.x[i*t.hw:(i+1)*t.hw]
	a := t.v[i%t.c]
	for k, v := range x {
		y[k] = v * a
	}
}

func sumChannel(t *planes, j int) {
	total := 0.0
	for i := range t.n {
		at := (i*t.c + j) * t.hw
		total += sum(t.x[at : at+t.hw])
	}
	t.v[j] = float32(total)
}

func globalAverage(t *planes, i int) {
	t.v[i] = float32(sum(t.x[i*t.hw:(i+1)*t.hw]) / float64(t.hw))
}

func globalAverageBackward(t *planes, i int) {
	dx, g := t.y[i*t.hw:(i+1)*t.hw], t.v[i]/float32(t.hw)
	for k := range dx {
		dx[k] = g
	}
}

// sum adds x in double precision, in four interleaved chains.
func sum(x []float32) float64 {
	var s0, s1, s2, s3 float64
	for ; len(x) >= 4; x = x[4:] {
		s0 += float64(x[0])
		s1 += float64(x[1])
		s2 += float64(x[2])
		s3 += float64(x[3])
	}
	for _, v := range x {
		s0 += float64(v)
	}
	return (s0 + s1) + (s2 + s3)
}
