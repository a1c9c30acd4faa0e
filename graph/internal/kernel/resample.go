package kernel

// Taps is a sparse matrix [out,in] that acts along one axis: output i is the sum of
// Weight[k] times input Index[k], for k from Start[i] to Start[i+1].
type Taps struct {
	Start, Index []int32
	Weight       []float32
	In           int
}

// Out is the number of outputs.
func (t *Taps) Out() int { return len(t.Start) - 1 }

// Transposed is the matrix of the gradient.
func (t *Taps) Transposed() *Taps {
	r := &Taps{Start: make([]int32, t.In+1), Index: make([]int32, len(t.Index)), Weight: make([]float32, len(t.Index)), In: t.Out()}
	for _, i := range t.Index {
		r.Start[i+1]++
	}
	for i := range t.In {
		r.Start[i+1] += r.Start[i]
	}
	next := append([]int32{}, r.Start[:t.In]...)
	for o := range t.Out() {
		for k := t.Start[o]; k < t.Start[o+1]; k++ {
			to := &next[t.Index[k]]
			r.Index[*to], r.Weight[*to] = int32(o), t.Weight[k]
			*to++
		}
	}
	return r
}

// Resample computes, for x [outer,In,inner] and y [outer,Out,inner],
//
//	y[o,i,j] = sum over k of Weight[k] * x[o,Index[k],j]
func Resample(p *Pool, y, x []float32, t *Taps, outer, inner int) {
	if min(outer, inner) < 0 || len(x) < outer*t.In*inner || len(y) < outer*t.Out()*inner {
		panic("kernel: short operand")
	}
	q := p.acquire()
	q.tasks.resampling = resampling{y: y, x: x, taps: t, inner: inner}
	q.launch(&q.tasks.resampling, outer*t.Out(), vectorGrain/max(inner, 1))
	q.tasks.resampling = resampling{}
	p.release(q)
}

// resampling computes one row of y [inner] an item.
type resampling struct {
	y, x  []float32
	taps  *Taps
	inner int
}

func (r *resampling) run(_ *worker, lo, hi int) {
	t, out := r.taps, r.taps.Out()
	for item := lo; item < hi; item++ {
		o := item % out
		k, end := t.Start[o], t.Start[o+1]
		x := r.x[item/out*t.In*r.inner:]
		if r.inner == 1 {
			var sum float32
			for ; k < end; k++ {
				sum += t.Weight[k] * x[t.Index[k]]
			}
			r.y[item] = sum
			continue
		}
		y := r.y[item*r.inner : (item+1)*r.inner]
		row := func(k int32) []float32 { return x[int(t.Index[k])*r.inner:][:len(y)] }
		switch {
		case k == end:
			clear(y)
			continue
		case k+1 == end && t.Weight[k] == 1:
			copy(y, row(k))
			continue
		case k+1 == end:
			w, a := t.Weight[k], row(k)
			for j := range y {
				y[j] = w * a[j]
			}
			continue
		}
		w, v, a, b := t.Weight[k], t.Weight[k+1], row(k), row(k+1)
		for j := range y {
			y[j] = w*a[j] + v*b[j]
		}
		for k += 2; k < end; k++ {
			w, a := t.Weight[k], row(k)
			for j := range y {
				y[j] += w * a[j]
			}
		}
	}
}
