package kernel

// Packed is the number of elements of packed weights, forward or backward.
func (g *Conv) Packed() int {
	k := g.KernelH * g.KernelW
	if g.Depthwise() {
		return Blocks(g.C) * isa.lanes * k
	}
	groups := g.groups()
	forward := groups * Blocks(g.M/groups) * isa.lanes * (g.C / groups) * k
	backward := groups * Blocks(g.C/groups) * isa.lanes * (g.M / groups) * k
	return max(forward, backward)
}

// packing brings w [M,C/Group,K] into the order in which tiles read it, a panel of
// output channels an item:
//
//	for panel, block of input channels, tap, input channel of the block:
//	  packed[…] = the weights of the panel's output channels, side by side
//
// Lanes without a channel, and the weights between taken-together groups, are 0.
type packing struct {
	packed, w []float32
	g         Conv
	back      bool  // output channels are C
	which     []int // taps
	ins, outs int   // channels of one computed group
	inLanes   int
	unpack    bool
	// Winograd's: to 36 transformed planes of so many elements, of the panels from low on.
	winograd         bool
	plane, low, high int
}

// PackWeights packs w [M,C/Group,KernelH,KernelW] for ConvForward.
func PackWeights(p *Pool, g *Conv, packed, w []float32) {
	q := p.acquire()
	q.pack(packing{packed: packed, w: w, g: *g}, q.allTaps(g))
	p.release(q)
}

// PackWeightsData packs w for ConvBackwardData.
func PackWeightsData(p *Pool, g *Conv, packed, w []float32) {
	q := p.acquire()
	s := newSliding(g, g.M, g.C)
	g.classes(q, func(c class, taps []int) {
		q.pack(packing{packed: packed, w: w, g: *g, back: true}, taps)
		packed = packed[s.terms(len(taps)):]
	})
	p.release(q)
}

// UnpackWeights computes w [M,C/Group,KernelH,KernelW] from what PackWeights or
// ConvBackwardWeights has packed.
func UnpackWeights(p *Pool, g *Conv, w, packed []float32) {
	q := p.acquire()
	q.pack(packing{packed: packed, w: w, g: *g, unpack: true}, q.allTaps(g))
	p.release(q)
}

func (p *Pool) allTaps(g *Conv) []int {
	p.which = p.which[:0]
	for k := range g.KernelH * g.KernelW {
		p.which = append(p.which, k)
	}
	return p.which
}

func (p *Pool) pack(t packing, which []int) {
	g := &t.g
	g.check()
	if len(t.w) < g.M*(g.C/g.Group)*g.KernelH*g.KernelW || !t.back && !t.winograd && len(t.packed) < g.Packed() {
		panic("kernel: short weights")
	}
	t.which = which
	t.ins, t.outs, t.inLanes = g.C, g.M, isa.lanes
	if g.Narrow {
		t.inLanes = max(g.C, 1)
	}
	if t.back {
		t.ins, t.outs = g.M, g.C
	}
	groups := g.groups()
	items := groups
	if !g.Depthwise() {
		t.ins, t.outs = t.ins/groups, t.outs/groups
		if t.high == 0 {
			t.high = panels(Blocks(t.outs))
		}
		items *= t.high - t.low
	}
	p.tasks.packing = t
	p.launch(&p.tasks.packing, items, 1)
	p.tasks.packing = packing{}
}

func (t *packing) run(w *worker, lo, hi int) {
	for i := lo; i < hi; i++ {
		switch g := &t.g; {
		case g.Depthwise():
			t.lanes(i)
		case g.Group == 1:
			t.dense(w, t.low+i)
		default:
			t.grouped(i)
		}
	}
}

// lanes packs one block of depthwise weights.
func (t *packing) lanes(block int) {
	k := t.g.KernelH * t.g.KernelW
	for j, tap := range t.which {
		row := t.packed[(block*len(t.which)+j)*isa.lanes:][:isa.lanes]
		for l := range row {
			m := block*isa.lanes + l
			switch {
			case m >= t.g.M:
				if !t.unpack {
					row[l] = 0
				}
			case t.unpack:
				t.w[m*k+tap] = row[l]
			default:
				row[l] = t.w[m*k+tap]
			}
		}
	}
}

// grouped packs a panel element by element: most weights between the groups that
// are taken together are zero.
func (t *packing) grouped(i int) {
	g := &t.g
	k, cg, mg := g.KernelH*g.KernelW, g.C/g.Group, g.M/g.Group
	n := panels(Blocks(t.outs))
	group, i := i/n, i%n
	first, _ := panel(Blocks(t.outs), i)
	t.rows(group, i, func(row []float32, in, tap int) {
		for l := range row {
			out := first*isa.lanes + l
			m, c := group*t.outs+out, group*t.ins+in
			if t.back {
				m, c = c, m
			}
			switch {
			case out >= t.outs || m/mg != c/cg:
				if !t.unpack {
					row[l] = 0
				}
			case t.unpack:
				t.w[(m*cg+c%cg)*k+tap] = row[l]
			default:
				row[l] = t.w[(m*cg+c%cg)*k+tap]
			}
		}
	})
}

// rows calls f with the packed rows of a panel: one for each input channel and tap.
func (t *packing) rows(group, i int, f func(row []float32, in, tap int)) {
	from, to := panel(Blocks(t.outs), i)
	width := (to - from) * isa.lanes
	at := (group*Blocks(t.outs) + from) * isa.lanes * t.ins * len(t.which)
	for first := 0; first < t.ins; first += t.inLanes {
		for _, tap := range t.which {
			for in := first; in < min(first+t.inLanes, t.ins); in++ {
				f(t.packed[at:at+width], in, tap)
				at += width
			}
		}
	}
}

// dense packs a panel of an ungrouped convolution by transposing.
func (t *packing) dense(w *worker, i int) {
	g := &t.g
	k := g.KernelH * g.KernelW
	from, to := panel(Blocks(t.outs), i)
	first, width := from*isa.lanes, (to-from)*isa.lanes
	outs := min(width, t.outs-first)
	scratch := w.floats(2 * width * t.inLanes * k)
	at := first * t.ins * len(t.which)
	if t.winograd {
		begin, _ := panel(Blocks(t.outs), t.low)
		at = (first - begin*isa.lanes) * t.ins // of each plane
	}
	for c0 := 0; c0 < t.ins; c0 += t.inLanes {
		count := min(t.inLanes, t.ins-c0)
		row := func(in, tap int) []float32 { return scratch[(in*k+tap)*width:][:width] } // of the block
		if !t.unpack {
			if outs < width {
				clear(scratch)
			}
			if t.back { // w[c0+in, first+out, tap]
				for in := range count {
					if k == 1 { // as they lie
						copy(scratch[in*width:][:outs], t.w[(c0+in)*g.C+first:])
						continue
					}
					isa.transpose(scratch[in*k*width:], width, t.w[((c0+in)*g.C+first)*k:], k, outs, k)
				}
			} else { // w[first+out, c0+in, tap]
				isa.transpose(scratch, width, t.w[(first*g.C+c0)*k:], g.C*k, outs, count*k)
			}
		}
		if t.winograd {
			t.transform(w, at, scratch, count, width)
			at += count * width
			continue
		}
		for _, tap := range t.which {
			for in := range count {
				packed := t.packed[at : at+width]
				if t.unpack {
					copy(row(in, tap), packed)
				} else {
					copy(packed, row(in, tap))
				}
				at += width
			}
		}
		if t.unpack {
			isa.transpose(t.w[(first*g.C+c0)*k:], g.C*k, scratch, width, count*k, outs)
		}
	}
}

// transform transforms the weights of a block of input channels, [channel,tap,width], to
// 36 planes at at.
func (t *packing) transform(w *worker, at int, weights []float32, count, width int) {
	k := len(t.which)
	weights, byTap := weights[:len(weights)/2], weights[len(weights)/2:]
	for j, tap := range t.which {
		for in := range count {
			copy(byTap[(j*count+in)*width:], weights[(in*k+tap)*width:][:width])
		}
	}
	isa.winogradWeights(t.packed[at:], byTap, w.transform[:], t.plane, count*width, count*width/isa.lanes)
}
