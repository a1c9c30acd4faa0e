package kernel

// AddLanes is AddChannel for x and y in the blocked layout: y[i,j,k] = x[i,j,k] + v[j],
// for v [c] dense; y may be x.
func AddLanes(p *Pool, y, x, v []float32, n, c, hw int) {
	checkLanes(y, n, c, hw)
	checkLanes(x, n, c, hw)
	checkDense(v, c)
	p.eachPlane(planes{f: addLanes, y: y, x: x, v: v, c: c, hw: hw}, n*Blocks(c), hw*isa.lanes)
}

func addLanes(t *planes, i int) {
	var v [maxLanes]float32
	first := i % Blocks(t.c) * isa.lanes
	copy(v[:isa.lanes], t.v[first:min(first+isa.lanes, t.c)])
	size := t.hw * isa.lanes
	y, x := t.y[i*size:(i+1)*size], t.x[i*size:(i+1)*size]
	for len(x) > 0 {
		for l, a := range x[:isa.lanes] {
			y[l] = a + v[l]
		}
		x, y = x[isa.lanes:], y[isa.lanes:]
	}
}
