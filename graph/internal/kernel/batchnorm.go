package kernel

import "math"

// channels is a batch normalisation pass over the c channels or the n*c
// planes of x [n,c,hw]; all other slices but y and dy are [c].
type channels struct {
	f               func(t *channels, i int)
	y, x, dy        []float32
	mean, variance  []float32
	gamma, beta     []float32
	dgamma, dbeta   []float32
	eps             float64
	n, c, hw        int
	batchStatistics bool
}

func (t *channels) run(_ *worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		t.f(t, i)
	}
}

func (p *Pool) eachChannel(t channels, items, size int) {
	q := p.acquire()
	q.tasks.channels = t
	q.launch(&q.tasks.channels, items, vectorGrain/max(size, 1))
	q.tasks.channels = channels{}
	p.release(q)
}

// BatchStatistics computes, for x [n,c,hw], mean[j] = average of x[:,j,:] and
// variance[j] = average of (x[:,j,:] - mean[j])^2, which is the biased
// variance that normalises a batch. Both sums are in double precision, of
// float32 deviations from the float32 mean, as PyTorch's are.
func BatchStatistics(p *Pool, mean, variance, x []float32, n, c, hw int) {
	checkPlanes(x, x, mean, variance, n, c, hw)
	p.eachChannel(channels{f: batchStatistics, x: x, mean: mean, variance: variance, n: n, c: c, hw: hw}, c, n*hw)
}

// BatchNormForward computes, for x [n,c,hw] and the others [c],
// y[i,j,k] = (x[i,j,k] - mean[j]) * gamma[j]/sqrt(variance[j]+eps) + beta[j];
// y may be x. (Ioffe and Szegedy 2015, algorithm 1.) With batch, mean and
// variance are of this x, else they are stored ones.
//
// It is computed bit for bit as PyTorch does on a CPU, as x*a + b in one
// rounding: where the result is within rounding of 0 a ReLU that follows passes
// its gradient or does not, and in a map of 3x3 one such element changes the
// gradient of a whole network by a percent.
func BatchNormForward(p *Pool, y, x, mean, variance, gamma, beta []float32, eps float64, batch bool, n, c, hw int) {
	checkPlanes(y, x, mean, variance, n, c, hw)
	checkPlanes(y, x, gamma, beta, n, c, hw)
	p.eachChannel(channels{f: batchNorm, y: y, x: x, mean: mean, variance: variance, gamma: gamma, beta: beta, eps: eps, batchStatistics: batch, c: c, hw: hw}, n*c, hw)
}

// BatchNormReduce computes, for x, dy [n,c,hw] and the others [c],
// dbeta[j] = sum of dy[:,j,:] and
// dgamma[j] = sum of dy[:,j,:] * (x[:,j,:] - mean[j]) / sqrt(variance[j]+eps).
func BatchNormReduce(p *Pool, dgamma, dbeta, x, dy, mean, variance []float32, eps float64, n, c, hw int) {
	checkPlanes(dy, x, dgamma, dbeta, n, c, hw)
	checkPlanes(dy, x, mean, variance, n, c, hw)
	p.eachChannel(channels{f: batchNormReduce, x: x, dy: dy, mean: mean, variance: variance, dgamma: dgamma, dbeta: dbeta, eps: eps, n: n, c: c, hw: hw}, c, n*hw)
}

// BatchNormBackward computes the gradient of BatchNormForward for x, dx and
// dy [n,c,hw], with g = gamma[j]/sqrt(variance[j]+eps). With stored statistics
// dx = dy*g. With batch, mean and variance were computed from x and carry
// gradient: dx = g * (dy - dbeta[j]/count - xhat*dgamma[j]/count), where count
// is n*hw, xhat the normalised x, and dgamma, dbeta are BatchNormReduce's.
// Without batch they may be nil. dx may be dy.
func BatchNormBackward(p *Pool, dx, x, dy, gamma, mean, variance, dgamma, dbeta []float32, eps float64, batch bool, n, c, hw int) {
	checkPlanes(dx, dy, gamma, variance, n, c, hw)
	if batch {
		checkPlanes(dx, x, mean, dgamma, n, c, hw)
		checkPlanes(dx, x, dbeta, dbeta, n, c, hw)
	}
	p.eachChannel(channels{f: batchNormBackward, y: dx, x: x, dy: dy, gamma: gamma, mean: mean, variance: variance, dgamma: dgamma, dbeta: dbeta, eps: eps, batchStatistics: batch, n: n, c: c, hw: hw}, n*c, hw)
}

// inverse is 1/sqrt(variance+eps).
func inverse(variance float32, eps float64) float32 {
	return float32(1 / math.Sqrt(float64(variance)+eps))
}

func batchStatistics(t *channels, j int) {
	count := t.n * t.hw
	if count == 0 {
		t.mean[j], t.variance[j] = 0, 0
		return
	}
	total := 0.0
	for i := range t.n {
		at := (i*t.c + j) * t.hw
		total += sum(t.x[at : at+t.hw])
	}
	mean := float32(total / float64(count))
	total = 0
	for i := range t.n {
		at := (i*t.c + j) * t.hw
		total += squares(t.x[at:at+t.hw], mean)
	}
	t.mean[j], t.variance[j] = mean, float32(total)/float32(count)
}

// squares is the sum of (x-mean)^2, in four interleaved chains.
func squares(x []float32, mean float32) float64 {
	var s0, s1, s2, s3 float64
	for ; len(x) >= 4; x = x[4:] {
		a, b, c, d := x[0]-mean, x[1]-mean, x[2]-mean, x[3]-mean
		s0 += float64(a * a)
		s1 += float64(b * b)
		s2 += float64(c * c)
		s3 += float64(d * d)
	}
	for _, v := range x {
		a := v - mean
		s0 += float64(a * a)
	}
	return (s0 + s1) + (s2 + s3)
}

// affine is the a and b by which channel j is normalised. With stored
// statistics PyTorch computes the inverse in float32.
func (t *channels) affine(j int) (a, b float32) {
	inv := inverse(t.variance[j], t.eps)
	if !t.batchStatistics {
		inv = 1 / float32(math.Sqrt(float64(t.variance[j]+float32(t.eps))))
	}
	a = inv * t.gamma[j]
	return a, multiplyAdd(-t.mean[j], a, t.beta[j])
}

// multiplyAdd is a*b + c in one rounding: in double precision the product is exact.
func multiplyAdd(a, b, c float32) float32 { return float32(float64(a)*float64(b) + float64(c)) }

func batchNorm(t *channels, i int) {
	y, x := t.y[i*t.hw:(i+1)*t.hw], t.x[i*t.hw:(i+1)*t.hw]
	a, b := t.affine(i % t.c)
	for k, v := range x {
		y[k] = multiplyAdd(v, a, b)
	}
}

func batchNormReduce(t *channels, j int) {
	mean := t.mean[j]
	var sum, dot float64
	for i := range t.n {
		at := (i*t.c + j) * t.hw
		s, d := deviation(t.x[at:at+t.hw], t.dy[at:at+t.hw], float64(mean))
		sum += s
		dot += d
	}
	t.dbeta[j] = float32(sum)
	t.dgamma[j] = float32(dot * float64(inverse(t.variance[j], t.eps)))
}

// deviation returns the sums of dy and of dy*(x-mean).
func deviation(x, dy []float32, mean float64) (sum, dot float64) {
	var s0, s1, d0, d1 float64
	for ; len(x) >= 2 && len(dy) >= 2; x, dy = x[2:], dy[2:] {
		a, b := float64(dy[0]), float64(dy[1])
		s0 += a
		s1 += b
		d0 += a * (float64(x[0]) - mean)
		d1 += b * (float64(x[1]) - mean)
	}
	if len(x) > 0 {
		a := float64(dy[0])
		s0 += a
		d0 += a * (float64(x[0]) - mean)
	}
	return s0 + s1, d0 + d1
}

func batchNormBackward(t *channels, i int) {
	j := i % t.c
	dx, dy := t.y[i*t.hw:(i+1)*t.hw], t.dy[i*t.hw:(i+1)*t.hw]
	inv, gamma := inverse(t.variance[j], t.eps), t.gamma[j]
	if !t.batchStatistics {
		for k, d := range dy {
			dx[k] = d * inv * gamma
		}
		return
	}
	x, mean := t.x[i*t.hw:(i+1)*t.hw], t.mean[j]
	count := float32(t.n * t.hw)
	a, b := t.dbeta[j]/count, t.dgamma[j]*inv/count
	for k, d := range dy {
		dx[k] = multiplyAdd(mean-x[k], b, d-a) * inv * gamma
	}
}
