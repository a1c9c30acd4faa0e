package kernel

import "math"

// update is an elementwise kernel that needs the element's index or more than
// two operands: dropout and the optimizer steps.
type update struct {
	f          func(t *update, lo, hi int)
	w, g, v, m []float32
	seed       uint64
	threshold  uint64
	scale      float32
	sgd        sgd
	adam       adam
	rmsprop    rmsprop
}

func (t *update) run(_ *worker, lo, hi int) { t.f(t, lo, hi) }

func (p *Pool) eachElement(t update) {
	q := p.acquire()
	q.tasks.update = t
	q.launch(&q.tasks.update, len(t.w), vectorGrain)
	q.tasks.update = update{}
	p.release(q)
}

// Dropout computes y[i] = x[i] / (1-ratio) where element i is kept and 0
// elsewhere; y may be x. Element i is kept when a hash of seed and i, as a
// fraction of 2^32, is at least ratio: the same call on dy gives the
// gradient, and the thread count does not matter.
func Dropout(p *Pool, y, x []float32, ratio float32, seed uint64) {
	if len(x) != len(y) {
		panic("kernel: dropout: lengths differ")
	}
	if !(ratio >= 0 && ratio <= 1) {
		panic("kernel: dropout: ratio outside 0 to 1")
	}
	scale := float32(0)
	if ratio < 1 {
		scale = 1 / (1 - ratio)
	}
	p.eachElement(update{f: dropout, w: y, g: x, seed: mix(seed), threshold: uint64(math.Ceil(float64(ratio) * (1 << 32))), scale: scale})
}

func dropout(t *update, lo, hi int) {
	y, x := t.w[lo:hi], t.g[lo:hi]
	x = x[:len(y)]
	for i := range y {
		z := math.Float32bits(x[i] * t.scale)
		if mix(t.seed+uint64(lo+i))>>32 < t.threshold {
			z = 0
		}
		y[i] = math.Float32frombits(z)
	}
}

// mix is the output function of SplitMix64 (Steele, Lea and Flood 2014).
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
