package kernel

import "math"

// Norm is a normalisation of x [N,C,HW] in the blocked layout, by channel, with
// what may follow it.
type Norm struct {
	N, C, HW int
	Eps      float64
	Batch    bool // by the batch's own statistics
	Clamp    bool // y stays between Lo and Hi, NaN as it is
	Lo, Hi   float32
}

// BatchStatistics computes mean[j] = average of x[:,j,:] and variance[j] = average
// of (x[:,j,:] - mean[j])^2, which is the biased variance that normalises a batch.
// Both sums are in double precision, rounded where PyTorch rounds.
func BatchStatistics(p *Pool, g *Norm, mean, variance, x []float32) {
	g.check(x, mean, variance)
	q := p.acquire()
	s := q.sumLanes(laneSums{x: x, n: g.N, c: g.C, hw: g.HW})
	count := g.N * g.HW
	for j := range g.C {
		sum, _ := s.of(j)
		mean[j] = float32(sum / float64(max(count, 1)))
	}
	s = q.sumLanes(laneSums{x: x, mean: mean, n: g.N, c: g.C, hw: g.HW})
	for j := range g.C {
		_, squares := s.of(j)
		variance[j] = float32(squares) / float32(max(count, 1))
	}
	p.release(q)
}

// BatchNormForward computes
//
//	scale[j] = gamma[j]/sqrt(variance[j]+Eps)
//	y[i,j,k] = x[i,j,k]*scale[j] + (beta[j] - mean[j]*scale[j]) + residual[i,j,k]
//
// and limits it. residual may be nil; y may be x or residual.
// (Ioffe and Szegedy 2015, algorithm 1.)
func BatchNormForward(p *Pool, g *Norm, y, x, residual, mean, variance, gamma, beta []float32) {
	g.check(x, mean, variance, gamma, beta)
	if len(y) < g.size() || residual != nil && len(residual) < g.size() {
		panic("kernel: short y")
	}
	q := p.acquire()
	q.normalise(normalisation{f: normForward, g: *g, y: y, x: x, residual: residual, mean: mean, variance: variance, gamma: gamma, beta: beta})
	p.release(q)
}

// BatchNormReduce computes, with d = dy where y lies between Lo and Hi, else 0 (without
// Clamp d = dy, and y may be nil),
//
//	dbeta[j] = sum of d[:,j,:]
//	dgamma[j] = sum of d[:,j,:] * (x[:,j,:] - mean[j]) / sqrt(variance[j]+Eps)
func BatchNormReduce(p *Pool, g *Norm, dgamma, dbeta, x, y, dy, mean, variance []float32) {
	g.check(x, mean, variance, dgamma, dbeta)
	g.check(dy)
	q := p.acquire()
	lo, hi := g.limits()
	s := q.sumLanes(laneSums{x: x, y: g.gate(y, dy), dy: dy, mean: mean, lo: lo, hi: hi, n: g.N, c: g.C, hw: g.HW})
	for j := range g.C {
		sum, dot := s.of(j)
		dbeta[j] = float32(sum)
		dgamma[j] = float32(dot * float64(g.inverse(variance[j])))
	}
	p.release(q)
}

// BatchNormBackward computes the gradient of BatchNormForward for x, with d as in
// BatchNormReduce and s = gamma[j]/sqrt(variance[j]+Eps). With stored statistics
// dx = d*s. With Batch, mean and variance were computed from x and carry
// gradient: dx = s * (d - dbeta[j]/count - xhat*dgamma[j]/count), where count is N*HW,
// xhat the normalised x, and dgamma, dbeta are BatchNormReduce's; without Batch
// they may be nil. dx may be dy.
func BatchNormBackward(p *Pool, g *Norm, dx, x, y, dy, gamma, mean, variance, dgamma, dbeta []float32) {
	g.check(dy, gamma, mean, variance)
	if g.Batch {
		g.check(x, dgamma, dbeta)
	}
	if len(dx) < g.size() {
		panic("kernel: short dx")
	}
	f := normBackward
	if !g.Batch {
		f = normBackwardStored
	}
	q := p.acquire()
	q.normalise(normalisation{f: f, g: *g, y: dx, x: x, gate: g.gate(y, dy), dy: dy, mean: mean, variance: variance, gamma: gamma, dgamma: dgamma, dbeta: dbeta})
	p.release(q)
}

// size is the number of elements of x.
func (g *Norm) size() int { return g.N * Blocks(g.C) * isa.lanes * g.HW }

// check panics unless x holds the images and the others a number a channel.
func (g *Norm) check(x []float32, channels ...[]float32) {
	if min(g.N, g.C, g.HW) < 0 {
		panic("kernel: negative size")
	}
	if len(x) < g.size() {
		panic("kernel: short x")
	}
	for _, v := range channels {
		if len(v) < g.C {
			panic("kernel: short channel vector")
		}
	}
}

// gate is what opens and closes the gradient: y, or any tensor where nothing limits it.
func (g *Norm) gate(y, dy []float32) []float32 {
	if !g.Clamp {
		return dy
	}
	if len(y) < g.size() {
		panic("kernel: short y")
	}
	return y
}

// limits are Lo and Hi, or NaN, which limits nothing and closes no gate.
func (g *Norm) limits() (lo, hi float32) {
	if !g.Clamp {
		return unlimited, unlimited
	}
	return g.Lo, g.Hi
}

var unlimited, minusInf = float32(math.NaN()), float32(math.Inf(-1))

// inverse is 1/sqrt(variance+Eps), rounded where PyTorch rounds.
func (g *Norm) inverse(variance float32) float32 {
	if g.Batch {
		return float32(1 / math.Sqrt(float64(variance)+g.Eps))
	}
	return 1 / float32(math.Sqrt(float64(variance+float32(g.Eps))))
}

// normalisation is one of the passes over planes above.
type normalisation struct {
	f                           func(t *normalisation, w *worker, i int)
	g                           Norm
	y, x, gate, dy, residual    []float32
	mean, variance, gamma, beta []float32
	dgamma, dbeta               []float32
}

func (p *Pool) normalise(t normalisation) {
	g := &t.g
	p.tasks.normalisation = t
	p.launch(&p.tasks.normalisation, g.N*Blocks(g.C), vectorGrain/max(g.HW*isa.lanes, 1))
	p.tasks.normalisation = normalisation{}
}

func (t *normalisation) run(w *worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		t.f(t, w, i)
	}
}

// plane is plane i of a tensor, nil where that is.
func (t *normalisation) plane(x []float32, i int) []float32 {
	if x == nil {
		return nil
	}
	size := t.g.HW * isa.lanes
	return x[i*size : (i+1)*size]
}

// coefficients clears count vectors and calls f with each channel of plane i.
func (t *normalisation) coefficients(w *worker, i, count int, f func(lane, channel int, c []float32)) []float32 {
	c := w.coefficients[:count*isa.lanes]
	clear(c)
	first := i % Blocks(t.g.C) * isa.lanes
	for l := range min(isa.lanes, t.g.C-first) {
		f(l, first+l, c[l:])
	}
	return c
}

// setLimits puts the limits into vectors k and k+1 of c.
func (t *normalisation) setLimits(c []float32, k int) {
	lo, hi := t.g.limits()
	fill(c[k*isa.lanes:(k+1)*isa.lanes], lo)
	fill(c[(k+1)*isa.lanes:(k+2)*isa.lanes], hi)
}

// normForward rounds where PyTorch does, so that what lies near a limit falls to the same
// side of it.
func normForward(t *normalisation, w *worker, i int) {
	c := t.coefficients(w, i, 4, func(_, j int, c []float32) {
		scale := t.g.inverse(t.variance[j]) * t.gamma[j]
		shift := float32(math.FMA(float64(-t.mean[j]), float64(scale), float64(t.beta[j])))
		c[0], c[isa.lanes] = scale, shift
	})
	t.setLimits(c, 2)
	isa.normalise(t.plane(t.y, i), t.plane(t.x, i), t.plane(t.residual, i), c)
}

func normBackward(t *normalisation, w *worker, i int) {
	count := float32(t.g.N * t.g.HW)
	c := t.coefficients(w, i, 7, func(_, j int, c []float32) {
		inverse := t.g.inverse(t.variance[j])
		c[0], c[isa.lanes], c[2*isa.lanes] = t.mean[j], inverse, t.gamma[j]
		c[3*isa.lanes], c[4*isa.lanes] = t.dbeta[j]/count, t.dgamma[j]*inverse/count
	})
	t.setLimits(c, 5)
	isa.normaliseBackward(t.plane(t.y, i), t.plane(t.x, i), t.plane(t.dy, i), t.plane(t.gate, i), c)
}

func normBackwardStored(t *normalisation, w *worker, i int) {
	c := t.coefficients(w, i, 3, func(_, j int, c []float32) {
		c[0] = t.gamma[j] * t.g.inverse(t.variance[j])
	})
	t.setLimits(c, 1)
	isa.gate(t.plane(t.y, i), t.plane(t.gate, i), t.plane(t.dy, i), c)
}
