package kernel

// patch is a block of output rows whose input is copied once, zeros around
// it, and not once for each tap: pixel (i, j) is column i*width+j of the
// product, and what tap t sees there lies at a constant distance from what
// the first tap sees. The columns between cols and width, where a row ends
// and the next begins, are computed and dropped. With strides the input is
// first sorted by phase, the remainders of its rows and columns.
//
//	at[t] = phase(t)*height*width + (row of t)*width + (column of t)
type patch struct {
	rows, cols    int  // output pixels
	height, width int  // of the input of one phase
	down, right   int  // patches in a plane
	area          int  // elements of one input channel
	row           bool // pixel q sees just element q of each channel
	top, left     int  // the smallest tap
	phases        []tap
	at            []int
}

const (
	patchColumns = chainBlock // of the product, at most
	copyCost     = 16         // rows of a whose products with a column take as long as gathering it
)

// fits chooses the size of patches of d for a product with m rows and tells
// whether they cost less than gathering: dropped columns are multiplied by all
// rows, gathered ones copied. Far taps of few pixels would copy more than they
// use.
func (g *patch) fits(d *grid, m int) bool {
	if len(d.taps) == 0 || d.pixels() == 0 {
		return false
	}
	bottom, right := d.taps[0].h, d.taps[0].w
	g.top, g.left = bottom, right
	for _, tap := range d.taps {
		g.top, bottom = min(g.top, tap.h), max(bottom, tap.h)
		g.left, right = min(g.left, tap.w), max(right, tap.w)
	}
	spanH, spanW := (bottom-g.top)/d.stepH, (right-g.left)/d.stepW
	if max(spanH, spanW) >= patchColumns/2 {
		return false
	}
	g.cols, g.right = split(d.cols, patchColumns-spanW, isa.vector)
	g.cols = min(g.cols, d.cols)
	g.width = g.cols + spanW
	least := 0
	for rows := 1; rows <= d.rows && (rows-1)*g.width+g.cols <= patchColumns; rows++ {
		down := (d.rows + rows - 1) / rows
		if columns := down * round((rows-1)*g.width+g.cols, isa.vector); least == 0 || columns <= least {
			least, g.rows, g.down = columns, rows, down
		}
	}
	if least == 0 {
		return false
	}
	g.height = g.rows + spanH
	g.row = d.rows == 1 && d.height == 1 && d.cols == d.width && d.stepW == 1 && len(d.taps) == 1 && d.taps[0] == tap{}
	if g.height*g.width*min(d.stepH*d.stepW, len(d.taps)) > g.rows*g.cols*len(d.taps) {
		return false
	}
	return least*g.right*m <= d.rows*d.cols*(m+copyCost)
}

// index lists the phases that taps meet, and the places of the taps in a channel.
func (g *patch) index(d *grid) {
	g.phases, g.at = g.phases[:0], g.at[:0]
	for _, t := range d.taps {
		h, w := t.h-g.top, t.w-g.left
		p := tap{h % d.stepH, w % d.stepW}
		k := 0
		for k < len(g.phases) && g.phases[k] != p {
			k++
		}
		if k == len(g.phases) {
			g.phases = append(g.phases, p)
		}
		g.at = append(g.at, (k*g.height+h/d.stepH)*g.width+w/d.stepW)
	}
	g.area = len(g.phases) * g.height * g.width
}

// plan lists the segments of the patch whose first pixel is (i, j) of image n,
// for one channel.
func (g *patch) plan(list []segment, d *grid, n, i, j int) []segment {
	list = list[:0]
	for k, p := range g.phases {
		for r := range g.height {
			list = d.cut(list, (k*g.height+r)*g.width, n*d.image, (i+r)*d.stepH+g.top+p.h, j*d.stepW+g.left+p.w, g.width)
		}
	}
	return list
}

// round is n rounded up to a multiple of unit.
func round(n, unit int) int { return (n + unit - 1) / unit * unit }
