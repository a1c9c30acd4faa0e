package data

import "math/bits"

// mix is a hash of its arguments: SplitMix64's finaliser (Steele, Lea, Flood 2014, "Fast splittable pseudorandom
// number generators", figure 16 with Stafford's variant 13) over a running sum.
func mix(keys ...uint64) uint64 {
	var h uint64
	for _, k := range keys {
		h += k + 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}

// Shuffle is a permutation of 0..n-1, a function of seed and epoch alone (Fisher-Yates on hashed counters).
func Shuffle(n int, seed uint64, epoch int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	for i := n - 1; i > 0; i-- {
		j, _ := bits.Mul64(mix(seed, uint64(epoch), uint64(i)), uint64(i+1)) // uniform in 0..i
		order[i], order[j] = order[j], order[i]
	}
	return order
}

// Balanced is an epoch of len(labels) draws in which every class comes equally often, up to one: the members of a
// class in the order of a shuffle, and of another one when they are used up. It is a function of its arguments alone.
func Balanced(labels []int, classes int, seed uint64, epoch int) []int {
	members := make([][]int, classes)
	for i, l := range labels {
		members[l] = append(members[l], i)
	}
	present := 0
	for _, m := range members {
		if len(m) > 0 {
			present++
		}
	}
	var drawn []int
	for c, at := 0, 0; c < classes; c++ {
		m := members[c]
		if len(m) == 0 {
			continue
		}
		quota := (len(labels)*(at+1))/present - (len(labels)*at)/present
		at++
		for round := 0; quota > 0; round++ {
			for _, k := range Shuffle(len(m), mix(seed, uint64(c), uint64(round)), epoch)[:min(quota, len(m))] {
				drawn = append(drawn, m[k])
			}
			quota -= min(quota, len(m))
		}
	}
	order := make([]int, len(drawn))
	for at, k := range Shuffle(len(drawn), seed, epoch) {
		order[at] = drawn[k]
	}
	return order
}
