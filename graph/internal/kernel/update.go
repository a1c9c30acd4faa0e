package kernel

import "math"

// sgd holds the scalars of an SGD step.
type sgd struct {
	lr, momentum, decay float32
	nesterov, first     bool
}

// adam holds the scalars of an Adam step, bias corrections worked in.
type adam struct {
	beta1, beta2, eps float32
	stepSize          float32 // lr / (1 - beta1^step)
	root              float32 // sqrt(1 - beta2^step)
	decay, shrink     float32 // decay joins the gradient, shrink scales w
}

// rmsprop holds the scalars of an RMSProp step.
type rmsprop struct{ lr, alpha, eps, momentum, decay float32 }

// SGD takes torch.optim.SGD's step, elementwise:
//
//	d = g + decay*w
//	v = d when first, else momentum*v + d
//	w -= lr * (d + momentum*v when nesterov, else v)
//
// Without momentum v is d, and the slice may be nil.
func SGD(p *Pool, w, g, v []float32, lr, momentum, decay float32, nesterov, first bool) {
	if len(g) != len(w) || momentum != 0 && len(v) != len(w) {
		panic("kernel: sgd: lengths differ")
	}
	f := sgdStep
	if momentum != 0 {
		f = sgdMomentumStep
	}
	p.eachElement(update{f: f, w: w, g: g, v: v, sgd: sgd{lr, momentum, decay, nesterov, first}})
}

// Adam takes torch.optim.Adam's step number step (from 1), elementwise:
//
//	d = g + decay*w, or with decoupled (AdamW) d = g and w *= 1 - lr*decay
//	m = beta1*m + (1-beta1)*d
//	v = beta2*v + (1-beta2)*d*d
//	w -= lr/(1-beta1^step) * m / (sqrt(v/(1-beta2^step)) + eps)
func Adam(p *Pool, w, g, m, v []float32, lr, beta1, beta2, eps, decay float32, step int, decoupled bool) {
	if len(g) != len(w) || len(m) != len(w) || len(v) != len(w) {
		panic("kernel: adam: lengths differ")
	}
	if step < 1 {
		panic("kernel: adam: steps count from 1")
	}
	a := adam{beta1: beta1, beta2: beta2, eps: eps, decay: decay, shrink: 1}
	if decoupled {
		a.decay, a.shrink = 0, float32(1-float64(lr)*float64(decay))
	}
	a.stepSize = float32(float64(lr) / (1 - math.Pow(float64(beta1), float64(step))))
	a.root = float32(math.Sqrt(1 - math.Pow(float64(beta2), float64(step))))
	p.eachElement(update{f: adamStep, w: w, g: g, m: m, v: v, adam: a})
}

// RMSProp takes torch.optim.RMSprop's step (not centred), elementwise:
//
//	d = g + decay*w
//	v = alpha*v + (1-alpha)*d*d
//	q = d / (sqrt(v) + eps)
//	m = momentum*m + q
//	w -= lr * (m, or without momentum q)
//
// Without momentum the slice m may be nil.
func RMSProp(p *Pool, w, g, m, v []float32, lr, alpha, eps, momentum, decay float32) {
	if len(g) != len(w) || len(v) != len(w) || momentum != 0 && len(m) != len(w) {
		panic("kernel: rmsprop: lengths differ")
	}
	p.eachElement(update{f: rmspropStep, w: w, g: g, m: m, v: v, rmsprop: rmsprop{lr, alpha, eps, momentum, decay}})
}

func sgdStep(t *update, lo, hi int) {
	w, g := t.w[lo:hi], t.g[lo:hi]
	lr, decay := t.sgd.lr, t.sgd.decay
	for i := range w {
		w[i] -= lr * (g[i] + decay*w[i])
	}
}

func sgdMomentumStep(t *update, lo, hi int) {
	w, g, v := t.w[lo:hi], t.g[lo:hi], t.v[lo:hi]
	s := t.sgd
	for i := range w {
		d := g[i] + s.decay*w[i]
		if s.first {
			v[i] = d
		} else {
			v[i] = s.momentum*v[i] + d
		}
		if s.nesterov {
			d += s.momentum * v[i]
		} else {
			d = v[i]
		}
		w[i] -= s.lr * d
	}
}

func adamStep(t *update, lo, hi int) {
	w, g, m, v := t.w[lo:hi], t.g[lo:hi], t.m[lo:hi], t.v[lo:hi]
	a := t.adam
	for i := range w {
		u := w[i] * a.shrink
		d := g[i] + a.decay*w[i]
		m[i] += (1 - a.beta1) * (d - m[i])
		v[i] = a.beta2*v[i] + (1-a.beta2)*d*d
		w[i] = u - a.stepSize*m[i]/(float32(math.Sqrt(float64(v[i])))/a.root+a.eps)
	}
}

func rmspropStep(t *update, lo, hi int) {
	w, g, v := t.w[lo:hi], t.g[lo:hi], t.v[lo:hi]
	r := t.rmsprop
	for i := range w {
		d := g[i] + r.decay*w[i]
		v[i] = r.alpha*v[i] + (1-r.alpha)*d*d
		q := d / (float32(math.Sqrt(float64(v[i]))) + r.eps)
		if r.momentum != 0 {
			m := t.m[lo:hi]
			m[i] = r.momentum*m[i] + q
			q = m[i]
		}
		w[i] -= r.lr * q
	}
}
