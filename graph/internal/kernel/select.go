package kernel

// Select computes y[i] = a[i] where c[i] is not 0, else b[i]. A nil a or b counts as zeros.
func Select(p *Pool, y, c, a, b []float32) {
	if len(c) != len(y) || a != nil && len(a) != len(y) || b != nil && len(b) != len(y) {
		panic("kernel: elementwise: lengths differ")
	}
	q := p.acquire()
	q.tasks.selection = selection{y: y, c: c, a: a, b: b}
	q.launch(&q.tasks.selection, (len(y)+vectorGrain-1)/vectorGrain, 1)
	q.tasks.selection = selection{}
	p.release(q)
}

// selection is vectorGrain elements an item.
type selection struct{ y, c, a, b []float32 }

func (t *selection) run(_ *worker, lo, hi int) {
	for i := lo * vectorGrain; i < min(hi*vectorGrain, len(t.y)); i++ {
		from := t.a
		if t.c[i] == 0 {
			from = t.b
		}
		t.y[i] = 0
		if from != nil {
			t.y[i] = from[i]
		}
	}
}
