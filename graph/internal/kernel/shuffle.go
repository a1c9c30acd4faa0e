package kernel

import "slices"

// Channel is a channel of one of several images, or of none: zeros.
type Channel struct{ Source, Channel int }

// None is the Channel of zeros.
var None = Channel{Source: -1}

// Shuffle makes images of channels of others, all in the blocked layout:
//
//	y[n,c,hw] = x[from[c].Source][n, from[c].Channel, hw]
type Shuffle struct {
	n, hw   int
	sources []int    // their blocks
	moves   [][]move // of each block of y
	zeros   []bool   // whether a block of y has channels of zeros
}

// move takes lane index[l] of a block of a source to lane l, and lets the others be where index is negative.
type move struct {
	source, block int
	index         []int32
	whole         bool // each lane has its own
}

// NewShuffle plans y [n,len(from),hw] of sources that have so many channels.
func NewShuffle(n, hw int, sources []int, from []Channel) *Shuffle {
	s := &Shuffle{n: n, hw: hw}
	for _, c := range sources {
		s.sources = append(s.sources, Blocks(c))
	}
	for lanes := range slices.Chunk(from, isa.lanes) {
		var moves []move
		zeros := false
		for l, c := range lanes {
			if c.Source < 0 {
				zeros = true
				continue
			}
			if uint(c.Channel) >= uint(sources[c.Source]) {
				panic("kernel: no such channel")
			}
			block := c.Channel / isa.lanes
			i := slices.IndexFunc(moves, func(m move) bool { return m.source == c.Source && m.block == block })
			if i < 0 {
				i = len(moves)
				moves = append(moves, move{c.Source, block, slices.Repeat([]int32{-1}, isa.lanes), true})
			}
			lane := c.Channel % isa.lanes
			moves[i].index[l] = int32(lane)
			moves[i].whole = moves[i].whole && lane == l
		}
		if len(moves) > 1 || zeros {
			for i := range moves {
				moves[i].whole = false
			}
		}
		s.moves, s.zeros = append(s.moves, moves), append(s.zeros, zeros)
	}
	return s
}

// shuffling is a Shuffle under way, an item a block of an image.
type shuffling struct {
	*Shuffle
	y []float32
	x [][]float32
}

// Run computes y from the sources. Lanes without a channel hold anything.
func (s *Shuffle) Run(p *Pool, y []float32, x [][]float32) {
	plane := s.hw * isa.lanes
	if len(y) < s.n*len(s.moves)*plane {
		panic("kernel: short blocked operand")
	}
	for i, blocks := range s.sources {
		if len(x[i]) < s.n*blocks*plane {
			panic("kernel: short blocked operand")
		}
	}
	q := p.acquire()
	q.tasks.shuffling = shuffling{s, y, x}
	q.launch(&q.tasks.shuffling, s.n*len(s.moves), vectorGrain/max(plane, 1))
	q.tasks.shuffling = shuffling{}
	p.release(q)
}

func (t *shuffling) run(_ *worker, lo, hi int) {
	plane := t.hw * isa.lanes
	for i := lo; i < hi; i++ {
		n, block := i/len(t.moves), i%len(t.moves)
		y := t.y[i*plane:][:plane]
		if t.zeros[block] {
			clear(y)
		}
		for k, m := range t.moves[block] {
			x := t.x[m.source][(n*t.sources[m.source]+m.block)*plane:][:plane]
			switch {
			case m.whole:
				copy(y, x)
			case k == 0 && !t.zeros[block]:
				isa.merge(y, x, x, m.index)
			default:
				isa.merge(y, y, x, m.index)
			}
		}
	}
}

// mergePlain takes lane index[l] of each vector of x to lane l of y, and where index is
// negative that of other.
func mergePlain(y, other, x []float32, index []int32) {
	for at := 0; at < len(y); at += len(index) {
		for l, i := range index {
			if i < 0 {
				y[at+l] = other[at+l]
			} else {
				y[at+l] = x[at+int(i)]
			}
		}
	}
}
