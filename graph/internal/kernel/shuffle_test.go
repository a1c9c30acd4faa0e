package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func testMerge(t *testing.T, r *rand.Rand) {
	for _, vectors := range pixels {
		n := vectors * isa.lanes
		index := make([]int32, isa.lanes)
		for range 20 {
			for l := range index {
				index[l] = int32(r.IntN(isa.lanes+1) - 1)
			}
			x, other := integers(r, n, true), integers(r, n, true)
			y, check := guarded(t, n)
			want := make([]float32, n)
			mergePlain(want, other, x, index)
			isa.merge(y, other, x, index)
			check()
			sameBits(t, "y", y, want)
			isa.merge(other, other, x, index)
			sameBits(t, "in place", other, want)
		}
	}
}

// shuffles are the channels of y by name: of two sources, of as many channels each.
func shuffles(r *rand.Rand, channels int) map[string][]Channel {
	both := make([]Channel, 2*channels)
	for i := range both {
		both[i] = Channel{i % 2, i / 2}
	}
	mixed := slices.Clone(both)
	r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	holes := slices.Clone(mixed)
	for i := range holes {
		if r.IntN(3) == 0 {
			holes[i] = None
		}
	}
	var second []Channel
	for i := range channels {
		second = append(second, Channel{1, i})
	}
	return map[string][]Channel{"of two groups": both, "half of it": both[channels:], "at random": mixed, "with zeros": holes, "the second": second,
		"zeros": slices.Repeat([]Channel{None}, channels)}
}

func TestShuffle(t *testing.T) {
	pools := testPools(t)
	eachISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(43, 44))
		const n, hw = 3, 5
		for _, channels := range around(isa.lanes) {
			x := [][]float32{random(r, n*channels*hw), random(r, n*channels*hw)}
			var blocked [][]float32
			for _, x := range x {
				b := random(r, n*Blocks(channels)*hw*isa.lanes)
				Block(nil, b, x, n, channels, hw)
				blocked = append(blocked, b)
			}
			for name, from := range shuffles(r, channels) {
				t.Run(fmt.Sprintf("%d channels/%s", channels, name), func(t *testing.T) {
					want := make([]float32, n*len(from)*hw)
					for i := range want {
						if c := from[i/hw%len(from)]; c != None {
							want[i] = x[c.Source][(i/hw/len(from)*channels+c.Channel)*hw+i%hw]
						}
					}
					s := NewShuffle(n, hw, []int{channels, channels}, from)
					for _, p := range pools {
						y, check := guarded(t, n*Blocks(len(from))*hw*isa.lanes)
						s.Run(p, y, blocked)
						check()
						got := make([]float32, len(want))
						Unblock(p, got, y, n, len(from), hw)
						sameBits(t, "y", got, want)
					}
				})
			}
		}
	})
}

// Half of the channels behind ShuffleNet's first units, of 58 each of two branches.
func BenchmarkShuffle(b *testing.B) {
	p := NewPool(benchThreads)
	defer p.Close()
	const n, c, hw = 8, 58, 28 * 28
	var from []Channel
	for i := range c {
		from = append(from, Channel{i % 2, (c + i) / 2})
	}
	s := NewShuffle(n, hw, []int{c, c}, from)
	r := rand.New(rand.NewPCG(1, 2))
	size := n * Blocks(c) * hw * isa.lanes
	x, y := [][]float32{random(r, size), random(r, size)}, make([]float32, size)
	b.SetBytes(3 * 4 * int64(size)) // reads two, writes one
	for b.Loop() {
		s.Run(p, y, x)
	}
}
