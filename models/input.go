package models

const (
	from = 8  // side of the pictures that Digits returns
	to   = 16 // side of the base's input
)

// DigitsInput turns pictures x [N,8,8] with ink from 0 to 16 into the base's input [N,1,16,16]: ink as a share of
// full ink, resized bilinearly (Pillow's and torch's half-pixel centres, edge pixels repeated), less 0.25, over 0.35.
// The same numbers are the base's own preprocessing of MNIST. It panics where x is not whole pictures.
func DigitsInput(x []uint8) []float32 {
	if len(x)%(from*from) != 0 {
		panic("models: DigitsInput: not pictures of 8x8")
	}
	out := make([]float32, len(x)/(from*from)*to*to)
	for i := 0; i < len(x); i += from * from {
		enlarge(out[i/(from*from)*to*to:][:to*to], x[i:i+from*from])
	}
	return out
}

// enlarge writes one picture p [8,8] to dst [16,16]. Twice the size, each pixel is 3/4 of its own source and 1/4 of
// that source's neighbour on the nearer side, in both directions: sixteenths, as the ink is.
func enlarge(dst []float32, p []uint8) {
	for r := range to {
		y0, y1 := sources(r)
		for c := range to {
			x0, x1 := sources(c)
			sum := 9*int(p[y0*from+x0]) + 3*int(p[y0*from+x1]) + 3*int(p[y1*from+x0]) + int(p[y1*from+x1])
			dst[r*to+c] = (float32(sum)/256 - 0.25) / 0.35
		}
	}
}

// sources of pixel i: the one it lies in, and the neighbour it lies nearer to, or itself at the edge.
func sources(i int) (own, neighbour int) {
	own = i / 2
	return own, min(max(own-1+2*(i%2), 0), from-1)
}
