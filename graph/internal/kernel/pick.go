package kernel

// Pick computes y[i] = x[src[i]], and 0 where src[i] is negative.
func Pick(y, x []float32, src []int) {
	if len(src) != len(y) {
		panic("kernel: pick: lengths differ")
	}
	for i, s := range src {
		y[i] = 0
		if s >= 0 {
			y[i] = x[s]
		}
	}
}

// PickBackward computes the gradient dx of Pick: each dy[i] is added to dx[src[i]], in order.
func PickBackward(dx, dy []float32, src []int) {
	clear(dx)
	for i, s := range src {
		if s >= 0 {
			dx[s] += dy[i]
		}
	}
}
