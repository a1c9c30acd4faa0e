package kernel

// Sizes around the edges of the instruction set in use: the lanes of a block and the
// rows of a tile, each of none, one, one less, as many, one more, and two and a rest.

// edgeConvs have such numbers of channels in and out, alone and in depthwise layers,
// and such numbers of pixels in a row and in a plane.
func edgeConvs() []Conv {
	var cases []Conv
	widths := around(isa.rows)
	for i, c := range around(isa.lanes) {
		for j, m := range around(isa.lanes) {
			g := square(2, c, 3, m, 3, 1, 1, 1)
			g.W = widths[(i+j)%len(widths)]
			cases = append(cases, sized(g))
		}
		cases = append(cases, square(2, c, 5, c, 3, 2, 1, max(c, 1)))
	}
	for _, w := range widths {
		for _, kernel := range []int{1, 3} {
			for _, stride := range []int{1, 2} {
				g := square(1, 3, 2, 5, kernel, stride, kernel/2, 1)
				g.W = w * stride
				cases = append(cases, sized(g))
			}
		}
		cases = append(cases, square(1, w, 4, w, 3, 1, 1, max(w, 1)))
	}
	return cases
}

// edgeWindows pool planes of such widths and numbers of channels.
func edgeWindows() []Window {
	var cases []Window
	channels := around(isa.lanes)
	for i, w := range around(isa.rows) {
		for stride := 1; stride <= 2; stride++ {
			cases = append(cases, Window{N: 2, C: channels[i], H: 4, W: stride * w, OutH: 4, OutW: w, KernelH: 3, KernelW: 3,
				StrideH: 1, StrideW: stride, DilationH: 1, DilationW: 1, PadTop: 1, PadLeft: 1, PadBottom: 1, PadRight: 1})
		}
	}
	return cases
}

// edgePlanes are n, c, hw with such numbers of channels and elements.
func edgePlanes() [][3]int {
	var sizes [][3]int
	for _, c := range around(isa.lanes)[1:] {
		for _, hw := range around(8)[1:] {
			sizes = append(sizes, [3]int{3, c, hw})
		}
	}
	return sizes
}

// edgeProducts are m, n, k with such numbers of rows and columns.
func edgeProducts() [][3]int {
	var sizes [][3]int
	for _, m := range around(isa.rows) {
		for _, n := range around(isa.lanes) {
			sizes = append(sizes, [3]int{m, n, 5})
		}
	}
	return sizes
}
